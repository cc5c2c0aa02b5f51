//! Offline proof that a leaf was logged and witnessed (C2SP tlog-proof).

use super::merkle::root_from_inclusion;
use super::note::{SignedNote, decimal};
use super::policy::{Policy, Witnessed};
use super::{Leaf, LogError};
use crate::Digest;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};
use keys::sign::Verifier;

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// An inclusion proof with its cosigned checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// The leaf's place in the log.
    pub index: u64,
    /// Sibling hashes, from the leaf upwards.
    pub path: Vec<Digest>,
    /// The checkpoint with its signatures.
    pub checkpoint: SignedNote,
}

/// A leaf that a quorum of witnesses has seen. Made only by [`TlogProof::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedLeaf {
    /// Its place in the log.
    pub index: u64,
    /// When, by whose word.
    pub witnessed: Witnessed,
}

impl TlogProof {
    /// Its text.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = String::from(HEADER);
        out.push_str(&format!("index {}\n", self.index));
        for hash in &self.path {
            out.push_str(&Base64::encode_string(hash));
            out.push('\n');
        }
        out.push('\n');
        let mut out = out.into_bytes();
        out.extend_from_slice(&self.checkpoint.encode());
        out
    }

    /// From its text. Extra data is refused: nothing of ours writes any, and it is not authenticated.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogError> {
        let text = core::str::from_utf8(bytes).map_err(|_| LogError("a proof that is not UTF-8"))?;
        let text = text.strip_prefix(HEADER).ok_or(LogError("a proof without its first line"))?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(LogError("a proof without a checkpoint"))?;
        let mut lines = head.split('\n');
        let index = lines.next().and_then(|l| l.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(LogError("a proof without an index"))?;
        let mut path = Vec::new();
        for line in lines {
            let hash = Base64::decode_vec(line).ok().and_then(|h| h.try_into().ok());
            path.push(hash.ok_or(LogError("a proof line that is no hash"))?);
            if path.len() > 64 {
                return Err(LogError("a proof longer than any tree is high"));
            }
        }
        Ok(Self { index, path, checkpoint: SignedNote::parse(checkpoint.as_bytes())? })
    }

    /// Whether it shows that `leaf` was logged and witnessed as `policy` demands.
    pub fn check(
        &self,
        verifier: &impl Verifier,
        policy: &Policy,
        leaf: &Leaf,
    ) -> Result<LoggedLeaf, LogError> {
        let witnessed = policy.judge(verifier, &self.checkpoint)?;
        let size = witnessed.checkpoint.size;
        if root_from_inclusion(&leaf.hash(), self.index, size, &self.path) != Some(witnessed.checkpoint.root)
        {
            return Err(LogError("the leaf is not at that place in the log"));
        }
        Ok(LoggedLeaf { index: self.index, witnessed })
    }
}
