//! Who agrees to a change, and how often.

use crate::*;

pub(crate) const SCENARIOS: &[Scenario] = scenarios![
    an_owner_with_two_places_moves_after_fifteen_minutes_and_not_a_second_earlier,
    one_place_waits_a_day,
    operator_keys_alone_in_any_number_never_move_a_number,
    a_hold_only_code_holds_and_does_nothing_else,
    a_consent_withheld_and_used_after_an_objection_is_void,
    a_statement_works_once,
    an_approval_for_another_card_is_refused,
    a_live_request_cannot_be_squatted,
    other_events_cannot_starve_an_owner,
    a_sheet_is_used_up_by_the_change_it_counted_in,
    a_new_factor_objects_at_once_and_consents_after_a_week,
    a_factor_whose_owner_has_not_shown_it_is_not_added,
    an_operators_key_signs_at_the_newest_event_only,
    intents_that_fit_nothing_are_refused,
    a_stolen_sheet_lifts_a_lock_or_moves_the_number_and_not_both,
];

#[test]
fn an_owner_with_two_places_moves_after_fifteen_minutes_and_not_a_second_earlier() {
    for (wait, moves) in [(15 * MINUTE - 1, false), (15 * MINUTE, true)] {
        let mut world = World::new(true);
        let (to, _, request) = world.asked_and_agreed(&[Who::Passkey, Who::Sheet]);
        let result = world.commit_after(request, wait);
        if moves {
            result.unwrap();
            assert_eq!(world.state().card().unwrap().id(), to.id());
        } else {
            assert_eq!(code(result), "wait");
        }
    }
}

#[test]
fn one_place_waits_a_day() {
    for who in [Who::Passkey, Who::Sheet] {
        let mut world = World::new(true);
        let (to, intent, request) = world.asked_and_agreed(&[]);
        world.agree(who, request, &intent).unwrap();
        assert_eq!(code(world.commit_after(request, DAY - 1)), "wait");
        world.commit_after(request, 1).unwrap_err();
        world.commit_after(request, DAY).unwrap();
        assert_eq!(world.state().card().unwrap().id(), to.id());
    }
}

#[test]
fn operator_keys_alone_in_any_number_never_move_a_number() {
    let mut world = World::new(true);
    let (to, intent, request) = world.asked_and_agreed(&[]);
    for who in [Who::Consent, Who::Issuer, Who::Desk(0), Who::Desk(1), Who::Emergency(0)] {
        assert_eq!(code(world.agree(who, request, &intent)), "role", "{who:?}");
    }
    assert_eq!(code(world.commit_after(request, 19 * DAY)), "class");
    // Nor with two desks over the phone's objections: there is still no factor.
    let mut over = world.move_to(&to);
    over.over = Some(Place::Phone);
    let body = Body::Requested { intent: over };
    let (deed_id, tip) = (world.deed_id(), world.tip());
    let proofs: Vec<_> =
        [Who::Desk(0), Who::Desk(1)].map(|w| world.signer(w).prove(&deed_id, tip, &body)).into();
    assert_eq!(code(world.push(&body, &proofs)), "rank");
    let veto = world.veto(Who::Desk(0), request);
    veto.unwrap();
    let tip = world.tip();
    let proofs: Vec<_> =
        [Who::Desk(0), Who::Desk(1)].map(|w| world.signer(w).prove(&deed_id, tip, &body)).into();
    world.push(&body, &proofs).unwrap();
    let request = world.state().head();
    let body = Body::Notified { request, receipts: vec![] };
    let proof = world.consent.prove(&deed_id, world.tip(), &body);
    world.push(&body, &[proof]).unwrap();
    assert_eq!(code(world.commit_after(request, 19 * DAY)), "class");
}

#[test]
fn a_hold_only_code_holds_and_does_nothing_else() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    assert_eq!(code(world.agree(Who::HoldCode, request, &intent)), "role");
    assert_eq!(code(world.veto(Who::HoldCode, request)), "role");
    world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    assert!(world.state().live.is_none(), "a suspension ends the live request");
}

#[test]
fn a_consent_withheld_and_used_after_an_objection_is_void() {
    let mut world = World::new(true);
    let (to, intent, request) = world.asked_and_agreed(&[]);
    let (body, withheld) = world.consent_of(Who::Sheet, request, &intent);
    world.veto(Who::Passkey, request).unwrap();
    assert_eq!(code(world.push(&body, std::slice::from_ref(&withheld))), "no-request");
    // Asked for again in the same words, the old signature names the old request and the old head.
    let again = world.request(&intent).unwrap();
    let body = Body::Consented { request: again, intent: intent.clone() };
    assert_eq!(code(world.push(&body, &[withheld])), "signature");
    // A request that the owner signed himself before the veto is void after it.
    let mut world = World::new(true);
    let own = Body::Requested { intent: intent.clone() };
    let proof = world.sheet.prove(&world.deed_id(), world.tip(), &own);
    let request = world.request(&world.move_to(&to)).unwrap();
    world.veto(Who::Passkey, request).unwrap();
    assert_eq!(code(world.push(&own, &[proof])), "stale");
}

#[test]
fn a_statement_works_once() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    let (body, proof) = world.consent_of(Who::Passkey, request, &intent);
    world.push(&body, std::slice::from_ref(&proof)).unwrap();
    assert_eq!(code(world.push(&body, &[proof])), "stale");
}

#[test]
fn an_approval_for_another_card_is_refused() {
    let mut world = World::new(true);
    let (to, thiefs) = (world.card(), world.card());
    let intent = world.move_to(&to);
    let request = world.request(&intent).unwrap();
    let (_, proof) = world.consent_of(Who::Passkey, request, &intent);
    let mut other = intent.clone();
    other.change =
        Change::Move { slot: 0, from: world.state().card().unwrap().id(), to: thiefs, lost: false };
    let body = Body::Consented { request, intent: other };
    assert_eq!(code(world.push(&body, &[proof])), "webauthn");
}

#[test]
fn a_live_request_cannot_be_squatted() {
    let mut world = World::new(true);
    let (mine, thiefs) = (world.card(), world.card());
    let squat = world.move_to(&thiefs);
    world.request(&squat).unwrap();
    let intent = world.move_to(&mine);
    assert_eq!(code(world.request(&intent)), "rank", "an equal rank is refused");
    let body = Body::Requested { intent: intent.clone() };
    let (deed_id, tip) = (world.deed_id(), world.tip());
    let proof = world.passkey.prove(&deed_id, tip, &body);
    world.push(&body, &[proof]).unwrap();
    assert_eq!(world.state().live.unwrap().intent, intent);
    // A thief in the phone cannot end the owner's stronger request by claiming to override the paper.
    let (deed_id, tip) = (world.deed_id(), world.tip());
    let both = [world.passkey.prove(&deed_id, tip, &body), world.sheet.prove(&deed_id, tip, &body)];
    world.push(&body, &both).unwrap();
    let mut over = world.move_to(&thiefs);
    over.over = Some(Place::Elsewhere);
    let body = Body::Requested { intent: over };
    let proof = world.passkey.prove(&deed_id, world.tip(), &body);
    assert_eq!(code(world.push(&body, &[proof])), "rank");
}

#[test]
fn other_events_cannot_starve_an_owner() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    let (body, proof) = world.consent_of(Who::Sheet, request, &intent);
    for _ in 0..20 {
        let note = Body::Notified { request, receipts: vec![] };
        let by = world.consent.prove(&world.deed_id(), world.tip(), &note);
        world.push(&note, &[by]).unwrap();
    }
    world.push(&body, &[proof]).unwrap();
}

#[test]
fn a_sheet_is_used_up_by_the_change_it_counted_in() {
    let mut world = World::new(true);
    let (to, next) = (world.card(), world.card());
    let intent = world.move_to(&to);
    let request = world.request(&intent).unwrap();
    world.agree(Who::Sheet, request, &intent).unwrap();
    world.commit_after(request, DAY).unwrap();
    let intent = world.move_to(&next);
    let request = world.request(&intent).unwrap();
    assert_eq!(code(world.agree(Who::Sheet, request, &intent)), "spent");
    world.veto(Who::Sheet, request).unwrap();
}

#[test]
fn a_new_factor_objects_at_once_and_consents_after_a_week() {
    let mut world = World::new(true);
    let mut key = security_key(9);
    let intent = world.intent(Change::AddFactor { factor: key.factor() });
    let body = Body::Requested { intent: intent.clone() };
    let (deed_id, tip) = (world.deed_id(), world.tip());
    let proofs = [world.passkey.prove(&deed_id, tip, &body), key.prove(&deed_id, tip, &body)];
    assert_eq!(code(world.push(&body, &proofs[1..])), "missing");
    world.push(&body, &proofs).unwrap();
    let request = world.state().head();
    let note = Body::Notified { request, receipts: vec![] };
    let by = world.consent.prove(&deed_id, world.tip(), &note);
    world.push(&note, &[by]).unwrap();
    world.commit_after(request, DAY).unwrap();
    let (to, intent, request) = world.asked_and_agreed(&[]);
    let body = Body::Consented { request, intent: intent.clone() };
    let proof = key.prove(&deed_id, world.tip(), &body);
    world.push(&body, &[proof]).unwrap();
    assert_eq!(code(world.commit_after(request, 2 * DAY)), "class");
    let veto = Body::Vetoed { request, reason: 1 };
    let proof = key.prove(&deed_id, world.tip(), &veto);
    world.push(&veto, &[proof]).unwrap();
    // It was born no later than its request's expiry; a week after that it counts.
    world.now += 27 * DAY;
    let intent = world.move_to(&to);
    let request = world.request(&intent).unwrap();
    let body = Body::Consented { request, intent: intent.clone() };
    let proof = key.prove(&deed_id, world.tip(), &body);
    world.push(&body, &[proof]).unwrap();
    world.commit_after(request, DAY).unwrap();
}

#[test]
fn a_factor_whose_owner_has_not_shown_it_is_not_added() {
    let mut world = World::new(true);
    let intent = world.intent(Change::AddFactor { factor: security_key(9).factor() });
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, DAY)), "missing");
}

#[test]
fn an_operators_key_signs_at_the_newest_event_only() {
    let mut world = World::new(true);
    let (to, old_tip) = (world.card(), world.tip());
    world.hold(Who::Passkey, &[bit::ROAMING]).unwrap();
    let body = Body::Requested { intent: world.move_to(&to) };
    let proof = world.consent.prove(&world.deed_id(), old_tip, &body);
    assert_eq!(code(world.push(&body, &[proof])), "stale");
}

#[test]
fn intents_that_fit_nothing_are_refused() {
    let mut world = World::new(true);
    let (to, spare) = (world.card(), world.card());
    let from = world.state().card().unwrap().id();
    for change in [
        Change::Add { slot: 0, card: spare.clone(), dormant: false },
        Change::Add { slot: 8, card: spare.clone(), dormant: true },
        Change::ClearHolds { bits: vec![bit::MOVE] },
        Change::Move { slot: 1, from, to: to.clone(), lost: false },
        Change::Move { slot: 0, from: to.id(), to: to.clone(), lost: false },
        Change::Wake { slot: 1, from, to: to.clone(), lost: false },
        Change::AddFactor { factor: world.sheet.factor() },
    ] {
        let intent = world.intent(change.clone());
        assert_eq!(code(world.request(&intent)), "intent", "{change:?}");
    }
    let mut other = world.move_to(&to);
    other.number = "8613900139000".parse().unwrap();
    assert_eq!(code(world.request(&other)), "intent");
}

#[test]
fn a_stolen_sheet_lifts_a_lock_or_moves_the_number_and_not_both() {
    let mut world = World::new(true);
    world.hold(Who::Passkey, &[bit::MOVE]).unwrap();
    let clear = world.intent(Change::ClearHolds { bits: vec![bit::MOVE] });
    let request = world.request(&clear).unwrap();
    world.agree(Who::Sheet, request, &clear).unwrap();
    world.commit_after(request, HOUR).unwrap();
    let (_, intent, request) = world.asked_and_agreed(&[]);
    assert_eq!(code(world.agree(Who::Sheet, request, &intent)), "spent");
}
