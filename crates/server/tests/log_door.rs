//! The log as it is served: from its tiles anybody rebuilds the tree that its checkpoint names, and nothing beyond it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use deed::Digest;
use deed::log::Leaf;
use deed::log::frontier::Frontier;
use deed::log::merkle::leaf_hash;
use deed::log::note::Checkpoint;
use deed::log::policy::Policy;
use deed::log::proof::TlogProof;
use deed::log::tile::{Kind, Tile, TileTree};
use keys::Secret;
use keys::sign::{Ed25519Key, Host};
use operator::log::Log;
use proptest::prelude::*;
use server::Committer;
use tower::ServiceExt as _;

struct Answer {
    status: u16,
    kind: String,
    cache: String,
    body: Vec<u8>,
}

struct Door {
    router: Router,
    runtime: tokio::runtime::Runtime,
}

impl Door {
    fn of(log: operator::log::PublicLog) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { router: server::log_door::router(log), runtime }
    }

    fn get(&self, path: &str) -> Answer {
        let request = Request::get(format!("/log/{path}")).body(Body::empty()).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let text = |name| {
                response.headers().get(name).map(|v| v.to_str().unwrap().to_string()).unwrap_or_default()
            };
            let (kind, cache) = (text(header::CONTENT_TYPE), text(header::CACHE_CONTROL));
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec();
            Answer { status, kind, cache, body }
        })
    }

    fn hashes(&self, tile: &Tile) -> Result<Vec<Digest>, deed::log::LogError> {
        let answer = self.get(&tile.to_string());
        assert_eq!(answer.status, 200, "{tile}");
        tile.read_hashes(&answer.body)
    }
}

fn leaf(n: u64) -> Leaf {
    Leaf { tag: keys::digest::sha256(&[&n.to_be_bytes()]), head: [n as u8; 32] }
}

fn empty_log() -> Log {
    Log::new("log.test".into(), Ed25519Key::from_seed(&Secret::new([1; 32])))
}

#[test]
fn a_tree_rebuilt_from_served_tiles_has_the_checkpoints_root_at_every_size() {
    let mut log = empty_log();
    let door = Door::of(log.public());
    assert_eq!(door.get("checkpoint").status, 404, "before there is one");
    let sizes = (0..=600_u64).chain([1_000, 4_096, 65_536, 65_600]);
    for size in sizes {
        while log.size() < size {
            log.push(&leaf(log.size()));
        }
        log.publish(log.sign().unwrap());
        let note = String::from_utf8(door.get("checkpoint").body).unwrap();
        let checkpoint =
            Checkpoint::parse(note.split_inclusive("\n\n").next().unwrap().strip_suffix('\n').unwrap())
                .unwrap();
        assert_eq!(checkpoint.size, size);
        let mut tiles = TileTree::new(size, |tile: &Tile| door.hashes(tile));
        assert_eq!(tiles.root().unwrap(), checkpoint.root, "hashes, {size}");
        // Entries: at every size would be the same tiles again and again.
        if size % 37 == 0 || size > 250 && size < 260 || size > 500 {
            let mut edge = Frontier::default();
            while let Some(tile) = Tile::with(Kind::Entries, edge.size(), size) {
                let served = door.get(&tile.to_string()).body;
                tile.read_entries(&served).unwrap().into_iter().for_each(|entry| edge.push(leaf_hash(entry)));
            }
            assert_eq!(edge.root(), checkpoint.root, "entries, {size}");
        }
    }
}

#[test]
fn tiles_are_kept_for_good_and_what_is_beyond_the_checkpoint_is_not_there() {
    let mut log = empty_log();
    (0..300).for_each(|n| log.push(&leaf(n)));
    log.publish(log.sign().unwrap());
    // Pushed, and not yet cosigned by anybody: not to be read.
    (300..600).for_each(|n| log.push(&leaf(n)));
    let door = Door::of(log.public());
    for (path, length) in [
        ("tile/0/000", 8_192),
        ("tile/0/001.p/44", 44 * 32),
        ("tile/0/001.p/1", 32),
        ("tile/0/000.p/17", 17 * 32),
        ("tile/1/000.p/1", 32),
        ("tile/entries/000", 256 * 67),
        ("tile/entries/001.p/44", 44 * 67),
    ] {
        let answer = door.get(path);
        assert_eq!((answer.status, answer.body.len()), (200, length), "{path}");
        assert_eq!(answer.kind, "application/octet-stream");
        assert!(answer.cache.contains("immutable"), "{}", answer.cache);
    }
    for path in [
        "tile/0/001",
        "tile/0/001.p/45",
        "tile/0/002.p/1",
        "tile/1/000",
        "tile/1/000.p/2",
        "tile/2/000.p/1",
        "tile/entries/001",
        "tile/entries/001.p/45",
        "tile/entries/002.p/1",
        "tile/0/000.p/0",
        "tile/0/0",
        "tile/0/x000/000",
        "tile/00/000",
        "tile/63/000.p/1",
        "tile/0/%30%30%30",
        "proof/300",
        "proof/-1",
        "proof/007",
        "proof/",
        "tile",
        "checkpoint/",
        "nothing",
        "tile/entries/x018/x446/x744/x073/x709/x551/615",
    ] {
        let answer = door.get(path);
        assert_eq!(
            (answer.status, answer.cache.as_str()),
            (404, "no-store"),
            "{path}: it may be there tomorrow"
        );
    }
    let checkpoint = door.get("checkpoint");
    assert_eq!(
        (checkpoint.kind.as_str(), checkpoint.cache.as_str()),
        ("text/plain; charset=utf-8", "no-cache")
    );
    let policy = Policy::parse(format!("log {}\nquorum none\n", log.vkey()).as_bytes()).unwrap();
    for index in [0, 255, 256, 299] {
        let proof = door.get(&format!("proof/{index}"));
        let proof = TlogProof::parse(&proof.body).unwrap();
        assert_eq!(proof.index, index);
        let judged = policy.judge(&Host, &proof.checkpoint);
        // Nobody's cosignature counts here, so the policy has no time to give; the path is what is looked at.
        assert!(judged.is_err());
        let root = deed::log::merkle::root_from_inclusion(&leaf(index).hash(), index, 300, &proof.path);
        assert_eq!(root, log.root(300));
    }
}

#[test]
fn a_running_node_shows_its_log_while_its_thread_is_busy() {
    let mut stage = common::Stage::new();
    stage.issue("8613800138000", 1);
    let node = stage.node.take().unwrap();
    let committer = Committer::start(node).unwrap();
    let handle = committer.handle();
    let router = server::http::router(handle.clone(), &"d".repeat(64), &"b".repeat(64), &"c".repeat(64));
    let door = Door { router, runtime: tokio::runtime::Builder::new_current_thread().build().unwrap() };
    let (release, held) = std::sync::mpsc::channel::<()>();
    let busy = std::thread::spawn(move || {
        handle.run_blocking(move |_| {
            let _ = held.recv();
            Ok(())
        })
    });
    for path in ["checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1", "proof/0"] {
        assert_eq!(door.get(path).status, 200, "{path}");
    }
    release.send(()).unwrap();
    busy.join().unwrap().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_path_is_answered(path in "[0-9a-z/.px%]{0,40}", tile in "tile/(0|1|entries)/(x[0-9]{3}/){0,2}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        let mut log = empty_log();
        (0..3).for_each(|n| log.push(&leaf(n)));
        log.publish(log.sign().unwrap());
        let door = Door::of(log.public());
        for path in [path, tile] {
            if format!("/log/{path}").parse::<axum::http::Uri>().is_ok() {
                prop_assert!([200, 404].contains(&door.get(&path).status), "{path}");
            }
        }
    }
}
