//! Any bytes at any door of the deed: an answer, never a panic; and what reads has one form only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use deed::State;
use deed::event::{Body, Event, Proof};
use deed::history::{History, LoggedEvent};
use deed::intent::Intent;
use deed::log::Leaf;
use deed::log::note::{Checkpoint, SignatureLine, SignedNote, VerifierKey};
use deed::log::policy::Policy;
use deed::log::proof::TlogProof;
use deed::log::submission::Submission;
use deed::log::tile::{Kind, Tile, bundle};
use deed::manifest::Manifest;
use deed::objection::Objection;
use deed::pin::Pin;
use deed::record::{Card, Factor};
use keys::sign::Portable;
use proptest::prelude::*;
use world::*;

/// Everything that reads bytes from outside, on the same bytes.
fn every_door(bytes: &[u8]) {
    let _ = Event::decode(bytes);
    let _ = Proof::decode(bytes);
    let _ = Objection::decode(bytes);
    let _ = Manifest::decode(bytes).map(|m| m.policy());
    let _ = Card::decode(bytes).map(|c| assert_eq!(c.encode(), bytes, "one form only"));
    let _ = Factor::decode(bytes).map(|f| assert_eq!(f.encode(), bytes, "one form only"));
    let _ = Intent::decode(bytes).map(|i| assert_eq!(i.encode(), bytes, "one form only"));
    for kind in 0..12 {
        let _ = Body::decode(kind, bytes).map(|b| assert_eq!(b.encode(), bytes, "one form only"));
    }
    let _ = SignedNote::parse(bytes).map(|n| Checkpoint::parse(&n.text));
    let _ = Policy::parse(bytes);
    let _ = TlogProof::parse(bytes);
    let _ = Submission::parse(bytes).map(|s| assert_eq!(s.encode(), bytes, "one form only"));
    for width in [1, 2, 256] {
        let tile = Tile { kind: Kind::Entries, index: 0, width };
        let _ = tile.read_entries(bytes).map(|entries| assert_eq!(entries.len(), usize::from(width)));
        let _ = tile.read_hashes(bytes).map(|hashes| assert_eq!(hashes.concat(), bytes));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Tile::parse(text).map(|tile| assert_eq!(tile.to_string(), text, "one form only"));
        let _ = SignatureLine::parse(text).map(|line| assert_eq!(line.to_string(), text, "one form only"));
    }
    let _ = Leaf::decode(bytes);
    let _ = History::decode(bytes);
    let _ = State::decode(bytes);
    let _ = Pin::decode(bytes);
    let _ = std::str::from_utf8(bytes).map(VerifierKey::parse);
}

/// Real bytes of every kind, to start from.
fn real() -> Vec<Vec<u8>> {
    let mut world = World::new(true);
    let (to, intent, request) = world.asked_and_agreed(&[Who::Passkey]);
    let pin = world.pin().encode();
    world.commit_after(request, DAY).unwrap();
    let mut out = world.events.clone();
    out.extend([
        pin,
        world.state().encode(),
        intent.encode(),
        to.encode(),
        world.passkey.factor().encode(),
        world.proof(1).encode(),
        world.checkpoint().encode(),
        world.signed[0].manifest.clone(),
        world.manifests.newest().unwrap().0.log_policy.clone(),
        history(&world).encode(),
        Submission { old: 0, proof: vec![[1; 32]], note: world.checkpoint() }.encode(),
        bundle(&[Leaf { tag: [1; 32], head: [2; 32] }; 2]),
        b"tile/entries/x001/234.p/7".to_vec(),
    ]);
    out
}

fn history(world: &World) -> History {
    let logged = |seq: usize| {
        let proof = world.proof(seq as u64);
        LoggedEvent { event: world.events[seq].clone(), index: proof.index, path: proof.path }
    };
    History {
        manifests: world.signed.clone(),
        tag0: deed::roll_tag(&world.roll, 0, &"8613800138000".parse().unwrap()),
        events: (0..world.events.len()).map(logged).collect(),
        checkpoint: world.checkpoint().encode(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn noise_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        every_door(&bytes);
    }

    #[test]
    fn real_bytes_with_a_fault_are_answered(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        with in prop::collection::vec(any::<u8>(), 0..4),
        cut in any::<bool>(),
    ) {
        thread_local!(static REAL: Vec<Vec<u8>> = real());
        let mut bytes = REAL.with(|real| which.get(real).clone());
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        }
        let end = (at + with.len()).min(bytes.len());
        bytes.splice(at.min(end)..end, with);
        every_door(&bytes);
    }
}

#[test]
fn a_history_holds_and_with_any_one_byte_changed_it_does_not() {
    let mut world = World::new(true);
    let (_, _, request) = world.asked_and_agreed(&[Who::Passkey, Who::Sheet]);
    world.commit_after(request, 15 * MINUTE).unwrap();
    let receipt = deed::history::Receipt {
        deed_id: world.deed_id(),
        root_digest: world.root_digest(),
        watch_key: keys::Secret::new(world.watch),
        seq: 0,
        head: world.deed_id(),
    };
    let bytes = history(&world).encode();
    let check = |bytes: &[u8]| {
        let history = History::decode(bytes).map_err(|_| ())?;
        history.verify(&Portable, &receipt).map(drop).map_err(|_| ())
    };
    check(&bytes).unwrap();
    let workers = 2;
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let (bytes, check) = (&bytes, &check);
            scope.spawn(move || {
                for i in (worker..bytes.len()).step_by(workers) {
                    let mut changed = bytes.clone();
                    changed[i] ^= 1 << (i % 8);
                    assert!(check(&changed).is_err(), "byte {i} of {}", bytes.len());
                }
            });
        }
    });
    for cut in 0..bytes.len() {
        assert!(check(&bytes[..cut]).is_err());
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(check(&longer).is_err());
    // A receipt that has seen more than the history tells.
    let seen = deed::history::Receipt { seq: 3, head: [1; 32], ..receipt };
    let broken = History::decode(&bytes).unwrap().verify(&Portable, &seen).unwrap_err();
    assert_eq!(broken.reached, Some(deed::history::Reached::Witnessed));
}
