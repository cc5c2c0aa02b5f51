//! The witnessed log: one leaf an event in an RFC 6962 tree, checkpoints, cosignatures and proofs as C2SP writes them.
//!
//! A leaf reveals nothing: a keyed tag and a salted head. Two different leaves with one tag are a public proof of a
//! fork that anyone can see without knowing the number.

pub mod frontier;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod proof;
pub mod submission;
pub mod tile;

use crate::Digest;

/// Octets of a leaf.
pub const LEAF_BYTES: usize = 65;

/// `0x01 ‖ tag(32) ‖ head(32)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Unlinkable name of the event's place.
    pub tag: Digest,
    /// Head of the event.
    pub head: Digest,
}

impl Leaf {
    /// Its bytes.
    pub fn encode(&self) -> [u8; LEAF_BYTES] {
        let mut out = [1; LEAF_BYTES];
        for (to, from) in out.iter_mut().skip(1).zip(self.tag.iter().chain(&self.head)) {
            *to = *from;
        }
        out
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [version, rest @ ..] = bytes else { return None };
        let (tag, rest) = rest.split_first_chunk::<32>()?;
        let head: [u8; 32] = rest.try_into().ok()?;
        (*version == 1).then_some(Self { tag: *tag, head })
    }

    /// Its hash in the tree.
    pub fn hash(&self) -> Digest {
        merkle::leaf_hash(&self.encode())
    }
}

/// Why a part of the log does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogError(pub &'static str);
