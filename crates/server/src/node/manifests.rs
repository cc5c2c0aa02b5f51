//! Manifests after the first: taken from whoever brings the root's signature, made public, and adopted by each deed; at
//! once where nothing becomes looser, otherwise when everybody could see it for thirty days.
//!
//! The file is written first and the leaf after it: a leaf whose manifest nobody has could never be made good.

use super::Node;
use crate::deployment::{encode_manifests, write_private};
use deed::Digest;
use deed::log::Leaf;
use deed::log::proof::TlogProof;
use deed::manifest::{Manifest, Manifests, SignedManifest};
use keys::sign::Host;
use operator::Refusal;
use operator::consent::Command;
use operator::store::{Changes, Key, Outcome, Row, Write};
use std::collections::{HashMap, HashSet};
use wire::{Msisdn, UnixTime};

/// Deeds that adopt a manifest in one round.
const ADOPTED_A_ROUND: usize = 32;
/// Most manifests of an operator, as its file is read.
const MOST: u64 = 64;

/// When deeds go on under the newest manifest.
#[derive(Debug, Default)]
pub(super) struct Adoption {
    /// For each manifest that deeds are under, the witnessed time before which adopting the newest is useless.
    not_before: HashMap<Digest, UnixTime>,
}

fn proof_row(version: u64) -> Key {
    Key::Door(format!("manifest/{version}"))
}

impl Node {
    /// Takes the next manifest. Its root's signature is the authority, whoever brings it.
    pub fn publish_manifest(&mut self, next: SignedManifest) -> Result<(), Refusal> {
        if self.signed.contains(&next) {
            // Brought before, and perhaps not public yet.
            return self.log_manifests();
        }
        if !self.log_whole || !self.pins.current() {
            return Err(Refusal::refused(
                "replay",
                "this node changes nothing until its log is the witnesses' log",
            ));
        }
        if self.signed.len() as u64 >= MOST {
            return Err(Refusal::refused("limit", "an operator has at most 64 manifests"));
        }
        let chain = [&self.signed[..], &[next]].concat();
        let manifests = Manifests::verify(&Host, &self.root_digest, &chain)?;
        let (newest, _) = manifests.newest().ok_or_else(|| Refusal::Broken("no manifest".into()))?;
        self.must_fit(newest)?;
        let leaf = manifests.leaf(newest);
        if self.logged(&leaf.tag).is_some_and(|logged| logged != leaf.head) {
            return Err(Refusal::refused(
                "fork",
                "the log has another manifest of this version already; two would be a public proof of a fork",
            ));
        }
        write_private(&self.manifest_path, &encode_manifests(&chain))
            .map_err(|e| Refusal::Broken(format!("{}: {e}", self.manifest_path.display())))?;
        self.signed = chain;
        self.pins.go_on_under(manifests);
        self.adoption = Adoption::default();
        self.log_manifests()
    }

    /// What this node cannot serve under: its own keys must stay, and so must the log that it writes.
    fn must_fit(&self, next: &Manifest) -> Result<(), Refusal> {
        let (now, _) = self.pins.manifests().newest().ok_or_else(|| Refusal::Broken("no manifest".into()))?;
        let own = [&self.signers.issuer, &self.signers.consent, &self.auc, &self.desk];
        let no = |why: &str| Err(Refusal::refused("manifest", why));
        if own.iter().any(|signer| next.role(&signer.role.id()).is_none()) {
            return no(
                "a key that this node signs with is not in it; a node's own keys cannot be changed yet",
            );
        }
        if next.log_policy != now.log_policy {
            return no("it names another log or other witnesses; a node's log cannot be changed yet");
        }
        if next.roll_digest != now.roll_digest {
            return no("it names another roll key; a node's roll key cannot be changed");
        }
        if next.live != now.live {
            return no("a test deployment stays one, and so does a real one");
        }
        Ok(())
    }

    /// One round: what is not public yet is logged, and deeds go on under the newest manifest.
    pub(super) fn keep_manifests(&mut self) {
        if self.signed.len() < 2 || !self.log_whole || !self.pins.current() {
            return;
        }
        if let Err(refusal) = self.log_manifests() {
            return self.alarm("manifest", &refusal.to_string());
        }
        for number in self.behind_the_newest() {
            if let Err(refusal) = self.adopt(&number) {
                match refusal {
                    Refusal::Broken(why) => self.alarm("manifest", &why),
                    other => tracing::debug!(code = other.code(), "a manifest is not adopted: {other}"),
                }
            }
        }
    }

    /// Logs each later manifest that has no leaf, and keeps the proof of when that was.
    fn log_manifests(&mut self) -> Result<(), Refusal> {
        let manifests = self.pins.manifests();
        // The first stands in every receipt by its root; nothing was before it that it could loosen.
        let later = manifests.all().skip(1).map(|manifest| (manifest.version, manifests.leaf(manifest)));
        let root = self.root_digest;
        let later: Vec<(u64, Leaf)> = later.collect();
        let mut fresh = false;
        for (version, leaf) in &later {
            if self.log.first_with(&leaf.tag).is_some() {
                continue;
            }
            let write = Write::Leaf { leaf: *leaf, of: (root, *version), place: self.log.size() };
            match self.database.commit(&[Changes(vec![write])])?.pop() {
                Some(Outcome::Done) => self.log.push(leaf),
                _ => return Err(Refusal::Broken(format!("manifest {version}: its leaf's tag is taken"))),
            }
            fresh = true;
        }
        if fresh {
            self.publish()?;
            self.follow()?;
        }
        for (version, leaf) in later {
            let key = proof_row(version);
            if self.database.load(std::slice::from_ref(&key))?.pop().flatten().is_some() {
                continue;
            }
            let index = self.log.first_with(&leaf.tag);
            if let Some(proof) = index.and_then(|index| self.log.prove(index)) {
                let row = Write::Put(key, Row::Bytes(proof.encode()));
                self.database.commit(&[Changes(vec![row])])?;
            }
        }
        Ok(())
    }

    /// Some numbers whose deeds are under an older manifest and may go on now.
    fn behind_the_newest(&self) -> Vec<Msisdn> {
        let Some(newest) = self.manifest_id() else { return Vec::new() };
        let behind = |number: &&Msisdn| {
            self.pins.pin(number).is_some_and(|pin| {
                let soonest = self.adoption.not_before.get(&pin.state.manifest);
                pin.state.manifest != newest
                    && pin.state.closed.is_none()
                    && soonest.is_none_or(|time| *time <= self.witnessed)
            })
        };
        self.pins.numbers().filter(behind).take(ADOPTED_A_ROUND).copied().collect()
    }

    /// A deed goes on under the newest manifest.
    fn adopt(&mut self, number: &Msisdn) -> Result<(), Refusal> {
        let Some(from) = self.pins.pin(number).map(|pin| pin.state.manifest) else { return Ok(()) };
        let manifests = self.pins.manifests();
        let (Some((newest, _)), (old, _)) = (manifests.newest(), manifests.get(&from)?) else {
            return Ok(());
        };
        let looser = old.loosened_by(newest).is_some();
        let (version, leaf) = (newest.version, manifests.leaf(newest));
        let public = if looser { Some(Box::new(self.public_since(version, &leaf)?)) } else { None };
        let done = self.change(number, &Command::Adopt { public }).map(drop);
        if let Err(Refusal::Wait { missing, .. }) = &done {
            self.adoption.not_before.insert(from, self.witnessed.after(*missing));
        }
        done
    }

    /// The proofs that a manifest was public then and is now.
    fn public_since(&mut self, version: u64, leaf: &Leaf) -> Result<[TlogProof; 2], Refusal> {
        let early = match self.database.load(&[proof_row(version)])?.pop().flatten() {
            Some(Row::Bytes(bytes)) => TlogProof::parse(&bytes).ok(),
            _ => None,
        };
        let late = self.log.first_with(&leaf.tag).and_then(|index| self.log.prove(index));
        let late = late.ok_or_else(|| Refusal::refused("manifest", "it is not in the witnessed log yet"))?;
        // What somebody damaged is made again: the thirty days then begin anew.
        match early.filter(|early| early.index == late.index) {
            Some(early) => Ok([early, late]),
            None => {
                let row = Write::Put(proof_row(version), Row::Bytes(late.encode()));
                self.database.commit(&[Changes(vec![row])])?;
                Ok([late.clone(), late])
            }
        }
    }

    /// The tags of all manifests that there may be.
    pub(super) fn manifest_tags(&self) -> HashSet<Digest> {
        let manifests = self.pins.manifests();
        (1..=MOST).map(|version| manifests.tag(version)).collect()
    }

    /// What the log has under a tag.
    fn logged(&self, tag: &Digest) -> Option<Digest> {
        Some(self.log.leaf(self.log.first_with(tag)?)?.head)
    }

    /// A manifest that the log has and this folder has not: somebody put an older file in its place, or has the root and
    /// published another.
    pub(super) fn look_for_other_manifests(&mut self) {
        let manifests = self.pins.manifests();
        let known = |version| manifests.all().find(|manifest| manifest.version == version).map(Manifest::id);
        let others = (1..=MOST).filter(|version| {
            let logged = self.logged(&manifests.tag(*version));
            logged.is_some() && logged != known(*version)
        });
        for version in others.collect::<Vec<_>>() {
            self.alarm("manifest", &format!("the log has a manifest of version {version} that is not here"));
        }
    }
}
