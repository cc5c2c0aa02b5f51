//! A witness: remembers the newest tree it has seen of a log and cosigns only what goes on from it.

use crate::Refusal;
use deed::Digest;
use deed::log::merkle::{consistent, empty_root};
use deed::log::note::{Checkpoint, SignatureLine, SignedNote, TYPE_COSIGNATURE, VerifierKey, cosign};
use keys::sign::{Ed25519Key, Portable};
use wire::UnixTime;

/// A witness of one log.
#[derive(Debug)]
pub struct Witness {
    name: String,
    key: Ed25519Key,
    log: VerifierKey,
    size: u64,
    root: Digest,
}

/// What a witness remembers: the newest size and root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Leaves.
    pub size: u64,
    /// Their root.
    pub root: Digest,
}

impl Seen {
    /// Nothing yet.
    pub fn nothing() -> Self {
        Self { size: 0, root: empty_root() }
    }
}

impl Witness {
    /// A witness that has seen this much.
    pub const fn new(name: String, key: Ed25519Key, log: VerifierKey, seen: Seen) -> Self {
        Self { name, key, log, size: seen.size, root: seen.root }
    }

    /// Its key as policies name it.
    pub fn vkey(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), kind: TYPE_COSIGNATURE, key: self.key.public() }
    }

    /// What it has seen.
    pub const fn seen(&self) -> Seen {
        Seen { size: self.size, root: self.root }
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
        if note.signed_by(&Portable, &self.log) != Some(true) {
            return Err(Refusal::refused("witness", "the checkpoint is not signed by the log"));
        }
        let checkpoint = Checkpoint::parse(&note.text).map_err(|e| Refusal::Malformed(e.to_string()))?;
        if checkpoint.origin != self.log.name {
            return Err(Refusal::refused("witness", "another log's checkpoint"));
        }
        if !consistent(self.size, &self.root, checkpoint.size, &checkpoint.root, proof) {
            return Err(Refusal::refused("witness", "the tree does not go on from the newest one seen"));
        }
        (self.size, self.root) = (checkpoint.size, checkpoint.root);
        Ok(cosign(&note.text, &self.name, &self.key, now.0))
    }
}
