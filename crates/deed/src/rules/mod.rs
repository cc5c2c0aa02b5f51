//! Who may add what, when: one function an event type, each from the state before to the state after.
//!
//! Every signature has been verified by the time a rule runs ([`mod@crate::verify`]); a rule decides what it is worth.

mod adopt;
mod commit;
mod hold;
mod issue;
mod observe;
mod request;
mod span;
mod watch;

pub(crate) use hold::{ends, objector, signed_since_lifted};
pub(crate) use issue::issue;

use crate::defence::{Defence, stands};
use crate::event::{Body, Event, MAX_EVENTS, Proof, RESERVED_EVENTS};
use crate::manifest::{Manifests, RoleKind};
use crate::proven::Signer;
use crate::record::{FactorId, Place};
use crate::state::{FactorState, State};
use crate::{Digest, Reason};
use keys::sign::Verifier;

/// The state after an event that is not the first.
pub(crate) fn apply(
    verifier: &impl Verifier,
    manifests: &Manifests,
    state: State,
    event: &Event,
    signers: &[Signer],
) -> Result<State, Reason> {
    if state.closed.is_some() {
        return Err(Reason::Closed);
    }
    let step = Step { event, signers };
    step.leaves_room_for_the_owner(&state)?;
    let (manifest, policy) = manifests.get(&state.manifest)?;
    let mut next = match &event.body {
        Body::Issued(_) => return Err(Reason::Issue("a deed has one first event")),
        Body::Requested { intent } => request::requested(state, &step, intent)?,
        Body::Consented { request, intent } => request::consented(state, &step, request, intent)?,
        Body::Notified { request, .. } => request::notified(state, &step, request)?,
        Body::Vetoed { request, .. } => hold::vetoed(state, &step, request)?,
        Body::Ended { request, .. } => request::ended(state, &step, request)?,
        Body::Held { bits, silenced, .. } => hold::held(state, &step, bits, silenced)?,
        Body::Committed { request, start_seq, early, late, origin } => {
            let proofs = commit::LogProofs { start_seq: *start_seq, early, late, origin };
            commit::committed(verifier, manifest, policy, state, &step, request, &proofs)?
        }
        Body::Watched { watch_key } => watch::watched(state, &step, watch_key)?,
        Body::Adopted { manifest, early, late } => {
            let public = adopt::Public { early, late };
            adopt::adopted(verifier, manifests, policy, state, &step, manifest, &public)?
        }
        Body::Observed { .. } => observe::observed(state, &step)?,
    };
    remember_signers(&mut next, &step);
    next.heads.push(event.head);
    Ok(next)
}

/// An event with its verified signers.
pub(crate) struct Step<'a> {
    event: &'a Event,
    signers: &'a [Signer],
}

impl Step<'_> {
    const fn seq(&self) -> u64 {
        self.event.seq
    }

    /// An operator's keys fill no deed to its end: in its last places only a factor begins anything, and the owner is told
    /// of it once.
    fn leaves_room_for_the_owner(&self, state: &State) -> Result<(), Reason> {
        let begins = match self.event.body {
            Body::Requested { .. } | Body::Consented { .. } | Body::Held { .. } | Body::Observed { .. } => {
                true
            }
            Body::Notified { .. } => state.live.as_ref().is_some_and(|live| live.notified.is_some()),
            _ => false,
        };
        let by_factor = self.signers.iter().any(|signer| matches!(signer, Signer::Factor { .. }));
        if begins && !by_factor && self.seq() >= MAX_EVENTS - RESERVED_EVENTS {
            return Err(Reason::Limit("number of events that no factor signed"));
        }
        Ok(())
    }

    fn signed(&self) -> impl Iterator<Item = (&Signer, &Proof)> {
        self.signers.iter().zip(&self.event.proofs)
    }

    /// The consent service must have signed, alone.
    fn by_consent_service(&self) -> Result<&crate::manifest::Role, Reason> {
        match self.signers {
            [Signer::Role(role)] if role.kind == RoleKind::Consent => Ok(role),
            [] => Err(Reason::Missing("the consent service's")),
            _ => Err(Reason::Role("the consent service signs this, alone")),
        }
    }

    fn live<'s>(&self, state: &'s State, request: &Digest) -> Result<&'s crate::state::Live, Reason> {
        state.live.as_ref().filter(|live| live.head == *request).ok_or(Reason::NoRequest)
    }
}

/// Each factor's last event and counter move forward.
fn remember_signers(state: &mut State, step: &Step<'_>) {
    for signer in step.signers {
        let Signer::Factor { id, counter, .. } = signer else { continue };
        if let Some(known) = state.factors.iter_mut().find(|f| f.id == *id) {
            known.counter = known.counter.max(*counter);
            known.last_seq = step.seq();
        }
    }
}

/// A factor's statement works once: it must have been made after the factor's last event.
pub(crate) fn not_replayed(known: &FactorState, proof: &Proof) -> Result<(), Reason> {
    if proof.as_of.seq < known.last_seq && stands(Defence::StatementsWorkOnce) {
        return Err(Reason::Stale("this factor has signed another event since"));
    }
    Ok(())
}

/// What was signed before an objection is void after it, unless the intent overrides the objector's place.
pub(crate) fn not_before_objection(state: &State, proof: &Proof, over: Option<Place>) -> Result<(), Reason> {
    for place in [Place::Phone, Place::Elsewhere, Place::People, Place::Operator] {
        let last =
            usize::try_from(place.number()).ok().and_then(|p| state.objected.get(p)).copied().unwrap_or(0);
        if Some(place) != over && proof.as_of.seq < last && stands(Defence::ObjectionsVoid) {
            return Err(Reason::Stale("somebody objected since"));
        }
    }
    Ok(())
}

pub(crate) fn known<'a>(state: &'a State, id: &FactorId) -> Result<&'a FactorState, Reason> {
    state.factor(id).ok_or(Reason::Signer)
}
