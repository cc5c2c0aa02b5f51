//! Event 10: what the authentication centre saw. It is evidence, and changes no authority.

use super::Step;
use crate::Reason;
use crate::manifest::RoleKind;
use crate::proven::Signer;
use crate::state::State;

pub(super) fn observed(state: State, step: &Step<'_>) -> Result<State, Reason> {
    match step.signers {
        [Signer::Role(role)] if role.kind == RoleKind::Auc => Ok(state),
        [] => Err(Reason::Missing("the authentication centre's")),
        _ => Err(Reason::Role("the authentication centre signs this, alone")),
    }
}
