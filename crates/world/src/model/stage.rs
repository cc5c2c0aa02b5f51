//! Where a model plays: an operator, its log and witnesses, a number with its owner's keys, cards for everybody.

use super::tags::{Hand, Signatures};
use crate::{DAY, START};
use deed::event::{AsOf, Body, Issued, Source, assemble};
use deed::log::Leaf;
use deed::log::merkle::Tree;
use deed::log::note::{Checkpoint, SignatureLine, SignedNote, TYPE_COSIGNATURE, TYPE_ED25519, VerifierKey};
use deed::log::proof::TlogProof;
use deed::manifest::{Manifest, Manifests, RoleKind, SignedManifest, Site};
use deed::record::{Card, Factor, Place, Purpose, Tenure};
use deed::signer::SignStatement;
use deed::{Digest, Reason};
use keys::Secret;
use keys::subscriber::SubscriberKeys;

/// Whose keys there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The passkey in the owner's phone, which his account syncs.
    Phone,
    /// The recovery sheet.
    Paper,
    /// A passkey of the same account that pretends to be elsewhere.
    Pretender,
    /// A key that a thief would like to add.
    Thiefs,
}

/// How many witnesses there are, how many make a quorum, how many lie.
#[derive(Debug, Clone, Copy)]
pub struct Witnesses {
    /// All of them.
    pub all: usize,
    /// Enough of them.
    pub quorum: usize,
    /// The last so many sign whatever anybody likes, at any time.
    pub liars: usize,
}

/// A stage.
pub struct Stage {
    /// What a signature is.
    pub signatures: Signatures,
    /// Under which manifest.
    pub manifests: Manifests,
    manifest: Digest,
    /// Makes the tag of event 0.
    pub roll: Secret<[u8; 32]>,
    watch: Secret<[u8; 32]>,
    /// The consent service: in the insider's hands.
    pub consent: Hand,
    /// Desks of two offices: in the insider's hands.
    pub desks: [Hand; 2],
    /// The authentication centre.
    pub auc: Hand,
    issuer: Hand,
    /// The first card, the owner's next one, the thief's.
    pub cards: [Card; 3],
    factors: Vec<(Key, Hand, Factor)>,
    witnesses: Witnesses,
    log: VerifierKey,
    cosigners: Vec<VerifierKey>,
}

impl Stage {
    /// A stage; refused where the format refuses so weak a quorum.
    pub fn new(signatures: Signatures, witnesses: Witnesses) -> Result<Self, Reason> {
        let key = signatures.ed25519_of(LOG);
        let log = VerifierKey { name: "log.model".into(), kind: TYPE_ED25519, key };
        let cosigners: Vec<_> = (0..witnesses.all)
            .map(|i| VerifierKey {
                name: format!("witness.model/{i}"),
                kind: TYPE_COSIGNATURE,
                key: signatures.ed25519_of(LOG + 1 + i as u8),
            })
            .collect();
        let mut policy = format!("log {log}\n");
        for (i, key) in cosigners.iter().enumerate() {
            policy.push_str(&format!("witness w{i} {key}\n"));
        }
        let names: Vec<String> = (0..witnesses.all).map(|i| format!("w{i}")).collect();
        policy.push_str(&format!("group enough {} {}\nquorum enough\n", witnesses.quorum, names.join(" ")));
        let (issuer, issuer_role) = Hand::role(signatures, RoleKind::Issuer, 0, 1);
        let (consent, consent_role) = Hand::role(signatures, RoleKind::Consent, 0, 2);
        let (first, first_role) = Hand::role(signatures, RoleKind::Desk, 3, 3);
        let (second, second_role) = Hand::role(signatures, RoleKind::Desk, 4, 4);
        let (auc, auc_role) = Hand::role(signatures, RoleKind::Auc, 0, 5);
        let roll = Secret::new([6; 32]);
        let manifest = Manifest {
            operator: "Model Mobile".into(),
            live: true,
            version: 1,
            prev: [0; 32],
            roles: vec![issuer_role, consent_role, first_role, second_role, auc_role],
            sites: vec![Site {
                rp_id: crate::RP_ID.into(),
                origins: vec![crate::ORIGIN.into()],
                page_digest: [0; 32],
            }],
            log_policy: policy.into_bytes(),
            delays: vec![],
            roll_digest: keys::digest::sha256(&[roll.danger_expose()]),
            next_root: [0; 32],
        };
        let (id, bytes, root) = (manifest.id(), manifest.encode(), signatures.ed25519_of(7));
        let signature = signatures.sign(7, &SignedManifest::message(&bytes));
        let chain = [SignedManifest { manifest: bytes, root, signature }];
        let manifests = Manifests::verify(&signatures, &keys::digest::sha256(&[&root]), &chain)?;
        let factor = |key, (hand, factor): (Hand, Factor)| (key, hand, factor);
        let factors = vec![
            factor(Key::Phone, Hand::synced(signatures, Place::Phone, 20)),
            factor(Key::Paper, Hand::sheet(signatures, 21)),
            factor(Key::Pretender, Hand::synced(signatures, Place::Elsewhere, 22)),
            factor(Key::Thiefs, Hand::raw(signatures, Purpose::Move, Place::Elsewhere, 23)),
        ];
        let card = |n: u8| {
            let iccid = format!("89860012000000000{n:02}").parse().unwrap();
            let imsi = format!("4600012345678{n:02}").parse().unwrap();
            let key_commit = card_keys(n).commitment(&imsi, &iccid);
            Card { iccid, imsi, eid: None, key_commit, card_pub: None }
        };
        Ok(Self {
            signatures,
            manifests,
            manifest: id,
            roll,
            watch: Secret::new([8; 32]),
            consent,
            desks: [first, second],
            auc,
            issuer,
            cards: [card(1), card(2), card(3)],
            factors,
            witnesses,
            log,
            cosigners,
        })
    }

    /// Who has a key.
    pub fn hand(&self, key: Key) -> Hand {
        self.factors.iter().find(|(known, ..)| *known == key).unwrap().1.clone()
    }

    /// A key as a deed has it.
    pub fn factor(&self, key: Key) -> &Factor {
        &self.factors.iter().find(|(known, ..)| *known == key).unwrap().2
    }

    /// Event 0, for a number with these keys.
    pub fn issue(&self, keys: &[Key]) -> Vec<u8> {
        let body = Body::Issued(Issued {
            manifest: self.manifest,
            number: number(),
            generation: 0,
            previous: None,
            source: Source::New,
            tenure: Tenure::Personal,
            watch_key: self.watch.clone(),
            slots: vec![(0, self.cards[0].clone())],
            factors: keys.iter().map(|key| self.factor(*key).clone()).collect(),
        });
        let mut hands = vec![self.issuer.clone()];
        hands.extend(keys.iter().map(|key| self.hand(*key)));
        let proofs: Vec<_> =
            hands.iter_mut().map(|hand| hand.prove(&[0; 32], AsOf::NOTHING, &body)).collect();
        assemble(&[0; 32], 0, &[0; 32], &[0; 16], &body, &proofs)
    }

    /// A proof that a leaf is in a view of the log, taken at a time: honest witnesses who follow this view say when it
    /// was, liars say what is best for a thief.
    pub fn prove(
        &self,
        leaves: &[Leaf],
        index: u64,
        at: u64,
        lie: u64,
        follows: impl Fn(usize) -> bool,
    ) -> TlogProof {
        let mut tree = Tree::new();
        leaves.iter().for_each(|leaf| tree.push(leaf.hash()));
        let size = tree.size();
        let checkpoint = Checkpoint { origin: self.log.name.clone(), size, root: tree.root(size).unwrap() };
        let text = checkpoint.text();
        let signature = self.signatures.sign(LOG, text.as_bytes()).to_vec();
        let mut signatures =
            vec![SignatureLine { name: self.log.name.clone(), id: self.log.id(), signature }];
        let honest = self.witnesses.all - self.witnesses.liars;
        for (i, key) in self.cosigners.iter().enumerate() {
            let time = if i >= honest { lie } else { at };
            if i >= honest || follows(i) {
                let seed = LOG + 1 + i as u8;
                signatures.push(self.signatures.cosign(seed, &key.name, key.id(), &text, time));
            }
        }
        let path = tree.inclusion(index, size).unwrap_or_default();
        TlogProof { index, path, checkpoint: SignedNote { text, signatures } }
    }
}

/// Seed of the log's key; its witnesses' follow.
const LOG: u8 = 100;

/// The keys of the cards, by their order.
pub fn card_keys(n: u8) -> SubscriberKeys {
    SubscriberKeys::new(Secret::new([n; 16]), Secret::new([n ^ 0x80; 16]), Secret::new([n; 32]))
}

/// Whose deed this is about.
pub(super) fn number() -> wire::Msisdn {
    "8613800138000".parse().unwrap()
}

/// When it begins, and when every request is over.
pub const EXPIRY: u64 = START + 20 * DAY;
