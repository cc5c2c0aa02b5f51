//! A number that was closed rests, and then begins a new deed.

use crate::*;
use deed::event::Issued;

pub(crate) const SCENARIOS: &[Scenario] = scenarios![a_later_generation_names_how_the_one_before_ended];

/// A number given up, its last pin, and a body that begins the next generation.
fn closed() -> (World, Pin, Issued) {
    let mut world = World::new(true);
    let mut intent = world.intent(Change::Close);
    (intent.not_before, intent.expiry) = (world.now + 80 * DAY, world.now + 110 * DAY);
    let request = world.request(&intent).unwrap();
    for who in [Who::Desk(0), Who::Desk(1)] {
        world.agree(who, request, &intent).unwrap();
    }
    world.commit_after(request, 90 * DAY).unwrap();
    let pin = world.pin();
    let issued = next(&mut world, &pin);
    (world, pin, issued)
}

fn next(world: &mut World, pin: &Pin) -> Issued {
    world.sheet = sheet(50);
    let Body::Issued(issued) = world.issued(Source::New) else { panic!("event 0 is an issue") };
    Issued { generation: pin.state.generation + 1, previous: Some(pin.state.head()), ..issued }
}

/// What the pin of the number says to a first event, now.
fn begin(world: &mut World, pin: Option<Pin>, issued: Issued) -> Result<Pin, deed::Refusal> {
    (world.events, world.indices) = (vec![], vec![]);
    world.push_first(&Body::Issued(issued))?;
    let proof = world.proof(0);
    Pin::accept(&Portable, &world.manifests, &world.roll, pin, &world.events[0], Some(&proof))
}

#[test]
fn a_later_generation_names_how_the_one_before_ended() {
    let mut world = World::empty(true);
    let Body::Issued(issued) = world.issued(Source::New) else { panic!("event 0 is an issue") };
    for (generation, previous) in [(1, None), (0, Some([5; 32]))] {
        let body = Body::Issued(Issued { generation, previous, ..issued.clone() });
        assert_eq!(code(world.push_first(&body)), "issue");
    }
    let body = Body::Issued(Issued { generation: 1, previous: Some([5; 32]), ..issued });
    world.push_first(&body).unwrap();
}

#[test]
fn a_number_that_was_given_up_rests_ninety_days_and_begins_anew() {
    let (mut world, pin, issued) = closed();
    world.now += 90 * DAY - 1;
    assert_eq!(code(begin(&mut world, Some(pin.clone()), issued.clone())), "generation");
    world.now += 1;
    let again = begin(&mut world, Some(pin.clone()), issued).unwrap();
    assert_eq!((again.state.generation, again.state.seq()), (1, 0));
    assert_ne!(again.state.deed_id, pin.state.deed_id);
    let imsi = again.resolve(UnixTime(world.now)).unwrap();
    assert!(matches!(again.serve(&imsi, UnixTime(world.now)), Serve::Serve { .. }));
}

#[test]
fn what_does_not_follow_the_end_begins_nothing() {
    let (mut world, pin, issued) = closed();
    world.now += 365 * DAY;
    let wrong = [
        Issued { previous: Some([5; 32]), ..issued.clone() },
        Issued { generation: 2, ..issued.clone() },
        Issued { generation: 0, previous: None, ..issued.clone() },
        Issued { number: "8613800138001".parse().unwrap(), ..issued.clone() },
    ];
    for other in wrong {
        assert_eq!(code(begin(&mut world, Some(pin.clone()), other)), "generation");
    }
    assert_eq!(code(begin(&mut world, None, issued.clone())), "generation", "nothing was closed here");
    let living = World::new(true).pin();
    assert_eq!(code(begin(&mut world, Some(living), issued)), "living-deed");
}

#[test]
fn a_closed_number_hears_no_objection_and_serves_a_number_that_left_for_three_days() {
    let mut world = World::new(true);
    let both = [Who::Passkey, Who::Sheet];
    let body = Body::Held { bits: vec![bit::SERVICE], silenced: vec![], reason: 1 };
    let objection = world.passkey.object(&world.deed_id(), world.tip(), &body).encode();
    world.done(Change::PortOut { recipient: "Other".into(), code: [1; 32] }, &both, HOUR).unwrap();
    let mut pin = world.pin();
    let imsi = pin.state.card().unwrap().imsi;
    let left = pin.state.closed.clone().unwrap().ready;
    let refused = pin.object(&Portable, &world.manifests, &objection, UnixTime(world.now));
    assert_eq!(code(refused), "closed");
    for (seconds, served) in [(0, true), (72 * HOUR - 1, true), (72 * HOUR, false)] {
        let now = UnixTime(left + seconds);
        assert_eq!(matches!(pin.serve(&imsi, now), Serve::Serve { .. }), served, "after {seconds} s");
        assert_eq!((pin.resolve(now) == Some(imsi), pin.answers(&imsi, now)), (served, served));
        assert_eq!(!pin.occupied(now).is_empty(), served);
    }
    assert_eq!(Pin::decode(&pin.encode()).unwrap(), pin);
}
