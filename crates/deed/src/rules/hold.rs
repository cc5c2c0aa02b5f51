//! Events 4 and 6: stopping. Objections are instant, need one voice, and no single place can silence them.

use super::{Step, known, not_before_objection, not_replayed};
use crate::defence::{Defence, stands};
use crate::event::Proof;
use crate::manifest::RoleKind;
use crate::proven::Signer;
use crate::record::{FactorId, Place, Purpose};
use crate::state::{State, bit, forbidding_bit};
use crate::{Digest, Reason};
use alloc::vec::Vec;

/// Who may say stop, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Objector {
    pub(crate) place: Place,
    hold_only: bool,
    break_glass: bool,
    desk_or_factor: bool,
}

/// The voice behind one signer of an objection: any factor of any age that is not silenced, or an operator's role.
pub(crate) fn objector(state: &State, signer: &Signer, proof: &Proof) -> Result<Objector, Reason> {
    match signer {
        Signer::Factor { id, .. } => {
            let known = known(state, id)?;
            not_replayed(known, proof)?;
            if known.silenced_objections {
                return Err(Reason::Silenced);
            }
            let hold_only = known.factor.purpose == Purpose::HoldOnly;
            Ok(Objector { place: known.factor.place, hold_only, break_glass: false, desk_or_factor: true })
        }
        Signer::Role(role) => match role.kind {
            RoleKind::Issuer => Err(Reason::Role("the issuer does not object")),
            RoleKind::BreakGlass => Ok(Objector {
                place: Place::Operator,
                hold_only: true,
                break_glass: true,
                desk_or_factor: false,
            }),
            RoleKind::Consent | RoleKind::Desk | RoleKind::Auc => Ok(Objector {
                place: Place::Operator,
                hold_only: false,
                break_glass: false,
                desk_or_factor: role.kind != RoleKind::Consent,
            }),
        },
        Signer::Introduced { .. } | Signer::SleepingCard => {
            Err(Reason::Role("not yet a factor of this deed"))
        }
    }
}

impl Objector {
    /// Whether this voice may veto a request that overrides `over`.
    pub(crate) fn may_veto(&self, over: Option<Place>) -> Result<(), Reason> {
        if self.hold_only {
            return Err(Reason::Role("a hold-only key holds; it vetoes nothing"));
        }
        if Some(self.place) == over && stands(Defence::OverIsOver) { Err(Reason::Overridden) } else { Ok(()) }
    }

    /// Whether this voice may set these bits.
    pub(crate) fn may_hold(&self, bits: &[u64]) -> Result<(), Reason> {
        if !self.desk_or_factor && !self.break_glass {
            return Err(Reason::Role("the consent service sets no hold"));
        }
        if bits.contains(&bit::LEGAL) && !self.break_glass {
            return Err(Reason::Role("only an emergency key sets the legal bit"));
        }
        Ok(())
    }
}

/// Whether these bits, set by this place, end the live request.
pub(crate) fn ends(state: &State, bits: &[u64], place: Place) -> bool {
    state.live.as_ref().is_some_and(|live| {
        let forbidding = forbidding_bit(live.intent.change.kind());
        let objects = |b: &u64| Some(*b) == forbidding || matches!(*b, bit::SERVICE | bit::LEGAL);
        live.intent.over != Some(place) && bits.iter().any(objects)
    })
}

fn objected(state: &mut State, place: Place, seq: u64) {
    if let Some(last) = usize::try_from(place.number()).ok().and_then(|p| state.objected.get_mut(p)) {
        *last = seq;
    }
}

pub(super) fn vetoed(mut state: State, step: &Step<'_>, request: &Digest) -> Result<State, Reason> {
    let over = step.live(&state, request)?.intent.over;
    let mut signed = step.signed();
    let (Some((signer, proof)), None) = (signed.next(), signed.next()) else {
        return Err(Reason::Role("a veto has one signer"));
    };
    let objector = objector(&state, signer, proof)?;
    objector.may_veto(over)?;
    state.live = None;
    objected(&mut state, objector.place, step.seq());
    Ok(state)
}

pub(super) fn held(
    mut state: State,
    step: &Step<'_>,
    bits: &[u64],
    silenced: &[(FactorId, u64)],
) -> Result<State, Reason> {
    if bits.is_empty() && silenced.is_empty() {
        return Err(Reason::Missing("a hold that holds nothing"));
    }
    if silenced.is_empty() && step.signers.len() != 1 {
        return Err(Reason::Role("a hold has one signer"));
    }
    // Judged before anybody is silenced: a factor may take part in silencing itself.
    let objectors = step.signed().map(|(signer, proof)| objector(&state, signer, proof));
    let objectors = objectors.collect::<Result<Vec<_>, _>>()?;
    if !silenced.is_empty() {
        silence(&mut state, step, silenced)?;
    }
    objectors.iter().try_for_each(|objector| objector.may_hold(bits))?;
    not_lifted_since(&state, step, bits)?;
    let adds =
        |o: &Objector| bits.iter().any(|bit| !state.held_from(*bit, o.place)) || ends(&state, bits, o.place);
    if silenced.is_empty() && !objectors.iter().any(adds) {
        // Else one key could fill the deed with events, and a full deed changes no more.
        return Err(Reason::Missing("a hold that does not stand from this place already"));
    }
    for objector in objectors {
        for bit in bits {
            if let Some(set) = usize::try_from(*bit).ok().and_then(|b| state.holds.get_mut(b)) {
                *set |= objector.place.bit();
            }
        }
        if ends(&state, bits, objector.place) {
            state.live = None;
        }
        objected(&mut state, objector.place, step.seq());
    }
    Ok(state)
}

/// A hold that was lifted does not come back by its old bytes.
pub(crate) fn signed_since_lifted(state: &State, proof: &Proof, bits: &[u64]) -> Result<(), Reason> {
    let lifted = bits.iter().filter_map(|bit| state.lifted.get(usize::try_from(*bit).ok()?));
    if lifted.max().is_some_and(|seq| proof.as_of.seq < *seq) {
        return Err(Reason::Stale("the hold was lifted since"));
    }
    Ok(())
}

fn not_lifted_since(state: &State, step: &Step<'_>, bits: &[u64]) -> Result<(), Reason> {
    step.signed().try_for_each(|(_, proof)| signed_since_lifted(state, proof, bits))
}

/// Silencing is for good. A place-2 factor alone takes the consent of factors in the phone; objections are taken only by
/// mature factors of both places, so that no single place can.
fn silence(state: &mut State, step: &Step<'_>, silenced: &[(FactorId, u64)]) -> Result<(), Reason> {
    let (mut phone, mut elsewhere) = (false, false);
    for (signer, proof) in step.signed() {
        let Signer::Factor { id, fresh_counter, .. } = signer else {
            return Err(Reason::Silencing("the owner's factors alone"));
        };
        let known = known(state, id)?;
        not_before_objection(state, proof, None)?;
        if !known.factor.consents() || known.silenced_consent || known.spent || !fresh_counter {
            return Err(Reason::Silencing("a factor that may consent"));
        }
        if !known.mature_at(state.proved_time) {
            return Err(Reason::Silencing("a factor older than its observation time"));
        }
        match known.factor.place {
            Place::Phone => phone = true,
            Place::Elsewhere => elsewhere = true,
            Place::People | Place::Operator => return Err(Reason::Silencing("a factor in place 1 or 2")),
        }
    }
    for (target, what) in silenced {
        let enough = if *what == 1 { elsewhere } else { phone && elsewhere };
        if !enough {
            return Err(Reason::Silencing(if *what == 1 {
                "a key that is not in the phone"
            } else {
                "keys in the phone and elsewhere"
            }));
        }
        let target = state.factors.iter_mut().find(|f| f.id == *target);
        let target = target.ok_or(Reason::Silencing("a factor of this deed to silence"))?;
        if *what == 1 {
            if target.factor.place != Place::Phone {
                return Err(Reason::Silencing("a target in the phone"));
            }
            target.silenced_consent = true;
        } else {
            target.silenced_objections = true;
        }
    }
    Ok(())
}
