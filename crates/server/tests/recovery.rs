//! Starting again: from damaged databases, old pins, lost rows. The pinned card is served, or nobody; never an older one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use deed::event::Body;
use deed::intent::{Change, Intent};
use deed::signer::SignStatement;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use server::{Deployment, TestWaits};
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    for leftover in ["-wal", "-shm"] {
        let mut path = to.as_os_str().to_owned();
        path.push(leftover);
        let _ = std::fs::remove_file(path);
    }
    std::fs::copy(from, to).unwrap();
}

#[test]
fn a_destroyed_database_darkens_no_line_and_changes_nothing() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let moved = stage.move_on(&mut owner);
    stage.while_stopped(|stage| {
        for file in ["operator.db", "operator.db-wal", "operator.db-shm"] {
            let _ = std::fs::remove_file(stage.path(file));
        }
    });
    assert_eq!(stage.served(moved), Ok(()));
    assert_eq!(stage.served(owner.imsi), Err("replaced"));
    assert_eq!(stage.node().resolve(&owner.number), Some(moved));
    assert!(stage.alarmed("log"));
    let body = Body::Held { bits: vec![0], silenced: vec![], reason: 1 };
    let (deed_id, tip) = stage.tip(&owner.number);
    let proof = owner.passkey.prove(&deed_id, tip, &body);
    let stated = stage.node().statement(&owner.number, 6, body.encode(), vec![proof]).unwrap();
    assert_eq!(stated.reply.map(drop).unwrap_err().code(), "replay", "the chain does not go on");
    assert!(stated.receipt.unwrap().in_time, "but an objection stands");
}

#[test]
fn lost_pins_are_rebuilt_from_the_witnessed_log() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let moved = stage.move_on(&mut owner);
    // Long after the request has expired: the proof it was accepted with is what shows that it was in time.
    stage.pass(40 * DAY);
    stage.while_stopped(|stage| {
        for file in ["auc/pins.db", "auc/pins.db-wal", "auc/pins.db-shm"] {
            let _ = std::fs::remove_file(stage.path(file));
        }
    });
    assert_eq!(stage.served(moved), Ok(()));
    assert_eq!(stage.served(owner.imsi), Err("replaced"));
}

#[test]
fn one_row_put_back_from_yesterday_is_no_way_back() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    stage.while_stopped(|stage| copy(&stage.path("auc/pins.db"), &stage.path("yesterday.db")));
    let moved = stage.move_on(&mut owner);
    stage.while_stopped(|stage| {
        let yesterday = stage.path("yesterday.db");
        let sql = format!(
            "ATTACH '{}' AS old; UPDATE pins SET row = (SELECT row FROM old.pins);",
            yesterday.display()
        );
        stage.sql("auc/pins.db", &sql);
    });
    assert_eq!(stage.served(moved), Ok(()));
    assert_eq!(stage.served(owner.imsi), Err("replaced"));
    assert!(stage.alarmed("pins"));
}

#[test]
fn a_number_whose_newest_event_is_gone_is_not_served_and_others_are() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let other = stage.issue("8613900139000", 41);
    stage.while_stopped(|stage| copy(&stage.path("auc/pins.db"), &stage.path("yesterday.db")));
    let moved = stage.move_on(&mut owner);
    stage.while_stopped(|stage| {
        stage.sql("operator.db", "DELETE FROM events WHERE seq = 4;");
        copy(&stage.path("yesterday.db"), &stage.path("auc/pins.db"));
    });
    assert_eq!(stage.served(owner.imsi), Err("replay"), "the old card");
    assert_eq!(stage.served(moved), Err("unknown"), "the new one");
    assert_eq!(stage.served(other.imsi), Ok(()));
    assert!(stage.alarmed("behind"));
}

#[test]
fn a_commit_that_cannot_be_carried_out_again_is_no_reason_to_serve_the_old_card() {
    for damage in ["UPDATE events SET proof = NULL;", "DELETE FROM cards;", "UPDATE cards SET keys = x'00';"]
    {
        let mut stage = Stage::new();
        let mut owner = stage.issue("8613800138000", 1);
        stage.while_stopped(|stage| copy(&stage.path("auc/pins.db"), &stage.path("yesterday.db")));
        stage.move_on(&mut owner);
        stage.pass(40 * DAY);
        // The log has grown since, so that the witnesses' newest word is of today.
        stage.issue("8613900139000", 41);
        stage.while_stopped(|stage| {
            stage.sql("operator.db", damage);
            copy(&stage.path("yesterday.db"), &stage.path("auc/pins.db"));
        });
        assert_eq!(stage.served(owner.imsi), Err("replay"), "{damage}");
    }
}

#[test]
fn an_objection_handed_in_directly_outlives_a_rebuild_of_the_pins() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let body = Body::Held { bits: vec![7], silenced: vec![], reason: 1 };
    let (deed_id, tip) = stage.tip(&owner.number);
    let objection = owner.hold_code.object(&deed_id, tip, &body).encode();
    assert!(stage.node().hand_in(&objection).unwrap().in_time);
    assert_eq!(stage.served(owner.imsi), Err("suspended"));
    stage.while_stopped(|stage| stage.sql("auc/pins.db", "DELETE FROM meta;"));
    assert!(stage.alarmed("pins"));
    assert_eq!(stage.served(owner.imsi), Err("suspended"));
}

#[test]
fn a_request_nobody_agrees_to_ends_in_witnessed_time() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let card = stage.node().draw_card(None).unwrap().card;
    let from = stage.node().pin(&owner.number).unwrap().state.card().unwrap().id();
    let now = stage.node().witnessed().0;
    let change = Change::Move { slot: 0, from, to: card, lost: false };
    let intent = Intent { change, number: owner.number, not_before: now, expiry: now + DAY, over: None };
    stage.node().request(&owner.number, intent).unwrap();
    stage.pass(DAY);
    assert!(stage.node().pin(&owner.number).unwrap().state.live.is_some());
    stage.pass(1);
    assert!(stage.node().pin(&owner.number).unwrap().state.live.is_none());
    stage.move_on(&mut owner);
}

#[test]
fn an_event_that_somebody_wrote_into_the_database_is_not_followed() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let (deed_id, _) = stage.tip(&owner.number);
    let deed = deed_id.iter().map(|b| format!("{b:02x}")).collect::<String>();
    stage.sql(
        "operator.db",
        &format!("INSERT INTO events (deed, seq, bytes, leaf) VALUES (x'{deed}', 1, x'80', 0);"),
    );
    let body = Body::Held { bits: vec![4], silenced: vec![], reason: 1 };
    let (deed_id, tip) = stage.tip(&owner.number);
    let proof = owner.passkey.prove(&deed_id, tip, &body);
    let stated = stage.node().statement(&owner.number, 6, body.encode(), vec![proof]).unwrap();
    assert!(stated.reply.is_ok(), "what is in no log gives way");
    assert!(stage.alarmed("event"));
    assert_eq!(stage.served(owner.imsi), Ok(()));
}

#[test]
fn a_database_that_does_not_open_or_read_keeps_no_node_from_starting() {
    for damage in [
        "PRAGMA user_version = 99;",
        "DROP TABLE leaves;",
        "INSERT INTO leaves VALUES (9, x'00', x'00', x'00', 0);",
        "UPDATE leaves SET tag = x'00' WHERE place = 0;",
        "DELETE FROM leaves WHERE place = 1;",
    ] {
        let mut stage = Stage::new();
        let mut owner = stage.issue("8613800138000", 1);
        let moved = stage.move_on(&mut owner);
        stage.while_stopped(|stage| stage.sql("operator.db", damage));
        assert_eq!(stage.served(moved), Ok(()), "{damage}");
        assert_eq!(stage.served(owner.imsi), Err("replaced"), "{damage}");
        stage.pass(60);
        assert_eq!(stage.served(moved), Ok(()), "{damage}");
    }
    let mut stage = Stage::new();
    let owner = stage.issue("8613800138000", 1);
    stage.while_stopped(|stage| std::fs::write(stage.path("operator.db"), [0x55; 4_096]).unwrap());
    assert_eq!(stage.served(owner.imsi), Ok(()));
}

#[test]
fn junk_leaves_stop_no_change() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let junk = "INSERT OR IGNORE INTO leaves VALUES (1, randomblob(32), randomblob(32), x'', 0);
                INSERT INTO leaves VALUES (1000000, randomblob(32), randomblob(32), x'', 0);";
    stage.sql("operator.db", junk);
    let moved = stage.move_on(&mut owner);
    stage.while_stopped(|stage| {
        stage.sql("operator.db", "INSERT INTO leaves VALUES (77, zeroblob(32), x'00', x'', 0);")
    });
    assert_eq!(stage.served(moved), Ok(()));
    let again = stage.ask_with_phone(&mut owner);
    stage.pass(DAY);
    assert_eq!(stage.served(again), Ok(()));
}

#[test]
fn what_could_not_be_followed_is_not_served_after_the_next_start_either() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    stage.while_stopped(|stage| copy(&stage.path("auc/pins.db"), &stage.path("yesterday.db")));
    let moved = stage.move_on(&mut owner);
    stage.while_stopped(|stage| {
        stage.sql(
            "operator.db",
            "CREATE TABLE kept AS SELECT * FROM events; DELETE FROM events WHERE seq = 4;",
        );
        copy(&stage.path("yesterday.db"), &stage.path("auc/pins.db"));
    });
    for _ in 0..2 {
        assert_eq!(stage.served(owner.imsi), Err("replay"));
        assert_eq!(stage.node().resolve(&owner.number), None);
        stage.pass(60);
        // Others go on, and what they do hides nothing.
        let others = stage.clock.0.load(std::sync::atomic::Ordering::SeqCst) % 1_000_000;
        let other = stage.issue(&format!("86137{others:08}"), 60);
        assert_eq!(stage.served(other.imsi), Ok(()));
        stage.pass(60);
        assert_eq!(stage.served(owner.imsi), Err("replay"));
        stage.start();
    }
    // Once the event appears, the number goes on where it was.
    stage.sql("operator.db", "INSERT OR IGNORE INTO events SELECT * FROM kept;");
    stage.pass(60);
    assert_eq!(stage.served(moved), Ok(()));
    assert_eq!(stage.served(owner.imsi), Err("replaced"));
}

#[test]
fn a_key_that_is_gone_is_not_made_anew() {
    let mut stage = Stage::new();
    stage.node = None;
    for file in ["auc/kek.key", "auc/roll.key", "keys/log.key"] {
        let kept = std::fs::read(stage.path(file)).unwrap();
        std::fs::remove_file(stage.path(file)).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(11);
        let opened = Deployment::open(stage.folder.path(), TestWaits::Real, &mut rng);
        assert!(opened.err().unwrap().to_string().contains("is gone"), "{file}");
        std::fs::write(stage.path(file), kept).unwrap();
    }
    std::fs::write(stage.path("auc/roll.key"), "00".repeat(32)).unwrap();
    let opened = Deployment::open(stage.folder.path(), TestWaits::Real, &mut ChaCha20Rng::seed_from_u64(11));
    assert!(opened.err().unwrap().to_string().contains("not the key the manifest names"));
}

#[test]
fn no_key_fills_a_deed_and_no_key_locks_others_out() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    // Direct holds that say the same again and again are answered, and remembered once.
    let (deed_id, tip) = stage.tip(&owner.number);
    for reason in 0..100 {
        let body = Body::Held { bits: vec![3], silenced: vec![], reason };
        let objection = owner.hold_code.object(&deed_id, tip, &body).encode();
        assert!(stage.node().hand_in(&objection).unwrap().in_time);
    }
    assert_eq!(stage.node().pin(&owner.number).unwrap().standing.len(), 1);
    let body = Body::Held { bits: vec![0], silenced: vec![], reason: 1 };
    let objection = owner.passkey.object(&deed_id, tip, &body).encode();
    assert!(stage.node().hand_in(&objection).unwrap().in_time);
    // Desks ask for ten changes of a number in a day and no more; one that is over before it began is none.
    let mut asked = 0;
    let refusal = loop {
        let card = stage.node().draw_card(None).unwrap().card;
        let from = stage.node().pin(&owner.number).unwrap().state.card().unwrap().id();
        let now = stage.node().witnessed().0;
        let change = Change::Move { slot: 0, from, to: card, lost: false };
        let intent = Intent { change, number: owner.number, not_before: now, expiry: now + 10, over: None };
        match stage.node().request(&owner.number, intent) {
            Ok(_) => asked += 1,
            Err(refusal) => break refusal,
        }
        stage.pass(11);
    };
    assert_eq!((asked, refusal.code()), (10, "rate"));
}

#[test]
fn two_keys_in_two_statements_wait_fifteen_minutes_not_a_day() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let card = stage.node().draw_card(None).unwrap().card;
    let from = stage.node().pin(&owner.number).unwrap().state.card().unwrap().id();
    let now = stage.node().witnessed().0;
    let change = Change::Move { slot: 0, from, to: card.clone(), lost: false };
    let intent = Intent { change, number: owner.number, not_before: now, expiry: now + 20 * DAY, over: None };
    let request = stage.node().request(&owner.number, intent.clone()).unwrap().state.live.unwrap().head;
    let body = Body::Consented { request, intent };
    for n in 0..2 {
        let (deed_id, tip) = stage.tip(&owner.number);
        let signer: &mut dyn SignStatement = if n == 0 { &mut owner.passkey } else { &mut owner.sheet };
        let proof = signer.prove(&deed_id, tip, &body);
        stage.node().statement(&owner.number, 2, body.encode(), vec![proof]).unwrap().reply.unwrap();
        stage.pass(30);
    }
    stage.pass(14 * 60);
    assert_eq!(stage.node().resolve(&owner.number), Some(owner.imsi));
    stage.pass(60);
    assert_eq!(stage.node().resolve(&owner.number), Some(card.imsi));
}

#[test]
fn witnesses_that_forgot_are_believed_in_nothing() {
    let mut stage = Stage::new();
    let mut owner = stage.issue("8613800138000", 1);
    let moved = stage.move_on(&mut owner);
    stage.while_stopped(|stage| {
        for n in 1..=3 {
            std::fs::remove_file(stage.path(&format!("witness/{n}.seen"))).unwrap();
        }
    });
    assert_eq!(stage.served(moved), Ok(()));
    assert!(stage.alarmed("witness"));
    let events = stage.node().history(&owner.number);
    assert!(events.is_err(), "there is no checkpoint, but nothing was removed");
    let kept: i64 = rusqlite::Connection::open(stage.path("operator.db"))
        .unwrap()
        .query_row("SELECT count(*) FROM events", [], |r| r.get(0))
        .unwrap();
    assert_eq!(kept, 5);
}
