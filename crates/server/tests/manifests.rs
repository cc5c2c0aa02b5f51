//! A second manifest: stricter at once, looser when it has been public for thirty days, and never without the root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use deed::class::Class;
use deed::history::Receipt;
use deed::manifest::{Delay, Manifest, RoleKind, SignedManifest};
use deed::signer::RoleSigner;
use keys::Secret;
use keys::sign::{Ed25519Key, Host};
use operator::timeline::{Filter, Kind};
use server::deployment::{decode_manifests, encode_manifests};
use server::node::Page;

const HOUR: u64 = 3_600;

fn root(stage: &Stage, name: &str) -> Ed25519Key {
    let mut seed = [0; 32];
    let text = std::fs::read_to_string(stage.path("keys").join(name)).unwrap();
    hex::decode_to_slice(text.trim(), &mut seed).unwrap();
    Ed25519Key::from_seed(&Secret::new(seed))
}

fn newest(stage: &mut Stage) -> Manifest {
    Manifest::decode(&stage.node().signed_manifests().last().unwrap().manifest).unwrap()
}

/// The next manifest after a change of it.
fn next(stage: &mut Stage, change: impl FnOnce(&mut Manifest)) -> Manifest {
    let now = newest(stage);
    let after = Ed25519Key::from_seed(&Secret::new([99; 32])).public();
    let mut next = Manifest {
        version: now.version + 1,
        prev: now.id(),
        next_root: keys::digest::sha256(&[&after]),
        ..now
    };
    change(&mut next);
    next
}

fn sign(manifest: &Manifest, root: &Ed25519Key) -> SignedManifest {
    let manifest = manifest.encode();
    let signature = root.sign(&SignedManifest::message(&manifest));
    SignedManifest { manifest, root: root.public(), signature }
}

/// One emergency key fewer.
fn stricter(manifest: &mut Manifest) {
    manifest.roles.retain(|role| role.kind != RoleKind::BreakGlass || role.office == 3);
}

/// One desk more, and a wait of its own, which in a test deployment might be any.
fn looser(manifest: &mut Manifest) {
    let key = Ed25519Key::from_seed(&Secret::new([77; 32]));
    manifest.delays.push(Delay { kind: 1, class: Class::A, seconds: HOUR });
    manifest.roles.push(RoleSigner::new(RoleKind::Desk, 9, key).role);
}

fn under(stage: &mut Stage, owner: &Owner) -> [u8; 32] {
    stage.node().pin(&owner.number).unwrap().state.manifest
}

fn adopted(stage: &mut Stage, owner: &Owner) -> usize {
    let page = Page { after: None, oldest_first: true, most: 1_000 };
    let lines = stage.node().timeline(&owner.number, &Filter::default(), page).unwrap().lines;
    lines.iter().filter(|line| line.entry.what.kind() == Kind::ManifestAdopted).count()
}

#[test]
fn a_stricter_manifest_is_adopted_at_once_and_its_leaf_is_no_numbers_event() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let second = next(&mut stage, stricter);
    let signed = sign(&second, &root(&stage, "next-root.key"));
    stage.node().publish_manifest(signed.clone()).unwrap();
    stage.node().publish_manifest(signed).unwrap();
    stage.pass(1);
    assert_eq!(under(&mut stage, &owner), second.id());
    assert_eq!(adopted(&mut stage, &owner), 1);
    let card = stage.move_on(&mut owner);

    // Its leaf is no number's event: not after a restart, and not when all pins are made anew from the log.
    stage.while_stopped(|_| {});
    assert_eq!(stage.node().resolve(&owner.number), Some(card));
    stage.while_stopped(|stage| {
        for file in ["auc/pins.db", "auc/pins.db-wal", "auc/pins.db-shm"] {
            let _ = std::fs::remove_file(stage.path(file));
        }
    });
    assert_eq!(stage.served(card), Ok(()));
    assert_eq!(under(&mut stage, &owner), second.id());
    assert!(!stage.alarmed("leaf") && !stage.alarmed("behind") && !stage.alarmed("manifest"));

    // Whoever has the receipt of the first day verifies it all.
    let history = stage.node().history(&owner.number).unwrap();
    let (deed_id, _) = stage.tip(&owner.number);
    let receipt = Receipt {
        deed_id,
        root_digest: *stage.node().root_digest(),
        watch_key: Secret::new([1 ^ 0x80; 32]),
        seq: 0,
        head: deed_id,
    };
    history.verify(&Host, &receipt).unwrap();
}

#[test]
fn a_looser_manifest_is_adopted_when_it_has_been_public_for_thirty_witnessed_days() {
    let mut stage = Stage::in_memory();
    let mut owner = stage.issue("8613800138000", 1);
    let first = newest(&mut stage);
    let second = next(&mut stage, looser);
    let signed = sign(&second, &root(&stage, "next-root.key"));
    stage.node().publish_manifest(signed).unwrap();
    for _ in 0..29 {
        stage.pass(DAY);
    }
    assert_eq!(under(&mut stage, &owner), first.id());
    stage.while_stopped(|_| {});
    stage.pass(1);
    assert_eq!(under(&mut stage, &owner), first.id());
    stage.pass(DAY + 60);
    assert_eq!(under(&mut stage, &owner), second.id());
    assert_eq!(adopted(&mut stage, &owner), 1);
    let card = stage.node().draw_card(None).unwrap().card;
    stage.ask_and_agree(&mut owner, &card).unwrap();
    stage.pass(15 * 60);
    assert_eq!(stage.node().resolve(&owner.number), Some(owner.imsi), "the new wait is an hour");
    stage.pass(HOUR);
    assert_eq!(stage.node().resolve(&owner.number), Some(card.imsi));
}

#[test]
fn thirty_days_that_nobody_can_prove_begin_anew() {
    let mut stage = Stage::in_memory();
    let owner = stage.issue("8613800138000", 1);
    let second = next(&mut stage, looser);
    let signed = sign(&second, &root(&stage, "next-root.key"));
    stage.node().publish_manifest(signed).unwrap();
    stage.pass(20 * DAY);
    stage.while_stopped(|stage| stage.sql("operator.db", "DELETE FROM door WHERE name = 'manifest/2';"));
    stage.pass(1);
    stage.pass(20 * DAY);
    assert_ne!(under(&mut stage, &owner), second.id());
    stage.pass(11 * DAY);
    assert_eq!(under(&mut stage, &owner), second.id());
}

#[test]
fn no_manifest_comes_without_its_root_or_takes_from_the_node_what_it_runs_by() {
    let mut stage = Stage::in_memory();
    let owner = stage.issue("8613800138000", 1);
    let (old_root, root) = (root(&stage, "root.key"), root(&stage, "next-root.key"));
    let thief = Ed25519Key::from_seed(&Secret::new([66; 32]));
    let good = next(&mut stage, stricter);
    let before = std::fs::read(stage.path("manifest")).unwrap();
    let mut cases = vec![sign(&good, &old_root), sign(&good, &thief)];
    let mut forged = sign(&good, &root);
    forged.signature[3] ^= 1;
    cases.push(forged);
    let changes: [fn(&mut Manifest); 8] = [
        |m| m.version = 3,
        |m| m.version = 1,
        |m| m.prev = [0; 32],
        |m| m.roles.retain(|role| role.kind != RoleKind::Consent),
        |m| m.roles.retain(|role| role.kind != RoleKind::Auc),
        |m| m.roll_digest = [1; 32],
        |m| m.live = true,
        |m| m.log_policy.extend_from_slice(b"# other\n"),
    ];
    for change in changes {
        let bad = next(&mut stage, change);
        cases.push(sign(&bad, &root));
    }
    let size = stage.node().public_log().checkpoint().unwrap();
    for case in cases {
        stage.node().publish_manifest(case.clone()).unwrap_err();
        stage.pass(1);
        assert_eq!(stage.node().signed_manifests().len(), 1);
    }
    assert_eq!(std::fs::read(stage.path("manifest")).unwrap(), before);
    let now = stage.node().public_log().checkpoint().unwrap();
    assert_eq!(size.text, now.text, "nothing was logged");
    assert_ne!(under(&mut stage, &owner), good.id());
}

#[test]
fn a_power_cut_anywhere_in_publishing_ends_in_one_public_manifest() {
    for cut in ["file written", "leaf stored", "leaf witnessed"] {
        let mut stage = Stage::in_memory();
        let owner = stage.issue("8613800138000", 1);
        let second = next(&mut stage, stricter);
        let signed = sign(&second, &root(&stage, "next-root.key"));
        if cut == "file written" {
            stage.while_stopped(|stage| {
                let mut chain = decode_manifests(&std::fs::read(stage.path("manifest")).unwrap()).unwrap();
                chain.push(signed.clone());
                std::fs::write(stage.path("manifest"), encode_manifests(&chain)).unwrap();
            });
        } else {
            let seen =
                ["1", "2", "3"].map(|n| std::fs::read(stage.path(&format!("witness/{n}.seen"))).unwrap());
            stage.node().publish_manifest(signed.clone()).unwrap();
            stage.while_stopped(|stage| {
                if cut == "leaf stored" {
                    for (n, seen) in ["1", "2", "3"].iter().zip(&seen) {
                        std::fs::write(stage.path(&format!("witness/{n}.seen")), seen).unwrap();
                    }
                    for file in ["auc/pins.db", "auc/pins.db-wal", "auc/pins.db-shm"] {
                        let _ = std::fs::remove_file(stage.path(file));
                    }
                }
                stage.sql("operator.db", "DELETE FROM door WHERE name = 'manifest/2';");
            });
        }
        stage.pass(1);
        assert_eq!(under(&mut stage, &owner), second.id(), "{cut}");
        assert_eq!(stage.served(owner.imsi), Ok(()), "{cut}");
        stage.node().publish_manifest(signed).unwrap();
        stage.while_stopped(|_| {});
        assert_eq!(under(&mut stage, &owner), second.id(), "{cut}");
        assert!(!stage.alarmed("manifest") && !stage.alarmed("leaf"), "{cut}");
    }
}

#[test]
fn an_older_file_in_the_manifests_place_is_an_alarm_and_no_second_version() {
    let mut stage = Stage::in_memory();
    let owner = stage.issue("8613800138000", 1);
    let before = std::fs::read(stage.path("manifest")).unwrap();
    let second = next(&mut stage, stricter);
    let other = next(&mut stage, |m| m.delays.push(Delay { kind: 8, class: Class::A, seconds: DAY }));
    let root = root(&stage, "next-root.key");
    stage.node().publish_manifest(sign(&second, &root)).unwrap();
    stage.while_stopped(|stage| {
        std::fs::write(stage.path("manifest"), before).unwrap();
        for file in ["auc/pins.db", "auc/pins.db-wal", "auc/pins.db-shm"] {
            let _ = std::fs::remove_file(stage.path(file));
        }
    });
    assert!(stage.alarmed("manifest"));
    assert_eq!(stage.node().publish_manifest(sign(&other, &root)).unwrap_err().code(), "fork");
    // The right one is taken again, and logged once.
    stage.node().publish_manifest(sign(&second, &root)).unwrap();
    stage.pass(1);
    assert_eq!(under(&mut stage, &owner), second.id());
}
