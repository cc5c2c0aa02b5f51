//! Event 9: the deed goes on under a later manifest. Stricter at once; looser only after everybody could see it for
//! thirty days.

use super::Step;
use super::span::Span;
use crate::log::policy::Policy;
use crate::manifest::{Manifests, RoleKind};
use crate::proven::Signer;
use crate::state::{Consenter, State};
use crate::wait::LOOSER_MANIFEST;
use crate::{Digest, Reason};
use keys::sign::Verifier;

/// The proofs that a manifest has been public: empty where nothing becomes looser.
pub(super) struct Public<'a> {
    pub(super) early: &'a [u8],
    pub(super) late: &'a [u8],
}

pub(super) fn adopted(
    verifier: &impl Verifier,
    manifests: &Manifests,
    policy: &Policy,
    mut state: State,
    step: &Step<'_>,
    manifest: &Digest,
    public: &Public<'_>,
) -> Result<State, Reason> {
    // Its own consent service signs, so that a lost key of the one before does not tie a deed to it.
    match step.signers {
        [Signer::Role(role)] if role.kind == RoleKind::Consent => {}
        _ => return Err(Reason::Role("the new manifest's consent service signs this, alone")),
    }
    let (old, _) = manifests.get(&state.manifest)?;
    let (new, _) = manifests.get(manifest)?;
    if new.version <= old.version {
        return Err(Reason::Adoption("it is not later than the deed's own"));
    }
    if new.live != old.live {
        return Err(Reason::Adoption("a test deed stays one, and so does a real one"));
    }
    if let Some(why) = old.loosened_by(new) {
        if public.early.is_empty() || public.late.is_empty() {
            return Err(Reason::Adoption(why));
        }
        let span = Span::prove(verifier, policy, &manifests.leaf(new), public.early, public.late)?;
        span.lasted(LOOSER_MANIFEST)?;
        state.proved_time = state.proved_time.max(span.ready);
    } else if !public.early.is_empty() || !public.late.is_empty() {
        return Err(Reason::Log("proofs that nothing needs".into()));
    }
    state.manifest = *manifest;
    // A desk whose key is gone has agreed to nothing; one that is still there agrees again.
    if let Some(live) = &mut state.live {
        live.consents.retain(|(who, _)| matches!(who, Consenter::Factor(_) | Consenter::SleepingCard));
    }
    Ok(state)
}
