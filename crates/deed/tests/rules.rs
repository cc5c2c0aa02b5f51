//! The rules of the deed, refusals first. Each test's name is the sentence it proves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use deed::event::{AsOf, Body, Event, Evidence, Source, assemble};
use deed::log::proof::TlogProof;
use deed::pin::{Against, Objected, Pin, Serve};
use deed::record::{Change, Factor, FactorKey, Place, Purpose};
use deed::signer::SignStatement;
use deed::state::bit;
use deed::{State, verify};
use keys::sign::{Es256Key, Portable};
use wire::UnixTime;
use world::*;

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
fn a_sign_in_is_no_approval() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    let (body, mut proof) = world.consent_of(Who::Passkey, request, &intent);
    // Same passkey, a challenge of the portal's.
    proof.evidence = world.passkey.answer(&[42; 32]);
    assert_eq!(code(world.push(&body, &[proof.clone()])), "webauthn");
    // Right challenge, wrong page.
    let (_, good) = world.consent_of(Who::Passkey, request, &intent);
    let Evidence::Passkey { authenticator_data, client_data, signature } = good.evidence else { panic!() };
    let text = String::from_utf8(client_data).unwrap();
    for changed in [
        text.replace("move.localhost", "my.localhost"),
        text.replace("webauthn.get", "webauthn.create"),
        text.replace("false", "true"),
        text.replace(r#"":false}"#, r#"":false]"#),
    ] {
        let client_data = changed.into_bytes();
        let evidence =
            Evidence::Passkey { authenticator_data: authenticator_data.clone(), client_data, signature };
        proof.evidence = evidence;
        assert_eq!(code(world.push(&body, &[proof.clone()])), "webauthn");
    }
    // Chromium's further keys are welcome, if signed: the signature is not over this text.
    let client_data = text.replace("false}", r#"false,"other_keys":"x"}"#).into_bytes();
    proof.evidence = Evidence::Passkey { authenticator_data, client_data, signature };
    assert_eq!(code(world.push(&body, &[proof])), "signature");
}

#[test]
fn authenticator_data_that_says_too_little_is_refused() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    for (at, flip) in [(0, 0x01), (32, 0x01), (32, 0x04), (32, 0x40), (32, 0x08)] {
        let (body, mut proof) = world.consent_of(Who::Passkey, request, &intent);
        if let Evidence::Passkey { authenticator_data, .. } = &mut proof.evidence {
            authenticator_data[at] ^= flip;
        }
        assert_eq!(code(world.push(&body, &[proof])), "webauthn", "byte {at} bit {flip:#x}");
    }
}

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
fn whoever_came_too_late_to_stop_a_change_may_undo_it() {
    let (mut world, mut pin, request, commit) = about_to_commit();
    let now = UnixTime(world.now);
    let first = world.state().card().unwrap().clone();
    let veto = Body::Vetoed { request, reason: 1 };
    let objection = world.sheet.object(&world.deed_id(), world.tip(), &veto).encode();
    pin.close(&Portable, &world.manifests, &commit, now).unwrap();
    assert_eq!(pin.object(&Portable, &world.manifests, &objection, now).unwrap(), Objected::TooLate);
    let follow = |world: &World, pin: Pin| {
        let mut pin = pin;
        for seq in pin.state.heads.len()..world.events.len() {
            let proof = world.proof(seq as u64);
            let event = &world.events[seq];
            pin = Pin::accept(&Portable, &world.manifests, &world.roll, Some(pin), event, Some(&proof))?;
        }
        Ok::<_, deed::Refusal>(pin)
    };
    world.push_bytes(commit).unwrap();
    let pin = follow(&world, pin).unwrap();
    // The thief in the phone cannot move on; the owner with the paper can go back.
    for (who, goes) in [(Who::Passkey, false), (Who::Sheet, true)] {
        let mut world_now = world.fork();
        let back = world_now.move_to(&first);
        let request = world_now.request(&back).unwrap();
        world_now.agree(who, request, &back).unwrap();
        world_now.commit_after(request, DAY).unwrap();
        assert_eq!(follow(&world_now, pin.clone()).is_ok(), goes, "{who:?}");
    }
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
        let intent = deed::record::Intent { over: Some(Place::Operator), ..change };
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
    let intent = deed::record::Intent { over: Some(Place::Operator), not_before, expiry, ..clear };
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, 7 * DAY - 1)), "wait");
    world.commit_after(request, 7 * DAY).unwrap();
    assert_eq!(world.state().standing_holds(), Vec::<u64>::new());
    // What the owner's own hold code suspended, the phone alone does not lift by that.
    world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    let intent = deed::record::Intent { not_before: world.now, expiry: world.now + 20 * DAY, ..intent };
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, 8 * DAY)), "held");
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

#[test]
fn the_phone_alone_ends_no_better_request_by_naming_an_overridden_place() {
    let mut world = World::new(true);
    let (deed_id, to) = (world.deed_id(), world.card());
    let own = Body::Requested { intent: world.move_to(&to) };
    let tip = world.tip();
    let proofs = [world.passkey.prove(&deed_id, tip, &own), world.sheet.prove(&deed_id, tip, &own)];
    world.push(&own, &proofs).unwrap();
    let thiefs = deed::record::Intent { over: Some(Place::Operator), ..world.move_to(&to) };
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
fn a_security_key_whose_counter_went_back_may_only_object() {
    let mut world = World::empty(true);
    let mut key = security_key(9);
    let body = world.issued(Source::New);
    let Body::Issued(mut issued) = body else { panic!() };
    issued.factors[1] = key.factor();
    let body = Body::Issued(issued);
    let zeros = [0; 32];
    let mut clone = security_key(9);
    for _ in 0..3 {
        key.answer(&[0; 32]);
    }
    let signers: [&mut dyn SignStatement; 4] =
        [&mut world.issuer, &mut world.passkey, &mut key, &mut world.hold_code];
    let proofs: Vec<_> = signers.into_iter().map(|s| s.prove(&zeros, AsOf::NOTHING, &body)).collect();
    let salt = world.salt();
    world.push_bytes(assemble(&zeros, 0, &zeros, &salt, &body, &proofs)).unwrap();
    let (_, intent, request) = world.asked_and_agreed(&[]);
    let body = Body::Consented { request, intent: intent.clone() };
    let proof = clone.prove(&world.deed_id(), world.tip(), &body);
    assert_eq!(code(world.push(&body, &[proof])), "counter");
    let veto = Body::Vetoed { request, reason: 1 };
    let proof = clone.prove(&world.deed_id(), world.tip(), &veto);
    world.push(&veto, &[proof]).unwrap();
}

#[test]
fn no_clock_of_fewer_witnesses_than_a_quorum_shortens_a_wait() {
    for skew in [[-10 * DAY as i64, 0, 0], [0, 10 * DAY as i64, 0], [-5 * DAY as i64, 5 * DAY as i64, 0]] {
        let mut world = World::new(true);
        let (_, _, request) = world.asked_and_agreed(&[Who::Passkey]);
        let start_seq = world.state().seq();
        let early = world.proof(start_seq);
        world.skew = skew.to_vec();
        world.now += DAY - 1;
        let body = world.commit_body(request, start_seq, &early);
        let proof = world.consent.prove(&world.deed_id(), world.tip(), &body);
        assert_eq!(code(world.push(&body, &[proof])), "wait", "{skew:?}");
    }
}

#[test]
fn time_outside_the_requests_window_does_not_count() {
    let mut world = World::new(true);
    let to = world.card();
    let mut intent = world.move_to(&to);
    intent.expiry = intent.not_before + 2 * DAY;
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, 3 * DAY)), "window");
    let mut world = World::new(true);
    let mut intent = world.move_to(&to);
    intent.not_before += 3 * DAY;
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, 2 * DAY)), "window");
    let mut endless = world.move_to(&to);
    endless.expiry = endless.not_before + 31 * DAY;
    world.veto(Who::Passkey, request).unwrap();
    assert_eq!(code(world.request(&endless)), "intent");
}

#[test]
fn a_wait_that_began_before_the_owner_was_told_does_not_count() {
    let mut world = World::new(true);
    let to = world.card();
    let intent = world.move_to(&to);
    let body = Body::Requested { intent: intent.clone() };
    let proof = world.passkey.prove(&world.deed_id(), world.tip(), &body);
    world.push(&body, &[proof]).unwrap();
    let request = world.state().head();
    assert_eq!(code(world.commit_after(request, 2 * DAY)), "not-notified");
}

#[test]
fn two_cards_with_one_imsi_or_one_key_are_refused() {
    let mut world = World::new(true);
    let old = world.state().card().unwrap().clone();
    let mut to = world.card();
    to.imsi = old.imsi;
    assert_eq!(code(world.request(&world.move_to(&to))), "intent");
    let mut to = world.card();
    to.key_commit = old.key_commit;
    assert_eq!(code(world.request(&world.move_to(&to))), "intent");
}

#[test]
fn a_change_is_undone_by_an_ordinary_request_to_the_card_in_reserve() {
    let mut world = World::new(true);
    let first = world.state().card().unwrap().clone();
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey]);
    world.commit_after(request, DAY).unwrap();
    let back = world.move_to(&first);
    let request = world.request(&back).unwrap();
    world.agree(Who::Passkey, request, &back).unwrap();
    assert_eq!(code(world.commit_after(request, HOUR)), "wait", "no special power");
    world.commit_after(request, DAY).unwrap();
    assert_eq!(world.state().card().unwrap().id(), first.id());
}

#[test]
fn a_stand_by_card_sleeps_until_paper_and_the_card_itself_wake_it_on_a_suspended_line() {
    let mut world = World::new(true);
    let chip = keys::sign::Es256Key::from_scalar(&keys::Secret::new([33; 32])).unwrap();
    let mut spare = world.card();
    spare.card_pub = Some(chip.public());
    let add = world.intent(Change::Add { slot: 1, card: spare.clone(), dormant: true });
    let request = world.request(&add).unwrap();
    world.agree(Who::Passkey, request, &add).unwrap();
    world.commit_after(request, DAY).unwrap();
    let pin = world.pin();
    assert!(matches!(pin.serve(&spare.imsi, UnixTime(world.now)), Serve::Refuse(_)));
    world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    let from = world.state().card().unwrap().id();
    let wake = world.intent(Change::Wake { slot: 1, from, to: spare.clone(), lost: true });
    let request = world.request(&wake).unwrap();
    world.agree(Who::Sheet, request, &wake).unwrap();
    assert_eq!(
        code(world.commit_after(request, 15 * MINUTE)),
        "wait",
        "without the card itself it takes a day"
    );
    let body = Body::Consented { request, intent: wake.clone() };
    let (deed_id, as_of) = (world.deed_id(), world.tip());
    let message = deed::event::message(&deed_id, &as_of, body.kind(), &body.encode());
    let evidence = Evidence::Raw(chip.sign(&message));
    let proof = deed::event::Proof { signer: spare.id().0, as_of, evidence };
    world.push(&body, &[proof]).unwrap();
    world.commit_after(request, 15 * MINUTE).unwrap();
    let state = world.state();
    assert_eq!(state.card().unwrap().id(), spare.id());
    assert_eq!(state.slots.len(), 1);
    assert_eq!(state.standing_holds(), [] as [u64; 0], "the suspension goes with the card it was against");
    // The sheet is not used up: with it the owner takes the stolen phone's voice away, and makes a new key.
    let passkey = world.passkey.factor().id();
    let silence = Body::Held { bits: vec![], silenced: vec![(passkey, 1)], reason: 1 };
    let (deed_id, as_of) = (world.deed_id(), world.tip());
    let proof = world.sheet.prove(&deed_id, as_of, &silence);
    world.push(&silence, &[proof]).unwrap();
    let theft = world.card();
    let (deed_id, as_of) = (world.deed_id(), world.tip());
    let body = Body::Requested { intent: world.move_to(&theft) };
    let proof = world.passkey.prove(&deed_id, as_of, &body);
    assert_eq!(code(world.push(&body, &[proof])), "silenced");
}

#[test]
fn a_stand_by_card_woken_by_paper_alone_leaves_the_line_suspended() {
    let mut world = World::new(true);
    let spare = world.card();
    let add = world.intent(Change::Add { slot: 1, card: spare.clone(), dormant: true });
    let request = world.request(&add).unwrap();
    world.agree(Who::Passkey, request, &add).unwrap();
    world.commit_after(request, DAY).unwrap();
    world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    let from = world.state().card().unwrap().id();
    let wake = world.intent(Change::Wake { slot: 1, from, to: spare.clone(), lost: true });
    let request = world.request(&wake).unwrap();
    world.agree(Who::Sheet, request, &wake).unwrap();
    world.commit_after(request, DAY).unwrap();
    assert_eq!(world.state().card().unwrap().id(), spare.id());
    assert_eq!(world.state().standing_holds(), [bit::SERVICE], "a stolen sheet resumes no line in a day");
}

#[test]
fn a_ported_numbers_two_places_count_as_one_for_thirty_days() {
    let mut world = World::with_source(true, Source::Ported);
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey, Who::Sheet]);
    assert_eq!(code(world.commit_after(request, 15 * MINUTE)), "wait");
    world.commit_after(request, DAY).unwrap();
    // A month later, a proof of how old the deed is makes class A of them.
    let mut world = World::with_source(true, Source::Ported);
    world.hold(Who::Passkey, &[bit::TWO_G]).unwrap();
    let origin = world.proof(1).encode();
    for (age, moves) in [(29 * DAY, false), (2 * DAY, true)] {
        world.now += age;
        let (_, _, request) = world.asked_and_agreed(&[Who::Passkey, Who::Sheet]);
        let start_seq = world.state().seq();
        let early = world.proof(start_seq);
        world.now += 15 * MINUTE;
        let Body::Committed { late, .. } = world.commit_body(request, start_seq, &early) else { panic!() };
        let early = early.encode();
        let body = Body::Committed { request, start_seq, early, late, origin: origin.clone() };
        let proof = world.consent.prove(&world.deed_id(), world.tip(), &body);
        let result = world.push(&body, &[proof]);
        assert_eq!(result.is_ok(), moves, "{result:?}");
        if !moves {
            world.veto(Who::Passkey, request).unwrap();
        }
    }
}

#[test]
fn a_first_event_needs_two_places_and_everyones_proof() {
    let mut world = World::empty(true);
    let body = world.issued(Source::New);
    let proofs = world.issue_proofs(&body);
    let salt = [0; 16];
    let zeros = [0; 32];
    let attempt = |world: &mut World, body: &Body, proofs: &[_]| {
        world.push_bytes(assemble(&zeros, 0, &zeros, &salt, body, proofs))
    };
    for missing in 0..proofs.len() {
        let mut fewer = proofs.clone();
        fewer.remove(missing);
        assert_eq!(code(attempt(&mut world, &body, &fewer)), "missing");
    }
    let mut twice = proofs.clone();
    twice.push(proofs[1].clone());
    assert_eq!(code(attempt(&mut world, &body, &twice)), "signed-twice");
    let Body::Issued(issued) = &body else { panic!() };
    for keep in [0, 1] {
        let mut one_place = issued.clone();
        one_place.factors = vec![issued.factors[keep].clone()];
        let body = Body::Issued(one_place);
        let all = world.issue_proofs(&body);
        let signed = [all[0].clone(), all[1 + keep].clone()];
        assert_eq!(code(attempt(&mut world, &body, &signed)), "issue");
    }
    attempt(&mut world, &body, &proofs).unwrap();
}

#[test]
fn a_statement_of_one_deed_is_worth_nothing_in_another() {
    let mut one = World::new(true);
    let mut other = World::new(true);
    let to = one.card();
    let note = Body::Held { bits: vec![bit::ROAMING], silenced: vec![], reason: 0 };
    // Another salt, another deed: the first event's bytes differ, so the same proof belongs to one deed only.
    other.events.clear();
    other.indices.clear();
    let body = other.issued(Source::New);
    let proofs = other.issue_proofs(&body);
    other.push_bytes(assemble(&[0; 32], 0, &[0; 32], &[5; 16], &body, &proofs)).unwrap();
    assert_ne!(one.deed_id(), other.deed_id());
    let proof = one.passkey.prove(&one.deed_id(), one.tip(), &note);
    assert_eq!(code(other.push(&note, std::slice::from_ref(&proof))), "as-of");
    let event = one.event(&note, &[proof]);
    assert_eq!(code(other.push_bytes(event)), "other-deed");
    let _ = to;
}

#[test]
fn every_changed_byte_of_a_history_is_refused_or_makes_another_head() {
    let mut world = World::new(true);
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey]);
    world.commit_after(request, DAY).unwrap();
    let head = world.state().head();
    for e in 0..world.events.len() {
        for i in 0..world.events[e].len() {
            let mut changed = world.events.clone();
            changed[e][i] ^= 1 << (i % 8);
            if let Ok(state) = verify(&Portable, &world.manifests, None, &changed) {
                assert_ne!(state.head(), head, "event {e} byte {i}");
                assert_eq!(
                    e,
                    world.events.len() - 1,
                    "only the last event's salt is covered by nothing but its head"
                );
            }
        }
        for cut in 0..world.events[e].len() {
            let mut changed = world.events.clone();
            changed[e].truncate(cut);
            assert!(verify(&Portable, &world.manifests, None, &changed).is_err());
        }
    }
}

#[test]
fn state_and_pin_read_back_as_they_were_written() {
    let mut world = World::new(true);
    world.hold(Who::Desk(0), &[bit::ROAMING]).unwrap();
    let (to, _, request) = world.asked_and_agreed(&[Who::Passkey]);
    let state = world.state();
    assert_eq!(State::decode(&state.encode()).unwrap(), state);
    let mut pin = world.pin();
    let veto = Body::Vetoed { request, reason: 2 };
    let objection = world.sheet.object(&world.deed_id(), world.tip(), &veto).encode();
    pin.object(&Portable, &world.manifests, &objection, UnixTime(world.now)).unwrap();
    assert_eq!(Pin::decode(&pin.encode()).unwrap(), pin);
    assert_eq!(pin.state, state);
    world.veto(Who::Sheet, request).unwrap();
    let intent = world.move_to(&to);
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    world.commit_after(request, DAY).unwrap();
    let pin = world.pin();
    assert_eq!(Pin::decode(&pin.encode()).unwrap(), pin);
}

/// A world with a request that may commit now, its commit, and the pin just before.
fn about_to_commit() -> (World, Pin, deed::Digest, Vec<u8>) {
    let mut world = World::new(true);
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey]);
    let pin = world.pin();
    let start_seq = world.state().seq();
    let early = world.proof(start_seq);
    world.now += DAY;
    let body = world.commit_body(request, start_seq, &early);
    let proof = world.consent.prove(&world.deed_id(), world.tip(), &body);
    let commit = world.event(&body, &[proof]);
    (world, pin, request, commit)
}

#[test]
fn an_objection_before_the_closing_wins_in_any_order_of_messages() {
    let (mut world, mut pin, request, commit) = about_to_commit();
    let now = UnixTime(world.now);
    let veto = Body::Vetoed { request, reason: 1 };
    let objection = world.sheet.object(&world.deed_id(), world.tip(), &veto).encode();
    assert_eq!(pin.object(&Portable, &world.manifests, &objection, now).unwrap(), Objected::InTime);
    assert_eq!(code(pin.close(&Portable, &world.manifests, &commit, now)), "objected");
    // The operator drops the veto and logs the commit all the same: the chain is legal, the pin does not follow.
    world.push_bytes(commit.clone()).unwrap();
    let proof = world.proof(world.state().seq());
    let refused =
        Pin::accept(&Portable, &world.manifests, &world.roll, Some(pin.clone()), &commit, Some(&proof));
    assert_eq!(code(refused), "objected");
    assert!(matches!(pin.serve(&"460001234567801".parse().unwrap(), now), Serve::Serve { .. }));
}

#[test]
fn an_objection_after_the_closing_is_too_late_and_holds_the_next_change() {
    let (mut world, mut pin, request, commit) = about_to_commit();
    let now = UnixTime(world.now);
    let veto = Body::Vetoed { request, reason: 1 };
    let objection = world.sheet.object(&world.deed_id(), world.tip(), &veto).encode();
    pin.close(&Portable, &world.manifests, &commit, now).unwrap();
    assert_eq!(pin.object(&Portable, &world.manifests, &objection, now).unwrap(), Objected::TooLate);
    let commit_seq = world.state().seq() + 1;
    world.push_bytes(commit.clone()).unwrap();
    let proof = world.proof(commit_seq);
    let pin =
        Pin::accept(&Portable, &world.manifests, &world.roll, Some(pin), &commit, Some(&proof)).unwrap();
    assert_ne!(pin.late, 0);
    assert!(pin.closing.is_none());
}

#[test]
fn after_a_closing_has_run_out_objections_count_again() {
    let (mut world, mut pin, request, commit) = about_to_commit();
    pin.close(&Portable, &world.manifests, &commit, UnixTime(world.now)).unwrap();
    world.now += 16 * MINUTE;
    let veto = Body::Vetoed { request, reason: 1 };
    let objection = world.sheet.object(&world.deed_id(), world.tip(), &veto).encode();
    let mut objected = pin.clone();
    let answer = objected.object(&Portable, &world.manifests, &objection, UnixTime(world.now)).unwrap();
    assert_eq!(answer, Objected::InTime);
    let again = world.event(&Event::decode(&commit).unwrap().body, &Event::decode(&commit).unwrap().proofs);
    assert_eq!(code(pin.clone().close(&Portable, &world.manifests, &again, UnixTime(world.now))), "log");
    world.push_bytes(commit.clone()).unwrap();
    let proof = world.proof(world.state().seq());
    let accept =
        |pin| Pin::accept(&Portable, &world.manifests, &world.roll, Some(pin), &commit, Some(&proof));
    assert_eq!(code(accept(objected)), "objected");
    accept(pin).unwrap();
}

#[test]
fn a_suspension_handed_in_directly_acts_before_any_chain_or_log() {
    let mut world = World::new(true);
    let mut pin = world.pin();
    let imsi = pin.resolve().unwrap();
    let body = Body::Held { bits: vec![bit::SERVICE], silenced: vec![], reason: 1 };
    let objection = world.hold_code.object(&world.deed_id(), world.tip(), &body);
    pin.object(&Portable, &world.manifests, &objection.encode(), UnixTime(world.now)).unwrap();
    assert_eq!(pin.serve(&imsi, UnixTime(world.now)), Serve::EmergencyOnly);
    assert!(matches!(&pin.standing[0].against, Against::Bits(bits) if bits == &[bit::SERVICE]));
    // Once the chain carries the same objection, the pin need not remember it by itself.
    world.push(&body, &[objection.proof]).unwrap();
    let event = world.events.last().unwrap().clone();
    let pin = Pin::accept(&Portable, &world.manifests, &world.roll, Some(pin), &event, None).unwrap();
    assert!(pin.standing.is_empty());
    assert_eq!(pin.serve(&imsi, UnixTime(world.now)), Serve::EmergencyOnly);
    // A thief's veto, hold or anything else under another key is nothing.
    let mut thief = passkey(66);
    let objection = thief.object(&world.deed_id(), world.tip(), &body).encode();
    let mut pin = pin;
    assert_eq!(code(pin.object(&Portable, &world.manifests, &objection, UnixTime(world.now))), "signer");
}

#[test]
fn a_commit_whose_leaf_is_not_in_the_witnessed_log_changes_no_pin() {
    let (mut world, pin, _, commit) = about_to_commit();
    let accept = |world: &World, proof| {
        Pin::accept(&Portable, &world.manifests, &world.roll, Some(pin.clone()), &commit, proof)
    };
    assert_eq!(code(accept(&world, None)), "log");
    let other = world.proof(2);
    assert_eq!(code(accept(&world, Some(&other))), "log");
    world.push_bytes(commit.clone()).unwrap();
    let mut two_witnesses = world.proof(world.state().seq());
    two_witnesses.checkpoint.signatures.pop();
    assert_eq!(code(accept(&world, Some(&two_witnesses))), "log");
    let good = world.proof(world.state().seq());
    accept(&world, Some(&good)).unwrap();
}

#[test]
fn codes_are_held_after_a_change_with_one_place() {
    let mut world = World::new(true);
    let to = world.card();
    let old = world.state().card().unwrap().imsi;
    let intent = world.move_to(&to);
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    world.commit_after(request, DAY).unwrap();
    let pin = world.pin();
    let now = world.now;
    let served = |t| pin.serve(&to.imsi, UnixTime(t));
    assert_eq!(served(now + DAY - 1), Serve::Serve { sms_held_until: Some(UnixTime(now + DAY)) });
    assert_eq!(served(now + DAY), Serve::Serve { sms_held_until: None });
    assert!(matches!(pin.serve(&old, UnixTime(now)), Serve::Refuse(_)));
    assert_eq!(pin.resolve(), Some(to.imsi));
}

#[test]
fn factors_that_pretend_are_refused() {
    for (purpose, place, key) in [
        (Purpose::Card, Place::Elsewhere, FactorKey::Es256([4; 65])),
        (Purpose::Recover, Place::Phone, FactorKey::Ed25519([1; 32])),
        (Purpose::Guardian, Place::Elsewhere, FactorKey::Ed25519([1; 32])),
        (Purpose::Move, Place::Operator, FactorKey::Ed25519([1; 32])),
        (Purpose::Move, Place::People, FactorKey::Ed25519([1; 32])),
    ] {
        assert!(Factor::decode(&Factor { purpose, place, key }.encode()).is_err());
    }
}

#[test]
fn a_log_proof_that_does_not_hold_moves_nothing() {
    let mut world = World::new(true);
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey]);
    let start_seq = world.state().seq();
    let early = world.proof(start_seq);
    world.now += DAY;
    let late = world.proof(start_seq);
    let attempt = |world: &mut World, early: &TlogProof, late: &TlogProof, start_seq| {
        let (early, late) = (early.encode(), late.encode());
        let body = Body::Committed { request, start_seq, early, late, origin: vec![] };
        let proof = world.consent.prove(&world.deed_id(), world.tip(), &body);
        world.push(&body, &[proof])
    };
    let other_leaf = world.proof(1);
    assert_eq!(code(attempt(&mut world, &early, &other_leaf, start_seq)), "log");
    assert_eq!(code(attempt(&mut world, &other_leaf, &late, start_seq)), "log");
    assert_eq!(code(attempt(&mut world, &early, &late, start_seq - 1)), "log", "proofs of another event");
    let mut fewer = late.clone();
    fewer.checkpoint.signatures.pop();
    assert_eq!(code(attempt(&mut world, &early, &fewer, start_seq)), "log");
    let mut forged = late.clone();
    forged.checkpoint.signatures[1].signature[30] ^= 1;
    assert_eq!(code(attempt(&mut world, &early, &forged, start_seq)), "log");
    let mut unsigned = late.clone();
    unsigned.checkpoint.signatures.remove(0);
    assert_eq!(code(attempt(&mut world, &early, &unsigned, start_seq)), "log");
    let mut moved = late.clone();
    moved.index += 2;
    assert_eq!(code(attempt(&mut world, &early, &moved, start_seq)), "log");
    world.skew = vec![-(world.now as i64), 0, 0];
    let timeless = world.proof(start_seq);
    assert_eq!(code(attempt(&mut world, &early, &timeless, start_seq)), "log");
    world.skew = vec![0; 3];
    attempt(&mut world, &early, &late, start_seq).unwrap();
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
fn a_well_signed_assertion_without_the_user_or_for_another_site_is_refused() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    let key = Es256Key::from_scalar(&keys::Secret::new([1; 32])).unwrap();
    for (rp_id, flags) in [
        (RP_ID, 0x01 | 0x18),
        (RP_ID, 0x04 | 0x18),
        (RP_ID, 0x05),
        (RP_ID, 0x45 | 0x18),
        ("my.localhost", 0x05 | 0x18),
        (RP_ID, 0x05 | 0x18),
    ] {
        let (body, mut proof) = world.consent_of(Who::Passkey, request, &intent);
        let Evidence::Passkey { client_data, .. } = &proof.evidence else { panic!() };
        let client_data = client_data.clone();
        let mut authenticator_data = keys::digest::sha256(&[rp_id.as_bytes()]).to_vec();
        authenticator_data.extend_from_slice(&[flags, 0, 0, 0, 0]);
        let signed = [&authenticator_data[..], &keys::digest::sha256(&[&client_data])].concat();
        let signature = key.sign(&signed);
        proof.evidence = Evidence::Passkey { authenticator_data, client_data, signature };
        let result = world.push(&body, &[proof]);
        if rp_id == RP_ID && flags == 0x1d {
            result.unwrap();
        } else {
            assert_eq!(code(result), "webauthn", "{rp_id} {flags:#x}");
        }
    }
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
fn a_factor_whose_owner_has_not_shown_it_is_not_added() {
    let mut world = World::new(true);
    let intent = world.intent(Change::AddFactor { factor: security_key(9).factor() });
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, DAY)), "missing");
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
fn a_browser_that_writes_no_cross_origin_is_a_browser() {
    let mut world = World::new(true);
    let (_, intent, request) = world.asked_and_agreed(&[]);
    let key = Es256Key::from_scalar(&keys::Secret::new([1; 32])).unwrap();
    for (end, accepted) in [("}x", false), (",}", false), (r#","crossOrigin":true}"#, false), ("}", true)] {
        let (body, mut proof) = world.consent_of(Who::Passkey, request, &intent);
        let Evidence::Passkey { authenticator_data, client_data, .. } = proof.evidence else { panic!() };
        let text = String::from_utf8(client_data).unwrap().replace(r#","crossOrigin":false}"#, end);
        let client_data = text.into_bytes();
        let signed = [&authenticator_data[..], &keys::digest::sha256(&[&client_data])].concat();
        proof.evidence = Evidence::Passkey { authenticator_data, client_data, signature: key.sign(&signed) };
        assert_eq!(world.push(&body, &[proof]).is_ok(), accepted, "{end}");
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

#[test]
fn bytes_that_say_the_same_in_another_form_are_another_event_and_refused() {
    let mut world = World::new(true);
    let note = Body::Held { bits: vec![bit::ROAMING], silenced: vec![], reason: 0 };
    let proof = world.passkey.prove(&world.deed_id(), world.tip(), &note);
    let event = world.event(&note, &[proof]);
    // The format number 1 in two bytes, an array of indefinite length, a byte too many, a byte too few.
    let longer = [&event[..1], &[0x18, 0x01], &event[2..]].concat();
    let indefinite = [&[0x9f], &event[1..], &[0xff]].concat();
    let trailing = [&event[..], &[0x00]].concat();
    let short = event[..event.len() - 1].to_vec();
    let other_format = [&event[..1], &[0x02], &event[2..]].concat();
    for (bytes, reason) in [
        (longer, "encoding"),
        (indefinite, "encoding"),
        (trailing, "encoding"),
        (short, "encoding"),
        (other_format, "unknown"),
    ] {
        assert_eq!(code(world.push_bytes(bytes)), reason);
    }
    world.push_bytes(event).unwrap();
}

/// The vectors are what the scenarios above try. `SIMWARD_BLESS=1` writes them anew; docs/deed.md says what they are for.
#[test]
fn the_published_vectors_are_what_the_rules_say() {
    let vectors = recorded(&[
        (
            "an_owner_with_two_places_moves_after_fifteen_minutes_and_not_a_second_earlier",
            an_owner_with_two_places_moves_after_fifteen_minutes_and_not_a_second_earlier,
        ),
        ("one_place_waits_a_day", one_place_waits_a_day),
        (
            "operator_keys_alone_in_any_number_never_move_a_number",
            operator_keys_alone_in_any_number_never_move_a_number,
        ),
        ("a_hold_only_code_holds_and_does_nothing_else", a_hold_only_code_holds_and_does_nothing_else),
        (
            "a_consent_withheld_and_used_after_an_objection_is_void",
            a_consent_withheld_and_used_after_an_objection_is_void,
        ),
        ("a_statement_works_once", a_statement_works_once),
        ("an_approval_for_another_card_is_refused", an_approval_for_another_card_is_refused),
        ("a_sign_in_is_no_approval", a_sign_in_is_no_approval),
        (
            "authenticator_data_that_says_too_little_is_refused",
            authenticator_data_that_says_too_little_is_refused,
        ),
        ("whoever_has_one_place_is_stopped_by_the_other", whoever_has_one_place_is_stopped_by_the_other),
        (
            "paper_takes_the_consent_of_a_stolen_phone_but_not_its_objections",
            paper_takes_the_consent_of_a_stolen_phone_but_not_its_objections,
        ),
        (
            "both_places_together_silence_even_one_of_themselves",
            both_places_together_silence_even_one_of_themselves,
        ),
        (
            "paper_and_two_desks_get_past_a_phone_that_always_objects_in_seven_days",
            paper_and_two_desks_get_past_a_phone_that_always_objects_in_seven_days,
        ),
        (
            "a_suspended_line_listens_to_more_than_the_phone_only",
            a_suspended_line_listens_to_more_than_the_phone_only,
        ),
        (
            "the_phone_alone_gets_past_no_suspension_by_naming_who_set_it",
            the_phone_alone_gets_past_no_suspension_by_naming_who_set_it,
        ),
        (
            "a_desk_darkens_no_line_for_good_whose_owner_has_only_the_phone_left",
            a_desk_darkens_no_line_for_good_whose_owner_has_only_the_phone_left,
        ),
        (
            "a_stolen_sheet_lifts_a_lock_or_moves_the_number_and_not_both",
            a_stolen_sheet_lifts_a_lock_or_moves_the_number_and_not_both,
        ),
        (
            "the_phone_alone_ends_no_better_request_by_naming_an_overridden_place",
            the_phone_alone_ends_no_better_request_by_naming_an_overridden_place,
        ),
        ("a_hold_forbids_its_kind_until_it_is_lifted", a_hold_forbids_its_kind_until_it_is_lifted),
        (
            "the_legal_bit_is_lifted_by_two_emergency_keys_and_by_nothing_else",
            the_legal_bit_is_lifted_by_two_emergency_keys_and_by_nothing_else,
        ),
        ("a_live_request_cannot_be_squatted", a_live_request_cannot_be_squatted),
        ("other_events_cannot_starve_an_owner", other_events_cannot_starve_an_owner),
        ("a_sheet_is_used_up_by_the_change_it_counted_in", a_sheet_is_used_up_by_the_change_it_counted_in),
        (
            "a_new_factor_objects_at_once_and_consents_after_a_week",
            a_new_factor_objects_at_once_and_consents_after_a_week,
        ),
        (
            "a_security_key_whose_counter_went_back_may_only_object",
            a_security_key_whose_counter_went_back_may_only_object,
        ),
        (
            "no_clock_of_fewer_witnesses_than_a_quorum_shortens_a_wait",
            no_clock_of_fewer_witnesses_than_a_quorum_shortens_a_wait,
        ),
        ("time_outside_the_requests_window_does_not_count", time_outside_the_requests_window_does_not_count),
        (
            "a_wait_that_began_before_the_owner_was_told_does_not_count",
            a_wait_that_began_before_the_owner_was_told_does_not_count,
        ),
        ("two_cards_with_one_imsi_or_one_key_are_refused", two_cards_with_one_imsi_or_one_key_are_refused),
        (
            "a_change_is_undone_by_an_ordinary_request_to_the_card_in_reserve",
            a_change_is_undone_by_an_ordinary_request_to_the_card_in_reserve,
        ),
        (
            "a_stand_by_card_sleeps_until_paper_and_the_card_itself_wake_it_on_a_suspended_line",
            a_stand_by_card_sleeps_until_paper_and_the_card_itself_wake_it_on_a_suspended_line,
        ),
        (
            "a_stand_by_card_woken_by_paper_alone_leaves_the_line_suspended",
            a_stand_by_card_woken_by_paper_alone_leaves_the_line_suspended,
        ),
        (
            "a_ported_numbers_two_places_count_as_one_for_thirty_days",
            a_ported_numbers_two_places_count_as_one_for_thirty_days,
        ),
        (
            "a_first_event_needs_two_places_and_everyones_proof",
            a_first_event_needs_two_places_and_everyones_proof,
        ),
        (
            "a_statement_of_one_deed_is_worth_nothing_in_another",
            a_statement_of_one_deed_is_worth_nothing_in_another,
        ),
        (
            "an_objection_before_the_closing_wins_in_any_order_of_messages",
            an_objection_before_the_closing_wins_in_any_order_of_messages,
        ),
        (
            "an_objection_after_the_closing_is_too_late_and_holds_the_next_change",
            an_objection_after_the_closing_is_too_late_and_holds_the_next_change,
        ),
        (
            "after_a_closing_has_run_out_objections_count_again",
            after_a_closing_has_run_out_objections_count_again,
        ),
        (
            "a_suspension_handed_in_directly_acts_before_any_chain_or_log",
            a_suspension_handed_in_directly_acts_before_any_chain_or_log,
        ),
        (
            "a_commit_whose_leaf_is_not_in_the_witnessed_log_changes_no_pin",
            a_commit_whose_leaf_is_not_in_the_witnessed_log_changes_no_pin,
        ),
        ("a_log_proof_that_does_not_hold_moves_nothing", a_log_proof_that_does_not_hold_moves_nothing),
        ("an_operators_key_signs_at_the_newest_event_only", an_operators_key_signs_at_the_newest_event_only),
        (
            "a_well_signed_assertion_without_the_user_or_for_another_site_is_refused",
            a_well_signed_assertion_without_the_user_or_for_another_site_is_refused,
        ),
        ("intents_that_fit_nothing_are_refused", intents_that_fit_nothing_are_refused),
        (
            "a_factor_whose_owner_has_not_shown_it_is_not_added",
            a_factor_whose_owner_has_not_shown_it_is_not_added,
        ),
        (
            "a_hold_that_stands_already_is_no_event_and_a_lifted_one_does_not_come_back",
            a_hold_that_stands_already_is_no_event_and_a_lifted_one_does_not_come_back,
        ),
        (
            "a_hold_that_stands_already_still_ends_the_request_that_is_live",
            a_hold_that_stands_already_still_ends_the_request_that_is_live,
        ),
        (
            "a_browser_that_writes_no_cross_origin_is_a_browser",
            a_browser_that_writes_no_cross_origin_is_a_browser,
        ),
        ("an_objection_has_one_voice", an_objection_has_one_voice),
        (
            "bytes_that_say_the_same_in_another_form_are_another_event_and_refused",
            bytes_that_say_the_same_in_another_form_are_another_event_and_refused,
        ),
    ]);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/deed-1.json");
    let text = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
    if std::env::var_os("SIMWARD_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    assert!(
        published == text,
        "the rules no longer say what {path} says; if that is meant, bless it and say why"
    );
    let refused = vectors["cases"].as_array().unwrap().iter().filter(|c| c["accept"] == false).count();
    assert!(refused >= 60, "most vectors are things to refuse: {refused}");
}
