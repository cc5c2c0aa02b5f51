//! `simward number` against a running node: what must not be lost, and what nobody else may read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Node, run, simward};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

/// A node whose waits are short, and a folder for it and its owners.
struct Stage {
    folder: tempfile::TempDir,
    _node: Node,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let _node = Node::hasty(folder.path());
        Self { folder, _node }
    }

    fn run(&self, line: &str) -> (bool, String) {
        run(self.folder.path(), &format!("{line} --data node"))
    }
}

#[test]
fn a_number_whose_keys_cannot_be_kept_does_not_come_to_life() {
    let node = Stage::new();
    let (ok, said) = node.run("number issue 8613800138000 --profile nowhere/card.toml --owner owner");
    assert!(!ok && said.contains("nowhere/card.toml"), "{said}");
    let (ok, said) = node.run("number show 8613800138000");
    assert!(!ok && said.contains("number"), "{said}");
    // The same again, with a place for the card.
    let (ok, said) = node.run("number issue 8613800138000 --profile card.toml --owner owner");
    assert!(ok, "{said}");
    // What is refused leaves nothing that stands in the way.
    let (ok, _) = node.run("number issue 8613800138000 --profile second.toml --owner second");
    assert!(!ok);
    for left in ["second.toml", "second/passkey.key", "second/sheet.txt", "second/receipt.toml"] {
        assert!(!node.folder.path().join(left).exists(), "{left}");
    }
}

#[test]
fn what_holds_a_watch_key_is_for_its_owner_alone() {
    let node = Stage::new();
    node.run("number issue 8613800138000 --profile card.toml --owner owner");
    let (ok, said) = node.run("number history 8613800138000 --owner owner --export history.deed");
    assert!(ok && said.contains("keep it to yourself"), "{said}");
    for name in
        ["history.deed", "owner/receipt.toml", "card.toml", "node/operator.db", "node/operator.db-wal"]
    {
        let mode = std::fs::metadata(node.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}

#[test]
fn a_stand_by_card_that_was_stopped_is_not_said_to_be_authorised() {
    let node = Stage::new();
    node.run("number issue 8613800138000 --profile card.toml --owner owner");
    let waiting = simward(node.folder.path())
        .args(
            "number stand-by 8613800138000 --owner owner --profile spare.toml --wait --data node".split(' '),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stopped = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        node.run("number veto 8613800138000 --owner owner").0
    });
    let output = waiting.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.success(), !stopped, "{said}");
    assert!(!stopped || said.contains("stopped it") && !said.contains("authorised: "), "{said}");
}
