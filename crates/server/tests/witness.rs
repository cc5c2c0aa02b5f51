//! A witness's door: each bad request its status, and never two trees, whatever is asked at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use deed::log::merkle::{Tree, leaf_hash};
use deed::log::note::{Checkpoint, SignatureLine, SignedNote, TYPE_ED25519, VerifierKey};
use deed::log::submission::{MAX_SUBMISSION, Submission};
use keys::Secret;
use keys::sign::{Ed25519Key, Host};
use operator::cosigner::Declined;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use server::SystemClock;
use server::witness::{WitnessError, WitnessFolder, door, origin_hash};
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use wire::UnixTime;

fn key(n: u8) -> Ed25519Key {
    Ed25519Key::from_seed(&Secret::new([n; 32]))
}

fn log() -> VerifierKey {
    VerifierKey { name: "log.test".into(), kind: TYPE_ED25519, key: key(1).public() }
}

fn open(dir: &Path) -> Result<WitnessFolder, WitnessError> {
    WitnessFolder::open(dir, Some("w.test"), vec![log()], &mut ChaCha20Rng::seed_from_u64(3))
}

/// A tree of `size` leaves, the last of `branch`'s own.
fn tree(size: u64, branch: u64) -> Tree {
    let mut tree = Tree::new();
    (0..size).for_each(|i| {
        tree.push(leaf_hash(&[i, if i + 1 == size { branch } else { 0 }].map(u64::to_be_bytes).concat()))
    });
    tree
}

fn submission(old: u64, size: u64, branch: u64) -> Submission {
    let tree = tree(size, branch);
    let root = tree.root(size).unwrap();
    let note = Checkpoint { origin: "log.test".into(), size, root }.sign("log.test", &key(1));
    Submission { old, proof: tree.consistency(old, size).unwrap_or_default(), note }
}

struct Running {
    folder: tempfile::TempDir,
    address: std::net::SocketAddr,
    vkey: VerifierKey,
    agent: ureq::Agent,
    _runtime: tokio::runtime::Runtime,
}

fn start() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let witness = Arc::new(open(folder.path()).unwrap());
    let vkey = witness.vkey();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = door::router(witness, Arc::new(SystemClock));
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    });
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    Running { folder, address, vkey, agent, _runtime: runtime }
}

impl Running {
    fn post(&self, body: &[u8]) -> (u16, String, String) {
        let mut answer =
            self.agent.post(format!("http://{}/add-checkpoint", self.address)).send(body).unwrap();
        let kind = answer.headers().get("content-type").map(|v| v.to_str().unwrap().to_string());
        (answer.status().as_u16(), kind.unwrap_or_default(), answer.body_mut().read_to_string().unwrap())
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut answer = self.agent.get(format!("http://{}{path}", self.address)).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }
}

#[test]
fn each_request_gets_the_status_that_the_specification_has_for_it() {
    let witness = start();
    let hash = origin_hash("log.test");
    assert_eq!(witness.get(&format!("/{hash}/checkpoint")).0, 404, "nothing cosigned yet");
    let good = submission(0, 5, 0);
    let (status, _, line) = witness.post(&good.encode());
    assert_eq!(status, 200);
    let mut note = good.note.clone();
    note.signatures.push(SignatureLine::parse(&line).unwrap());
    assert!(note.cosigned_by(&Host, &witness.vkey).unwrap().unwrap() > 1_700_000_000);
    let (status, shown) = witness.get(&format!("/{hash}/checkpoint"));
    assert_eq!(
        (status, shown.as_bytes()),
        (200, note.encode().as_slice()),
        "both signatures, as they were given"
    );

    // Replayed: it says how far it has seen.
    let (status, kind, size) = witness.post(&good.encode());
    assert_eq!((status, kind.as_str(), size.as_str()), (409, "text/x.tlog.size", "5\n"));
    let change = |change: &dyn Fn(&mut Submission)| {
        let mut changed = submission(5, 9, 0);
        change(&mut changed);
        changed.encode()
    };
    let whole = change(&|_| {});
    let text = String::from_utf8(whole.clone()).unwrap();
    let other_origin =
        Checkpoint { origin: "other.test".into(), size: 9, root: [1; 32] }.sign("log.test", &key(1));
    let cases: Vec<(&str, u16, Vec<u8>)> = vec![
        ("empty", 400, vec![]),
        ("truncated", 400, whole[..whole.len() - 1].to_vec()),
        ("without its note", 400, text.split_once("\n\n").unwrap().0.as_bytes().to_vec()),
        ("not text", 400, vec![0xff; 300]),
        ("leading zero", 400, text.replacen("old 5", "old 05", 1).into_bytes()),
        ("sixty-four proof lines", 400, change(&|s| s.proof = vec![[0; 32]; 64])),
        ("old size beyond", 400, change(&|s| s.old = 10)),
        ("oversized", 413, vec![b'x'; MAX_SUBMISSION + 1]),
        ("wrong origin", 404, change(&|s| s.note = other_origin.clone())),
        ("unsigned", 403, change(&|s| s.note.signatures[0].id = [0; 4])),
        ("signed by another", 403, change(&|s| s.note = submission(5, 9, 0).note_signed_by(&key(2)))),
        ("spoilt signature", 403, change(&|s| s.note.signatures[0].signature[7] ^= 1)),
        ("old size behind", 409, change(&|s| s.old = 4)),
        ("wrong proof", 422, change(&|s| s.proof[0][0] ^= 1)),
        ("no proof", 422, change(&|s| s.proof.clear())),
        ("another tree", 422, submission(5, 9, 0).on_another_tree().encode()),
        ("another root of one size", 422, Submission { old: 5, ..submission(0, 5, 7) }.encode()),
    ];
    for (what, status, body) in cases {
        assert_eq!(witness.post(&body).0, status, "{what}");
    }
    assert_eq!(witness.get("/add-checkpoint").0, 405);
    assert_eq!(witness.get(&format!("/{}/checkpoint", "0".repeat(64))).0, 404);
    let (status, page) = witness.get("/");
    assert!(status == 200 && page.contains(&witness.vkey.to_string()) && page.contains("5 leaves"), "{page}");
    // After all that it goes on from where it was.
    assert_eq!(witness.post(&whole).0, 200);
    assert_eq!(
        witness.post(&Submission { old: 9, ..submission(9, 9, 0) }.encode()).0,
        200,
        "the same tree again"
    );
}

trait Lies {
    fn note_signed_by(&self, key: &Ed25519Key) -> SignedNote;
    fn on_another_tree(self) -> Self;
}

impl Lies for Submission {
    fn note_signed_by(&self, key: &Ed25519Key) -> SignedNote {
        Checkpoint::parse(&self.note.text).unwrap().sign("log.test", key)
    }

    fn on_another_tree(mut self) -> Self {
        let tree = {
            let mut tree = Tree::new();
            (0..9_u64).for_each(|i| tree.push(leaf_hash(&[9, i as u8])));
            tree
        };
        self.proof = tree.consistency(5, 9).unwrap();
        self.note = Checkpoint { origin: "log.test".into(), size: 9, root: tree.root(9).unwrap() }
            .sign("log.test", &key(1));
        self
    }
}

/// Eight threads, each with a tree of its own at every size. Whatever the order, one root for each size.
#[test]
fn racing_requests_get_one_tree_cosigned() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path()).unwrap();
    let given: Mutex<HashMap<u64, [u8; 32]>> = Mutex::default();
    std::thread::scope(|scope| {
        for branch in 0..8_u64 {
            let (witness, given) = (&witness, &given);
            scope.spawn(move || {
                for size in 1..9 {
                    for old in 0..size {
                        // Trees of one size differ in their last leaf, so only a tree of branch 0 can be gone on from.
                        let asked = submission(old, size, branch);
                        let root = Checkpoint::parse(&asked.note.text).unwrap().root;
                        if witness.add_checkpoint(&asked.encode(), UnixTime(1_800_000_000)).is_ok() {
                            let before = given.lock().unwrap().insert(size, root);
                            assert!(before.is_none_or(|before| before == root), "two roots of {size} leaves");
                        }
                    }
                }
            });
        }
    });
    let given = given.into_inner().unwrap();
    assert!(!given.is_empty(), "nothing was cosigned");
    let newest =
        SignedNote::parse_any(witness.newest_of(&origin_hash("log.test")).unwrap().encode().as_slice())
            .unwrap();
    let newest = Checkpoint::parse(&newest.text).unwrap();
    assert_eq!(given.keys().max(), Some(&newest.size));
    assert_eq!(given[&newest.size], newest.root);
}

#[test]
fn what_a_witness_saw_it_knows_after_a_start_and_a_folder_that_lost_it_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let now = UnixTime(1_800_000_000);
    let witness = open(folder.path()).unwrap();
    witness.add_checkpoint(&submission(0, 5, 0).encode(), now).unwrap();
    assert!(
        matches!(open(folder.path()), Err(WitnessError::InUse(_))),
        "two with one key would sign two trees"
    );
    let vkey = witness.vkey();
    drop(witness);
    let witness = open(folder.path()).unwrap();
    assert_eq!(witness.vkey(), vkey);
    assert_eq!(witness.add_checkpoint(&submission(0, 5, 7).encode(), now), Err(Declined::Conflict(5)));
    drop(witness);
    let path = folder.path().join(format!("{}.checkpoint", origin_hash("log.test")));
    let kept = std::fs::read(&path).unwrap();
    let strangers = submission(0, 2, 0).note.encode();
    for damaged in [&kept[..kept.len() - 2], &[][..], &strangers, b"x"] {
        std::fs::write(&path, damaged).unwrap();
        assert!(matches!(open(folder.path()), Err(WitnessError::Damaged { .. })));
    }
    std::fs::write(&path, kept).unwrap();
    drop(open(folder.path()).unwrap());
    for lost in [path.clone(), folder.path().join("origins")] {
        let kept = std::fs::read(&lost).unwrap();
        std::fs::remove_file(&lost).unwrap();
        assert!(
            matches!(open(folder.path()), Err(WitnessError::Damaged { .. })),
            "{} was lost",
            lost.display()
        );
        std::fs::write(&lost, kept).unwrap();
    }
    std::fs::remove_file(folder.path().join("key")).unwrap();
    assert!(
        matches!(open(folder.path()), Err(WitnessError::Damaged { .. })),
        "a new key would hide what was lost"
    );
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("name"), 0o600);
}

#[test]
fn what_cannot_be_stored_is_not_cosigned() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path()).unwrap();
    // A folder stands where the file would be written: no user may write over that, not even root.
    let partial = folder.path().join(format!("{}.partial", origin_hash("log.test")));
    std::fs::create_dir(&partial).unwrap();
    let now = UnixTime(1_800_000_000);
    let asked = submission(0, 5, 0).encode();
    assert!(matches!(witness.add_checkpoint(&asked, now), Err(Declined::Broken(_))));
    assert!(witness.newest_of(&origin_hash("log.test")).is_none());
    std::fs::remove_dir(&partial).unwrap();
    assert!(witness.add_checkpoint(&asked, now).is_ok());
}

#[test]
fn a_request_that_never_ends_holds_nobody_up() {
    let witness = start();
    let mut slow = TcpStream::connect(witness.address).unwrap();
    slow.write_all(b"POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nold").unwrap();
    assert_eq!(witness.post(&submission(0, 5, 0).encode()).0, 200);
    let mut answer = String::new();
    slow.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let mut part = [0; 64];
    let n = slow.read(&mut part).unwrap();
    answer.push_str(&String::from_utf8_lossy(&part[..n]));
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(witness.folder.path().join("key").exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_comes_is_answered_and_never_cosigned(
        noise in prop::collection::vec(any::<u8>(), 0..600),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        static WITNESS: std::sync::OnceLock<(tempfile::TempDir, WitnessFolder)> = std::sync::OnceLock::new();
        let (_, witness) = WITNESS.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let witness = open(folder.path()).unwrap();
            (folder, witness)
        });
        let now = UnixTime(1_800_000_000);
        prop_assert!(witness.add_checkpoint(&noise, now).is_err());
        let mut changed = submission(0, 3, 0).encode();
        let at = at.index(changed.len());
        changed[at] ^= flip;
        prop_assert!(witness.add_checkpoint(&changed, now).is_err(), "byte {} changed by {:x}", at, flip);
        let mut cut = submission(0, 3, 0).encode();
        cut.truncate(at);
        prop_assert!(witness.add_checkpoint(&cut, now).is_err());
    }
}
