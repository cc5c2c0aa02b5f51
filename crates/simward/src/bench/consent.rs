//! Consent: how fast a history is verified, one passkey's proof to an event, beside the same in portable Rust.

use super::{BenchError, Figure};
use crate::number::issue::{draw, issue_to};
use crate::owner::Owner;
use crate::stage::Stage;
use crate::up::seeded;
use deed::State;
use deed::event::{AsOf, Body};
use deed::intent::{Change, Intent};
use deed::manifest::Manifests;
use deed::record::Card;
use deed::signer::SignStatement as _;
use keys::sign::{Host, Portable, Verifier};
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};
use wire::Msisdn;

/// When the measurement's clock stands.
const START: u64 = 1_800_000_000;
const DAY: u64 = 86_400;
/// Days on which the owner asks for a change and stops it, and how often in a day: fewer than one key may say.
const DAYS: u64 = 10;
const PAIRS: u64 = 25;

/// Verifying from nothing, by the host's verifier and by the portable one.
pub(crate) fn run(duration: Duration) -> Result<Vec<Figure>, BenchError> {
    let folder = tempfile::tempdir()?;
    let stage = Stage::open(folder.path(), START)?;
    let mut rng = seeded()?;
    let number: Msisdn = "8613800138000".parse().map_err(io::Error::other)?;
    let (mut owner, _) = issue_to(stage.api()?, &number, &mut rng).map_err(io::Error::other)?;
    let (card, _) = draw(stage.api()?, &number, &mut rng).map_err(io::Error::other)?;
    tracing::info!("asking for {} changes and stopping each", DAYS * PAIRS);
    for _ in 0..DAYS {
        for _ in 0..PAIRS {
            ask_and_stop(&stage, &number, &mut owner, &card)?;
        }
        stage.advance(DAY);
        stage.tick()?;
    }
    let history =
        stage.handle()?.run_blocking(move |node| node.history(&number)).map_err(io::Error::other)?;
    let root = owner.receipt.root_digest;
    let manifests = Manifests::verify(&Host, &root, &history.manifests).map_err(io::Error::other)?;
    let events: Vec<Vec<u8>> = history.events.iter().map(|e| e.event.clone()).collect();
    let mut figures = vec![
        verified("consent.verify_head", &Host, &manifests, &events, duration)?,
        verified("consent.verify_head.portable", &Portable, &manifests, &events, duration / 2)?,
    ];
    figures.extend(super::timeline::run(&stage, folder.path(), duration)?);
    Ok(figures)
}

/// The owner asks for a change with the phone, and thinks better of it.
fn ask_and_stop(stage: &Stage, number: &Msisdn, owner: &mut Owner, card: &Card) -> Result<(), BenchError> {
    let (number, deed_id, now) = (*number, owner.receipt.deed_id, stage.now());
    let pinned = move |node: &mut server::Node| Ok(node.pin(&number)?.state.clone());
    let state = stage.handle()?.run_blocking(pinned).map_err(io::Error::other)?;
    let from = state.card().map(Card::id).ok_or_else(|| io::Error::other("the number has no card"))?;
    let change = Change::Move { slot: 0, from, to: card.clone(), lost: false };
    let intent = Intent { change, number, not_before: now, expiry: now + DAY, over: None };
    // What the deed is after a statement of the owner's.
    let mut say = |state: &State, body: Body| -> Result<State, BenchError> {
        let as_of = AsOf { seq: state.heads.len().saturating_sub(1) as u64, head: state.head() };
        let proofs = vec![owner.passkey.prove(&deed_id, as_of, &body)];
        let (kind, body) = (body.kind(), body.encode());
        let said = stage.handle()?.run_blocking(move |node| node.statement(&number, kind, body, proofs));
        Ok(said.and_then(|stated| stated.reply).map_err(io::Error::other)?.state)
    };
    let state = say(&state, Body::Requested { intent })?;
    let live = state.live.as_ref().ok_or_else(|| io::Error::other("no request is live"))?;
    let request = live.head;
    say(&state, Body::Vetoed { request, reason: 1 }).map(drop)
}

/// A whole history again and again; events a second.
fn verified(
    name: &'static str,
    verifier: &impl Verifier,
    manifests: &Manifests,
    events: &[Vec<u8>],
    duration: Duration,
) -> Result<Figure, BenchError> {
    let (mut n, start) = (0, Instant::now());
    while start.elapsed() < duration {
        let state = deed::verify(verifier, manifests, None, black_box(events)).map_err(io::Error::other)?;
        n += black_box(state).heads.len() as u64;
    }
    Ok(Figure::rate(name, n, start.elapsed()))
}
