//! `simward manifest` against a running node: from a draft to its place in the log, and nothing without the root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Node, run};

#[test]
fn a_manifest_goes_from_a_draft_to_the_log_and_only_under_its_root() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let node = Node::start(folder);
    let good = |line: &str| {
        let (ok, said) = run(folder, line);
        assert!(ok, "{line}: {said}");
        said
    };
    good("manifest propose --data node --draft draft.toml --chain chain");
    let (ok, said) = run(folder, "manifest propose --data node --draft draft.toml --chain chain2");
    assert!(!ok && said.contains("nothing was overwritten"), "{said}");
    let draft = std::fs::read_to_string(folder.join("draft.toml")).unwrap();
    let more = format!("{draft}\n[[wait]]\nkind = 8\nclass = \"A\"\nseconds = 86400\n");
    std::fs::write(folder.join("draft.toml"), more.replace("class = \"A\"", "class = \"Q\"")).unwrap();
    let sign = |root: &str, signed: &str| {
        format!(
            "manifest sign --draft draft.toml --chain chain --root-key {root} --next-root-key third.key --signed {signed}"
        )
    };
    let (ok, said) = run(folder, &sign("node/keys/next-root.key", "signed"));
    assert!(!ok && said.contains("no class"), "{said}");
    std::fs::write(folder.join("draft.toml"), more).unwrap();
    for wrong in ["node/keys/root.key", "node/keys/desk-1.key", "third.key"] {
        let (ok, said) = run(folder, &sign(wrong, "wrong"));
        assert!(!ok && !folder.join("wrong").exists(), "{wrong}: {said}");
    }
    let said = good(&sign("node/keys/next-root.key", "signed"));
    assert!(said.contains("thirty days"), "{said}");
    let text = std::fs::read_to_string(folder.join("signed")).unwrap();
    let (head, tail) = text.split_at(200);
    let other = if tail.starts_with('0') { "1" } else { "0" };
    std::fs::write(folder.join("forged"), format!("{head}{other}{}", &tail[1..])).unwrap();
    let (ok, said) = run(folder, "manifest publish --data node --signed forged");
    assert!(!ok, "{said}");
    good("manifest publish --data node --signed signed");
    // Twice is once.
    good("manifest publish --data node --signed signed");
    let said = good("manifest show --data node --json");
    let shown: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(shown[1]["version"], 2);
    assert!(shown[1]["looser"].as_str().unwrap().contains("wait"), "{said}");
    assert_eq!(shown.as_array().unwrap().len(), 2);
    drop(node);
    let _node = Node::start(folder);
    assert!(good("manifest show --data node").contains("version 2"));
}
