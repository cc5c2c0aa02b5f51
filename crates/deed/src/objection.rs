//! Objections outside the chain: a veto or a hold that goes straight to the enforcement point.
//!
//! They are valid on their own, so an operator's service that loses, delays or forks them away gains nothing: what was
//! handed in before a change was being written stops it.

use crate::cbor::{Writer, whole};
use crate::event::{AsOf, Body, Proof, message};
use crate::{Digest, FORMAT, Reason};
use alloc::vec::Vec;

/// `[1, deed_id, type, body, proof]`, type 4 (veto) or 6 (hold, silencing nobody).
#[derive(Debug, Clone)]
pub struct Objection {
    /// Of which deed.
    pub deed_id: Digest,
    /// [`Body::Vetoed`] or [`Body::Held`].
    pub body: Body,
    /// The body's bytes.
    pub body_bytes: Vec<u8>,
    /// Whose.
    pub proof: Proof,
}

impl Objection {
    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, |r| {
            r.array(5)?;
            if r.uint()? != FORMAT {
                return Err(Reason::Unknown("format"));
            }
            let deed_id = r.array_of()?;
            let kind = r.uint()?;
            let (body, span) = r.spanned(|r| Body::read(kind, r))?;
            match &body {
                Body::Vetoed { .. } => {}
                Body::Held { bits, silenced, .. } if silenced.is_empty() && !bits.is_empty() => {}
                _ => return Err(Reason::Role("only a veto or a hold is an objection")),
            }
            Ok(Self { deed_id, body, body_bytes: span.to_vec(), proof: Proof::read(r)? })
        })
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let w = Writer::new()
            .array(5)
            .uint(FORMAT)
            .bytes(&self.deed_id)
            .uint(self.body.kind())
            .raw(&self.body_bytes);
        self.proof.write(w).done()
    }

    /// What an objector signs.
    pub fn message(deed_id: &Digest, as_of: &AsOf, body: &Body) -> Vec<u8> {
        message(deed_id, as_of, body.kind(), &body.encode())
    }
}
