//! Cards and first events.

use crate::*;

pub(crate) const SCENARIOS: &[Scenario] = scenarios![
    two_cards_with_one_imsi_or_one_key_are_refused,
    a_change_is_undone_by_an_ordinary_request_to_the_card_in_reserve,
    a_stand_by_card_sleeps_until_paper_and_the_card_itself_wake_it_on_a_suspended_line,
    a_stand_by_card_woken_by_paper_alone_leaves_the_line_suspended,
    a_first_event_needs_two_places_and_everyones_proof,
];

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
