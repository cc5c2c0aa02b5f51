//! `simward witness`, killed while it answers: never two trees of one size, and never back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use deed::Digest;
use deed::log::merkle::{Tree, leaf_hash};
use deed::log::note::{Checkpoint, SignatureLine, SignedNote, TYPE_ED25519, VerifierKey};
use deed::log::submission::Submission;
use keys::Secret;
use keys::sign::{Ed25519Key, Host};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn log_key() -> Ed25519Key {
    Ed25519Key::from_seed(&Secret::new([1; 32]))
}

fn log() -> VerifierKey {
    VerifierKey { name: "log.test".into(), kind: TYPE_ED25519, key: log_key().public() }
}

struct Witness {
    child: Child,
    url: String,
    vkey: VerifierKey,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(data: &Path) -> Witness {
    let mut child = Command::new(env!("CARGO_BIN_EXE_simward"))
        .args(["witness", "--listen", "127.0.0.1:0", "--log", &log().to_string(), "--data"])
        .arg(data)
        .env("RUST_LOG", "off")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["ready", url, "witness", vkey] = words[..] else { panic!("{line}") };
    Witness { child, url: url.into(), vkey: VerifierKey::parse(vkey).unwrap() }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(5))).build().into()
}

/// Everything that was ever submitted, and everything that was ever cosigned.
#[derive(Default)]
struct Books {
    submitted: HashMap<Digest, Vec<u64>>,
    cosigned: HashMap<u64, Digest>,
    highest: u64,
    lines: usize,
}

fn tree(leaves: &[u64]) -> Tree {
    let mut tree = Tree::new();
    leaves.iter().for_each(|leaf| tree.push(leaf_hash(&leaf.to_be_bytes())));
    tree
}

/// One request: the newest tree that the witness shows, with one to three leaves more that nobody else will think of.
fn ask(witness: (&str, &VerifierKey), books: &Mutex<Books>, salt: u64) -> Option<()> {
    let (agent, (url, vkey)) = (agent(), witness);
    let hash = server::witness::origin_hash("log.test");
    let mut shown = agent.get(format!("{url}/{hash}/checkpoint")).call().ok()?;
    let old: Vec<u64> = if shown.status().as_u16() == 404 {
        assert_eq!(books.lock().unwrap().highest, 0, "it has forgotten what it cosigned");
        Vec::new()
    } else {
        let note = SignedNote::parse(&shown.body_mut().read_to_vec().ok()?).ok()?;
        let checkpoint = Checkpoint::parse(&note.text).unwrap();
        assert!(matches!(note.cosigned_by(&Host, vkey), Some(Ok(_))));
        books.lock().unwrap().submitted[&checkpoint.root].clone()
    };
    let mut leaves = old.clone();
    (0..=salt % 3).for_each(|i| leaves.push(salt * 4 + i));
    let (size, tree) = (leaves.len() as u64, tree(&leaves));
    let root = tree.root(size).unwrap();
    books.lock().unwrap().submitted.insert(root, leaves);
    let note = Checkpoint { origin: "log.test".into(), size, root }.sign("log.test", &log_key());
    let proof = tree.consistency(old.len() as u64, size).unwrap();
    let body = Submission { old: old.len() as u64, proof, note: note.clone() }.encode();
    let mut answer = agent.post(format!("{url}/add-checkpoint")).send(&body[..]).ok()?;
    let text = answer.body_mut().read_to_string().ok()?;
    match answer.status().as_u16() {
        200 => {
            let line = SignatureLine::parse(&text).unwrap();
            let cosigned = SignedNote { text: note.text, signatures: vec![line] };
            assert!(matches!(cosigned.cosigned_by(&Host, vkey), Some(Ok(_))));
            let mut books = books.lock().unwrap();
            let before = books.cosigned.insert(size, root);
            assert!(before.is_none_or(|before| before == root), "two roots of {size} leaves were cosigned");
            (books.highest, books.lines) = (books.highest.max(size), books.lines + 1);
        }
        409 => {
            let seen: u64 = text.trim().parse().unwrap();
            assert!(seen >= books.lock().unwrap().highest.min(old.len() as u64), "it went back to {seen}");
        }
        status => panic!("{status}: {text}"),
    }
    Some(())
}

#[test]
fn a_witness_killed_at_random_never_signs_two_trees_of_one_size_nor_goes_back() {
    let rounds = std::env::var("SIMWARD_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12_u64);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("witness");
    let books = Mutex::new(Books::default());
    let mut key = None;
    for round in 0..rounds {
        let mut witness = start(&data);
        assert_eq!(*key.get_or_insert_with(|| witness.vkey.clone()), witness.vkey, "its key is one for good");
        let before = books.lock().unwrap().highest;
        let over = AtomicBool::new(false);
        let (url, vkey) = (witness.url.clone(), witness.vkey.clone());
        std::thread::scope(|scope| {
            let (books, over, url, vkey) = (&books, &over, &url, &vkey);
            for thread in 0..4_u64 {
                scope.spawn(move || {
                    for n in 0.. {
                        if over.load(Ordering::SeqCst) {
                            break;
                        }
                        let _ = ask((url, vkey), books, (round * 4 + thread) * 100_000 + n);
                    }
                });
            }
            // Any moment will do: no two rounds are alike.
            let mut moment = [0; 1];
            getrandom::fill(&mut moment).unwrap();
            std::thread::sleep(Duration::from_millis(60 + 2 * u64::from(moment[0])));
            witness.child.kill().unwrap();
            witness.child.wait().unwrap();
            over.store(true, Ordering::SeqCst);
        });
        assert!(books.lock().unwrap().highest >= before);
    }
    let books = books.into_inner().unwrap();
    assert!(books.lines > 10, "only {} lines were given", books.lines);
    // After the last kill: the newest tree it shows is at least the newest it gave a line for, and goes on from that.
    let witness = start(&data);
    let hash = server::witness::origin_hash("log.test");
    let note = agent()
        .get(format!("{}/{hash}/checkpoint", witness.url))
        .call()
        .unwrap()
        .body_mut()
        .read_to_vec()
        .unwrap();
    let newest = Checkpoint::parse(&SignedNote::parse(&note).unwrap().text).unwrap();
    assert!(newest.size >= books.highest);
    let whole = tree(&books.submitted[&newest.root]);
    for (size, root) in &books.cosigned {
        assert_eq!(
            whole.root(*size).as_ref(),
            Some(root),
            "{size}: what was cosigned is no part of the newest tree"
        );
    }
}

#[test]
fn a_witness_keeps_its_key_to_itself_and_says_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("witness");
    let witness = start(&data);
    let page = agent().get(&witness.url).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(page.contains("log.test") && page.contains(&witness.vkey.to_string()), "{page}");
    assert_eq!(witness.vkey.kind, 4);
    for name in ["key", "name"] {
        assert_eq!(std::fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_simward")).arg("witness").args(args).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let data = data.to_str().unwrap();
    let log = log().to_string();
    let (ok, said) = run(&["--data", data, "--log", &log, "--listen", "127.0.0.1:0"]);
    assert!(!ok && said.contains("in use"), "{said}");
    let (ok, said) = run(&["--data", data]);
    assert!(!ok && said.contains("no log"), "{said}");
    let (ok, said) = run(&["--data", data, "--log", &witness.vkey.to_string()]);
    assert!(!ok && said.contains("not a log's key"), "{said}");
    drop(witness);
    let (ok, said) = run(&["--data", data, "--log", &log, "--name", "another"]);
    assert!(!ok && said.contains("belongs to the witness"), "{said}");
}
