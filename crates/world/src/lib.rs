//! A small world to test in: an operator, a log, witnesses with clocks, an owner and a thief. Tests only, never shipped.
//!
//! Everything in it is deterministic, so what one test tries can be published as a vector and tried by another program.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on panics")]

pub mod model;
mod recorder;

pub use recorder::recorded;

use deed::class::Class;
use deed::event::{AsOf, Body, Issued, Proof, Source, assemble};
use deed::intent::{Change, Intent};
use deed::log::merkle::Tree;
use deed::log::note::{Checkpoint, SignedNote, TYPE_COSIGNATURE, TYPE_ED25519, VerifierKey, cosign};
use deed::log::proof::TlogProof;
use deed::manifest::{Delay, Manifest, Manifests, Role, RoleKind, SignedManifest, Site};
use deed::pin::Pin;
use deed::record::{Card, Place, Purpose, Tenure};
use deed::signer::{RawSigner, RoleSigner, Sheet, SignStatement, SoftPasskey};
use deed::verify::step;
use deed::{Digest, Refusal, State, verify};
use keys::Secret;
use keys::sign::{Ed25519Key, Es256Key, Portable};
use keys::subscriber::SubscriberKeys;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::cell::RefCell;
use wire::Imsi;

pub const START: u64 = 1_800_000_000;
pub const MINUTE: u64 = 60;
pub const HOUR: u64 = 3_600;
pub const DAY: u64 = 86_400;

pub struct World {
    pub rng: ChaCha20Rng,
    pub now: u64,
    pub root: Ed25519Key,
    pub signed: Vec<SignedManifest>,
    pub manifests: Manifests,
    pub issuer: RoleSigner,
    pub consent: RoleSigner,
    pub desks: [RoleSigner; 2],
    pub emergency: [RoleSigner; 2],
    pub auc: RoleSigner,
    /// The consent service of the third manifest.
    pub later_consent: RoleSigner,
    log_key: Ed25519Key,
    pub witness_keys: Vec<Ed25519Key>,
    /// Seconds by which each witness's clock is wrong.
    pub skew: Vec<i64>,
    pub tree: Tree,
    pub watch: [u8; 32],
    pub roll: Secret<[u8; 32]>,
    /// The history so far.
    pub events: Vec<Vec<u8>>,
    pub indices: Vec<u64>,
    pub passkey: SoftPasskey,
    pub sheet: Sheet,
    pub hold_code: RawSigner,
    /// People the owner may trust.
    pub people: Vec<RawSigner>,
    /// The state that the events so far amount to, so that nobody verifies them twice.
    reached: RefCell<Option<State>>,
    next_card: u8,
    /// The keys of the cards drawn so far, by IMSI.
    pub card_keys: Vec<(Imsi, SubscriberKeys)>,
}

pub const RP_ID: &str = "move.localhost";
pub const ORIGIN: &str = "http://move.localhost:8740";

fn es256(n: u8) -> Es256Key {
    Es256Key::from_scalar(&Secret::new([n; 32])).unwrap()
}

pub fn ed25519(n: u8) -> Ed25519Key {
    Ed25519Key::from_seed(&Secret::new([n; 32]))
}

pub fn passkey(n: u8) -> SoftPasskey {
    SoftPasskey::synced(es256(n), RP_ID, ORIGIN, &[n; 16])
}

pub fn security_key(n: u8) -> SoftPasskey {
    SoftPasskey::security_key(es256(n), RP_ID, ORIGIN, &[n; 16])
}

pub fn sheet(n: u8) -> Sheet {
    Sheet::new(ed25519(n))
}

impl World {
    /// An operator whose owner has been issued a number with a passkey, a sheet and a hold-only code.
    pub fn new(live: bool) -> Self {
        Self::with_source(live, Source::New)
    }

    pub fn with_source(live: bool, source: Source) -> Self {
        let mut world = Self::empty(live);
        let body = world.issued(source);
        world.push_first(&body).unwrap();
        world
    }

    pub fn empty(live: bool) -> Self {
        let root = ed25519(200);
        let issuer = RoleSigner::new(RoleKind::Issuer, 0, ed25519(201));
        let consent = RoleSigner::new(RoleKind::Consent, 0, ed25519(202));
        let desks = [203, 204].map(|n| RoleSigner::new(RoleKind::Desk, u64::from(n), ed25519(n)));
        let emergency = [205, 206].map(|n| RoleSigner::new(RoleKind::BreakGlass, u64::from(n), ed25519(n)));
        let log_key = ed25519(210);
        let witness_keys: Vec<_> = (211..214).map(ed25519).collect();
        let roll = Secret::new([215; 32]);
        let mut policy = format!(
            "log {}\n",
            VerifierKey { name: "log.test".into(), kind: TYPE_ED25519, key: log_key.public() }
        );
        for (i, key) in witness_keys.iter().enumerate() {
            let vkey =
                VerifierKey { name: format!("witness.test/{i}"), kind: TYPE_COSIGNATURE, key: key.public() };
            policy.push_str(&format!("witness w{i} {vkey}\n"));
        }
        policy.push_str("group all-three all w0 w1 w2\nquorum all-three\n");
        let roles = [&issuer, &consent].into_iter().chain(&desks).chain(&emergency).map(|r| r.role.clone());
        let auc = RoleSigner::new(RoleKind::Auc, 0, ed25519(216));
        let later_consent = RoleSigner::new(RoleKind::Consent, 0, ed25519(217));
        let roles: Vec<Role> = roles.chain([auc.role.clone()]).collect();
        let roots = [root, ed25519(198), ed25519(199)];
        let digest_of = |key: &Ed25519Key| keys::digest::sha256(&[&key.public()]);
        let first = Manifest {
            operator: "Test Mobile".into(),
            live,
            version: 1,
            prev: [0; 32],
            roles,
            sites: vec![Site { rp_id: RP_ID.into(), origins: vec![ORIGIN.into()], page_digest: [0; 32] }],
            log_policy: policy.into_bytes(),
            delays: vec![],
            roll_digest: keys::digest::sha256(&[roll.danger_expose()]),
            next_root: digest_of(&roots[1]),
        };
        // The second one is stricter: one desk fewer, and a longer wait for one place. The third has a new key.
        let mut second =
            Manifest { version: 2, prev: first.id(), next_root: digest_of(&roots[2]), ..first.clone() };
        second.roles.retain(|role| *role != desks[1].role);
        second.delays = vec![Delay { kind: 1, class: Class::B, seconds: 4 * DAY }];
        let mut third = Manifest { version: 3, prev: second.id(), next_root: [9; 32], ..second.clone() };
        third.roles.retain(|role| *role != consent.role);
        third.roles.push(later_consent.role.clone());
        let sign = |(manifest, root): (&Manifest, &Ed25519Key)| {
            let manifest = manifest.encode();
            let signature = root.sign(&SignedManifest::message(&manifest));
            SignedManifest { manifest, root: root.public(), signature }
        };
        let signed: Vec<_> = [&first, &second, &third].into_iter().zip(&roots).map(sign).collect();
        let [root, ..] = roots;
        let root_digest = keys::digest::sha256(&[&root.public()]);
        let manifests = Manifests::verify(&Portable, &root_digest, &signed).unwrap();
        Self {
            rng: ChaCha20Rng::seed_from_u64(7),
            now: START,
            root,
            signed,
            manifests,
            issuer,
            consent,
            desks,
            emergency,
            auc,
            later_consent,
            log_key,
            witness_keys,
            skew: vec![0; 3],
            tree: Tree::new(),
            watch: [77; 32],
            roll,
            events: vec![],
            indices: vec![],
            passkey: passkey(1),
            sheet: sheet(2),
            hold_code: RawSigner::new(Purpose::HoldOnly, Place::Elsewhere, ed25519(3)),
            people: (20..23).map(|n| RawSigner::new(Purpose::Guardian, Place::People, ed25519(n))).collect(),
            reached: RefCell::new(None),
            next_card: 0,
            card_keys: vec![],
        }
    }

    /// The same world again, to go on in two ways.
    pub fn fork(&self) -> Self {
        let mut fork = Self::empty(self.manifests.newest().unwrap().0.live);
        fork.now = self.now;
        fork.tree = self.tree.clone();
        fork.events = self.events.clone();
        fork.indices = self.indices.clone();
        fork.next_card = self.next_card;
        fork.card_keys = self.card_keys.clone();
        fork
    }

    /// The first manifest's.
    pub fn manifest_id(&self) -> Digest {
        self.version(1).id()
    }

    /// A manifest by its version.
    pub fn version(&self, version: usize) -> Manifest {
        Manifest::decode(&self.signed[version - 1].manifest).unwrap()
    }

    /// Logs a manifest's leaf; its place.
    pub fn publish(&mut self, version: usize) -> u64 {
        let leaf = self.manifests.leaf(&self.version(version));
        self.tree.push(leaf.hash());
        self.tree.size() - 1
    }

    pub fn root_digest(&self) -> Digest {
        keys::digest::sha256(&[&self.root.public()])
    }

    /// A card nobody has seen yet, with keys of its own.
    pub fn card(&mut self) -> Card {
        self.next_card += 1;
        let n = self.next_card;
        let iccid = format!("89860012000000000{n:02}").parse().unwrap();
        let imsi = format!("4600012345678{n:02}").parse().unwrap();
        let keys =
            SubscriberKeys::new(Secret::new([n; 16]), Secret::new([n ^ 0x80; 16]), Secret::new([n; 32]));
        let key_commit = keys.commitment(&imsi, &iccid);
        self.card_keys.push((imsi, keys));
        Card { iccid, imsi, eid: None, key_commit, card_pub: None }
    }

    /// The keys of a card drawn here.
    pub fn keys_of(&self, imsi: &Imsi) -> &SubscriberKeys {
        &self.card_keys.iter().find(|(known, _)| known == imsi).unwrap().1
    }

    pub fn issued(&mut self, source: Source) -> Body {
        let card = self.card();
        Body::Issued(Issued {
            manifest: self.manifest_id(),
            number: "8613800138000".parse().unwrap(),
            generation: 0,
            previous: None,
            source,
            tenure: Tenure::Personal,
            watch_key: Secret::new(self.watch),
            slots: vec![(0, card)],
            factors: vec![self.passkey.factor(), self.sheet.factor(), self.hold_code.factor().clone()],
        })
    }

    pub fn issue_proofs(&mut self, body: &Body) -> Vec<Proof> {
        let zeros = [0; 32];
        let signers: [&mut dyn SignStatement; 4] =
            [&mut self.issuer, &mut self.passkey, &mut self.sheet, &mut self.hold_code];
        signers.into_iter().map(|s| s.prove(&zeros, AsOf::NOTHING, body)).collect()
    }

    pub fn state(&self) -> State {
        self.reached().unwrap()
    }

    fn reached(&self) -> Option<State> {
        let last = self.events.last().map(|event| deed::event::head(event))?;
        let mut reached = self.reached.borrow_mut();
        let current = |s: &State| s.heads.len() == self.events.len() && s.head() == last;
        if !reached.as_ref().is_some_and(current) {
            *reached = Some(verify(&Portable, &self.manifests, None, &self.events).unwrap());
        }
        reached.clone()
    }

    pub fn tip(&self) -> AsOf {
        let state = self.state();
        AsOf { seq: state.seq(), head: state.head() }
    }

    pub fn deed_id(&self) -> Digest {
        deed::event::head(&self.events[0])
    }

    /// The bytes of an event after the tip.
    pub fn event(&mut self, body: &Body, proofs: &[Proof]) -> Vec<u8> {
        let tip = self.tip();
        let salt = self.salt();
        assemble(&self.deed_id(), tip.seq + 1, &tip.head, &salt, body, proofs)
    }

    pub fn salt(&mut self) -> [u8; 16] {
        let mut salt = [0; 16];
        self.rng.fill_bytes(&mut salt);
        salt
    }

    /// Adds an event if the history goes on legally with it, and logs its leaf.
    pub fn push(&mut self, body: &Body, proofs: &[Proof]) -> Result<(), Refusal> {
        let tip = self.tip();
        self.push_with(self.deed_id(), tip.seq + 1, tip.head, body, proofs)
    }

    /// A deed's first event, signed by everybody it needs.
    pub fn push_first(&mut self, body: &Body) -> Result<(), Refusal> {
        let proofs = self.issue_proofs(body);
        self.push_with([0; 32], 0, [0; 32], body, &proofs)
    }

    fn push_with(
        &mut self,
        deed_id: Digest,
        seq: u64,
        prev: Digest,
        body: &Body,
        proofs: &[Proof],
    ) -> Result<(), Refusal> {
        let salt = self.salt();
        let bytes = assemble(&deed_id, seq, &prev, &salt, body, proofs);
        self.push_bytes(bytes)
    }

    pub fn push_bytes(&mut self, bytes: Vec<u8>) -> Result<(), Refusal> {
        let result = step(&Portable, &self.manifests, self.reached(), &bytes);
        let mut all = self.events.clone();
        all.push(bytes.clone());
        recorder::record(self, &all, &result);
        let state = result?;
        self.log(&bytes, &state);
        self.events = all;
        *self.reached.get_mut() = Some(state);
        Ok(())
    }

    fn log(&mut self, bytes: &[u8], state: &State) {
        self.indices.push(self.tree.size());
        self.tree.push(deed::pin::leaf(&self.roll, state, state.seq()).unwrap().hash());
        // Others use the log too.
        self.tree.push(keys::digest::sha256(&[bytes]));
    }

    pub fn checkpoint(&self) -> SignedNote {
        let size = self.tree.size();
        let checkpoint = Checkpoint { origin: "log.test".into(), size, root: self.tree.root(size).unwrap() };
        let mut note = checkpoint.sign("log.test", &self.log_key);
        for (i, key) in self.witness_keys.iter().enumerate() {
            let time = self.now.saturating_add_signed(self.skew[i]);
            note.signatures.push(cosign(&note.text, &format!("witness.test/{i}"), key, time));
        }
        note
    }

    /// Proof, as of now, that event `seq` is logged.
    pub fn proof(&self, seq: u64) -> TlogProof {
        self.proof_at(self.indices[seq as usize])
    }

    /// Proof, as of now, that a leaf is logged at a place.
    pub fn proof_at(&self, index: u64) -> TlogProof {
        let path = self.tree.inclusion(index, self.tree.size()).unwrap();
        TlogProof { index, path, checkpoint: self.checkpoint() }
    }

    pub fn intent(&self, change: Change) -> Intent {
        let number = "8613800138000".parse().unwrap();
        Intent { change, number, not_before: self.now, expiry: self.now + 20 * DAY, over: None }
    }

    /// An intent to move slot 0 to `to`.
    pub fn move_to(&self, to: &Card) -> Intent {
        let from = self.state().card().unwrap().id();
        self.intent(Change::Move { slot: 0, from, to: to.clone(), lost: false })
    }

    /// One more event, signed by these at the newest one.
    pub fn say(&mut self, body: &Body, by: &[Who]) -> Result<(), Refusal> {
        let (deed_id, tip) = (self.deed_id(), self.tip());
        let proofs: Vec<_> = by.iter().map(|who| self.signer(*who).prove(&deed_id, tip, body)).collect();
        self.push(body, &proofs)
    }

    /// The consent service asks for a change, and these agree to it: the request's head.
    pub fn agreed(&mut self, change: Change, by: &[Who]) -> Digest {
        let intent = self.intent(change);
        let request = self.request(&intent).unwrap();
        by.iter().for_each(|who| self.agree(*who, request, &intent).unwrap());
        request
    }

    /// A change that is asked for, agreed to by these and committed after a wait.
    pub fn done(&mut self, change: Change, by: &[Who], wait: u64) -> Result<(), Refusal> {
        let request = self.agreed(change, by);
        self.commit_after(request, wait)
    }

    /// Some new factors show that somebody has them, and these agree.
    pub fn shown(
        &mut self,
        request: Digest,
        intent: &Intent,
        by: &mut [&mut dyn SignStatement],
    ) -> Result<(), Refusal> {
        let body = Body::Consented { request, intent: intent.clone() };
        let (deed_id, tip) = (self.deed_id(), self.tip());
        let proofs: Vec<_> = by.iter_mut().map(|signer| signer.prove(&deed_id, tip, &body)).collect();
        self.push(&body, &proofs)
    }

    /// The first so many people are trusted from now on, two of whom speak together.
    pub fn trust(&mut self, how_many: usize) {
        let people = self.people[..how_many].iter().map(|p| p.factor().clone()).collect();
        let intent = self.intent(Change::Trust { needed: 2, people });
        let request = self.request(&intent).unwrap();
        for who in [Who::Passkey].into_iter().chain((0..how_many).map(Who::Person)) {
            self.agree(who, request, &intent).unwrap();
        }
        self.commit_after(request, 7 * DAY).unwrap();
        self.now = intent.expiry + 7 * DAY;
    }

    /// The consent service asks, notifies.
    pub fn request(&mut self, intent: &Intent) -> Result<Digest, Refusal> {
        let body = Body::Requested { intent: intent.clone() };
        let proof = self.consent.prove(&self.deed_id(), self.tip(), &body);
        self.push(&body, &[proof])?;
        let request = self.state().head();
        let body = Body::Notified { request, receipts: vec![[1; 32]] };
        let proof = self.consent.prove(&self.deed_id(), self.tip(), &body);
        self.push(&body, &[proof])?;
        Ok(request)
    }

    /// A new card asked for and agreed to by these, in their order: the card, the intent and the request's head.
    pub fn asked_and_agreed(&mut self, by: &[Who]) -> (Card, Intent, Digest) {
        let to = self.card();
        let intent = self.move_to(&to);
        let request = self.request(&intent).unwrap();
        for who in by {
            self.agree(*who, request, &intent).unwrap();
        }
        (to, intent, request)
    }

    pub fn consent_of(&mut self, who: Who, request: Digest, intent: &Intent) -> (Body, Proof) {
        let body = Body::Consented { request, intent: intent.clone() };
        let (deed_id, tip) = (self.deed_id(), self.tip());
        let proof = self.signer(who).prove(&deed_id, tip, &body);
        (body, proof)
    }

    pub fn agree(&mut self, who: Who, request: Digest, intent: &Intent) -> Result<(), Refusal> {
        let (body, proof) = self.consent_of(who, request, intent);
        self.push(&body, &[proof])
    }

    pub fn veto(&mut self, who: Who, request: Digest) -> Result<(), Refusal> {
        let body = Body::Vetoed { request, reason: 1 };
        let (deed_id, tip) = (self.deed_id(), self.tip());
        let proof = self.signer(who).prove(&deed_id, tip, &body);
        self.push(&body, &[proof])
    }

    pub fn hold(&mut self, who: Who, bits: &[u64]) -> Result<(), Refusal> {
        let body = Body::Held { bits: bits.to_vec(), silenced: vec![], reason: 1 };
        let (deed_id, tip) = (self.deed_id(), self.tip());
        let proof = self.signer(who).prove(&deed_id, tip, &body);
        self.push(&body, &[proof])
    }

    pub fn signer(&mut self, who: Who) -> &mut dyn SignStatement {
        match who {
            Who::Passkey => &mut self.passkey,
            Who::Sheet => &mut self.sheet,
            Who::HoldCode => &mut self.hold_code,
            Who::Consent => &mut self.consent,
            Who::Issuer => &mut self.issuer,
            Who::Desk(i) => &mut self.desks[i],
            Who::Emergency(i) => &mut self.emergency[i],
            Who::Auc => &mut self.auc,
            Who::LaterConsent => &mut self.later_consent,
            Who::Person(i) => &mut self.people[i],
        }
    }

    /// A commit of the live request whose wait began at the tip with `early` and ends now.
    pub fn commit_body(&self, request: Digest, start_seq: u64, early: &TlogProof) -> Body {
        let late = self.proof(start_seq).encode();
        Body::Committed { request, start_seq, early: early.encode(), late, origin: vec![] }
    }

    pub fn commit_after(&mut self, request: Digest, wait: u64) -> Result<(), Refusal> {
        let start_seq = self.state().seq();
        let early = self.proof(start_seq);
        self.now += wait;
        let body = self.commit_body(request, start_seq, &early);
        let proof = self.consent.prove(&self.deed_id(), self.tip(), &body);
        self.push(&body, &[proof])
    }

    /// The pin of an enforcement point that followed everything so far.
    pub fn pin(&self) -> Pin {
        let mut pin = None;
        for (seq, event) in self.events.iter().enumerate() {
            let proof = self.proof(seq as u64);
            let next = Pin::accept(&Portable, &self.manifests, &self.roll, pin, event, Some(&proof));
            pin = Some(next.unwrap());
        }
        pin.unwrap()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Passkey,
    Sheet,
    HoldCode,
    Consent,
    Issuer,
    Desk(usize),
    Emergency(usize),
    Auc,
    LaterConsent,
    Person(usize),
}

/// The reason's short name.
pub fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> &'static str {
    match result {
        Ok(value) => panic!("should have been refused, was {value:?}"),
        Err(refusal) => refusal.reason.code(),
    }
}
