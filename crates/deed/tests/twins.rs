//! Twins of the attacks whose defences stand behind one another: each taken away alone, where that can be seen.
#![cfg(feature = "danger_switches")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use deed::defence::{Defence, danger_all_on, danger_switch_off};
use deed::event::{AsOf, Body, Source, assemble};
use deed::pin::{Objected, Pin};
use deed::signer::SignStatement;
use keys::sign::Portable;
use std::sync::{Mutex, PoisonError};
use wire::UnixTime;
use world::*;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn without(defence: Defence, run: impl FnOnce()) {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    danger_all_on();
    danger_switch_off(defence);
    run();
    danger_all_on();
}

#[test]
fn a_withheld_request_comes_back_where_objections_void_nothing() {
    without(Defence::ObjectionsVoid, || {
        let mut world = World::new(true);
        let to = world.card();
        let own = Body::Requested { intent: world.move_to(&to) };
        let proof = world.sheet.prove(&world.deed_id(), world.tip(), &own);
        let request = world.request(&world.move_to(&to)).unwrap();
        world.veto(Who::Passkey, request).unwrap();
        world.push(&own, &[proof]).unwrap();
    });
}

#[test]
fn a_statement_works_again_where_factors_do_not_move_on() {
    without(Defence::StatementsWorkOnce, || {
        let mut world = World::new(true);
        let (_, intent, request) = world.asked_and_agreed(&[]);
        let (body, proof) = world.consent_of(Who::Passkey, request, &intent);
        world.push(&body, std::slice::from_ref(&proof)).unwrap();
        world.push(&body, &[proof]).unwrap();
    });
}

#[test]
fn a_veto_is_acknowledged_and_the_number_moves_where_no_closing_decides() {
    without(Defence::ClosingDecides, || {
        let mut world = World::new(true);
        let (_, _, request) = world.asked_and_agreed(&[Who::Passkey]);
        let mut pin = world.pin();
        let start_seq = world.state().seq();
        let early = world.proof(start_seq);
        world.now += DAY;
        let body = world.commit_body(request, start_seq, &early);
        let proof = world.consent.prove(&world.deed_id(), world.tip(), &body);
        let commit = world.event(&body, &[proof]);
        let now = UnixTime(world.now);
        // Checked, then vetoed, then acted on: both get a yes.
        pin.close(&Portable, &world.manifests, &commit, now).unwrap();
        let veto = Body::Vetoed { request, reason: 1 };
        let objection = world.sheet.object(&world.deed_id(), world.tip(), &veto).encode();
        assert_eq!(pin.object(&Portable, &world.manifests, &objection, now).unwrap(), Objected::InTime);
        danger_switch_off(Defence::ObjectionsStop);
        world.push_bytes(commit.clone()).unwrap();
        let proof = world.proof(world.state().seq());
        Pin::accept(&Portable, &world.manifests, &world.roll, Some(pin), &commit, Some(&proof)).unwrap();
    });
}

#[test]
fn an_approval_of_one_card_moves_the_number_to_another_where_the_challenge_is_not_compared() {
    without(Defence::ChallengeIsTheStatement, || {
        let mut world = World::new(true);
        let (wanted, thiefs) = (world.card(), world.card());
        let intent = world.move_to(&wanted);
        let request = world.request(&intent).unwrap();
        let (_, approval) = world.consent_of(Who::Passkey, request, &intent);
        // Whoever sits between keeps it, lets the request end, asks for the thief's card, and hands it in for that.
        let ended = Body::Ended { request, reason: 2 };
        let proof = world.consent.prove(&world.deed_id(), world.tip(), &ended);
        world.push(&ended, &[proof]).unwrap();
        let intent = world.move_to(&thiefs);
        let request = world.request(&intent).unwrap();
        world.push(&Body::Consented { request, intent }, &[approval]).unwrap();
        world.commit_after(request, DAY).unwrap();
        assert_eq!(world.state().card().unwrap().id(), thiefs.id());
    });
}

#[test]
fn a_freshly_signed_history_is_legal_by_the_rules_alone() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    danger_all_on();
    // With the issuer's key a thief's keys make a perfect first event: only the pin and the log know better.
    let mut world = World::new(true);
    world.passkey = passkey(90);
    world.sheet = sheet(91);
    let body = world.issued(Source::New);
    let proofs = world.issue_proofs(&body);
    let forged = assemble(&[0; 32], 0, &[0; 32], &[5; 16], &body, &proofs);
    deed::verify(&Portable, &world.manifests, None, &[&forged]).unwrap();
    let pin = world.pin();
    let refused = Pin::accept(&Portable, &world.manifests, &world.roll, Some(pin), &forged, None);
    assert_eq!(code(refused), "living-deed");
    let _ = AsOf::NOTHING;
}

#[test]
fn a_second_genesis_is_accepted_where_no_living_pin_is_remembered() {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    danger_all_on();
    let mut world = World::new(true);
    world.passkey = passkey(90);
    world.sheet = sheet(91);
    let body = world.issued(Source::New);
    let proofs = world.issue_proofs(&body);
    let second = assemble(&[0; 32], 0, &[0; 32], &[5; 16], &body, &proofs);
    world.events.clear();
    world.indices.clear();
    world.push_bytes(second.clone()).unwrap();
    let proof = world.proof(0);
    Pin::accept(&Portable, &world.manifests, &world.roll, None, &second, Some(&proof)).unwrap();
}
