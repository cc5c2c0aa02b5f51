//! A witness: remembers the newest tree it has seen of a log and cosigns only what goes on from it.

use crate::Refusal;
use deed::Digest;
use deed::log::merkle::{consistent, empty_root};
use deed::log::note::{Checkpoint, SignatureLine, SignedNote, TYPE_COSIGNATURE, VerifierKey, cosign};
use keys::sign::{Ed25519Key, Host};
use wire::UnixTime;

/// A witness of one log.
#[derive(Debug)]
pub struct Witness {
    name: String,
    key: Ed25519Key,
    log: VerifierKey,
    seen: Seen,
}

/// What a witness remembers: the newest size and root, and when it last said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Leaves.
    pub size: u64,
    /// Their root.
    pub root: Digest,
    /// When it first cosigned them; 0 for never.
    pub since: UnixTime,
}

impl Seen {
    /// Nothing yet.
    pub fn nothing() -> Self {
        Self { size: 0, root: empty_root(), since: UnixTime(0) }
    }

    /// Whether this is the tree of that size and root.
    pub fn is_tree(&self, size: u64, root: Option<Digest>) -> bool {
        self.size == size && Some(self.root) == root
    }
}

impl Witness {
    /// A witness that has seen this much.
    pub const fn new(name: String, key: Ed25519Key, log: VerifierKey, seen: Seen) -> Self {
        Self { name, key, log, seen }
    }

    /// Its key as policies name it.
    pub fn vkey(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), kind: TYPE_COSIGNATURE, key: self.key.public() }
    }

    /// What it has seen.
    pub const fn seen(&self) -> Seen {
        self.seen
    }

    /// The name it signs with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its cosignature at `now`, if the checkpoint is the log's and its tree goes on from the newest one seen.
    ///
    /// Whoever hosts the witness stores [`Witness::seen`] before giving the line away.
    pub fn cosign(
        &mut self,
        note: &SignedNote,
        proof: &[Digest],
        now: UnixTime,
    ) -> Result<SignatureLine, Refusal> {
        if note.signed_by(&Host, &self.log) != Some(true) {
            return Err(Refusal::refused("witness", "the checkpoint is not signed by the log"));
        }
        let checkpoint = Checkpoint::parse(&note.text).map_err(|e| Refusal::Malformed(e.to_string()))?;
        if checkpoint.origin != self.log.name {
            return Err(Refusal::refused("witness", "another log's checkpoint"));
        }
        if !consistent(self.seen.size, &self.seen.root, checkpoint.size, &checkpoint.root, proof) {
            return Err(Refusal::refused("witness", "the tree does not go on from the newest one seen"));
        }
        if !self.seen.is_tree(checkpoint.size, Some(checkpoint.root)) || self.seen.since == UnixTime(0) {
            self.seen = Seen { size: checkpoint.size, root: checkpoint.root, since: now };
        }
        Ok(cosign(&note.text, &self.name, &self.key, now.0))
    }

    /// Back to what it remembered before: what could not be stored was not seen.
    pub const fn forget(&mut self, before: Seen) {
        self.seen = before;
    }

    /// What it said when it first saw this tree, again: a log that lost the line in a power cut can still show when its
    /// newest leaves were witnessed.
    pub fn repeat(&self, note: &SignedNote) -> Option<SignatureLine> {
        let checkpoint = Checkpoint::parse(&note.text).ok()?;
        let said = self.seen.since > UnixTime(0)
            && checkpoint.origin == self.log.name
            && self.seen.is_tree(checkpoint.size, Some(checkpoint.root));
        said.then(|| cosign(&note.text, &self.name, &self.key, self.seen.since.0))
    }
}
