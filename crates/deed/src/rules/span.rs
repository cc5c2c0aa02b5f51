//! How long something has been logged: two proofs of one leaf, and what they say of time.

use crate::Reason;
use crate::log::policy::Policy;
use crate::log::proof::{LoggedLeaf, TlogProof};
use crate::log::{Leaf, LogError};
use alloc::string::ToString;
use keys::sign::Verifier;

/// What two proofs of one leaf, an early and a late one, say of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Some honest clock was not past this when the early one was taken.
    pub(super) start: u64,
    /// Some honest clock had reached this when the early one was taken.
    pub(super) start_reached: u64,
    /// Some honest clock had reached this when the late one was taken.
    pub(super) ready: u64,
}

impl Span {
    pub(super) fn prove(
        verifier: &impl Verifier,
        policy: &Policy,
        leaf: &Leaf,
        early: &[u8],
        late: &[u8],
    ) -> Result<Self, Reason> {
        let early = logged(verifier, policy, leaf, early)?;
        let late = logged(verifier, policy, leaf, late)?;
        if early.index != late.index {
            return Err(Reason::Log("the two proofs are of two leaves".into()));
        }
        Ok(Self {
            start: early.witnessed.seen_by,
            start_reached: early.witnessed.still_at,
            ready: late.witnessed.still_at,
        })
    }

    /// Whether at least so much time lies between the two.
    pub(super) const fn lasted(&self, needed: u64) -> Result<(), Reason> {
        let waited = self.ready.saturating_sub(self.start);
        if self.ready < self.start || waited < needed { Err(Reason::Wait { waited, needed }) } else { Ok(()) }
    }
}

/// A leaf that a proof shows in the log.
pub(super) fn logged(
    verifier: &impl Verifier,
    policy: &Policy,
    leaf: &Leaf,
    proof: &[u8],
) -> Result<LoggedLeaf, Reason> {
    let log = |error: LogError| Reason::Log(error.to_string());
    TlogProof::parse(proof).and_then(|proof| proof.check(verifier, policy, leaf)).map_err(log)
}
