//! `simward token` beside a running node: what it makes opens, what it revokes does not, and the file has no token.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Node, parts as run};

#[test]
fn a_token_opens_what_its_role_may_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let node = Node::start(folder);
    let url = &node.url;
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let get = |path: &str, token: &str| {
        let request = agent.get(format!("{url}{path}")).header("authorization", format!("Bearer {token}"));
        request.call().unwrap().status().as_u16()
    };
    for (wrong, why) in [
        ("token new ann --role boss --data node", "none of clerk"),
        ("token new bot --role machine --data node", "--scope"),
        ("token new bot --role machine --scope all --data node", "no scope"),
        ("token new ann --role clerk --scope messages --data node", "only a machine"),
        ("token new desk --role clerk --data node", "first tokens"),
        ("token new a/b --role clerk --data node", "letters"),
        ("token new ann --role clerk --data nowhere", "no node's data folder"),
        ("token revoke ann --data node", "no token called"),
    ] {
        let (ok, _, said) = run(folder, wrong);
        assert!(!ok && said.contains(why), "{wrong}: {said}");
    }
    let (ok, token, _) = run(folder, "token new ann --role auditor --data node");
    let token = token.trim();
    assert!(ok && token.len() == 64, "{token}");
    assert!(!run(folder, "token new ann --role clerk --data node").0, "one name, one token");
    assert_eq!((get("/v1/alarms", token), get("/v1/serve/999700000000001", token)), (200, 401));
    let file = std::fs::read_to_string(folder.join("node/tokens.toml")).unwrap();
    assert!(!file.contains(token));
    let (_, listed, _) = run(folder, "token list --data node --json");
    assert!(listed.contains("\"ann\"") && !listed.contains("sha256"), "{listed}");
    assert!(run(folder, "token revoke ann --data node").0);
    assert_eq!(get("/v1/alarms", token), 401);
    assert_eq!(get("/v1/openapi.json", ""), 200);
}

#[test]
fn the_description_is_printed_without_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let (ok, text, _) = run(folder.path(), "up --openapi");
    let description: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(ok && description["paths"]["/v1/audit"]["get"].is_object());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "and nothing is made");
}
