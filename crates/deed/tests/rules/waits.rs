//! Time, as the witnesses have it.

use crate::*;

pub(crate) const SCENARIOS: &[Scenario] = scenarios![
    no_clock_of_fewer_witnesses_than_a_quorum_shortens_a_wait,
    time_outside_the_requests_window_does_not_count,
    a_wait_that_began_before_the_owner_was_told_does_not_count,
    a_ported_numbers_two_places_count_as_one_for_thirty_days,
    a_log_proof_that_does_not_hold_moves_nothing,
];

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
    assert_eq!(pin.resolve(UnixTime(world.now)), Some(to.imsi));
}
