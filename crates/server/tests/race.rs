//! A change is due, and at the same moment its owner stops it: two threads ask the node, its real store and its real log, at once.
//! Whichever comes first is what happens; after an objection that was in time nothing is carried out.
//! Each race holds back one of the two, in turn, and each time a little longer, so that the meeting point is crossed from both sides
//! whatever the scheduler of the machine prefers.
//!
//! SIMWARD_RACES says how many times; 10,000 in `./test --soak`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{DAY, Owner, Stage};
use deed::event::Body;
use deed::intent::{Change, Intent};
use deed::signer::SignStatement as _;
use operator::Refusal;
use server::{Committer, Handle};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use wire::Imsi;

/// Races on one number: a deed holds 4,096 events, and each race writes five at most.
const ON_ONE: usize = 700;

/// How long one of the two is held back at most, in microseconds: about what it takes the other to wake up.
const BEHIND: usize = 60;

/// The owner asks for a new card with the phone; the request, and the cards before and after.
fn ask(node: &Handle, owner: &mut Owner) -> ([u8; 32], Imsi, Imsi) {
    let number = owner.number;
    let (state, card, now) = node
        .run_blocking(move |node| {
            let card = node.draw_card(None)?.card;
            Ok((node.pin(&number)?.state.clone(), card, node.witnessed().0))
        })
        .unwrap();
    let (from, old, new) = (state.card().unwrap().id(), state.card().unwrap().imsi, card.imsi);
    let change = Change::Move { slot: 0, from, to: card, lost: false };
    let body = Body::Requested {
        intent: Intent { change, number, not_before: now, expiry: now + 20 * DAY, over: None },
    };
    let as_of = deed::event::AsOf { seq: state.seq(), head: state.head() };
    let proofs = vec![owner.passkey.prove(&state.deed_id, as_of, &body)];
    let said = node.run_blocking(move |node| node.statement(&number, 1, body.encode(), proofs)).unwrap();
    (said.reply.unwrap().state.live.unwrap().head, old, new)
}

/// Waits by looking at the clock: a sleep is rounded to more than a race takes.
fn spin(time: Duration) {
    let from = Instant::now();
    while from.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Race number `nth`; whether the owner was in time.
fn race(node: &Handle, stage: &Stage, owner: &mut Owner, nth: usize) -> bool {
    let number = owner.number;
    let (request, old, new) = ask(node, owner);
    // The wait begins, and is over.
    for seconds in [0, DAY] {
        stage.clock.0.fetch_add(seconds, Ordering::SeqCst);
        let look = move |node: &mut server::Node| -> Result<(), Refusal> {
            if seconds == 0 {
                node.tick_number(&number)
            }
            Ok(())
        };
        node.run_blocking(look).unwrap();
    }
    let state = node.run_blocking(move |node| Ok(node.pin(&number)?.state.clone())).unwrap();
    assert_eq!(state.card().unwrap().imsi, old, "it is due and not done");
    let as_of = deed::event::AsOf { seq: state.seq(), head: state.head() };
    let veto = owner.passkey.object(&state.deed_id, as_of, &Body::Vetoed { request, reason: 1 }).encode();
    let start = Arc::new(Barrier::new(2));
    let behind = Duration::from_micros((nth % BEHIND) as u64);
    let owner_last = !nth.is_multiple_of(2);
    let (owner_behind, clock_behind) =
        if owner_last { (behind, Duration::ZERO) } else { (Duration::ZERO, behind) };
    let owners = {
        let (node, start) = (node.clone(), start.clone());
        move || {
            start.wait();
            spin(owner_behind);
            match node.run_blocking(move |node| node.object(&veto)) {
                Ok(receipt) => receipt.in_time,
                // There is nothing left to object to.
                Err(refusal) if refusal.code() == "no-request" => false,
                Err(refusal) => panic!("{refusal}"),
            }
        }
    };
    let clocks = {
        let (node, start) = (node.clone(), start.clone());
        move || {
            start.wait();
            spin(clock_behind);
            let tick = move |node: &mut server::Node| {
                node.tick_number(&number);
                Ok(())
            };
            node.run_blocking(tick).unwrap();
        }
    };
    // Who comes to the barrier last goes on at once, the other has to be woken; so the last one waits, and each is the last in turn.
    let in_time = std::thread::scope(|scope| {
        if owner_last {
            let clocks = scope.spawn(clocks);
            let in_time = scope.spawn(owners).join().unwrap();
            clocks.join().unwrap();
            in_time
        } else {
            let owners = scope.spawn(owners);
            scope.spawn(clocks).join().unwrap();
            owners.join().unwrap()
        }
    });
    // However often it is looked at afterwards, and a day later too.
    let (after, serving) = node
        .run_blocking(move |node| {
            for _ in 0..3 {
                node.tick_number(&number);
            }
            Ok((node.pin(&number)?.state.clone(), node.resolve(&number)))
        })
        .unwrap();
    let is = after.card().unwrap().imsi;
    if in_time {
        assert_eq!((is, serving), (old, Some(old)), "carried out after an objection that was in time");
        assert!(after.live.is_none(), "the request is over");
    } else {
        assert_eq!((is, serving), (new, Some(new)), "too late, and yet not carried out");
    }
    in_time
}

#[test]
fn an_objection_and_the_change_it_is_against_are_never_both_done() {
    let races: usize = std::env::var("SIMWARD_RACES").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let mut stage = Stage::in_memory();
    let (mut stopped, mut done) = (0, 0);
    for number in 0..races.div_ceil(ON_ONE) {
        let mut owner = stage.issue(&format!("8613{number:09}"), 1 + 3 * u8::try_from(number % 80).unwrap());
        let committer = Committer::start(stage.node.take().unwrap()).unwrap();
        let node = committer.handle();
        for _ in 0..ON_ONE.min(races - stopped - done) {
            let nth = stopped + done;
            if race(&node, &stage, &mut owner, nth) { stopped += 1 } else { done += 1 }
        }
        drop((node, committer));
        stage.start();
        // And what was stored says the same to a node that begins anew.
        let pin = stage.node().pin(&owner.number).unwrap().state.card().unwrap().imsi;
        assert_eq!(stage.node().resolve(&owner.number), Some(pin));
    }
    println!("{races} races: {stopped} stopped in time, {done} carried out before, 0 both");
    assert!(stopped > races / 50 && done > races / 50, "one of them always wins: {stopped} and {done}");
}
