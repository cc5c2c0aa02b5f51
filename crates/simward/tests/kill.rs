//! `kill -9` at random moments under load: no SQN is issued twice, no acknowledged statement is lost, and every pin and
//! chain verifies. `SIMWARD_KILLS` says how often; the seed is fixed, the moments are not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use deed::intent::{Change, Intent};
use keys::Secret;
use keys::milenage::{Amf, Milenage, Sqn, conceal};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

const SIMWARD: &str = env!("CARGO_BIN_EXE_simward");
/// Several, so that they meet in one batch, and so that no deed grows long.
const NUMBERS: usize = 8;

fn kills() -> u64 {
    std::env::var("SIMWARD_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

/// A node's process.
struct Node {
    process: Child,
    /// Closed without a message if it ends before it is ready.
    ready: mpsc::Receiver<()>,
    log: JoinHandle<String>,
}

impl Node {
    fn start(data: &Path) -> Self {
        let mut process = Command::new(SIMWARD)
            .args(["up", "--listen", "127.0.0.1:0", "--short-waits", "--data"])
            .arg(data)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (say, ready) = mpsc::channel();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut line = String::new();
            if out.read_line(&mut line).is_ok() && line.starts_with("ready http://127.0.0.1:") {
                let _ = say.send(());
            }
        });
        let mut err: ChildStderr = process.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = err.read_to_string(&mut text);
            text
        });
        Self { process, ready, log }
    }

    /// Starts one and waits until both its doors are open.
    fn start_and_wait(data: &Path) -> Self {
        let mut node = Self::start(data);
        if node.ready.recv_timeout(Duration::from_secs(20)).is_err() {
            node.process.kill().unwrap();
            panic!("the node does not start again: {}", node.log.join().unwrap());
        }
        node
    }

    /// `kill -9`; what it said until then.
    fn kill(mut self) -> String {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let said = self.log.join().unwrap();
        assert!(!said.contains("panicked") && !said.contains(" alarm "), "{said}");
        said
    }
}

fn simward(arguments: &[&str]) -> Output {
    Command::new(SIMWARD).args(arguments).output().unwrap()
}

/// A card, as its profile's file tells it.
struct CardKeys {
    imsi: String,
    milenage: Milenage,
}

impl CardKeys {
    fn read(profile: &Path) -> Self {
        let text = std::fs::read_to_string(profile).unwrap();
        let field = |name: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix(&format!("{name} = \""))).unwrap();
            line.trim_end_matches('"').to_owned()
        };
        let key = |name: &str| {
            let mut bytes = [0; 16];
            hex::decode_to_slice(field(name), &mut bytes).unwrap();
            Secret::new(bytes)
        };
        Self { imsi: field("imsi"), milenage: Milenage::new(&key("k"), &key("opc")) }
    }

    /// The SQN of a challenge, which must be one of this card's authentication centre.
    fn sqn(&self, vector: &Vector) -> u64 {
        let mut concealed = [0; 6];
        concealed.copy_from_slice(&vector.autn[..6]);
        let sqn = Sqn::from_bytes(conceal(Sqn::from_bytes(concealed), self.milenage.f5(&vector.rand)));
        let expected = self.milenage.vector(&vector.rand, sqn, Amf::SEPARATION);
        assert_eq!(Milenage::autn(&expected, sqn, Amf::SEPARATION), vector.autn, "MAC-A does not verify");
        sqn.value()
    }
}

/// A vector that left the datagram door.
struct Vector {
    imsi: String,
    rand: [u8; 16],
    autn: [u8; 16],
}

/// Asks for vectors, eight at a time, until the door is gone; every vector that came out of it.
fn ask_for_vectors(data: &Path, own: &Path, imsis: &[String], stop: &AtomicBool) -> Vec<Vector> {
    const AT_ONCE: usize = 8;
    let _ = std::fs::remove_file(own);
    let socket = UnixDatagram::bind(own).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut vectors = Vec::new();
    let mut buffer = [0; 2048];
    let (mut asked, mut waiting, mut open) = (0, 0, true);
    loop {
        while open && waiting < AT_ONCE {
            let request = format!("AKA-REQ-AUTH {}", imsis[asked % imsis.len()]);
            open = socket.send_to(request.as_bytes(), data.join("gateway.sock")).is_ok()
                && !stop.load(Ordering::Relaxed);
            asked += 1;
            waiting += 1;
        }
        match socket.recv(&mut buffer) {
            Ok(n) => {
                waiting -= 1;
                let answer = std::str::from_utf8(&buffer[..n]).unwrap();
                if let ["AKA-RESP-AUTH", imsi, rand, autn, _, _, _] =
                    answer.split(' ').collect::<Vec<_>>()[..]
                {
                    let mut vector = Vector { imsi: imsi.to_owned(), rand: [0; 16], autn: [0; 16] };
                    hex::decode_to_slice(rand, &mut vector.rand).unwrap();
                    hex::decode_to_slice(autn, &mut vector.autn).unwrap();
                    vectors.push(vector);
                } else {
                    assert!(answer.ends_with(" FAILURE"), "{answer}");
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) && open => waiting = 0,
            // The door is gone, and whatever it had sent has been read.
            Err(_) => return vectors,
        }
    }
}

/// A number, its owner, and what the node has acknowledged about it.
struct Number {
    msisdn: String,
    owner: PathBuf,
    /// The card that the pin named when we last asked.
    imsi: String,
    /// Cards asked for.
    asked: HashSet<String>,
    /// Cards whose request was stopped, and this was acknowledged.
    stopped: HashSet<String>,
    /// Acknowledged events: place in the chain and kind.
    acknowledged: Vec<(u64, &'static str)>,
    /// How many of them have been found in the chain.
    found: usize,
    moves: u64,
}

/// The place in the chain that follows `event ` in what the command printed.
fn event_number(line: &str) -> u64 {
    let digits = line.split("event ").nth(1).unwrap();
    digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())].parse().unwrap()
}

struct World {
    folder: tempfile::TempDir,
    numbers: Vec<Number>,
    cards: HashMap<String, CardKeys>,
    /// Every SQN ever issued.
    issued: HashSet<(String, u64)>,
    /// The highest of the lives before.
    highest: HashMap<String, u64>,
    profiles: u64,
    vetoes: u64,
    rng: ChaCha20Rng,
}

impl World {
    fn data(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    /// A command on a number, by whoever has its owner's folder or the node's.
    fn number(&self, at: usize, verb: &str, options: &[&str]) -> Output {
        let data = self.data();
        let words = ["number", verb, &self.numbers[at].msisdn, "--data", data.to_str().unwrap()];
        simward(&[&words, options].concat())
    }

    fn new_profile(&mut self) -> PathBuf {
        self.profiles += 1;
        self.folder.path().join(format!("card-{}.toml", self.profiles))
    }

    fn issue_numbers(&mut self) {
        for at in 0..NUMBERS {
            let msisdn = format!("86138001380{at:02}");
            let owner = self.folder.path().join(format!("owner-{at}"));
            let profile = self.new_profile();
            self.numbers.push(Number {
                msisdn,
                owner: owner.clone(),
                imsi: String::new(),
                asked: HashSet::new(),
                stopped: HashSet::new(),
                acknowledged: Vec::new(),
                found: 0,
                moves: 0,
            });
            let options = ["--profile", profile.to_str().unwrap(), "--owner", owner.to_str().unwrap()];
            let issued = self.number(at, "issue", &options);
            assert!(issued.status.success(), "{issued:?}");
            let card = CardKeys::read(&profile);
            self.numbers[at].imsi = card.imsi.clone();
            self.cards.insert(card.imsi.clone(), card);
        }
    }

    /// One step of the owners: somebody asks for a new card and its owner agrees; some of these the owner then stops.
    /// Whatever the node acknowledges is remembered, however the command ends.
    fn owners_step(&mut self, at: usize) {
        let owner = self.numbers[at].owner.to_str().unwrap().to_owned();
        let profile = self.new_profile();
        let options = ["--owner", &owner, "--profile", profile.to_str().unwrap(), "--with", "phone"];
        let change = self.number(at, "change", &options);
        let said = String::from_utf8(change.stdout).unwrap();
        if profile.exists() {
            let card = CardKeys::read(&profile);
            // A kill may have come between the node's write and its answer: the request may stand all the same.
            self.numbers[at].asked.insert(card.imsi.clone());
            self.cards.insert(card.imsi.clone(), card);
        }
        for line in said.lines().filter(|l| l.starts_with("agreed with the passkey: event ")) {
            self.numbers[at].acknowledged.push((event_number(line), "consented"));
        }
        if self.rng.next_u32().is_multiple_of(2) {
            self.veto(at, &owner);
        }
    }

    fn veto(&mut self, at: usize, owner: &str) {
        let shown = self.number(at, "show", &["--json"]);
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
        let Some(intent) = shown["live"]["intent"].as_str() else { return };
        let Change::Move { to, .. } = Intent::decode(&hex::decode(intent).unwrap()).unwrap().change else {
            panic!("a request that nobody made: {shown}");
        };
        let veto = self.number(at, "veto", &["--owner", owner]);
        if veto.status.success() {
            let said = String::from_utf8(veto.stdout).unwrap();
            assert!(said.contains("receipt in time"), "{said}");
            let number = &mut self.numbers[at];
            if !said.contains("not yet in the deed") {
                number.acknowledged.push((event_number(&said), "vetoed"));
            }
            number.stopped.insert(to.imsi.to_string());
            self.vetoes += 1;
        }
    }

    /// After a restart: where the number points, and what stands in its chain.
    fn check(&mut self, at: usize) {
        let shown = self.number(at, "show", &["--json"]);
        assert!(shown.status.success(), "{shown:?}");
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
        let imsi = shown["imsi"].as_str().unwrap().to_owned();
        assert_eq!(shown["served"], "served", "{shown}");
        let number = &mut self.numbers[at];
        assert!(!number.stopped.contains(&imsi), "a change that was stopped has been made: {shown}");
        if imsi != number.imsi {
            assert!(
                number.asked.contains(&imsi),
                "the number points at a card that nobody asked for: {shown}"
            );
            number.imsi = imsi;
            number.moves += 1;
        }
        if number.found == number.acknowledged.len() {
            return;
        }
        let owner = self.numbers[at].owner.to_str().unwrap().to_owned();
        let history = self.number(at, "history", &["--owner", &owner]);
        let history = String::from_utf8(history.stdout).unwrap();
        let words: Vec<Vec<&str>> = history.lines().map(|l| l.split_whitespace().collect()).collect();
        let number = &mut self.numbers[at];
        for (seq, kind) in &number.acknowledged[number.found..] {
            let seq = seq.to_string();
            let there = words.iter().any(|w| w.first() == Some(&seq.as_str()) && w.get(4) == Some(kind));
            assert!(there, "event {seq} was acknowledged as {kind} and is lost:\n{history}");
        }
        number.found = number.acknowledged.len();
    }

    /// The chain holds: exported, and checked offline from what the owner got at issue.
    fn verify(&self, at: usize) {
        let (file, number) = (self.folder.path().join("history"), &self.numbers[at]);
        let owner = number.owner.to_str().unwrap();
        let exported = self.number(at, "history", &["--owner", owner, "--export", file.to_str().unwrap()]);
        assert!(exported.status.success(), "{exported:?}");
        let receipt = number.owner.join("receipt.toml");
        let verified =
            simward(&["verify", file.to_str().unwrap(), "--receipt", receipt.to_str().unwrap(), "--json"]);
        let said: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
        assert!(verified.status.success() && said["holds"] == true, "{said}");
        assert_eq!(said["reached"], "same as my pin", "{said}");
    }

    /// No SQN twice, and none below those of the lives before.
    fn count_vectors(&mut self, vectors: &[Vector]) {
        let mut highest = self.highest.clone();
        for vector in vectors {
            let sqn = self.cards[&vector.imsi].sqn(vector);
            let before = self.highest.get(&vector.imsi).copied().unwrap_or(0);
            assert!(sqn > before, "an SQN of a life before: {sqn} after {before}");
            assert!(self.issued.insert((vector.imsi.clone(), sqn)), "SQN {sqn} was issued twice");
            let entry = highest.entry(vector.imsi.clone()).or_default();
            *entry = sqn.max(*entry);
        }
        self.highest = highest;
    }

    /// One life under load, killed somewhere in it.
    fn live_and_die(&mut self, round: usize) {
        // One in four dies while it starts.
        if round % 4 == 3 {
            let node = Node::start(&self.data());
            std::thread::sleep(Duration::from_micros(u64::from(self.rng.next_u32() % 40_000)));
            node.kill();
            return;
        }
        let node = Node::start_and_wait(&self.data());
        for at in 0..NUMBERS {
            self.check(at);
        }
        self.verify(round % NUMBERS);
        let imsis: Vec<String> = self.numbers.iter().map(|n| n.imsi.clone()).collect();
        let (data, own) = (self.data(), self.folder.path().join("asker.sock"));
        let delay = Duration::from_micros(u64::from(self.rng.next_u32() % 200_000));
        let stop = AtomicBool::new(false);
        let vectors = std::thread::scope(|scope| {
            let asker = scope.spawn(|| ask_for_vectors(&data, &own, &imsis, &stop));
            let killer = scope.spawn(|| {
                std::thread::sleep(delay);
                node.kill();
                stop.store(true, Ordering::Relaxed);
            });
            let mut at = round % NUMBERS;
            while !killer.is_finished() {
                self.owners_step(at);
                at = (at + 1) % NUMBERS;
            }
            killer.join().unwrap();
            asker.join().unwrap()
        });
        self.count_vectors(&vectors);
    }
}

#[test]
fn no_sqn_is_issued_twice_and_nothing_acknowledged_is_lost_when_the_node_is_killed() {
    let kills = kills();
    let mut world = World {
        folder: tempfile::tempdir().unwrap(),
        numbers: Vec::new(),
        cards: HashMap::new(),
        issued: HashSet::new(),
        highest: HashMap::new(),
        profiles: 0,
        vetoes: 0,
        rng: ChaCha20Rng::seed_from_u64(500),
    };
    let node = Node::start_and_wait(&world.data());
    world.issue_numbers();
    node.kill();
    for round in 0..kills {
        world.live_and_die(usize::try_from(round).unwrap());
    }
    let node = Node::start_and_wait(&world.data());
    for at in 0..NUMBERS {
        world.check(at);
        world.verify(at);
    }
    node.kill();

    let moves: u64 = world.numbers.iter().map(|n| n.moves).sum();
    let events: usize = world.numbers.iter().map(|n| n.found).sum();
    println!(
        "{kills} kills: {} vectors, {events} acknowledged statements, {} vetoes, {moves} moves",
        world.issued.len(),
        world.vetoes
    );
    // The load was one.
    assert!(world.issued.len() as u64 >= kills, "only {} vectors", world.issued.len());
    assert!(world.vetoes >= kills / 10, "only {} vetoes", world.vetoes);
    assert!(moves > 0 || kills < 50, "no number was ever moved");
}

#[test]
fn a_deployment_whose_making_was_interrupted_is_made_by_the_next_start() {
    let mut rng = ChaCha20Rng::seed_from_u64(501);
    for _ in 0..kills().div_ceil(10) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("node");
        for _ in 0..3 {
            let node = Node::start(&data);
            std::thread::sleep(Duration::from_micros(u64::from(rng.next_u32() % 30_000)));
            node.kill();
        }
        let node = Node::start_and_wait(&data);
        let (profile, owner) = (folder.path().join("card.toml"), folder.path().join("owner"));
        let data = data.to_str().unwrap();
        let issued = simward(&[
            "number",
            "issue",
            "8613800138000",
            "--data",
            data,
            "--profile",
            profile.to_str().unwrap(),
            "--owner",
            owner.to_str().unwrap(),
        ]);
        assert!(issued.status.success(), "{issued:?}");
        node.kill();
    }
}
