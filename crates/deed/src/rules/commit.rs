//! Event 7: the change is done, once the witnesses' clocks say that its wait has passed.

use super::Step;
use super::request::{backing, forbidden, lifts_legal_bit, removable, two_desks};
use super::span::{Span, logged};
use crate::Digest;
use crate::Reason;
use crate::class::{Backing, Class};
use crate::defence::{Defence, stands};
use crate::event::Source;
use crate::intent::Change;
use crate::log::Leaf;
use crate::log::policy::Policy;
use crate::manifest::Manifest;
use crate::record::{Card, Factor, FactorId, FactorKey, Place};
use crate::state::{Closed, Consenter, FactorState, Live, Moved, Slot, State, bit};
use crate::wait::{ABANDONED, LEGAL, NO_PORT_AFTER_MOVE, PAST_A_SUSPENSION, PROBATION, own, wait};
use alloc::vec::Vec;
use keys::sign::Verifier;

/// The log proofs a commit brings.
pub(super) struct LogProofs<'a> {
    pub(super) start_seq: u64,
    pub(super) early: &'a [u8],
    pub(super) late: &'a [u8],
    pub(super) origin: &'a [u8],
}

pub(super) fn committed(
    verifier: &impl Verifier,
    manifest: &Manifest,
    policy: &Policy,
    mut state: State,
    step: &Step<'_>,
    request: &Digest,
    proofs: &LogProofs<'_>,
) -> Result<State, Reason> {
    let service = step.by_consent_service()?;
    let live = step.live(&state, request)?.clone();
    if live.notified.is_none_or(|seq| seq > proofs.start_seq) {
        return Err(Reason::NotNotified);
    }
    let proved = prove_time(verifier, policy, &state, proofs)?;
    if !service.valid_at(proved.ready) {
        return Err(Reason::Role("the consent service's key was not valid then"));
    }
    forbidden(&state, &live.intent)?;
    let counted = counted(&state, &live, proofs.start_seq, &proved);
    let by_roles = lifts_legal_bit(&live.intent) || matches!(live.intent.change, Change::Close);
    if by_roles && !proofs.origin.is_empty() {
        return Err(Reason::Log("a proof of event 1 that nothing needs".into()));
    }
    let (class, needed) = if lifts_legal_bit(&live.intent) {
        (Class::A, two_emergency_keys(&live, proofs.start_seq)?)
    } else if matches!(live.intent.change, Change::Close) {
        (Class::X, given_up(manifest, &live, proofs.start_seq)?)
    } else {
        let probation = on_probation(verifier, policy, &state, &proved, proofs)?;
        authorised(manifest, &state, &live, &counted, probation)?
    };
    proved.lasted(needed)?;
    let (ready, not_before, expiry) = (proved.ready, live.intent.not_before, live.intent.expiry);
    if ready < not_before || ready > expiry {
        return Err(Reason::Window { ready, not_before, expiry });
    }
    may_follow(&state, &live, &counted, &proved)?;
    let (in_hand, sheets) = (counted.backing.sleeping_card, counted.sheets(&state));
    carry_out(&mut state, &live, step.seq(), class, in_hand, &proved)?;
    if spends(&live.intent.change) {
        for factor in state.factors.iter_mut().filter(|f| sheets.contains(&f.id)) {
            factor.spent = true;
        }
    }
    state.live = None;
    state.proved_time = state.proved_time.max(proved.ready);
    Ok(state)
}

/// Whether a change uses up the recovery sheets that it counts. Resuming and waking a card do not: both bring the line to
/// a card that is in the deed already, and whoever has just been robbed must not be left without a key. Lifting a lock does:
/// a stolen sheet lifts it or moves the number, not both.
fn spends(change: &Change) -> bool {
    match change {
        Change::ClearHolds { bits } => !matches!(bits.as_slice(), [bit::SERVICE | bit::LEGAL]),
        Change::Wake { .. } => false,
        _ => true,
    }
}

/// The witnessed beginning and end of the wait: two proofs of one leaf.
fn prove_time(
    verifier: &impl Verifier,
    policy: &Policy,
    state: &State,
    proofs: &LogProofs<'_>,
) -> Result<Span, Reason> {
    let head = state
        .head_at(proofs.start_seq)
        .ok_or(Reason::Log("the wait begins at an event that is not here".into()))?;
    let leaf = Leaf { tag: state.tag(proofs.start_seq), head };
    Span::prove(verifier, policy, &leaf, proofs.early, proofs.late)
}

struct Counted {
    backing: Backing,
    factors: Vec<FactorId>,
}

impl Counted {
    /// The recovery sheets among them.
    fn sheets(&self, state: &State) -> Vec<FactorId> {
        let sheet = |id: &&FactorId| {
            state.factor(id).is_some_and(|f| matches!(f.factor.key, FactorKey::Ed25519Digest(_)))
        };
        self.factors.iter().filter(sheet).copied().collect()
    }
}

/// The consents that count: given by the time the wait began, by factors mature then.
fn counted(state: &State, live: &Live, start_seq: u64, proved: &Span) -> Counted {
    let in_time: Vec<(Consenter, u64)> =
        live.consents.iter().filter(|(_, seq)| *seq <= start_seq).copied().collect();
    let mature = |f: &FactorState| f.mature_at(proved.start_reached);
    let factors = in_time.iter().filter_map(|(who, _)| match who {
        Consenter::Factor(id) => state.factor(id).filter(|f| mature(f) && f.may_consent()).map(|f| f.id),
        _ => None,
    });
    Counted { factors: factors.collect(), backing: backing(state, &in_time, mature) }
}

/// Class and wait of an owner's change.
fn authorised(
    manifest: &Manifest,
    state: &State,
    live: &Live,
    counted: &Counted,
    probation: bool,
) -> Result<(Class, u64), Reason> {
    let mut backing = counted.backing;
    let suspended = state.held(bit::SERVICE, None);
    if !backing.elsewhere && !backing.people && state.suspended_against_phone(live.intent.over) {
        return Err(Reason::Held(bit::SERVICE));
    }
    if probation && backing.phone && backing.elsewhere && stands(Defence::Probation) {
        backing.elsewhere = false;
    }
    if live.intent.change.introduces().iter().any(|factor| !shown(state, live, factor)) {
        return Err(Reason::Missing("a new factor's proof that somebody has it"));
    }
    let anything = || (!stands(Defence::NoClassWithoutAFactor)).then_some((Class::B, None));
    let (class, mut class_wait) = backing.class(live.intent.over).or_else(anything).ok_or(Reason::Class)?;
    if suspended && !backing.elsewhere && !backing.people && live.intent.over.is_some() {
        class_wait = Some(PAST_A_SUSPENSION);
    }
    let at_once = goes_back(state, live) && !stands(Defence::UndoingWaits)
        || class == Class::B && !stands(Defence::OnePlaceWaits);
    if gives_itself_up(state, live, counted) || at_once {
        return Ok((class, 0));
    }
    let needed = wait(manifest, &live.intent.change, class, class_wait, backing, suspended);
    Ok((class, needed.ok_or(Reason::Class)?))
}

/// Whether the change is one to the card in reserve.
fn goes_back(state: &State, live: &Live) -> bool {
    let reserved = state.moved.as_ref().and_then(|m| m.reserved.as_ref());
    matches!(&live.intent.change, Change::Move { to, .. } if reserved == Some(to))
}

/// Whether a factor to come has shown that somebody has it, or is one of the trusted people there are.
fn shown(state: &State, live: &Live, factor: &Factor) -> bool {
    let id = factor.id();
    live.possession.iter().any(|(shown, _)| *shown == id) || state.factor(&id).is_some()
}

/// Whoever takes his own key away need not wait, where the owner keeps a key in both places: it gives nobody anything.
fn gives_itself_up(state: &State, live: &Live, counted: &Counted) -> bool {
    let (Change::RemoveFactor { factor }, None) = (&live.intent.change, live.intent.over) else {
        return false;
    };
    let gone = [&[*factor], &counted.sheets(state)[..]].concat();
    let keeps = |place| state.able(place, &gone);
    counted.factors.contains(factor) && keeps(Place::Phone) && keeps(Place::Elsewhere)
}

/// Two desks of two offices give a number up, after a long time in which any factor could say no.
fn given_up(manifest: &Manifest, live: &Live, start_seq: u64) -> Result<u64, Reason> {
    let in_time: Vec<(Consenter, u64)> =
        live.consents.iter().filter(|(_, seq)| *seq <= start_seq).copied().collect();
    let needed = if stands(Defence::AbandonedWaits) { own(manifest, 10, Class::X, ABANDONED) } else { 0 };
    if two_desks(&in_time) { Ok(needed) } else { Err(Reason::Class) }
}

/// What may have changed since the request was made.
fn may_follow(state: &State, live: &Live, counted: &Counted, proved: &Span) -> Result<(), Reason> {
    match &live.intent.change {
        Change::RemoveFactor { factor } => removable(state, factor, &counted.sheets(state)),
        Change::PortOut { .. } => match &state.moved {
            Some(m)
                if proved.ready < m.ready.saturating_add(NO_PORT_AFTER_MOVE)
                    && stands(Defence::NoPortAfterMove) =>
            {
                Err(Reason::Wait { waited: proved.ready.saturating_sub(m.ready), needed: NO_PORT_AFTER_MOVE })
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The legal bit is lifted by two emergency keys of two offices, after an hour.
fn two_emergency_keys(live: &Live, start_seq: u64) -> Result<u64, Reason> {
    let mut offices: Vec<u64> = live
        .consents
        .iter()
        .filter(|(_, seq)| *seq <= start_seq)
        .filter_map(|(who, _)| match who {
            Consenter::BreakGlass { office } => Some(*office),
            _ => None,
        })
        .collect();
    offices.sort_unstable();
    offices.dedup();
    if offices.len() >= 2 { Ok(LEGAL) } else { Err(Reason::Class) }
}

/// Whether a ported or claimed number's consents still count as one place.
fn on_probation(
    verifier: &impl Verifier,
    policy: &Policy,
    state: &State,
    proved: &Span,
    proofs: &LogProofs<'_>,
) -> Result<bool, Reason> {
    if state.source == Source::New || proofs.origin.is_empty() {
        if !proofs.origin.is_empty() {
            return Err(Reason::Log("a proof of event 0 that nothing needs".into()));
        }
        return Ok(state.source != Source::New);
    }
    // Event 0's own tag is keyed by the operator's roll key, which no owner has; event 1 stands in for it, being later.
    let head = state.head_at(1).ok_or(Reason::Log("no event old enough".into()))?;
    let first = logged(verifier, policy, &Leaf { tag: state.tag(1), head }, proofs.origin)?;
    Ok(proved.start_reached < first.witnessed.seen_by.saturating_add(PROBATION))
}

fn carry_out(
    state: &mut State,
    live: &Live,
    seq: u64,
    class: Class,
    in_hand: bool,
    proved: &Span,
) -> Result<(), Reason> {
    match &live.intent.change {
        Change::Move { slot, to, lost, .. } => replace(state, *slot, to, *lost, class, proved),
        Change::Add { slot, card, dormant } => {
            state.slots.push(Slot { number: *slot, card: card.clone(), dormant: *dormant });
            Ok(())
        }
        Change::Wake { slot, to, lost, .. } => {
            state.slots.retain(|s| s.number != *slot);
            // The suspension was against the card that goes. Whoever has keys in two places, or the woken card in hand,
            // has the line with it.
            if class == Class::A || in_hand {
                lift(state, bit::SERVICE, seq);
            }
            replace(state, 0, to, *lost, class, proved)
        }
        Change::ClearHolds { bits } => {
            bits.iter().for_each(|bit| lift(state, *bit, seq));
            Ok(())
        }
        Change::AddFactor { factor } => {
            let mut new = added(live, factor, seq);
            if !stands(Defence::BornAtExpiry) {
                new.born = proved.ready;
            }
            state.factors.push(new);
            Ok(())
        }
        Change::RemoveCard { slot, .. } => {
            state.slots.retain(|s| s.number != *slot);
            Ok(())
        }
        Change::RemoveFactor { factor } => {
            state.factors.retain(|f| f.id != *factor);
            Ok(())
        }
        Change::Trust { needed, people } => {
            state.people_needed = *needed;
            state.factors.retain(|f| f.factor.place != Place::People || people.contains(&f.factor));
            for person in people {
                if state.factor(&person.id()).is_none() {
                    state.factors.push(added(live, person, seq));
                }
            }
            Ok(())
        }
        Change::Transfer { factors } => {
            state.people_needed = 0;
            state.factors = factors.iter().map(|factor| added(live, factor, seq)).collect();
            Ok(())
        }
        Change::PortOut { recipient, .. } => {
            state.closed = Some(Closed { ready: proved.ready, recipient: Some(recipient.clone()) });
            Ok(())
        }
        Change::Close => {
            state.closed = Some(Closed { ready: proved.ready, recipient: None });
            Ok(())
        }
        Change::NewKey { slot, to, .. } => {
            // The key before is destroyed: it has the same IMSI, so it is nothing to go back to. What there was, stays.
            let reserved = state.moved.as_ref().and_then(|m| m.reserved.clone());
            replace(state, *slot, to, true, class, proved)?;
            if let Some(moved) = &mut state.moved {
                moved.reserved = reserved;
            }
            Ok(())
        }
        Change::Tenure { tenure } => {
            state.tenure = *tenure;
            Ok(())
        }
    }
}

/// A factor that came with a request: born no later than its expiry; what it signed counts from this event on.
fn added(live: &Live, factor: &Factor, seq: u64) -> FactorState {
    let id = factor.id();
    let counter = live.possession.iter().find(|(shown, _)| *shown == id).map_or(0, |(_, counter)| *counter);
    FactorState::new(factor.clone(), live.intent.expiry, counter, seq)
}

/// A hold that stands, stands no longer; what was signed before does not bring it back.
fn lift(state: &mut State, bit: u64, seq: u64) {
    let Ok(bit) = usize::try_from(bit) else { return };
    if let (Some(set), Some(lifted)) = (state.holds.get_mut(bit), state.lifted.get_mut(bit))
        && *set != 0
    {
        (*set, *lifted) = (0, seq);
    }
}

fn replace(
    state: &mut State,
    slot: u64,
    to: &Card,
    lost: bool,
    class: Class,
    proved: &Span,
) -> Result<(), Reason> {
    let held =
        state.slots.iter_mut().find(|s| s.number == slot).ok_or(Reason::Intent("no card in that slot"))?;
    let old = core::mem::replace(&mut held.card, to.clone());
    let ready = state.moved.as_ref().map_or(proved.ready, |before| proved.ready.max(before.ready));
    state.moved = Some(Moved { ready, class, slot, reserved: (!lost).then_some(old) });
    Ok(())
}
