//! A node whose witnesses other people run: changed with them, not without, and never started as an old copy of itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use deed::log::note::Checkpoint;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use server::outside::WitnessingError;
use server::witness::{WitnessFolder, door};
use server::{Clock as _, Deployment, Node, OutsideWitness, StartError, TestWaits, Witnessing};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A witness that can be stopped and started.
struct Witness {
    folder: tempfile::TempDir,
    address: SocketAddr,
    clock: Arc<Stepped>,
    running: Option<tokio::runtime::Runtime>,
}

impl Witness {
    fn start(&mut self, logs: Vec<deed::log::note::VerifierKey>) {
        let witness = open(self.folder.path(), logs);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let router = door::router(Arc::new(witness), self.clock.clone());
        self.address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind(self.address).await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, router).await });
            address
        });
        self.running = Some(runtime);
    }

    fn stop(&mut self) {
        self.running.take().unwrap().shutdown_timeout(std::time::Duration::from_secs(5));
    }

    fn outside(&self) -> OutsideWitness {
        let any = deed::log::note::VerifierKey { name: "any".into(), kind: 1, key: [7; 32] };
        OutsideWitness { url: format!("http://{}", self.address), vkey: peek(self.folder.path(), any) }
    }
}

fn open(dir: &Path, logs: Vec<deed::log::note::VerifierKey>) -> WitnessFolder {
    WitnessFolder::open(dir, None, logs, &mut rand()).unwrap()
}

/// The key of a witness that is not running.
fn peek(dir: &Path, any: deed::log::note::VerifierKey) -> deed::log::note::VerifierKey {
    let key = std::fs::read_to_string(dir.join("key"));
    assert!(key.is_ok());
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(dir).unwrap().flatten().filter(|file| file.file_name() != "lock") {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    open(copy.path(), vec![any]).vkey()
}

fn rand() -> ChaCha20Rng {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    ChaCha20Rng::from_seed(seed)
}

struct Deployed {
    stage: Stage,
    witnesses: Vec<Witness>,
    log: deed::log::note::VerifierKey,
}

/// A node and so many witnesses, none of them its own.
fn deploy(n: usize) -> Deployed {
    let clock = Arc::new(Stepped(AtomicU64::new(1_800_000_000)));
    let folder = tempfile::tempdir().unwrap();
    let mut stage =
        Stage { folder, clock: clock.clone(), node: None, card_keys: std::collections::HashMap::new() };
    let any = deed::log::note::VerifierKey { name: "any".into(), kind: 1, key: [7; 32] };
    let mut witnesses = Vec::new();
    for _ in 0..n {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), vec![any.clone()]));
        witnesses.push(Witness {
            folder,
            address: "127.0.0.1:0".parse().unwrap(),
            clock: clock.clone(),
            running: None,
        });
    }
    // The log's key is made with the deployment, the witnesses' addresses come later.
    let wanted = Witnessing { own: false, outside: witnesses.iter().map(Witness::outside).collect() };
    let made =
        Deployment::open_witnessed(stage.folder.path(), TestWaits::Real, &wanted, &mut rand()).unwrap();
    let log = made.log.vkey();
    drop(made);
    for witness in &mut witnesses {
        witness.start(vec![log.clone()]);
    }
    start(&mut stage, &witnesses).unwrap();
    Deployed { stage, witnesses, log }
}

fn start(stage: &mut Stage, witnesses: &[Witness]) -> Result<(), operator::Refusal> {
    stage.node = None;
    let moved = Witnessing { own: false, outside: witnesses.iter().map(Witness::outside).collect() };
    let deployment =
        Deployment::open_witnessed(stage.folder.path(), TestWaits::Real, &moved, &mut rand()).unwrap();
    stage.node = Some(Node::start(deployment, stage.clock.clone(), stage.clock.clone(), rand())?);
    Ok(())
}

impl Deployed {
    /// Lets time pass, and a checkpoint come back.
    fn pass(&mut self, seconds: u64) {
        self.stage.pass(seconds);
        for _ in 0..40 {
            std::thread::sleep(std::time::Duration::from_millis(25));
            self.stage.node().tick();
            if self.stage.node().witnessed() >= self.stage.clock.now() {
                return;
            }
        }
    }

    fn size_at(&self, witness: usize) -> u64 {
        let hash = server::witness::origin_hash(&self.log.name);
        let url = format!("{}/{hash}/checkpoint", self.witnesses[witness].outside().url);
        let note = ureq::get(url).call().unwrap().body_mut().read_to_vec().unwrap();
        let note = deed::log::note::SignedNote::parse(&note).unwrap();
        Checkpoint::parse(&note.text).unwrap().size
    }
}

#[test]
fn a_number_moves_with_witnesses_elsewhere_and_each_has_seen_its_leaves() {
    let mut all = deploy(3);
    assert!(!all.stage.node().has_own_witnesses());
    let mut owner = all.stage.issue("8613800138000", 1);
    let card = all.stage.node().draw_card(None).unwrap().card;
    all.stage.ask_and_agree(&mut owner, &card).unwrap();
    all.pass(15 * 60);
    all.pass(1);
    assert_eq!(all.stage.node().resolve(&owner.number), Some(card.imsi));
    let size = all.stage.node().public_log().checkpoint().unwrap();
    let size = Checkpoint::parse(&size.text).unwrap().size;
    for witness in 0..3 {
        assert_eq!(all.size_at(witness), size);
    }
    // And it goes on after a start.
    start(&mut all.stage, &all.witnesses).unwrap();
    assert_eq!(all.stage.served(card.imsi), Ok(()));
    all.stage.issue("8613900139000", 41);
}

#[test]
fn of_four_witnesses_one_may_be_away_and_two_may_not() {
    let mut all = deploy(4);
    all.stage.issue("8613800138000", 1);
    all.witnesses[2].stop();
    all.stage.issue("8613900139000", 41);
    assert!(all.stage.alarmed("witness"), "whoever is away is named");
    all.witnesses[0].stop();
    let refused = all.stage.try_issue("8613700137000", 81).map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), "log", "{refused}");
    // They come back, and what could not be witnessed then is now.
    let log = all.log.clone();
    all.witnesses[0].start(vec![log.clone()]);
    all.witnesses[2].start(vec![log]);
    std::thread::sleep(std::time::Duration::from_secs(6));
    all.pass(60);
    all.pass(60);
    let number = "8613700137000".parse().unwrap();
    assert!(all.stage.node().pin(&number).is_ok(), "it was in the log, and is followed");
}

#[test]
fn what_a_silent_witness_may_have_seen_is_not_taken_back() {
    let mut all = deploy(4);
    all.stage.issue("8613800138000", 1);
    (1..4).for_each(|n| all.witnesses[n].stop());
    assert!(all.stage.try_issue("8613900139000", 41).is_err(), "one witness is no quorum");
    assert_eq!(all.size_at(0), 2, "but it has cosigned the leaf");
    let log = all.log.clone();
    all.witnesses[0].stop();
    (1..4).for_each(|n| all.witnesses[n].start(vec![log.clone()]));
    start(&mut all.stage, &all.witnesses).unwrap();
    let number = "8613900139000".parse().unwrap();
    assert!(all.stage.node().pin(&number).is_ok(), "the leaf stayed, and is followed");
    // Had it been taken back, the log would now sign a second tree of two leaves, and this witness would go on from nothing.
    all.witnesses[0].start(vec![log]);
    start(&mut all.stage, &all.witnesses).unwrap();
    all.stage.issue("8613700137000", 81);
    all.pass(60);
    all.pass(60);
    assert_eq!(all.size_at(0), 3);
}

#[test]
fn a_start_without_enough_witnesses_opens_no_door() {
    let mut all = deploy(3);
    all.stage.issue("8613800138000", 1);
    all.witnesses.iter_mut().for_each(Witness::stop);
    let refused = start(&mut all.stage, &all.witnesses).unwrap_err();
    assert!(refused.to_string().contains("nobody is served"), "{refused}");
}

#[test]
fn a_node_put_back_with_all_its_files_serves_nobody_because_the_witnesses_remember() {
    let mut all = deploy(3);
    let mut owner = all.stage.issue("8613800138000", 1);
    all.stage.node = None;
    let yesterday = tempfile::tempdir().unwrap();
    copy(all.stage.folder.path(), yesterday.path());
    start(&mut all.stage, &all.witnesses).unwrap();
    let card = all.stage.node().draw_card(None).unwrap().card;
    all.stage.ask_and_agree(&mut owner, &card).unwrap();
    all.pass(15 * 60);
    all.pass(1);
    assert_eq!(all.stage.served(card.imsi), Ok(()));
    // Everything that the operator has is put back, its own memory of the witnesses too.
    all.stage.node = None;
    copy(yesterday.path(), all.stage.folder.path());
    start(&mut all.stage, &all.witnesses).unwrap();
    assert_eq!(all.stage.served(owner.imsi), Err("replay"), "the old card");
    assert!(all.stage.alarmed("log"));
    assert!(all.stage.try_issue("8613900139000", 41).is_err(), "nothing is changed");
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            let _ = std::fs::remove_dir_all(&target);
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn whose_cosignatures_count_is_decided_when_a_deployment_is_made() {
    let all = deploy(1);
    let Deployed { mut stage, witnesses, .. } = all;
    stage.node = None;
    let stranger = tempfile::tempdir().unwrap();
    let any = deed::log::note::VerifierKey { name: "any".into(), kind: 1, key: [7; 32] };
    let stranger =
        OutsideWitness { url: "http://127.0.0.1:1".into(), vkey: open(stranger.path(), vec![any]).vkey() };
    let wanted = Witnessing { own: false, outside: vec![stranger] };
    let refused = Deployment::open_witnessed(stage.folder.path(), TestWaits::Real, &wanted, &mut rand());
    assert!(matches!(refused.err(), Some(StartError::Witnesses { why: WitnessingError::NotNamed(_), .. })));
    // Without being told anything it knows its witnesses; without the file it does not begin to witness itself.
    {
        let again = Deployment::open(stage.folder.path(), TestWaits::Real, &mut rand()).unwrap();
        assert_eq!((&again.outside, again.witnesses.len()), (&vec![witnesses[0].outside()], 0));
    }
    std::fs::remove_file(stage.path("witness/outside")).unwrap();
    assert!(matches!(
        Deployment::open(stage.folder.path(), TestWaits::Real, &mut rand()).err(),
        Some(StartError::Damaged { .. })
    ));
}
