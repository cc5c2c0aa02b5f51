//! Stopping, and what gets past it.

use crate::*;

pub(crate) const SCENARIOS: &[Scenario] = scenarios![
    whoever_has_one_place_is_stopped_by_the_other,
    paper_takes_the_consent_of_a_stolen_phone_but_not_its_objections,
    both_places_together_silence_even_one_of_themselves,
    paper_and_two_desks_get_past_a_phone_that_always_objects_in_seven_days,
    a_suspended_line_listens_to_more_than_the_phone_only,
    the_phone_alone_gets_past_no_suspension_by_naming_who_set_it,
    a_desk_darkens_no_line_for_good_whose_owner_has_only_the_phone_left,
    the_phone_alone_ends_no_better_request_by_naming_an_overridden_place,
    a_hold_forbids_its_kind_until_it_is_lifted,
    the_legal_bit_is_lifted_by_two_emergency_keys_and_by_nothing_else,
    a_hold_that_stands_already_is_no_event_and_a_lifted_one_does_not_come_back,
    a_hold_that_stands_already_still_ends_the_request_that_is_live,
    an_objection_has_one_voice,
];

#[test]
fn whoever_has_one_place_is_stopped_by_the_other() {
    for (thief, owner) in [(Who::Passkey, Who::Sheet), (Who::Sheet, Who::Passkey)] {
        let mut world = World::new(true);
        let (_, intent, request) = world.asked_and_agreed(&[]);
        world.agree(thief, request, &intent).unwrap();
        world.now += 23 * HOUR;
        world.veto(owner, request).unwrap();
        assert_eq!(code(world.commit_after(request, HOUR)), "no-request");
    }
}

#[test]
fn paper_takes_the_consent_of_a_stolen_phone_but_not_its_objections() {
    let mut world = World::new(true);
    let phone = world.passkey.factor().id();
    let sheet = world.sheet.factor().id();
    let silence = |target, what| Body::Held { bits: vec![], silenced: vec![(target, what)], reason: 1 };
    let deed_id = world.deed_id();
    let body = silence(phone, 2);
    let proof = world.sheet.prove(&deed_id, world.tip(), &body);
    assert_eq!(code(world.push(&body, &[proof])), "silencing");
    let body = silence(sheet, 1);
    let proof = world.passkey.prove(&deed_id, world.tip(), &body);
    assert_eq!(code(world.push(&body, &[proof])), "silencing");
    let body = silence(phone, 1);
    let proof = world.sheet.prove(&deed_id, world.tip(), &body);
    world.push(&body, &[proof]).unwrap();
    let (silenced, tip) = (silence(phone, 2), world.tip());
    let both = [world.passkey.prove(&deed_id, tip, &silenced), world.sheet.prove(&deed_id, tip, &silenced)];
    assert_eq!(
        code(world.push(&silenced, &both)),
        "silencing",
        "a factor that may not consent silences nobody"
    );
    let (_, intent, request) = world.asked_and_agreed(&[]);
    assert_eq!(code(world.agree(Who::Passkey, request, &intent)), "silenced");
    world.veto(Who::Passkey, request).unwrap();
}

#[test]
fn both_places_together_silence_even_one_of_themselves() {
    let mut world = World::new(true);
    let phone = world.passkey.factor().id();
    let body = Body::Held { bits: vec![], silenced: vec![(phone, 2)], reason: 1 };
    let (deed_id, tip) = (world.deed_id(), world.tip());
    let both = [world.passkey.prove(&deed_id, tip, &body), world.sheet.prove(&deed_id, tip, &body)];
    world.push(&body, &both).unwrap();
    let to = world.card();
    let request = world.request(&world.move_to(&to)).unwrap();
    assert_eq!(code(world.veto(Who::Passkey, request)), "silenced");
    world.veto(Who::Sheet, request).unwrap();
}

#[test]
fn paper_and_two_desks_get_past_a_phone_that_always_objects_in_seven_days() {
    let mut world = World::new(true);
    let to = world.card();
    let mut intent = world.move_to(&to);
    intent.over = Some(Place::Phone);
    let request = world.request(&intent).unwrap();
    world.agree(Who::Sheet, request, &intent).unwrap();
    world.agree(Who::Desk(0), request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, 2 * DAY)), "class", "one desk is not two");
    world.agree(Who::Desk(1), request, &intent).unwrap();
    assert_eq!(code(world.veto(Who::Passkey, request)), "overridden");
    world.hold(Who::Passkey, &[bit::MOVE]).unwrap();
    assert_eq!(code(world.commit_after(request, 7 * DAY - 1)), "wait");
    world.commit_after(request, 7 * DAY).unwrap();
}

#[test]
fn a_suspended_line_listens_to_more_than_the_phone_only() {
    let mut world = World::new(true);
    world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    let clear = world.intent(Change::ClearHolds { bits: vec![bit::SERVICE] });
    let own = Body::Requested { intent: clear.clone() };
    let proof = world.passkey.prove(&world.deed_id(), world.tip(), &own);
    assert_eq!(code(world.push(&own, &[proof])), "held");
    let request = world.request(&clear).unwrap();
    world.agree(Who::Passkey, request, &clear).unwrap();
    assert_eq!(code(world.commit_after(request, 4 * DAY)), "held");
    world.agree(Who::Sheet, request, &clear).unwrap();
    world.commit_after(request, 15 * MINUTE).unwrap();
    assert_eq!(world.state().standing_holds(), Vec::<u64>::new());
}

#[test]
fn the_phone_alone_gets_past_no_suspension_by_naming_who_set_it() {
    // The owner suspends at the portal: a desk says so for him. A thief with the phone overrides "the operator".
    let mut world = World::new(true);
    world.hold(Who::Desk(0), &[bit::SERVICE]).unwrap();
    let to = world.card();
    for change in [world.intent(Change::ClearHolds { bits: vec![bit::SERVICE] }), world.move_to(&to)] {
        let intent = deed::intent::Intent { over: Some(Place::Operator), ..change };
        let own = Body::Requested { intent: intent.clone() };
        let proof = world.passkey.prove(&world.deed_id(), world.tip(), &own);
        assert_eq!(code(world.push(&own, &[proof])), "held");
        let request = world.request(&intent).unwrap();
        world.agree(Who::Passkey, request, &intent).unwrap();
        assert_eq!(code(world.commit_after(request, 4 * DAY)), "held");
        world.veto(Who::Passkey, request).unwrap();
    }
}

#[test]
fn a_desk_darkens_no_line_for_good_whose_owner_has_only_the_phone_left() {
    let mut world = World::new(true);
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey, Who::Sheet]);
    world.commit_after(request, 15 * MINUTE).unwrap();
    world.hold(Who::Desk(0), &[bit::SERVICE]).unwrap();
    let clear = world.intent(Change::ClearHolds { bits: vec![bit::SERVICE] });
    let request = world.request(&clear).unwrap();
    world.agree(Who::Passkey, request, &clear).unwrap();
    assert_eq!(code(world.commit_after(request, 8 * DAY)), "held", "not without saying whom it overrides");
    world.veto(Who::Passkey, request).unwrap();
    let (not_before, expiry) = (world.now, world.now + 20 * DAY);
    let intent = deed::intent::Intent { over: Some(Place::Operator), not_before, expiry, ..clear };
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, 7 * DAY - 1)), "wait");
    world.commit_after(request, 7 * DAY).unwrap();
    assert_eq!(world.state().standing_holds(), Vec::<u64>::new());
    // What the owner's own hold code suspended, the phone alone does not lift by that.
    world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    let intent = deed::intent::Intent { not_before: world.now, expiry: world.now + 20 * DAY, ..intent };
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, 8 * DAY)), "held");
}

#[test]
fn the_phone_alone_ends_no_better_request_by_naming_an_overridden_place() {
    let mut world = World::new(true);
    let (deed_id, to) = (world.deed_id(), world.card());
    let own = Body::Requested { intent: world.move_to(&to) };
    let tip = world.tip();
    let proofs = [world.passkey.prove(&deed_id, tip, &own), world.sheet.prove(&deed_id, tip, &own)];
    world.push(&own, &proofs).unwrap();
    let thiefs = deed::intent::Intent { over: Some(Place::Operator), ..world.move_to(&to) };
    let body = Body::Requested { intent: thiefs };
    let proof = world.passkey.prove(&deed_id, world.tip(), &body);
    assert_eq!(code(world.push(&body, &[proof])), "rank");
    let proof = world.sheet.prove(&deed_id, world.tip(), &body);
    world.push(&body, &[proof]).unwrap();
}

#[test]
fn a_hold_forbids_its_kind_until_it_is_lifted() {
    let mut world = World::new(true);
    world.hold(Who::Desk(0), &[bit::MOVE]).unwrap();
    let to = world.card();
    let intent = world.move_to(&to);
    assert_eq!(code(world.request(&intent)), "held");
    assert_eq!(code(world.hold(Who::Desk(0), &[bit::LEGAL])), "role");
    assert_eq!(code(world.hold(Who::Consent, &[bit::MOVE])), "role");
    assert_eq!(code(world.hold(Who::Issuer, &[bit::MOVE])), "role");
    let clear = world.intent(Change::ClearHolds { bits: vec![bit::MOVE] });
    let request = world.request(&clear).unwrap();
    world.agree(Who::Passkey, request, &clear).unwrap();
    assert_eq!(code(world.commit_after(request, HOUR - 1)), "wait");
    world.commit_after(request, HOUR).unwrap();
    world.request(&world.move_to(&to)).unwrap();
}

#[test]
fn the_legal_bit_is_lifted_by_two_emergency_keys_and_by_nothing_else() {
    let mut world = World::new(true);
    world.hold(Who::Emergency(0), &[bit::LEGAL]).unwrap();
    let to = world.card();
    assert_eq!(code(world.request(&world.move_to(&to))), "held");
    let clear = world.intent(Change::ClearHolds { bits: vec![bit::LEGAL] });
    let request = world.request(&clear).unwrap();
    world.agree(Who::Passkey, request, &clear).unwrap();
    world.agree(Who::Emergency(0), request, &clear).unwrap();
    assert_eq!(code(world.commit_after(request, 10 * DAY)), "class");
    world.agree(Who::Emergency(1), request, &clear).unwrap();
    world.commit_after(request, HOUR).unwrap();
}

#[test]
fn a_hold_that_stands_already_is_no_event_and_a_lifted_one_does_not_come_back() {
    let mut world = World::new(true);
    let body = Body::Held { bits: vec![bit::MOVE], silenced: vec![], reason: 1 };
    let (deed_id, tip) = (world.deed_id(), world.tip());
    let kept = world.hold_code.prove(&deed_id, tip, &body);
    let objection = world.hold_code.object(&deed_id, tip, &body).encode();
    world.hold(Who::Passkey, &[bit::MOVE]).unwrap();
    assert_eq!(code(world.hold(Who::Passkey, &[bit::MOVE])), "missing", "else one key could fill the deed");
    world.hold(Who::Desk(0), &[bit::MOVE]).unwrap();
    let clear = world.intent(Change::ClearHolds { bits: vec![bit::MOVE] });
    let request = world.request(&clear).unwrap();
    world.agree(Who::Passkey, request, &clear).unwrap();
    world.commit_after(request, HOUR).unwrap();
    assert_eq!(code(world.push(&body, &[kept])), "stale");
    let mut pin = world.pin();
    let now = UnixTime(world.now);
    assert_eq!(code(pin.object(&Portable, &world.manifests, &objection, now)), "stale");
    world.hold(Who::HoldCode, &[bit::MOVE]).unwrap();
}

#[test]
fn a_hold_that_stands_already_still_ends_the_request_that_is_live() {
    for direct in [false, true] {
        let mut world = World::new(true);
        world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
        let (_, _, request) = world.asked_and_agreed(&[Who::Sheet]);
        if !direct {
            world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
            assert!(world.state().live.is_none());
            continue;
        }
        let mut pin = world.pin();
        let body = Body::Held { bits: vec![bit::SERVICE], silenced: vec![], reason: 2 };
        let objection = world.hold_code.object(&world.deed_id(), world.tip(), &body).encode();
        let now = UnixTime(world.now);
        assert_eq!(pin.object(&Portable, &world.manifests, &objection, now).unwrap(), Objected::InTime);
        assert_eq!(pin.standing[0].against, Against::Request(request));
        assert_eq!(Pin::decode(&pin.encode()).unwrap(), pin);
        world.commit_after(request, DAY).unwrap();
        let event = world.events.last().unwrap();
        let proof = world.proof(world.state().seq());
        let accepted = Pin::accept(&Portable, &world.manifests, &world.roll, Some(pin), event, Some(&proof));
        assert_eq!(code(accepted), "objected");
    }
}

#[test]
fn an_objection_has_one_voice() {
    let mut world = World::new(true);
    let to = world.card();
    let request = world.request(&world.move_to(&to)).unwrap();
    let (deed_id, tip) = (world.deed_id(), world.tip());
    for body in [
        Body::Vetoed { request, reason: 1 },
        Body::Held { bits: vec![bit::MOVE], silenced: vec![], reason: 1 },
    ] {
        let both = [world.passkey.prove(&deed_id, tip, &body), world.sheet.prove(&deed_id, tip, &body)];
        assert_eq!(code(world.push(&body, &both)), "role");
        assert_eq!(code(world.push(&body, &[])), "role");
    }
    let nothing = Body::Held { bits: vec![], silenced: vec![], reason: 1 };
    let proof = world.passkey.prove(&deed_id, tip, &nothing);
    assert_eq!(code(world.push(&nothing, &[proof])), "missing");
}
