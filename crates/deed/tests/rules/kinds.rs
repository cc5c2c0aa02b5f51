//! What else an owner may ask for: cards and keys that go, trusted people, leaving, a new owner, an end.

use crate::*;
use deed::event::Proof;
use deed::record::FactorId;

pub(crate) const SCENARIOS: &[Scenario] = scenarios![
    a_further_card_goes_after_a_day_and_the_first_one_never,
    taking_a_key_away_takes_a_week_with_one_place_and_leaves_the_owner_a_key,
    a_sheet_takes_no_key_away_and_leaves_its_owner_with_a_used_one,
    giving_ones_own_key_up_takes_no_time_where_a_key_of_each_place_is_left,
    a_thief_who_gives_up_the_only_key_in_its_place_waits_like_anybody,
    trusted_people_speak_together_and_wait_three_days,
    one_friend_alone_is_nobody,
    trusted_people_help_an_owner_past_a_thief_in_either_place,
    trusted_people_rescue_a_suspended_line,
    trusted_people_take_nothing_away,
    a_trusted_person_who_never_showed_the_key_is_not_named,
    a_trusted_person_there_is_stays_as_recorded,
    a_number_leaves_with_its_owners_keys_and_not_within_a_week_of_a_change,
    after_a_number_has_left_nothing_follows,
    a_transfer_brings_the_whole_new_set_and_takes_the_old_one_away,
    a_transfer_with_a_key_of_the_owner_before_is_refused,
    a_number_whose_owner_does_not_speak_is_given_up_by_two_desks_in_ninety_days,
    whoever_speaks_stops_the_giving_up,
    a_new_key_is_for_the_same_card,
    tenure_changes_and_must_change,
    over_an_objection_nothing_is_sooner_than_without,
    intents_that_say_too_much_or_too_little_are_refused,
];

const BOTH: [Who; 2] = [Who::Passkey, Who::Sheet];

fn ids(world: &World) -> Vec<FactorId> {
    world.state().factors.iter().map(|f| f.id).collect()
}

/// A further card in a slot, awake.
fn with_companion(slot: u64) -> (World, Change) {
    let mut world = World::new(true);
    let card = world.card();
    let from = card.id();
    world.done(Change::Add { slot, card, dormant: false }, &[Who::Passkey], DAY).unwrap();
    (world, Change::RemoveCard { slot, from })
}

#[test]
fn a_further_card_goes_after_a_day_and_the_first_one_never() {
    for (by, wait) in [(&BOTH[..], DAY), (&[Who::Passkey], 7 * DAY)] {
        let (mut world, remove) = with_companion(3);
        let request = world.agreed(remove, by);
        assert_eq!(code(world.commit_after(request, wait - 1)), "wait");
        world.commit_after(request, wait).unwrap();
        assert_eq!(world.state().slots.len(), 1);
    }
    let (world, _) = with_companion(1);
    let first = world.state().card().unwrap().id();
    for (slot, from) in [(0, first), (1, first), (2, first)] {
        let mut world = world.fork();
        let intent = world.intent(Change::RemoveCard { slot, from });
        assert_eq!(code(world.request(&intent)), "intent", "slot {slot}");
    }
}

#[test]
fn taking_a_key_away_takes_a_week_with_one_place_and_leaves_the_owner_a_key() {
    let remove = |world: &World| Change::RemoveFactor { factor: FactorId(world.sheet.factor().id().0) };
    let mut world = World::new(true);
    let request = world.agreed(remove(&world), &[Who::Passkey]);
    assert_eq!(code(world.commit_after(request, 7 * DAY - 1)), "wait");
    world.veto(Who::Sheet, request).unwrap();
    world.done(remove(&world), &[Who::Passkey], 7 * DAY).unwrap();
    assert!(!ids(&world).contains(&world.sheet.factor().id()));
    // What is gone says nothing any more, and the last key stays.
    let to = world.card();
    let intent = world.move_to(&to);
    let request = world.request(&intent).unwrap();
    assert_eq!(code(world.agree(Who::Sheet, request, &intent)), "signer");
    let last = Change::RemoveFactor { factor: world.passkey.factor().id() };
    let intent = world.intent(last);
    assert_eq!(code(world.request(&intent)), "intent");
    let nobody = world.intent(Change::RemoveFactor { factor: world.sheet.factor().id() });
    assert_eq!(code(world.request(&nobody)), "intent");
}

#[test]
fn a_sheet_takes_no_key_away_and_leaves_its_owner_with_a_used_one() {
    let mut world = World::new(true);
    let request = world.agreed(Change::RemoveFactor { factor: world.passkey.factor().id() }, &[Who::Sheet]);
    assert_eq!(code(world.commit_after(request, 7 * DAY)), "intent", "it would be the last key, and spent");
}

/// An owner with a second passkey in the phone, grown up.
fn with_second_passkey() -> (World, deed::signer::SoftPasskey) {
    let mut world = World::new(true);
    let mut second = passkey(9);
    let intent = world.intent(Change::AddFactor { factor: second.factor() });
    let request = world.request(&intent).unwrap();
    world.shown(request, &intent, &mut [&mut second]).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    world.commit_after(request, DAY).unwrap();
    world.now = intent.expiry + 7 * DAY;
    (world, second)
}

#[test]
fn giving_ones_own_key_up_takes_no_time_where_a_key_of_each_place_is_left() {
    let (mut world, second) = with_second_passkey();
    world.done(Change::RemoveFactor { factor: world.passkey.factor().id() }, &[Who::Passkey], 0).unwrap();
    assert_eq!(ids(&world).len(), 3);
    // Somebody else's key is not his own.
    let (mut world, _) = with_second_passkey();
    let request = world.agreed(Change::RemoveFactor { factor: second.factor().id() }, &[Who::Passkey]);
    assert_eq!(code(world.commit_after(request, DAY)), "wait");
}

#[test]
fn a_thief_who_gives_up_the_only_key_in_its_place_waits_like_anybody() {
    let mut world = World::new(true);
    let request = world.agreed(Change::RemoveFactor { factor: world.passkey.factor().id() }, &[Who::Passkey]);
    assert_eq!(
        code(world.commit_after(request, DAY)),
        "wait",
        "else the owner would have lost the short wait"
    );
    world.commit_after(request, 7 * DAY).unwrap();
}

#[test]
fn trusted_people_speak_together_and_wait_three_days() {
    let mut world = World::new(true);
    world.trust(3);
    let to = world.card();
    let change = Change::Move { slot: 0, from: world.state().card().unwrap().id(), to, lost: false };
    let request = world.agreed(change.clone(), &[Who::Person(0)]);
    assert_eq!(code(world.commit_after(request, 10 * DAY)), "class", "one of them is nobody");
    world.veto(Who::Person(1), request).unwrap();
    let request = world.agreed(change, &[Who::Person(0), Who::Person(2)]);
    assert_eq!(code(world.commit_after(request, 72 * HOUR - 1)), "wait");
    world.commit_after(request, 72 * HOUR).unwrap();
    let held = Pin { state: world.state(), last_index: 0, standing: vec![], closing: None, late: 0 };
    let imsi = held.resolve(UnixTime(world.now)).unwrap();
    let until = UnixTime(world.state().moved.unwrap().ready + 72 * HOUR);
    assert_eq!(held.serve(&imsi, UnixTime(world.now)), Serve::Serve { sms_held_until: Some(until) });
    // The owner, with any key, stops them.
    let (_, _, request) = world.asked_and_agreed(&[Who::Person(0), Who::Person(1)]);
    world.veto(Who::Passkey, request).unwrap();
}

#[test]
fn one_friend_alone_is_nobody() {
    let mut world = World::new(true);
    let person =
        |n: u8| deed::signer::RawSigner::new(Purpose::Guardian, Place::People, ed25519(n)).factor().clone();
    let own = world.hold_code.factor().clone();
    for (needed, people) in [
        (1, vec![person(20)]),
        (1, vec![person(20), person(21)]),
        (3, vec![person(20), person(21)]),
        (2, vec![person(20), person(20)]),
        (2, vec![person(20), own]),
        (0, vec![person(20), person(21)]),
        (2, vec![]),
        (0, vec![]),
    ] {
        let intent = world.intent(Change::Trust { needed, people: people.clone() });
        assert_eq!(code(world.request(&intent)), "intent", "{needed} of {}", people.len());
    }
    let many = world.intent(Change::Trust { needed: 2, people: (20..29).map(person).collect() });
    assert_eq!(code(world.request(&many)), "limit");
}

#[test]
fn trusted_people_help_an_owner_past_a_thief_in_either_place() {
    for (over, owner, thief) in
        [(Place::Phone, Who::Sheet, Who::Passkey), (Place::Elsewhere, Who::Passkey, Who::Sheet)]
    {
        let mut world = World::new(true);
        world.trust(2);
        let to = world.card();
        let mut intent = world.move_to(&to);
        intent.over = Some(over);
        let request = world.request(&intent).unwrap();
        world.agree(owner, request, &intent).unwrap();
        world.agree(Who::Person(0), request, &intent).unwrap();
        assert_eq!(code(world.veto(thief, request)), "overridden");
        assert_eq!(code(world.commit_after(request, 72 * HOUR)), "class", "one friend is not enough");
        world.agree(Who::Person(1), request, &intent).unwrap();
        assert_eq!(code(world.commit_after(request, 72 * HOUR - 1)), "wait");
        world.commit_after(request, 72 * HOUR).unwrap();
        assert_eq!(world.state().card().unwrap().id(), to.id());
    }
    // People alone override nobody.
    let mut world = World::new(true);
    world.trust(3);
    let to = world.card();
    let mut intent = world.move_to(&to);
    intent.over = Some(Place::Phone);
    let request = world.request(&intent).unwrap();
    (0..3).for_each(|n| world.agree(Who::Person(n), request, &intent).unwrap());
    assert_eq!(code(world.commit_after(request, 8 * DAY)), "class");
}

#[test]
fn trusted_people_rescue_a_suspended_line() {
    let mut world = World::new(true);
    world.trust(2);
    world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    let (to, _, request) = world.asked_and_agreed(&[Who::Person(0), Who::Person(1)]);
    world.commit_after(request, 72 * HOUR).unwrap();
    assert_eq!(world.state().card().unwrap().id(), to.id());
    assert_eq!(
        world.state().standing_holds(),
        [bit::SERVICE],
        "it goes on being suspended until it is resumed"
    );
}

#[test]
fn trusted_people_take_nothing_away() {
    let mut world = World::new(true);
    world.trust(2);
    let sheet = world.sheet.factor().id();
    let code_of = |world: &mut World, change: Change| {
        let request = world.agreed(change, &[Who::Person(0), Who::Person(1)]);
        let result = code(world.commit_after(request, 19 * DAY));
        world.veto(Who::Passkey, request).unwrap();
        result
    };
    assert_eq!(code_of(&mut world, Change::RemoveFactor { factor: sheet }), "class");
    assert_eq!(code_of(&mut world, Change::Trust { needed: 0, people: vec![] }), "class");
    assert_eq!(code_of(&mut world, Change::Tenure { tenure: deed::record::Tenure::Business }), "class");
    world.hold(Who::Passkey, &[bit::MOVE]).unwrap();
    assert_eq!(code_of(&mut world, Change::ClearHolds { bits: vec![bit::MOVE] }), "class");
    let person = world.people[0].factor().id();
    let intent = world.intent(Change::RemoveFactor { factor: person });
    assert_eq!(code(world.request(&intent)), "intent", "they are named as a whole");
}

#[test]
fn a_trusted_person_who_never_showed_the_key_is_not_named() {
    let mut world = World::new(true);
    let people: Vec<_> = world.people.iter().map(|p| p.factor().clone()).collect();
    let request = world.agreed(
        Change::Trust { needed: 2, people: people.clone() },
        &[Who::Passkey, Who::Sheet, Who::Person(0), Who::Person(1)],
    );
    assert_eq!(code(world.commit_after(request, DAY)), "missing");
    let intent = world.state().live.unwrap().intent;
    world.agree(Who::Person(2), request, &intent).unwrap();
    world.commit_after(request, DAY).unwrap();
    // Fewer, two of them the same: nobody shows anything anew, and the third is gone.
    world.now += 40 * DAY;
    world.sheet = sheet(2);
    let fewer = Change::Trust { needed: 2, people: people[..2].to_vec() };
    world.done(fewer, &[Who::Passkey], 7 * DAY).unwrap();
    assert_eq!(world.state().factors.iter().filter(|f| f.factor.place == Place::People).count(), 2);
}

#[test]
fn a_number_leaves_with_its_owners_keys_and_not_within_a_week_of_a_change() {
    let leave = || Change::PortOut { recipient: "Other Mobile".into(), code: [7; 32] };
    for (by, wait) in [(&BOTH[..], HOUR), (&[Who::Sheet], DAY)] {
        let mut world = World::new(true);
        let request = world.agreed(leave(), by);
        assert_eq!(code(world.commit_after(request, wait - 1)), "wait");
        world.commit_after(request, wait).unwrap();
        assert_eq!(world.state().closed.unwrap().recipient.unwrap(), "Other Mobile");
    }
    let mut world = World::new(true);
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey]);
    world.commit_after(request, DAY).unwrap();
    let request = world.agreed(leave(), &[Who::Passkey]);
    assert_eq!(code(world.commit_after(request, 7 * DAY - 1)), "wait");
    world.commit_after(request, 1).unwrap_err();
    world.commit_after(request, DAY).unwrap();
    let mut world = World::new(true);
    world.hold(Who::HoldCode, &[bit::PORT_OUT]).unwrap();
    let intent = world.intent(leave());
    assert_eq!(code(world.request(&intent)), "held");
}

#[test]
fn after_a_number_has_left_nothing_follows() {
    let mut world = World::new(true);
    world.done(Change::PortOut { recipient: "Other Mobile".into(), code: [7; 32] }, &BOTH, HOUR).unwrap();
    let to = world.card();
    let intent = world.move_to(&to);
    assert_eq!(code(world.request(&intent)), "closed");
    assert_eq!(code(world.hold(Who::Passkey, &[bit::MOVE])), "closed");
    let body = Body::Watched { watch_key: keys::Secret::new([3; 32]) };
    assert_eq!(code(world.say(&body, &[Who::Passkey])), "closed");
}

#[test]
fn a_trusted_person_there_is_stays_as_recorded() {
    let mut world = World::new(true);
    let guardian = |cred_id: u8| Factor {
        purpose: Purpose::Guardian,
        place: Place::People,
        key: FactorKey::Passkey {
            point: match passkey(60).factor().key {
                FactorKey::Passkey { point, .. } => point,
                _ => panic!("a passkey is a passkey"),
            },
            rp_id: RP_ID.into(),
            cred_id: vec![cred_id],
            aaguid: [0; 16],
            reg_flags: 0x1d,
        },
    };
    let other = world.people[0].factor().clone();
    let intent = world.intent(Change::Trust { needed: 2, people: vec![guardian(1), other.clone()] });
    let mut key = deed::signer::SoftPasskey::synced(
        Es256Key::from_scalar(&keys::Secret::new([60; 32])).unwrap(),
        RP_ID,
        ORIGIN,
        &[1],
    );
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    world.agree(Who::Person(0), request, &intent).unwrap();
    world.shown(request, &intent, &mut [&mut key]).unwrap();
    world.commit_after(request, 7 * DAY).unwrap();
    let intent = world.intent(Change::Trust { needed: 2, people: vec![guardian(2), other] });
    assert_eq!(code(world.request(&intent)), "intent");
}

/// What a new owner brings.
struct NewOwner {
    passkey: deed::signer::SoftPasskey,
    sheet: deed::signer::Sheet,
}

impl NewOwner {
    fn new() -> Self {
        Self { passkey: passkey(40), sheet: sheet(41) }
    }

    fn set(&self) -> Vec<Factor> {
        vec![self.passkey.factor(), self.sheet.factor()]
    }
}

#[test]
fn a_transfer_brings_the_whole_new_set_and_takes_the_old_one_away() {
    let mut world = World::new(true);
    world.trust(2);
    let mut new = NewOwner::new();
    let intent = world.intent(Change::Transfer { factors: new.set() });
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    world.shown(request, &intent, &mut [&mut new.passkey]).unwrap();
    assert_eq!(code(world.commit_after(request, DAY)), "missing", "the sheet was not shown");
    world.shown(request, &intent, &mut [&mut new.sheet]).unwrap();
    assert_eq!(code(world.commit_after(request, 7 * DAY - 1)), "wait");
    world.commit_after(request, 7 * DAY).unwrap();
    assert_eq!(ids(&world), [new.passkey.factor().id(), new.sheet.factor().id()]);
    assert_eq!(world.state().people_needed, 0);
    // The old owner is nobody; the new one stops what he sees, and moves the number when his keys have grown up.
    let (_, wish, request) = world.asked_and_agreed(&[]);
    assert_eq!(code(world.agree(Who::Passkey, request, &wish)), "signer");
    world.shown(request, &wish, &mut [&mut new.passkey, &mut new.sheet]).unwrap();
    assert_eq!(code(world.commit_after(request, 15 * MINUTE)), "class");
    let veto = Body::Vetoed { request, reason: 1 };
    let proof = new.passkey.prove(&world.deed_id(), world.tip(), &veto);
    world.push(&veto, &[proof]).unwrap();
    world.now = intent.expiry + 7 * DAY;
    let (to, wish, request) = world.asked_and_agreed(&[]);
    world.shown(request, &wish, &mut [&mut new.passkey, &mut new.sheet]).unwrap();
    world.commit_after(request, 15 * MINUTE).unwrap();
    assert_eq!(world.state().card().unwrap().id(), to.id());
}

#[test]
fn a_transfer_with_a_key_of_the_owner_before_is_refused() {
    let mut world = World::new(true);
    let new = NewOwner::new();
    let person = world.people[0].factor().clone();
    for set in [
        vec![new.passkey.factor(), world.sheet.factor()],
        vec![new.passkey.factor()],
        vec![new.sheet.factor()],
        vec![],
        vec![new.passkey.factor(), new.sheet.factor(), new.sheet.factor()],
        vec![new.passkey.factor(), new.sheet.factor(), person],
    ] {
        let intent = world.intent(Change::Transfer { factors: set });
        assert_eq!(code(world.request(&intent)), "intent");
    }
}

/// Two desks ask to give the number up; the request's head.
fn giving_up(world: &mut World, by: &[Who]) -> deed::Digest {
    let mut intent = world.intent(Change::Close);
    (intent.not_before, intent.expiry) = (world.now + 80 * DAY, world.now + 110 * DAY);
    let request = world.request(&intent).unwrap();
    by.iter().for_each(|who| world.agree(*who, request, &intent).unwrap());
    request
}

const DESKS: [Who; 2] = [Who::Desk(0), Who::Desk(1)];

#[test]
fn a_number_whose_owner_does_not_speak_is_given_up_by_two_desks_in_ninety_days() {
    let mut world = World::new(true);
    let request = giving_up(&mut world, &DESKS[..1]);
    assert_eq!(code(world.commit_after(request, 100 * DAY)), "class", "one desk is not enough");
    let mut world = World::new(true);
    let request = giving_up(&mut world, &DESKS);
    assert_eq!(code(world.commit_after(request, 90 * DAY - 1)), "wait");
    let mut world = World::new(true);
    let request = giving_up(&mut world, &DESKS);
    world.commit_after(request, 90 * DAY).unwrap();
    let closed = world.state().closed.unwrap();
    assert_eq!((closed.ready, closed.recipient), (world.now, None));
    let pin = world.pin();
    let imsi = pin.state.card().unwrap().imsi;
    assert!(matches!(pin.serve(&imsi, UnixTime(world.now)), Serve::Refuse(_)));
    assert_eq!(pin.resolve(UnixTime(world.now)), None);
    let mut world = World::new(true);
    let request = giving_up(&mut world, &DESKS);
    let early = world.proof(world.state().seq());
    let start_seq = world.state().seq();
    world.now += 90 * DAY;
    let Body::Committed { request: _, early, late, .. } = world.commit_body(request, start_seq, &early)
    else {
        panic!("a commit is a commit")
    };
    let origin = world.proof(1).encode();
    let body = Body::Committed { request, start_seq, early, late, origin };
    assert_eq!(code(world.say(&body, &[Who::Consent])), "log", "a proof that nothing needs");
    // An owner closes nothing in this way, and nobody's voice is overridden by it.
    let mut world = World::new(true);
    let mut intent = world.intent(Change::Close);
    let request = world.request(&intent).unwrap();
    for who in [Who::Passkey, Who::Sheet, Who::Emergency(0), Who::Consent] {
        assert_eq!(code(world.agree(who, request, &intent)), "role", "{who:?}");
    }
    world.veto(Who::Passkey, request).unwrap();
    intent.over = Some(Place::Phone);
    assert_eq!(code(world.request(&intent)), "intent");
}

#[test]
fn whoever_speaks_stops_the_giving_up() {
    for who in [Who::Passkey, Who::Sheet] {
        let mut world = World::new(true);
        let request = giving_up(&mut world, &DESKS);
        world.now += 89 * DAY;
        world.veto(who, request).unwrap();
        assert!(world.state().live.is_none());
    }
    // Whoever asks for anything is there, even through the operator.
    let mut world = World::new(true);
    giving_up(&mut world, &DESKS);
    let (_, _, request) = world.asked_and_agreed(&[]);
    assert_eq!(world.state().live.unwrap().head, request);
    let mut world = World::new(true);
    giving_up(&mut world, &DESKS);
    world.hold(Who::HoldCode, &[bit::SERVICE]).unwrap();
    assert!(world.state().live.is_none());
}

#[test]
fn a_new_key_is_for_the_same_card() {
    let mut world = World::new(true);
    let old = world.state().card().unwrap().clone();
    let from = old.id();
    let other = world.card();
    let to = deed::record::Card { key_commit: other.key_commit, ..old.clone() };
    let change = |to: &deed::record::Card| Change::NewKey { slot: 0, from, to: to.clone() };
    for wrong in [
        other.clone(),
        deed::record::Card { imsi: other.imsi, ..to.clone() },
        deed::record::Card { iccid: other.iccid, ..to.clone() },
        deed::record::Card { eid: Some("89049032000001000000012345678901".parse().unwrap()), ..to.clone() },
        old.clone(),
    ] {
        let intent = world.intent(change(&wrong));
        assert_eq!(code(world.request(&intent)), "intent");
    }
    let request = world.agreed(change(&to), &BOTH);
    assert_eq!(code(world.commit_after(request, 15 * MINUTE - 1)), "wait");
    world.commit_after(request, 15 * MINUTE).unwrap();
    assert_eq!(world.state().card(), Some(&to));
    assert_eq!(world.state().moved.unwrap().reserved, None, "the key before is gone for good");
    // What there was to go back to, stays.
    let mut world = World::new(true);
    let first = world.state().card().unwrap().clone();
    let (second, _, request) = world.asked_and_agreed(&[Who::Passkey]);
    world.commit_after(request, DAY).unwrap();
    let other = world.card();
    let to = deed::record::Card { key_commit: other.key_commit, ..second.clone() };
    world.done(Change::NewKey { slot: 0, from: second.id(), to }, &[Who::Passkey], DAY).unwrap();
    assert_eq!(world.state().moved.unwrap().reserved, Some(first));
}

#[test]
fn tenure_changes_and_must_change() {
    use deed::record::Tenure;
    let mut world = World::new(true);
    let same = world.intent(Change::Tenure { tenure: Tenure::Personal });
    assert_eq!(code(world.request(&same)), "intent");
    world.done(Change::Tenure { tenure: Tenure::Business }, &BOTH, DAY).unwrap();
    assert_eq!(world.state().tenure, Tenure::Business);
}

#[test]
fn over_an_objection_nothing_is_sooner_than_without() {
    let mut world = World::new(true);
    let mut intent = world.intent(Change::RemoveFactor { factor: world.sheet.factor().id() });
    intent.over = Some(Place::Operator);
    let request = world.request(&intent).unwrap();
    world.agree(Who::Passkey, request, &intent).unwrap();
    assert_eq!(
        code(world.commit_after(request, 72 * HOUR)),
        "wait",
        "a phone alone removes no paper in three days"
    );
    world.commit_after(request, 7 * DAY).unwrap();
}

#[test]
fn intents_that_say_too_much_or_too_little_are_refused() {
    let mut world = World::new(true);
    let good = world.intent(Change::Close).encode();
    assert!(deed::intent::Intent::decode(&good).is_ok());
    // [10, number, slot, from, subject, …]: the head, the kind, the number's fifteen octets.
    let at = 2 + 1 + world.state().number.as_str().len();
    let changed = |at: usize, with: &[u8]| [&good[..at], with, &good[at + 1..]].concat();
    for (what, bytes) in [
        ("a slot", changed(at, &[1])),
        ("a card", changed(at + 1, &[&[0x58, 32][..], &[7; 32]].concat())),
        ("a subject", changed(at + 2, &[0x41, 0])),
        ("a flag", [&good[..good.len() - 1], &[1]].concat()),
        ("a kind that is none", changed(1, &[14])),
    ] {
        assert!(deed::intent::Intent::decode(&bytes).is_err(), "{what}");
        let event = with_intent(&mut world, &bytes);
        world.push_bytes(event).unwrap_err();
    }
    let long = world.intent(Change::PortOut { recipient: "x".repeat(65), code: [0; 32] });
    assert_eq!(code(world.request(&long)), "limit");
    let nameless = world.intent(Change::PortOut { recipient: String::new(), code: [0; 32] });
    assert_eq!(code(world.request(&nameless)), "limit");
}

/// Event 1 with any bytes in the intent's place, signed by the consent service.
fn with_intent(world: &mut World, intent: &[u8]) -> Vec<u8> {
    let (deed_id, tip, salt) = (world.deed_id(), world.tip(), world.salt());
    let message = deed::event::message(&deed_id, &tip, 1, intent);
    let evidence = world.consent.evidence(&message);
    let proof = Proof { signer: world.consent.id(), as_of: tip, evidence };
    deed::cbor::Writer::new()
        .array(8)
        .uint(1)
        .bytes(&deed_id)
        .uint(tip.seq + 1)
        .bytes(&tip.head)
        .bytes(&salt)
        .uint(1)
        .raw(intent)
        .list(&[proof], |w, proof| w.raw(&proof.encode()))
        .done()
}
