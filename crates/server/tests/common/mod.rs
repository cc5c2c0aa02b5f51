//! A node in a folder on a clock that tests move, and owners with keys.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use deed::event::{AsOf, Body, Issued, Source};
use deed::intent::{Change, Intent};
use deed::record::Tenure;
use deed::record::{Card, Place, Purpose};
use deed::signer::{RawSigner, Sheet, SignStatement, SoftPasskey};
use keys::Secret;
use keys::sign::{Ed25519Key, Es256Key};
use operator::auc::Command;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use server::deployment::{ORIGIN, RP_ID};
use server::{Clock, Deployment, Node, TestWaits};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wire::{Imsi, Msisdn, UnixTime};

pub const DAY: u64 = 86_400;

pub struct Stepped(pub AtomicU64);

impl Clock for Stepped {
    fn now(&self) -> UnixTime {
        UnixTime(self.0.load(Ordering::SeqCst))
    }
}

pub struct Stage {
    pub folder: tempfile::TempDir,
    pub clock: Arc<Stepped>,
    pub node: Option<Node>,
    pub card_keys: HashMap<Msisdn, Secret<[u8; 32]>>,
}

pub struct Owner {
    pub number: Msisdn,
    pub passkey: SoftPasskey,
    pub sheet: Sheet,
    pub hold_code: RawSigner,
    pub imsi: Imsi,
    pub keys: keys::subscriber::SubscriberKeys,
}

impl Stage {
    pub fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    /// On a disk that is memory, where there is one: for tests that ask for many durable writes and for no power cut.
    pub fn in_memory() -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self::within(folder.unwrap())
    }

    fn within(folder: tempfile::TempDir) -> Self {
        let clock = Arc::new(Stepped(AtomicU64::new(1_800_000_000)));
        let mut stage = Self { folder, clock, node: None, card_keys: HashMap::new() };
        stage.start();
        stage
    }

    pub fn start(&mut self) {
        self.start_with(|_| {}).unwrap();
    }

    /// Starts a node after doing something to its deployment.
    pub fn start_with(&mut self, change: impl FnOnce(&mut Deployment)) -> Result<(), operator::Refusal> {
        self.node = None;
        let mut rng = ChaCha20Rng::seed_from_u64(11 + self.clock.now().0);
        let mut deployment = Deployment::open(self.folder.path(), TestWaits::Real, &mut rng).unwrap();
        change(&mut deployment);
        self.node = Some(Node::start(deployment, self.clock.clone(), self.clock.clone(), rng)?);
        Ok(())
    }

    pub fn node(&mut self) -> &mut Node {
        self.node.as_mut().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn pass(&mut self, seconds: u64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
        self.node().tick();
    }

    pub fn sql(&self, file: &str, sql: &str) {
        rusqlite::Connection::open(self.path(file)).unwrap().execute_batch(sql).unwrap();
    }

    /// Stops the node, does something to its files, starts it again.
    pub fn while_stopped(&mut self, act: impl FnOnce(&Self)) {
        self.node = None;
        act(self);
        self.start();
    }

    pub fn issue(&mut self, number: &str, seed: u8) -> Owner {
        self.try_issue(number, seed).unwrap()
    }

    pub fn try_issue(&mut self, number: &str, seed: u8) -> Result<Owner, operator::Refusal> {
        let number: Msisdn = number.parse().unwrap();
        let scalar = Es256Key::from_scalar(&Secret::new([seed; 32])).unwrap();
        let mut passkey = SoftPasskey::synced(scalar, RP_ID, ORIGIN, &[seed; 16]);
        let ed25519 = |n| Ed25519Key::from_seed(&Secret::new([n; 32]));
        let mut sheet = Sheet::new(ed25519(seed + 1));
        let mut hold_code = RawSigner::new(Purpose::HoldOnly, Place::Elsewhere, ed25519(seed + 2));
        let server::node::DrawnCard { card, keys, card_key, .. } = self.node().draw_card(None)?;
        self.card_keys.insert(number, card_key.scalar());
        let imsi = card.imsi;
        let manifest =
            deed::manifest::Manifest::decode(&self.node().signed_manifests()[0].manifest).unwrap().id();
        let issued = Issued {
            manifest,
            number,
            generation: 0,
            previous: None,
            source: Source::New,
            tenure: Tenure::Personal,
            watch_key: Secret::new([seed ^ 0x80; 32]),
            slots: vec![(0, card)],
            factors: vec![passkey.factor(), sheet.factor(), hold_code.factor().clone()],
        };
        let body = Body::Issued(issued.clone());
        let signers: [&mut dyn SignStatement; 3] = [&mut passkey, &mut sheet, &mut hold_code];
        let proofs = signers.into_iter().map(|s| s.prove(&[0; 32], AsOf::NOTHING, &body)).collect();
        self.node().issue(issued, proofs)?;
        Ok(Owner { number, passkey, sheet, hold_code, imsi, keys })
    }

    /// The signing key of a number's first card.
    pub fn card_key(&self, number: &Msisdn) -> Es256Key {
        Es256Key::from_scalar(&self.card_keys[number]).unwrap()
    }

    pub fn tip(&mut self, number: &Msisdn) -> ([u8; 32], AsOf) {
        let state = &self.node().pin(number).unwrap().state;
        (state.deed_id, AsOf { seq: state.seq(), head: state.head() })
    }

    /// Moves a number to a new card with both keys; the new IMSI.
    pub fn move_on(&mut self, owner: &mut Owner) -> Imsi {
        let card = self.node().draw_card(None).unwrap().card;
        self.ask_and_agree(owner, &card).unwrap();
        self.pass(15 * 60);
        let now = self.node().resolve(&owner.number).unwrap();
        assert_eq!(now, card.imsi);
        now
    }

    pub fn ask_and_agree(&mut self, owner: &mut Owner, card: &Card) -> Result<(), operator::Refusal> {
        let from = self.node().pin(&owner.number)?.state.card().unwrap().id();
        let now = self.node().witnessed().0;
        let change = Change::Move { slot: 0, from, to: card.clone(), lost: false };
        let intent =
            Intent { change, number: owner.number, not_before: now, expiry: now + 20 * DAY, over: None };
        let request = self.node().request(&owner.number, intent.clone())?.state.live.unwrap().head;
        let body = Body::Consented { request, intent };
        let (deed_id, tip) = self.tip(&owner.number);
        let proofs = vec![owner.passkey.prove(&deed_id, tip, &body), owner.sheet.prove(&deed_id, tip, &body)];
        self.node().statement(&owner.number, 2, body.encode(), proofs)?.reply.map(drop)
    }

    /// Asks for a new card with the phone alone; its IMSI.
    pub fn ask_with_phone(&mut self, owner: &mut Owner) -> Imsi {
        let card = self.node().draw_card(None).unwrap().card;
        let from = self.node().pin(&owner.number).unwrap().state.card().unwrap().id();
        let now = self.node().witnessed().0;
        let change = Change::Move { slot: 0, from, to: card.clone(), lost: false };
        let intent =
            Intent { change, number: owner.number, not_before: now, expiry: now + 20 * DAY, over: None };
        let body = Body::Requested { intent };
        let (deed_id, tip) = self.tip(&owner.number);
        let proofs = vec![owner.passkey.prove(&deed_id, tip, &body)];
        assert!(self.node().statement(&owner.number, 1, body.encode(), proofs).unwrap().reply.is_ok());
        card.imsi
    }

    pub fn served(&mut self, imsi: Imsi) -> Result<(), &'static str> {
        self.node().authenticate(&[Command::Umts { imsi }]).pop().unwrap().map(drop).map_err(|e| e.code())
    }

    pub fn alarmed(&mut self, code: &str) -> bool {
        self.node().alarms().unwrap().iter().any(|a| a.code == code)
    }
}
