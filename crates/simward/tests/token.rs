//! `simward token` beside a running node: what it makes opens, what it revokes does not, and the file has no token.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(folder: &Path, line: &str) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simward"));
    let output = command.current_dir(folder).args(line.split(' ')).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_token_opens_what_its_role_may_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut child = Command::new(env!("CARGO_BIN_EXE_simward"))
        .current_dir(folder)
        .args(["up", "--data", "node", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _node = Node(child);
    let url = std::fs::read_to_string(folder.join("node/url")).unwrap();
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
