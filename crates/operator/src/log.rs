//! The operator's log: leaves, checkpoints, cosignatures, proofs.

use crate::Refusal;
use deed::Digest;
use deed::log::Leaf;
use deed::log::merkle::{Tree, empty_root};
use deed::log::note::{Checkpoint, SignedNote, TYPE_ED25519, VerifierKey};
use deed::log::proof::TlogProof;
use deed::log::tile::{Kind, Tile, bundle};
use keys::sign::Ed25519Key;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// The log in memory, rebuilt from its leaves at start.
#[derive(Debug)]
pub struct Log {
    origin: String,
    key: Ed25519Key,
    first: HashMap<Digest, u64>,
    public: PublicLog,
}

/// What anybody may read of the log, whatever its node is doing: the tree up to the newest cosigned checkpoint.
#[derive(Debug, Clone, Default)]
pub struct PublicLog(Arc<RwLock<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    tree: Tree,
    leaves: Vec<Leaf>,
    checkpoint: Option<SignedNote>,
    /// Leaves that the checkpoint covers.
    size: u64,
}

impl Contents {
    fn prove(&self, index: u64) -> Option<TlogProof> {
        let checkpoint = self.checkpoint.clone()?;
        Some(TlogProof { index, path: self.tree.inclusion(index, self.size)?, checkpoint })
    }
}

impl PublicLog {
    fn read(&self) -> RwLockReadGuard<'_, Contents> {
        // What is in there is whole after any panic: a leaf is appended, or a checkpoint takes another's place.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The newest cosigned checkpoint.
    pub fn checkpoint(&self) -> Option<SignedNote> {
        self.read().checkpoint.clone()
    }

    /// A tile's bytes, if the newest cosigned checkpoint covers it (C2SP tlog-tiles).
    pub fn tile(&self, tile: &Tile) -> Option<Vec<u8>> {
        let contents = self.read();
        if !tile.is_in(contents.size) {
            return None;
        }
        match tile.kind {
            Kind::Hashes(_) => tile.hashes(&contents.tree),
            Kind::Entries => {
                let start = usize::try_from(tile.start()).ok()?;
                Some(bundle(contents.leaves.get(start..start + usize::from(tile.width))?))
            }
        }
    }

    /// Proof of a leaf under the newest cosigned checkpoint, if that covers it.
    pub fn prove(&self, index: u64) -> Option<TlogProof> {
        self.read().prove(index)
    }
}

impl Log {
    /// An empty log.
    pub fn new(origin: String, key: Ed25519Key) -> Self {
        Self { origin, key, first: HashMap::new(), public: PublicLog::default() }
    }

    /// Its key as policies name it.
    pub fn vkey(&self) -> VerifierKey {
        VerifierKey { name: self.origin.clone(), kind: TYPE_ED25519, key: self.key.public() }
    }

    /// What others may read of it.
    pub fn public(&self) -> PublicLog {
        self.public.clone()
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.public.read().tree.size()
    }

    /// The root of the first `size` leaves.
    pub fn root(&self, size: u64) -> Option<Digest> {
        self.public.read().tree.root(size)
    }

    /// Appends a leaf that the store has already made durable.
    pub fn push(&mut self, leaf: &Leaf) {
        let size = self.size();
        self.first.entry(leaf.tag).or_insert(size);
        self.public.write(|contents| {
            contents.tree.push(leaf.hash());
            contents.leaves.push(*leaf);
        });
    }

    /// The first leaf with this tag.
    pub fn first_with(&self, tag: &Digest) -> Option<u64> {
        self.first.get(tag).copied()
    }

    /// The leaf at a place.
    pub fn leaf(&self, index: u64) -> Option<Leaf> {
        self.public.read().leaves.get(usize::try_from(index).ok()?).copied()
    }

    /// A checkpoint of all leaves, signed by the log alone.
    pub fn sign(&self) -> Result<SignedNote, Refusal> {
        let size = self.size();
        let root = self.root(size).ok_or_else(|| Refusal::Broken("the log has no root".into()))?;
        Ok(self.signed(size, root))
    }

    /// A checkpoint of no leaves: any witness can tell from it how far it has followed the log.
    pub fn sign_empty(&self) -> SignedNote {
        self.signed(0, empty_root())
    }

    fn signed(&self, size: u64, root: Digest) -> SignedNote {
        Checkpoint { origin: self.origin.clone(), size, root }.sign(&self.origin, &self.key)
    }

    /// Consistency from an older size to now.
    pub fn consistency(&self, old: u64) -> Option<Vec<Digest>> {
        let contents = self.public.read();
        contents.tree.consistency(old, contents.tree.size())
    }

    /// Takes a cosigned checkpoint as the newest.
    pub fn publish(&mut self, note: SignedNote) {
        let Ok(checkpoint) = Checkpoint::parse(&note.text) else { return };
        self.public.write(|contents| {
            contents.size = checkpoint.size;
            contents.checkpoint = Some(note);
        });
    }

    /// The newest cosigned checkpoint.
    pub fn checkpoint(&self) -> Option<SignedNote> {
        self.public.checkpoint()
    }

    /// Proof of a leaf under the newest cosigned checkpoint, if that covers it.
    pub fn prove(&self, index: u64) -> Option<TlogProof> {
        self.public.prove(index)
    }
}
