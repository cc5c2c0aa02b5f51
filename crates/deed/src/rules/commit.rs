//! Event 7: the change is done, once the witnesses' clocks say that its wait has passed.

use super::Step;
use super::request::{backing, forbidden, lifts_legal_bit};
use crate::Digest;
use crate::Reason;
use crate::class::{Backing, Class};
use crate::event::Source;
use crate::log::Leaf;
use crate::log::policy::Policy;
use crate::log::proof::{LoggedLeaf, TlogProof};
use crate::manifest::Manifest;
use crate::record::{Card, Change, FactorId, FactorKey};
use crate::state::{Consenter, FactorState, Live, Moved, Slot, State, bit};
use crate::wait::{PAST_A_SUSPENSION, PROBATION, wait};
use alloc::string::ToString;
use alloc::vec::Vec;
use keys::sign::Verifier;

/// The log proofs a commit brings.
pub(super) struct LogProofs<'a> {
    pub(super) start_seq: u64,
    pub(super) early: &'a [u8],
    pub(super) late: &'a [u8],
    pub(super) origin: &'a [u8],
}

/// What the proofs say of time.
struct Proved {
    /// Some honest clock was not past this when the wait began.
    start: u64,
    /// Some honest clock had reached this when the wait began.
    start_reached: u64,
    /// Some honest clock had reached this when the wait was over.
    ready: u64,
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
    let (class, needed) = if lifts_legal_bit(&live.intent) {
        (Class::A, two_emergency_keys(&live, proofs.start_seq)?)
    } else {
        let probation = on_probation(verifier, policy, &state, &proved, proofs)?;
        authorised(manifest, &state, &live, counted.backing, probation)?
    };
    let waited = proved.ready.saturating_sub(proved.start);
    if proved.ready < proved.start || waited < needed {
        return Err(Reason::Wait { waited, needed });
    }
    let (ready, not_before, expiry) = (proved.ready, live.intent.not_before, live.intent.expiry);
    if ready < not_before || ready > expiry {
        return Err(Reason::Window { ready, not_before, expiry });
    }
    let in_hand = counted.backing.sleeping_card;
    carry_out(&mut state, &live, step.seq(), class, in_hand, &proved)?;
    let spent = |f: &FactorState| counted.factors.contains(&f.id) && spends(&live.intent.change);
    for factor in state.factors.iter_mut().filter(|f| spent(f)) {
        factor.spent |= matches!(factor.factor.key, FactorKey::Ed25519Digest(_));
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

fn log(error: crate::log::LogError) -> Reason {
    Reason::Log(error.to_string())
}

fn logged(
    verifier: &impl Verifier,
    policy: &Policy,
    leaf: &Leaf,
    proof: &[u8],
) -> Result<LoggedLeaf, Reason> {
    TlogProof::parse(proof).and_then(|p| p.check(verifier, policy, leaf)).map_err(log)
}

/// The witnessed beginning and end of the wait: two proofs of one leaf.
fn prove_time(
    verifier: &impl Verifier,
    policy: &Policy,
    state: &State,
    proofs: &LogProofs<'_>,
) -> Result<Proved, Reason> {
    let head = state
        .head_at(proofs.start_seq)
        .ok_or(Reason::Log("the wait begins at an event that is not here".into()))?;
    let leaf = Leaf { tag: state.tag(proofs.start_seq), head };
    let early = logged(verifier, policy, &leaf, proofs.early)?;
    let late = logged(verifier, policy, &leaf, proofs.late)?;
    if early.index != late.index {
        return Err(Reason::Log("the two proofs are of two leaves".into()));
    }
    Ok(Proved {
        start: early.witnessed.seen_by,
        start_reached: early.witnessed.still_at,
        ready: late.witnessed.still_at,
    })
}

struct Counted {
    backing: Backing,
    factors: Vec<FactorId>,
}

/// The consents that count: given by the time the wait began, by factors mature then.
fn counted(state: &State, live: &Live, start_seq: u64, proved: &Proved) -> Counted {
    let in_time: Vec<(Consenter, u64)> =
        live.consents.iter().filter(|(_, seq)| *seq <= start_seq).copied().collect();
    let mature = |f: &FactorState| f.mature_at(proved.start_reached);
    let factors = in_time.iter().filter_map(|(who, _)| match who {
        Consenter::Factor(id) => {
            state.factor(id).filter(|f| mature(f) && !f.silenced_consent && !f.spent).map(|f| f.id)
        }
        _ => None,
    });
    Counted { factors: factors.collect(), backing: backing(state, &in_time, mature) }
}

/// Class and wait of an owner's change.
fn authorised(
    manifest: &Manifest,
    state: &State,
    live: &Live,
    mut backing: Backing,
    probation: bool,
) -> Result<(Class, u64), Reason> {
    let suspended = state.held(bit::SERVICE, None);
    if !backing.elsewhere && state.suspended_against_phone(live.intent.over) {
        return Err(Reason::Held(bit::SERVICE));
    }
    if probation && backing.phone && backing.elsewhere {
        backing.elsewhere = false;
    }
    if matches!(live.intent.change, Change::AddFactor { .. }) && !live.possession {
        return Err(Reason::Missing("the new factor's proof that its owner has it"));
    }
    let (class, mut class_wait) = backing.class(live.intent.over).ok_or(Reason::Class)?;
    if suspended && !backing.elsewhere && live.intent.over.is_some() {
        class_wait = Some(PAST_A_SUSPENSION);
    }
    Ok((class, wait(manifest, &live.intent.change, class, class_wait, backing, suspended)))
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
    if offices.len() >= 2 { Ok(60 * 60) } else { Err(Reason::Class) }
}

/// Whether a ported or claimed number's consents still count as one place.
fn on_probation(
    verifier: &impl Verifier,
    policy: &Policy,
    state: &State,
    proved: &Proved,
    proofs: &LogProofs<'_>,
) -> Result<bool, Reason> {
    if state.source == Source::New || proofs.origin.is_empty() {
        if !proofs.origin.is_empty() {
            return Err(Reason::Log("a proof of event 0 that nothing needs".into()));
        }
        return Ok(state.source != Source::New);
    }
    let proof = TlogProof::parse(proofs.origin).map_err(log)?;
    // Event 0's own tag is keyed by the operator's roll key, which no owner has; event 1 stands in for it, being later.
    let head = state.head_at(1).ok_or(Reason::Log("no event old enough".into()))?;
    let first = proof.check(verifier, policy, &Leaf { tag: state.tag(1), head }).map_err(log)?;
    Ok(proved.start_reached < first.witnessed.seen_by.saturating_add(PROBATION))
}

fn carry_out(
    state: &mut State,
    live: &Live,
    seq: u64,
    class: Class,
    in_hand: bool,
    proved: &Proved,
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
            // It was born no later than its request's expiry; what it signed counts from this event on.
            state.factors.push(FactorState::new(factor.clone(), live.intent.expiry, live.new_counter, seq));
            Ok(())
        }
    }
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
    proved: &Proved,
) -> Result<(), Reason> {
    let held =
        state.slots.iter_mut().find(|s| s.number == slot).ok_or(Reason::Intent("no card in that slot"))?;
    let old = core::mem::replace(&mut held.card, to.clone());
    state.moved = Some(Moved { ready: proved.ready, class, slot, reserved: (!lost).then_some(old) });
    Ok(())
}
