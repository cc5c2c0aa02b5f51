//! `simward watch` before logs that lie: each lie is an alarm with its evidence, and nothing is ever counted as seen before it
//! was told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use deed::log::Leaf;
use deed::log::note::{Checkpoint, SignedNote, TYPE_COSIGNATURE, VerifierKey, cosign};
use deed::log::policy::Policy;
use deed::log::proof::TlogProof;
use keys::Secret;
use keys::sign::{Ed25519Key, Host};
use operator::log::Log;
use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tower::ServiceExt as _;

const WATCH_KEY: [u8; 32] = [7; 32];

fn key(n: u8) -> Ed25519Key {
    Ed25519Key::from_seed(&Secret::new([n; 32]))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn mine(seq: u64, head: u8) -> Leaf {
    Leaf { tag: deed::tag(&Secret::new(WATCH_KEY), seq), head: [head; 32] }
}

fn others(n: u64) -> Leaf {
    Leaf { tag: keys::digest::sha256(&[&n.to_be_bytes()]), head: [n as u8; 32] }
}

fn log_of(leaves: &[Leaf]) -> Log {
    let mut log = Log::new("log.test".into(), key(1));
    leaves.iter().for_each(|leaf| log.push(leaf));
    log
}

/// A checkpoint of the log that so many of three witnesses cosigned at a time.
fn publish(log: &mut Log, witnesses: u8, time: u64) -> SignedNote {
    let mut note = log.sign().unwrap();
    for n in 0..witnesses {
        let line = cosign(&note.text, &format!("w{n}"), &key(10 + n), time);
        note.signatures.push(line);
    }
    log.publish(note.clone());
    note
}

type Shown = Arc<Mutex<(Router, HashMap<String, Vec<u8>>, Vec<String>)>>;

/// A log's server that shows whatever the test wants.
struct Liar {
    folder: tempfile::TempDir,
    shown: Shown,
    url: String,
    _runtime: tokio::runtime::Runtime,
}

async fn answer(State(shown): State<Shown>, request: Request) -> axum::response::Response {
    let path = request.uri().path().to_string();
    let (router, instead) = {
        let mut shown = shown.lock().unwrap();
        shown.2.push(path.clone());
        (shown.0.clone(), shown.1.get(&path).cloned())
    };
    match instead {
        Some(bytes) => (StatusCode::OK, bytes).into_response(),
        None => router.oneshot(request).await.unwrap(),
    }
}

impl Liar {
    fn new() -> Self {
        let shown: Shown = Arc::new(Mutex::new((Router::new(), HashMap::new(), Vec::new())));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let router = Router::new().fallback(answer).with_state(shown.clone());
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, router).await });
            address
        });
        let folder = tempfile::tempdir().unwrap();
        let log = log_of(&[]).vkey();
        let mut policy = format!("log {log}\n");
        for n in 0..3_u8 {
            let w = VerifierKey { name: format!("w{n}"), kind: TYPE_COSIGNATURE, key: key(10 + n).public() };
            policy.push_str(&format!("witness W{n} {w}\n"));
        }
        policy.push_str("group G all W0 W1 W2\nquorum G\n");
        std::fs::write(folder.path().join("policy"), policy).unwrap();
        std::fs::write(folder.path().join("watch.key"), hex::encode(WATCH_KEY)).unwrap();
        Self { folder, shown, url: format!("http://{address}/log"), _runtime: runtime }
    }

    fn show(&self, log: &Log) {
        let mut shown = self.shown.lock().unwrap();
        shown.0 = server::log_door::router(log.public());
        shown.1.clear();
    }

    /// Shows leaves, cosigned by everybody just now.
    fn show_leaves(&self, leaves: &[Leaf]) {
        let mut log = log_of(leaves);
        publish(&mut log, 3, now());
        self.show(&log);
    }

    fn instead(&self, path: &str, bytes: Vec<u8>) {
        self.shown.lock().unwrap().1.insert(format!("/log/{path}"), bytes);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shown.lock().unwrap().2)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn watch(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_simward"))
            .current_dir(self.folder.path())
            .args(["watch", "--policy", "policy", "--once", "--log", &self.url])
            .args(if args.contains(&"--state") { &[][..] } else { &["--state", "state"] })
            .args(args)
            .env("RUST_LOG", "off")
            .output()
            .unwrap()
    }

    /// The codes of what was found, in JSON, and whether it ended well.
    fn codes(&self, args: &[&str]) -> (bool, Vec<String>) {
        let output = self.watch(&[args, &["--json"]].concat());
        let lines = String::from_utf8(output.stdout).unwrap();
        let code = |line: &str| {
            let found: serde_json::Value = serde_json::from_str(line).unwrap();
            found["code"].as_str().unwrap().to_string()
        };
        (output.status.success(), lines.lines().map(code).collect())
    }

    fn evidence(&self, code: &str) -> PathBuf {
        let mut folders = std::fs::read_dir(self.path("simward-evidence")).unwrap().flatten();
        folders.find(|f| f.file_name().to_string_lossy().starts_with(code)).expect("no evidence").path()
    }
}

fn note_in(folder: &Path, name: &str) -> SignedNote {
    SignedNote::parse(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn an_owner_hears_of_each_event_once_and_the_log_never_learns_whose_it_is() {
    let liar = Liar::new();
    let key = ["--watch-key", "watch.key", "--number", "8613800138000"];
    let mut leaves: Vec<Leaf> = (0..300).map(others).collect();
    liar.show_leaves(&leaves);
    assert_eq!(liar.codes(&key), (true, vec![]));
    leaves.extend([mine(1, 1), others(300), mine(2, 2)]);
    liar.show_leaves(&leaves);
    let output = liar.watch(&key);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("event 1 of your number +8613800138000 was logged at") && said.contains("event 2"),
        "{said}"
    );
    assert_eq!(liar.codes(&key), (true, vec![]), "told once");
    // A leaf within the next 64 is recognised though those between are not there yet.
    leaves.push(mine(2 + 64, 9));
    liar.show_leaves(&leaves);
    assert_eq!(liar.codes(&key), (true, vec!["event".into()]));
    for path in liar.asked() {
        assert!(
            path == "/log/checkpoint" || path.starts_with("/log/tile/"),
            "{path} tells more than that a log is read"
        );
    }
    let state = std::fs::read_to_string(liar.path("state")).unwrap();
    assert!(!state.contains(&hex::encode(WATCH_KEY)) && !state.contains("8613800138000"), "{state}");
    assert_eq!(std::fs::metadata(liar.path("state")).unwrap().permissions().mode() & 0o777, 0o600);
    let other = liar.watch(&["--watch-key", &"11".repeat(32)]);
    assert!(!other.status.success() && String::from_utf8_lossy(&other.stderr).contains("another number"));
}

#[test]
fn what_could_not_be_delivered_is_not_counted_as_seen() {
    let liar = Liar::new();
    liar.show_leaves(&[others(1)]);
    let script = liar.path("tell");
    let write = |text: &str| {
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    };
    write("#!/bin/sh\nexit 1\n");
    let command = format!("command={}", script.display());
    let args = ["--watch-key", "watch.key", "--number", "8613800138000", "--notify", &command];
    assert!(liar.watch(&args).status.success());
    let before = std::fs::read(liar.path("state")).unwrap();
    liar.show_leaves(&[others(1), mine(1, 1)]);
    let failed = liar.watch(&args);
    assert!(
        !failed.status.success() && String::from_utf8_lossy(&failed.stderr).contains("not delivered"),
        "{failed:?}"
    );
    assert_eq!(std::fs::read(liar.path("state")).unwrap(), before, "the state stands where it stood");
    // What the program is told stands in its environment, and no shell has read it.
    write("#!/bin/sh\nprintf '%s' \"$SIMWARD_KIND $SIMWARD_NUMBER $SIMWARD_EVENT $SIMWARD_LEAF\" > told\n");
    assert!(liar.watch(&args).status.success());
    assert_eq!(std::fs::read_to_string(liar.path("told")).unwrap(), "event 8613800138000 1 1");
    assert_ne!(std::fs::read(liar.path("state")).unwrap(), before);
}

#[test]
fn a_webhook_gets_it_as_json() {
    let liar = Liar::new();
    liar.show_leaves(&[mine(1, 1)]);
    let got: Arc<Mutex<Vec<serde_json::Value>>> = Arc::default();
    let (hook, posted) = (
        got.clone(),
        axum::routing::post(
            |State(got): State<Arc<Mutex<Vec<serde_json::Value>>>>, body: axum::Json<serde_json::Value>| async move {
                let mut got = got.lock().unwrap();
                got.push(body.0);
                // The first attempt fails on the hook's side.
                if got.len() == 1 { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
            },
        ),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/hook", posted).with_state(hook);
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    });
    let hook = format!("webhook=http://{address}/hook");
    let output = liar.watch(&["--watch-key", "watch.key", "--notify", &hook]);
    assert!(output.status.success(), "{output:?}");
    let got = got.lock().unwrap();
    assert_eq!(got.len(), 2, "tried again");
    assert_eq!(
        (&got[1]["kind"], &got[1]["code"], &got[1]["event"]),
        (&"event".into(), &"event".into(), &1.into())
    );
}

#[test]
fn two_leaves_with_one_tag_are_found_by_anybody_and_the_evidence_convinces_anybody() {
    let liar = Liar::new();
    let mut leaves: Vec<Leaf> = (0..260).map(others).collect();
    liar.show_leaves(&leaves);
    assert_eq!(liar.codes(&["--all"]), (true, vec![]));
    // The same leaf once more is no fork; another head is.
    leaves.extend([others(5), Leaf { head: [0xaa; 32], ..others(5) }]);
    liar.show_leaves(&leaves);
    assert_eq!(liar.codes(&["--all"]), (false, vec!["fork".into()]));
    let folder = liar.evidence("fork");
    let policy = Policy::parse(&std::fs::read(liar.path("policy")).unwrap()).unwrap();
    let mut tags = Vec::new();
    for n in [1, 2] {
        let leaf =
            hex::decode(std::fs::read_to_string(folder.join(format!("leaf-{n}.hex"))).unwrap()).unwrap();
        let leaf = Leaf::decode(&leaf).unwrap();
        let proof =
            TlogProof::parse(&std::fs::read(folder.join(format!("leaf-{n}.tlog-proof"))).unwrap()).unwrap();
        let logged = proof.check(&Host, &policy, &leaf).unwrap();
        assert_eq!(logged.index, [5, 261][n - 1]);
        tags.push((leaf.tag, leaf.head));
    }
    assert!(tags[0].0 == tags[1].0 && tags[0].1 != tags[1].1);
    // And again from a memory that was cut off in the middle of a write.
    let leaves_file = liar.path("state.leaves");
    let mut bytes = std::fs::read(&leaves_file).unwrap();
    bytes.extend_from_slice(&[1; 40]);
    std::fs::write(&leaves_file, &bytes).unwrap();
    leaves.push(Leaf { head: [0xbb; 32], ..others(7) });
    liar.show_leaves(&leaves);
    assert_eq!(liar.codes(&["--all"]), (false, vec!["fork".into()]));
    bytes[100] ^= 1;
    std::fs::write(&leaves_file, &bytes).unwrap();
    assert!(!liar.watch(&["--all"]).status.success(), "a memory that was changed is none");
}

#[test]
fn an_owner_finds_a_fork_of_his_own_number_without_reading_for_all() {
    let liar = Liar::new();
    liar.show_leaves(&[mine(1, 1), mine(2, 2)]);
    assert!(liar.watch(&["--watch-key", "watch.key"]).status.success());
    liar.show_leaves(&[mine(1, 1), mine(2, 2), mine(2, 3)]);
    assert_eq!(liar.codes(&["--watch-key", "watch.key"]), (false, vec!["fork".into()]));
    assert!(liar.evidence("fork").join("leaf-2.tlog-proof").exists());
}

#[test]
fn a_log_that_does_not_only_grow_is_caught_with_both_notes() {
    let first: Vec<Leaf> = (0..10).map(others).collect();
    let rewritten = |n: u64| -> Vec<Leaf> { (0..n).map(|i| others(if i == 4 { 999 } else { i })).collect() };
    for (code, leaves) in [
        ("inconsistent", rewritten(20)),
        ("two-roots", rewritten(10)),
        ("split", rewritten(8)),
        ("went-back", first[..7].to_vec()),
    ] {
        let liar = Liar::new();
        liar.show_leaves(&first);
        assert!(liar.watch(&["--all"]).status.success());
        let state = std::fs::read(liar.path("state")).unwrap();
        if code == "went-back" {
            // The tree of before can still be read: an old checkpoint is all that is wrong.
            liar.show_leaves(&first);
            let mut small = log_of(&leaves);
            liar.instead("checkpoint", publish(&mut small, 3, now()).encode());
        } else {
            liar.show_leaves(&leaves);
        }
        assert_eq!(liar.codes(&["--all"]), (false, vec![code.to_string()]));
        let folder = liar.evidence(code);
        let (before, after) = (note_in(&folder, "seen-before.txt"), note_in(&folder, "shown-now.txt"));
        let (before, after) =
            (Checkpoint::parse(&before.text).unwrap(), Checkpoint::parse(&after.text).unwrap());
        assert_eq!((before.size, after.size), (10, leaves.len() as u64));
        // It stands where it stood, says so the next time, and does not tell the same twice a day.
        assert_eq!(liar.codes(&["--all"]), (false, vec![]));
        let kept = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["size"].clone();
        assert_eq!(kept(&std::fs::read(liar.path("state")).unwrap()), kept(&state));
        liar.show_leaves(&first);
        assert!(liar.watch(&["--all"]).status.success(), "the log of before is followed again");
    }
}

#[test]
fn another_tree_than_the_witnesses_saw_is_not_believed() {
    let liar = Liar::new();
    let mut log = log_of(&[others(1), others(2)]);
    for (witnesses, code) in [(0, "not-witnessed"), (2, "not-witnessed")] {
        publish(&mut log, witnesses, now());
        liar.show(&log);
        let _ = std::fs::remove_file(liar.path("state"));
        let _ = std::fs::remove_dir_all(liar.path("simward-evidence"));
        assert_eq!(liar.codes(&["--all"]), (false, vec![code.into()]), "{witnesses}");
        assert_eq!(
            note_in(&liar.evidence(code), "checkpoint.txt").signatures.len(),
            1 + usize::from(witnesses)
        );
    }
    // A stranger's log under the log's name, cosigned by the real witnesses.
    let mut stranger = Log::new("log.test".into(), key(2));
    stranger.push(&others(1));
    let mut note = publish(&mut stranger, 3, now());
    liar.show(&stranger);
    let _ = std::fs::remove_file(liar.path("state"));
    assert_eq!(liar.codes(&["--all"]), (false, vec!["not-signed".into()]));
    // One forged line spoils it, whatever the others are.
    note.signatures[3].signature[12] ^= 1;
    liar.instead("checkpoint", note.encode());
    assert!(!liar.watch(&["--all"]).status.success());
}

#[test]
fn an_old_view_and_hidden_entries_and_foreign_ones_are_alarms() {
    let liar = Liar::new();
    let mut log = log_of(&[others(1), others(2)]);
    publish(&mut log, 3, now() - 7_200);
    liar.show(&log);
    assert_eq!(liar.codes(&["--all"]), (false, vec!["stale".into()]));
    assert!(liar.watch(&["--all", "--stale-after", "10000"]).status.success());
    // Entries that are not those of the tree: first from nothing, then from a tree seen before.
    let hidden = [others(1), others(2), mine(1, 1)];
    let shown = deed::log::tile::bundle(&[others(1), others(2), others(3)]);
    for state in ["fresh", "state"] {
        liar.show_leaves(&hidden);
        liar.instead("tile/entries/000.p/3", shown.clone());
        assert_eq!(liar.codes(&["--all", "--state", state]), (false, vec!["entries".into()]), "{state}");
    }
    liar.instead("tile/entries/000.p/3", shown[..100].to_vec());
    let cut = liar.watch(&["--all"]);
    assert!(!cut.status.success() && String::from_utf8_lossy(&cut.stderr).contains("cut short"), "{cut:?}");
    liar.instead("checkpoint", b"<html>".to_vec());
    assert!(!liar.watch(&["--all"]).status.success());
}

#[test]
fn a_receipt_whose_event_is_not_in_the_log_is_an_alarm() {
    let liar = Liar::new();
    let receipt = |head: u8| {
        let hex = |byte: u8| hex::encode([byte; 32]);
        let text = format!(
            "number = \"8613800138000\"\ndeed_id = \"{}\"\nroot_digest = \"{}\"\nwatch_key = \"{}\"\nseq = 2\nhead = \"{}\"\n",
            hex(100),
            hex(101),
            hex::encode(WATCH_KEY),
            hex(head),
        );
        std::fs::write(liar.path("receipt.toml"), text).unwrap();
    };
    let first = Leaf { tag: [1; 32], head: [100; 32] };
    let args = ["--receipt", "receipt.toml", "--no-history"];
    for (leaves, head, expected) in [
        (vec![first, mine(1, 1), mine(2, 2)], 2, (true, vec![])),
        (vec![first, mine(1, 1), mine(2, 2), mine(3, 3)], 2, (true, vec!["event".to_string()])),
        (vec![first, mine(1, 1)], 2, (false, vec!["missing".into()])),
        (vec![first, mine(1, 1), mine(2, 5)], 2, (false, vec!["not-my-pin".into()])),
    ] {
        let _ = std::fs::remove_file(liar.path("state"));
        receipt(head);
        liar.show_leaves(&leaves);
        assert_eq!(liar.codes(&args), expected);
    }
}
