//! Events 8, 9 and 10: a new watch key, a later manifest, what the authentication centre saw.

use crate::*;
use deed::event::Observation;
use keys::Secret;

pub(crate) const SCENARIOS: &[Scenario] = scenarios![
    what_becomes_stricter_is_adopted_at_once,
    a_desk_agrees_again_under_a_later_manifest,
    over_an_objection_a_manifests_own_wait_stays,
    what_becomes_looser_is_public_for_thirty_days_first,
    a_manifest_is_adopted_by_its_own_consent_service,
    an_older_manifest_does_not_come_back,
    a_new_watch_key_makes_the_tags_that_follow,
    a_watch_key_changes_by_a_grown_up_key_of_the_owners_own,
    a_thief_with_the_phone_of_a_suspended_line_blinds_nobody,
    what_the_authentication_centre_saw_is_its_word_alone,
];

fn adopt(world: &World, version: usize, proofs: Option<[&TlogProof; 2]>) -> Body {
    let [early, late] = proofs.map_or_else(Default::default, |proofs| proofs.map(TlogProof::encode));
    Body::Adopted { manifest: world.version(version).id(), early, late }
}

#[test]
fn what_becomes_stricter_is_adopted_at_once() {
    let mut world = World::new(true);
    world.say(&adopt(&world, 2, None), &[Who::Consent]).unwrap();
    assert_eq!(world.state().manifest, world.version(2).id());
    // The desk that it took away is nobody; the wait that it made longer is longer.
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey]);
    assert_eq!(code(world.veto(Who::Desk(1), request)), "signer");
    assert_eq!(code(world.commit_after(request, DAY)), "wait");
    world.commit_after(request, 4 * DAY).unwrap();
    let extra = world.publish(3);
    let proof = world.proof_at(extra);
    let mut world = World::new(true);
    assert_eq!(
        code(world.say(&adopt(&world, 2, Some([&proof; 2])), &[Who::Consent])),
        "log",
        "needs no proof"
    );
}

#[test]
fn a_desk_agrees_again_under_a_later_manifest() {
    let mut world = World::new(true);
    let to = world.card();
    let mut intent = world.move_to(&to);
    intent.over = Some(Place::Phone);
    let request = world.request(&intent).unwrap();
    for who in [Who::Sheet, Who::Desk(0), Who::Desk(1)] {
        world.agree(who, request, &intent).unwrap();
    }
    world.say(&adopt(&world, 2, None), &[Who::Consent]).unwrap();
    assert_eq!(code(world.agree(Who::Desk(1), request, &intent)), "signer");
    world.agree(Who::Desk(0), request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, 8 * DAY)), "class", "the second desk's key is gone");
}

#[test]
fn over_an_objection_a_manifests_own_wait_stays() {
    let mut world = World::new(true);
    world.say(&adopt(&world, 2, None), &[Who::Consent]).unwrap();
    let to = world.card();
    let mut intent = world.move_to(&to);
    intent.over = Some(Place::Operator);
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    assert_eq!(code(world.commit_after(request, 72 * HOUR)), "wait", "the phone alone waits four days here");
    world.commit_after(request, 4 * DAY).unwrap();
}

#[test]
fn what_becomes_looser_is_public_for_thirty_days_first() {
    let mut world = World::new(true);
    assert_eq!(code(world.say(&adopt(&world, 3, None), &[Who::LaterConsent])), "adoption");
    let place = world.publish(3);
    let early = world.proof_at(place);
    world.now += 30 * DAY - 1;
    let late = world.proof_at(place);
    assert_eq!(code(world.say(&adopt(&world, 3, Some([&early, &late])), &[Who::LaterConsent])), "wait");
    world.now += 1;
    let late = world.proof_at(place);
    assert_eq!(code(world.say(&adopt(&world, 3, Some([&late, &early])), &[Who::LaterConsent])), "wait");
    let again = world.publish(3);
    let other = world.proof_at(again);
    assert_eq!(code(world.say(&adopt(&world, 3, Some([&early, &other])), &[Who::LaterConsent])), "log");
    let event = world.proof(0);
    assert_eq!(code(world.say(&adopt(&world, 3, Some([&event, &event])), &[Who::LaterConsent])), "log");
    world.say(&adopt(&world, 3, Some([&early, &late])), &[Who::LaterConsent]).unwrap();
    assert_eq!(world.state().proved_time, world.now);
    // From now on the new key is the consent service's, and the old one nobody's.
    let to = world.card();
    let body = Body::Requested { intent: world.move_to(&to) };
    assert_eq!(code(world.say(&body, &[Who::Consent])), "signer");
    world.say(&body, &[Who::LaterConsent]).unwrap();
}

#[test]
fn a_manifest_is_adopted_by_its_own_consent_service() {
    let mut world = World::new(true);
    for who in [Who::Desk(0), Who::Issuer, Who::Auc, Who::Emergency(0)] {
        assert_eq!(code(world.say(&adopt(&world, 2, None), &[who])), "role", "{who:?}");
    }
    for who in [Who::Passkey, Who::Sheet] {
        assert_eq!(code(world.say(&adopt(&world, 2, None), &[who])), "role", "{who:?}");
    }
    let place = world.publish(3);
    let early = world.proof_at(place);
    world.now += 30 * DAY;
    let late = world.proof_at(place);
    let body = adopt(&world, 3, Some([&early, &late]));
    assert_eq!(code(world.say(&body, &[Who::Consent])), "signer", "it has no place in the third manifest");
    let unknown = Body::Adopted { manifest: [8; 32], early: vec![], late: vec![] };
    assert_eq!(code(world.say(&unknown, &[Who::Consent])), "manifest");
}

#[test]
fn an_older_manifest_does_not_come_back() {
    let mut world = World::new(true);
    assert_eq!(code(world.say(&adopt(&world, 1, None), &[Who::Consent])), "adoption");
    world.say(&adopt(&world, 2, None), &[Who::Consent]).unwrap();
    for version in [1, 2] {
        assert_eq!(code(world.say(&adopt(&world, version, None), &[Who::Consent])), "adoption");
    }
}

fn watched(n: u8) -> Body {
    Body::Watched { watch_key: Secret::new([n; 32]) }
}

#[test]
fn a_new_watch_key_makes_the_tags_that_follow() {
    let mut world = World::new(true);
    world.say(&watched(5), &[Who::Passkey]).unwrap();
    let (old, new) = (Secret::new(world.watch), Secret::new([5; 32]));
    assert_eq!(world.state().tag(1), deed::tag(&old, 1), "whoever watches sees that the key changes");
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey]);
    let state = world.state();
    for seq in 2..=state.seq() {
        assert_eq!(state.tag(seq), deed::tag(&new, seq));
        assert_ne!(state.tag(seq), deed::tag(&old, seq));
    }
    // Waits across the change are proved with the key of their own event.
    world.say(&watched(6), &[Who::Sheet]).unwrap();
    world.commit_after(request, DAY).unwrap();
    let pin = world.pin();
    assert_eq!(Pin::decode(&pin.encode()).unwrap(), pin);
    for used in [[5; 32], [6; 32], world.watch] {
        let body = Body::Watched { watch_key: Secret::new(used) };
        assert_eq!(code(world.say(&body, &[Who::Passkey])), "limit", "a key that was in use");
    }
    (10..39).for_each(|n| world.say(&watched(n), &[Who::Passkey]).unwrap());
    assert_eq!(code(world.say(&watched(99), &[Who::Passkey])), "limit");
}

#[test]
fn a_watch_key_changes_by_a_grown_up_key_of_the_owners_own() {
    let mut world = World::new(true);
    for who in [Who::HoldCode, Who::Consent, Who::Desk(0), Who::Auc, Who::Issuer] {
        assert_eq!(code(world.say(&watched(5), &[who])), "role", "{who:?}");
    }
    assert_eq!(code(world.say(&watched(5), &[Who::Passkey, Who::Sheet])), "role", "one is enough");
    world.trust(2);
    assert_eq!(code(world.say(&watched(5), &[Who::Person(0)])), "role", "people are told, they do not blind");
    // A key added lately.
    let mut young = passkey(9);
    let intent = world.intent(Change::AddFactor { factor: young.factor() });
    let request = world.request(&intent).unwrap();
    world.shown(request, &intent, &mut [&mut young]).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    world.commit_after(request, DAY).unwrap();
    let body = watched(5);
    let proof = young.prove(&world.deed_id(), world.tip(), &body);
    assert_eq!(code(world.push(&body, &[proof])), "role");
    // What was signed before an objection is void after it.
    let proof = world.passkey.prove(&world.deed_id(), world.tip(), &body);
    world.hold(Who::Sheet, &[bit::ROAMING]).unwrap();
    assert_eq!(code(world.push(&body, &[proof])), "stale");
}

#[test]
fn a_thief_with_the_phone_of_a_suspended_line_blinds_nobody() {
    let mut world = World::new(true);
    world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    assert_eq!(code(world.say(&watched(5), &[Who::Passkey])), "held");
    world.say(&watched(5), &[Who::Sheet]).unwrap();
}

#[test]
fn what_the_authentication_centre_saw_is_its_word_alone() {
    let mut world = World::new(true);
    let body = Body::Observed { what: Observation::Clone, digest: [4; 32] };
    for who in [Who::Passkey, Who::Consent, Who::Desk(0)] {
        assert_eq!(code(world.say(&body, &[who])), "role", "{who:?}");
    }
    assert_eq!(code(world.say(&body, &[])), "missing");
    let before = world.state();
    world.say(&body, &[Who::Auc]).unwrap();
    let mut after = world.state();
    after.heads.pop();
    assert_eq!(after, before, "it changes nothing");
}

#[test]
fn no_operators_key_fills_the_last_places_of_a_deed() {
    use deed::event::{MAX_EVENTS, RESERVED_EVENTS, assemble};
    let mut world = World::new(true);
    let mut state = world.state();
    let at = |state: &mut State, seq: u64| state.heads.resize(seq as usize, [1; 32]);
    let step = |world: &mut World, state: &State, who: Who, body: &Body| {
        let tip = AsOf { seq: state.seq(), head: state.head() };
        let proof = world.signer(who).prove(&state.deed_id, tip, body);
        let salt = world.salt();
        let bytes = assemble(&state.deed_id, tip.seq + 1, &tip.head, &salt, body, &[proof]);
        deed::verify::step(&Portable, &world.manifests, Some(state.clone()), &bytes)
    };
    let hold = |bit| Body::Held { bits: vec![bit], silenced: vec![], reason: 1 };
    let saw = Body::Observed { what: Observation::Edit, digest: [0; 32] };
    let to = world.card();
    let ask = Body::Requested { intent: world.move_to(&to) };
    at(&mut state, MAX_EVENTS - RESERVED_EVENTS - 1);
    let last = step(&mut world, &state, Who::Auc, &saw).unwrap();
    for (who, body) in [(Who::Auc, &saw), (Who::Consent, &ask), (Who::Desk(0), &hold(bit::ROAMING))] {
        assert_eq!(code(step(&mut world, &last, who, body)), "limit", "{who:?}");
    }
    step(&mut world, &last, Who::Passkey, &hold(bit::ROAMING)).unwrap();
    let live = step(&mut world, &last, Who::Passkey, &ask).unwrap();
    let told = Body::Notified { request: live.head(), receipts: vec![] };
    let live = step(&mut world, &live, Who::Consent, &told).unwrap();
    assert_eq!(code(step(&mut world, &live, Who::Consent, &told)), "limit", "told once is told");
    at(&mut state, MAX_EVENTS);
    assert_eq!(code(step(&mut world, &state, Who::Passkey, &ask)), "limit");
}
