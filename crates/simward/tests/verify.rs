//! `simward verify`: for each broken history, which step held and why the next did not; and `simward watch` and `verify
//! --log` against a running node.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Node, run};
use deed::history::History;
use std::path::PathBuf;

/// A node whose waits are short, and a folder for it and its owner.
struct Stage {
    folder: tempfile::TempDir,
    node: Node,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::hasty(folder.path());
        Self { folder, node }
    }

    fn run(&self, line: &str) -> (bool, String) {
        run(self.folder.path(), line)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn verify(&self, history: &History, args: &str) -> (bool, serde_json::Value, String) {
        std::fs::write(self.path("broken.deed"), history.encode()).unwrap();
        let (ok, json) = self.run(&format!("verify broken.deed --receipt owner/receipt.toml --json{args}"));
        let json = serde_json::from_str(json.lines().next().unwrap()).unwrap();
        (ok, json, self.run(&format!("verify broken.deed --receipt owner/receipt.toml{args}")).1)
    }
}

#[test]
fn each_broken_history_says_which_step_held_and_why_the_next_did_not() {
    let stage = Stage::new();
    let (ok, said) = stage.run("number issue 8613800138000 --profile card.toml --owner owner --data node");
    assert!(ok, "{said}");
    let log = format!("{}/log", stage.node.url);
    let watch = format!("watch --receipt owner/receipt.toml --state state --once --log {log}");
    assert_eq!(stage.run(&watch), (true, String::new()), "what the receipt names is no news");
    let (ok, said) = stage.run("number change 8613800138000 --owner owner --profile new.toml --data node");
    assert!(ok, "{said}");
    let done = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        stage.run("number history 8613800138000 --owner owner --data node").1.contains("committed")
    });
    assert!(done);
    let (ok, said) = stage.run(&watch);
    assert!(
        ok && said.contains("checked, it is: requested: a change of SIM") && said.contains("committed"),
        "{said}"
    );
    assert!(stage.run("number history 8613800138000 --owner owner --export good.deed --data node").0);
    let good = History::decode(&std::fs::read(stage.path("good.deed")).unwrap()).unwrap();
    let (ok, json, said) = stage.verify(&good, &format!(" --log {log}"));
    assert!(ok && said.contains("holds: chain · rules · logged · witnessed · same as my pin"), "{said}");
    assert_eq!((&json["reached"], &json["live"]["holds"]), (&"same as my pin".into(), &true.into()));
    assert_eq!((&json["next"], &json["why"]), (&serde_json::Value::Null, &serde_json::Value::Null));

    type Breaks = fn(&mut History);
    let cases: [(&str, Breaks, Option<&str>, &str); 8] = [
        ("an event is missing", |h| drop(h.events.remove(2)), None, "chain"),
        ("no event at all", |h| h.events.clear(), None, "chain"),
        (
            "the newest event's signature is spoilt",
            |h| *h.events.last_mut().unwrap().event.last_mut().unwrap() ^= 1,
            Some("chain"),
            "rules",
        ),
        ("no manifest", |h| h.manifests.clear(), Some("chain"), "rules"),
        ("a path is spoilt", |h| h.events[1].path[0][3] ^= 1, Some("rules"), "logged"),
        ("another tag of event 0", |h| h.tag0[0] ^= 1, Some("rules"), "logged"),
        ("a cosignature is missing", |h| drop_last_line(&mut h.checkpoint), Some("logged"), "witnessed"),
        ("a cosignature is spoilt", |h| spoil_last_line(&mut h.checkpoint), Some("logged"), "witnessed"),
    ];
    for (what, breaks, reached, next) in cases {
        let mut broken = good.clone();
        breaks(&mut broken);
        let (ok, json, said) = stage.verify(&broken, "");
        assert!(!ok && json["holds"] == false, "{what}: {said}");
        assert_eq!(json["reached"].as_str(), reached, "{what}: {json}");
        assert_eq!(json["next"], next, "{what}: {json}");
        assert!(json["why"].as_str().is_some_and(|why| !why.is_empty()), "{what}: {json}");
        let event = match what {
            "an event is missing" => Some(2),
            "no event at all" => Some(0),
            "the newest event's signature is spoilt" => Some(good.events.len() as u64 - 1),
            "a path is spoilt" => Some(1),
            "another tag of event 0" => Some(0),
            _ => None,
        };
        assert_eq!(json["event"].as_u64(), event, "{what}: {json}");
        let at = event.map_or_else(String::new, |seq| format!(", at event {seq}"));
        assert!(said.contains(&format!("not      {next}{at}: ")), "{what}: {said}");
    }
    // Another event in the place of the receipt's: only the pin tells.
    let receipt = std::fs::read_to_string(stage.path("owner/receipt.toml")).unwrap();
    let head = receipt.lines().find_map(|l| l.strip_prefix("head = ")).unwrap().to_string();
    std::fs::write(
        stage.path("owner/receipt.toml"),
        receipt.replace(&format!("head = {head}"), &format!("head = \"{}\"", "0".repeat(64))),
    )
    .unwrap();
    let (ok, json, said) = stage.verify(&good, "");
    assert!(!ok && json["reached"] == "witnessed" && json["next"] == "same as my pin", "{said}");
    std::fs::write(stage.path("owner/receipt.toml"), receipt).unwrap();

    // An older file is told what it lacks; a log that is not there is said to be not there.
    let mut older = good.clone();
    older.events.truncate(2);
    let (ok, json, said) = stage.verify(&older, &format!(" --log {log}"));
    assert!(ok && json["live"]["newer_events"].as_u64().unwrap() > 0 && said.contains("newer"), "{said}");
    let (ok, json, _) = stage.verify(&good, " --log http://127.0.0.1:1/log");
    assert!(!ok && json["live"]["code"] == "source" && json["holds"] == true, "{json}");
}

fn drop_last_line(checkpoint: &mut Vec<u8>) {
    let at = checkpoint[..checkpoint.len() - 1].iter().rposition(|b| *b == b'\n').unwrap();
    checkpoint.truncate(at + 1);
}

fn spoil_last_line(checkpoint: &mut [u8]) {
    let at = checkpoint.len() - 30;
    checkpoint[at] = if checkpoint[at] == b'A' { b'B' } else { b'A' };
}
