//! The operator's log: leaves, checkpoints, cosignatures, proofs.

use crate::Refusal;
use deed::Digest;
use deed::log::Leaf;
use deed::log::merkle::Tree;
use deed::log::note::{Checkpoint, SignedNote, TYPE_ED25519, VerifierKey};
use deed::log::proof::TlogProof;
use keys::sign::Ed25519Key;
use std::collections::HashMap;

/// The log in memory, rebuilt from its leaves at start.
#[derive(Debug)]
pub struct Log {
    origin: String,
    key: Ed25519Key,
    tree: Tree,
    first: HashMap<Digest, u64>,
    checkpoint: Option<SignedNote>,
}

impl Log {
    /// An empty log.
    pub fn new(origin: String, key: Ed25519Key) -> Self {
        Self { origin, key, tree: Tree::new(), first: HashMap::new(), checkpoint: None }
    }

    /// Its key as policies name it.
    pub fn vkey(&self) -> VerifierKey {
        VerifierKey { name: self.origin.clone(), kind: TYPE_ED25519, key: self.key.public() }
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root of the first `size` leaves.
    pub fn root(&self, size: u64) -> Option<Digest> {
        self.tree.root(size)
    }

    /// Appends a leaf that the store has already made durable.
    pub fn push(&mut self, leaf: &Leaf) {
        self.first.entry(leaf.tag).or_insert_with(|| self.tree.size());
        self.tree.push(leaf.hash());
    }

    /// The first leaf with this tag.
    pub fn first_with(&self, tag: &Digest) -> Option<u64> {
        self.first.get(tag).copied()
    }

    /// A checkpoint of all leaves, signed by the log alone.
    pub fn sign(&self) -> Result<SignedNote, Refusal> {
        let size = self.tree.size();
        let root = self.tree.root(size).ok_or_else(|| Refusal::Broken("the log has no root".into()))?;
        Ok(Checkpoint { origin: self.origin.clone(), size, root }.sign(&self.origin, &self.key))
    }

    /// Consistency from an older size to now.
    pub fn consistency(&self, old: u64) -> Option<Vec<Digest>> {
        self.tree.consistency(old, self.tree.size())
    }

    /// Takes a cosigned checkpoint as the newest.
    pub fn publish(&mut self, note: SignedNote) {
        self.checkpoint = Some(note);
    }

    /// The newest cosigned checkpoint.
    pub const fn checkpoint(&self) -> Option<&SignedNote> {
        self.checkpoint.as_ref()
    }

    /// Proof of a leaf under the newest cosigned checkpoint, if that covers it.
    pub fn prove(&self, index: u64) -> Option<TlogProof> {
        let checkpoint = self.checkpoint.clone()?;
        let size = Checkpoint::parse(&checkpoint.text).ok()?.size;
        Some(TlogProof { index, path: self.tree.inclusion(index, size)?, checkpoint })
    }
}
