//! The enforcement point: objections beside the chain, closings, what is served.

use crate::*;

pub(crate) const SCENARIOS: &[Scenario] = scenarios![
    an_objection_before_the_closing_wins_in_any_order_of_messages,
    an_objection_after_the_closing_is_too_late_and_holds_the_next_change,
    after_a_closing_has_run_out_objections_count_again,
    a_suspension_handed_in_directly_acts_before_any_chain_or_log,
    a_commit_whose_leaf_is_not_in_the_witnessed_log_changes_no_pin,
];

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
    let imsi = pin.resolve(UnixTime(world.now)).unwrap();
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
