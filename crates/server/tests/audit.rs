//! A database in somebody else's hands: a copy of it is worth nothing to a thief, and an edited one says where it was edited.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::Stage;
use deed::history::Reached;
use deed::signer::SignStatement as _;
use server::audit::{Audited, audit};

const FIRST: &str = "8613800138000";
const SECOND: &str = "8613800138001";

/// Two numbers, one of which has changed its card.
fn stage() -> Stage {
    let mut stage = Stage::new();
    let mut owner = stage.issue(FIRST, 20);
    stage.issue(SECOND, 40);
    let card = stage.node().draw_card(None).unwrap().card;
    stage.ask_and_agree(&mut owner, &card).unwrap();
    stage.pass(15 * 60);
    assert_eq!(stage.node().resolve(&FIRST.parse().unwrap()), Some(card.imsi));
    stage.node = None;
    stage
}

fn looked_at(stage: &Stage) -> Vec<Audited> {
    let all = audit(stage.folder.path(), None).unwrap();
    assert_eq!(all.iter().map(|a| a.number.to_string()).collect::<Vec<_>>(), [FIRST, SECOND]);
    all
}

#[test]
fn a_database_that_nobody_touched_holds_to_the_witnesses() {
    let stage = stage();
    let all = looked_at(&stage);
    for audited in &all {
        assert_eq!((audited.reached, &audited.broken), (Some(Reached::Witnessed), &None));
    }
    assert!(all[0].events >= 5 && all[1].events == 1);
    let another = audit(stage.folder.path(), Some([7; 32]));
    assert!(another.is_err(), "another root has signed nothing here");
}

#[test]
fn an_edited_database_is_caught_at_the_event_that_was_edited() {
    let first = format!("(SELECT deed FROM numbers WHERE number = '{FIRST}')");
    let second = format!("(SELECT deed FROM numbers WHERE number = '{SECOND}')");
    let flip = |seq: u64, at: u64| {
        format!(
            "UPDATE events SET bytes = CAST(substr(bytes, 1, {at}) || x'5a' || substr(bytes, {at} + 2) AS BLOB) \
             WHERE deed = {first} AND seq = {seq};"
        )
    };
    let edits = [
        (flip(1, 150), 1),
        (flip(2, 90), 2),
        (flip(3, 200), 3),
        (flip(0, 60), 0),
        (format!("DELETE FROM events WHERE deed = {first} AND seq = 2;"), 2),
        (
            format!(
                "DELETE FROM events WHERE deed = {first} AND seq = (SELECT max(seq) FROM events WHERE deed = {first});"
            ),
            4,
        ),
        (
            format!(
                "UPDATE events SET bytes = (SELECT bytes FROM events WHERE deed = {first} AND seq = 3) \
                 WHERE deed = {first} AND seq = 4;"
            ),
            4,
        ),
        (
            format!(
                "UPDATE events SET bytes = (SELECT bytes FROM events WHERE deed = {second} AND seq = 0) \
                 WHERE deed = {first} AND seq = 0;"
            ),
            0,
        ),
        (
            format!(
                "UPDATE events SET proof = CAST(substr(proof, 1, length(proof) - 9) AS BLOB) WHERE deed = {first} AND seq = 1;"
            ),
            1,
        ),
        (format!("UPDATE numbers SET deed = {second} WHERE number = '{FIRST}';"), 0),
    ];
    for (edit, at) in edits {
        let stage = stage();
        stage.sql("operator.db", &edit);
        let all = looked_at(&stage);
        let (seq, reason) = all[0].broken.clone().unwrap_or_else(|| panic!("not caught: {edit}"));
        let last = all[0].events.max(all[1].events);
        assert!(seq == at || edit.contains("max(seq)") && seq + 1 >= last, "{edit}: at {seq}, {reason}");
        assert_eq!(all[1].broken, None, "{edit}");
    }
}

#[test]
fn a_stolen_copy_of_every_database_gives_no_key_of_anybodys() {
    let mut stage = Stage::new();
    let owner = stage.issue(FIRST, 20);
    let server::node::DrawnCard { card, keys, .. } = stage.node().draw_card(None).unwrap();
    stage.node().invite_to_portal(&owner.number).unwrap();
    let authenticate = operator::auc::Command::Umts { imsi: owner.imsi };
    stage.node().authenticate(&[authenticate]).pop().unwrap().unwrap();
    stage.pass(60);
    stage.node = None;
    let mut stolen = Vec::new();
    for folder in ["", "auc"] {
        for file in std::fs::read_dir(stage.folder.path().join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().contains(".db") {
                stolen.extend(std::fs::read(path).unwrap());
            }
        }
    }
    let has = |what: &[u8]| stolen.windows(what.len()).any(|window| window == what);
    assert!(
        has(owner.imsi.as_str().as_bytes()) && has(card.imsi.as_str().as_bytes()),
        "it is the real database"
    );
    // K and OPc, of a card in service and of one in stock.
    for secrets in [&owner.keys, &keys] {
        for secret in [*secrets.k().danger_expose(), *secrets.opc().danger_expose()] {
            assert!(!has(&secret), "a subscriber's key lies open in a database");
            assert!(!has(hex::encode(secret).as_bytes()));
        }
    }
    // The owner's: the sheet, the hold code, the passkey.
    for seed in [[20_u8; 32], [21; 32], [22; 32]] {
        assert!(!has(&seed) && !has(hex::encode(seed).as_bytes()));
    }
    assert!(has(&owner.hold_code.id()), "what is public of it is there");
    // And the operator's own keys stand in files, not in rows.
    for key in
        ["auc/kek.key", "auc/mac.key", "auc/roll.key", "auc/role.key", "keys/consent.key", "keys/portal.key"]
    {
        let text = std::fs::read_to_string(stage.folder.path().join(key)).unwrap();
        assert!(!has(text.trim().as_bytes()) && !has(&hex::decode(text.trim()).unwrap()), "{key}");
    }
}
