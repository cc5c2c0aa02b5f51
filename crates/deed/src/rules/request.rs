//! Events 1, 2, 3 and 5: asking for a change, agreeing to it, telling the owner, ending it.

use super::{Step, known, not_before_objection, not_replayed};
use crate::class::Backing;
use crate::defence::{Defence, stands};
use crate::event::{MAX_FACTORS, MAX_SLOTS};
use crate::manifest::RoleKind;
use crate::proven::Signer;
use crate::record::{Card, CardId, Change, Intent, Place, Purpose};
use crate::state::{Consenter, Live, State, bit, forbidding_bit, has_card};
use crate::wait::LONGEST_REQUEST;
use crate::{Digest, Reason};
use alloc::vec::Vec;

/// Ranks of `requested`: a higher one ends the live request, an equal one is refused, so no slot can be squatted.
mod rank {
    pub(super) const CONSENT_SERVICE: u64 = 1;
    pub(super) const PEOPLE: u64 = 2;
    pub(super) const PHONE: u64 = 3;
    pub(super) const ELSEWHERE: u64 = 4;
    pub(super) const BOTH: u64 = 5;
    /// Only where the event's own signers already reach class X: a thief with one place cannot end an owner's request
    /// by claiming to override.
    pub(super) const OVER: u64 = 6;
}

pub(super) fn requested(mut state: State, step: &Step<'_>, intent: &Intent) -> Result<State, Reason> {
    check_intent(&state, intent)?;
    let agreed = agreements(&state, step, intent, true)?;
    check_holds(&state, intent, &agreed)?;
    let rank = rank_of(&state, intent, &agreed);
    if state.live.as_ref().is_some_and(|live| live.rank >= rank) {
        return Err(Reason::Rank);
    }
    state.live = Some(Live {
        head: step.event.head,
        seq: step.seq(),
        intent: intent.clone(),
        rank,
        consents: agreed.consents,
        notified: None,
        new_counter: agreed.new_counter.unwrap_or(0),
        possession: agreed.new_counter.is_some(),
    });
    Ok(state)
}

pub(super) fn consented(
    mut state: State,
    step: &Step<'_>,
    request: &Digest,
    intent: &Intent,
) -> Result<State, Reason> {
    let live = step.live(&state, request)?;
    if live.intent != *intent {
        return Err(Reason::OtherIntent);
    }
    let agreed = agreements(&state, step, intent, false)?;
    if let Some(live) = &mut state.live {
        live.consents.retain(|(who, _)| !agreed.consents.iter().any(|(new, _)| new == who));
        live.consents.extend(agreed.consents);
        if let Some(counter) = agreed.new_counter {
            live.new_counter = counter;
            live.possession = true;
        }
    }
    Ok(state)
}

pub(super) fn notified(mut state: State, step: &Step<'_>, request: &Digest) -> Result<State, Reason> {
    step.by_consent_service()?;
    step.live(&state, request)?;
    if let Some(live) = &mut state.live {
        live.notified.get_or_insert(step.seq());
    }
    Ok(state)
}

pub(super) fn ended(mut state: State, step: &Step<'_>, request: &Digest) -> Result<State, Reason> {
    step.by_consent_service()?;
    step.live(&state, request)?;
    state.live = None;
    Ok(state)
}

/// Who agreed in one event.
struct Agreed {
    consents: Vec<(Consenter, u64)>,
    /// The counter of a factor to be added, if it proved possession here.
    new_counter: Option<u32>,
}

/// The signers of a request or consent, each allowed to agree to this intent.
fn agreements(state: &State, step: &Step<'_>, intent: &Intent, request: bool) -> Result<Agreed, Reason> {
    let mut agreed = Agreed { consents: Vec::new(), new_counter: None };
    let mut consent_service = false;
    for (signer, proof) in step.signed() {
        not_before_objection(state, proof, intent.over)?;
        let who = match signer {
            Signer::Factor { id, fresh_counter, .. } => {
                let known = known(state, id)?;
                not_replayed(known, proof)?;
                if !known.factor.consents() {
                    return Err(Reason::Role("a hold-only key agrees to nothing"));
                }
                if known.silenced_consent {
                    return Err(Reason::Silenced);
                }
                if known.spent {
                    return Err(Reason::Spent);
                }
                if !fresh_counter {
                    return Err(Reason::Counter);
                }
                Consenter::Factor(*id)
            }
            Signer::Introduced { counter, .. } => {
                agreed.new_counter = Some(*counter);
                continue;
            }
            Signer::SleepingCard => {
                // It has no place in the deed that could remember its last signature; in a request it signs at the tip.
                if request && proof.as_of.seq + 1 != step.seq() {
                    return Err(Reason::Stale("a sleeping card asks at the newest event only"));
                }
                Consenter::SleepingCard
            }
            Signer::Role(role) => match role.kind {
                RoleKind::Consent if request => {
                    consent_service = true;
                    continue;
                }
                RoleKind::Desk if intent.over == Some(Place::Phone) || !stands(Defence::DesksAreNoPlace) => {
                    Consenter::Desk { office: role.office }
                }
                RoleKind::BreakGlass if lifts_legal_bit(intent) => {
                    Consenter::BreakGlass { office: role.office }
                }
                _ => return Err(Reason::Role("an operator's key is no factor")),
            },
        };
        agreed.consents.push((who, step.seq()));
    }
    if agreed.consents.is_empty() && !consent_service && (request || agreed.new_counter.is_none()) {
        return Err(Reason::Missing("somebody who may ask for this or agree to it"));
    }
    Ok(agreed)
}

pub(super) fn lifts_legal_bit(intent: &Intent) -> bool {
    matches!(&intent.change, Change::ClearHolds { bits } if bits.contains(&bit::LEGAL))
}

fn rank_of(state: &State, intent: &Intent, agreed: &Agreed) -> u64 {
    let mature = |known: &crate::state::FactorState| known.mature_at(state.proved_time);
    let backing = backing(state, &agreed.consents, mature);
    // Never for the phone alone: a thief who has it would end the owner's own request by naming an overridden place.
    if intent.over.is_some() && backing.elsewhere && backing.class(intent.over).is_some() {
        return rank::OVER;
    }
    let people = agreed.consents.iter().any(|(who, _)| match who {
        Consenter::Factor(id) => {
            state.factor(id).is_some_and(|f| f.factor.place == Place::People && mature(f))
        }
        _ => false,
    });
    match (backing.phone, backing.elsewhere) {
        (true, true) => rank::BOTH,
        (false, true) => rank::ELSEWHERE,
        (true, false) => rank::PHONE,
        (false, false) if people => rank::PEOPLE,
        (false, false) => rank::CONSENT_SERVICE,
    }
}

/// What consents amount to, counting the factors that `counts` admits and none that is silenced or spent.
pub(super) fn backing(
    state: &State,
    consents: &[(Consenter, u64)],
    counts: impl Fn(&crate::state::FactorState) -> bool,
) -> Backing {
    let mut backing = Backing::default();
    let mut offices: Vec<u64> = Vec::new();
    for (who, _) in consents {
        match who {
            Consenter::Factor(id) => {
                let Some(known) = state.factor(id) else { continue };
                if known.silenced_consent || known.spent || !counts(known) {
                    continue;
                }
                match known.factor.place {
                    Place::Phone => backing.phone = true,
                    Place::Elsewhere => backing.elsewhere = true,
                    Place::People | Place::Operator => {}
                }
            }
            Consenter::Desk { office } => {
                backing.elsewhere |= !stands(Defence::DesksAreNoPlace);
                if !offices.contains(office) {
                    offices.push(*office);
                }
            }
            Consenter::SleepingCard => backing.sleeping_card = true,
            Consenter::BreakGlass { .. } => {}
        }
    }
    backing.two_desks = offices.len() >= 2;
    backing
}

/// Holds that forbid the intent: its kind's own bit, 8 always, 7 whatever the phone alone signs.
fn check_holds(state: &State, intent: &Intent, agreed: &Agreed) -> Result<(), Reason> {
    forbidden(state, intent)?;
    let only_phone = !agreed.consents.is_empty()
        && agreed.consents.iter().all(|(who, _)| match who {
            Consenter::Factor(id) => state.factor(id).is_some_and(|f| f.factor.place == Place::Phone),
            _ => false,
        });
    if only_phone && state.suspended_against_phone(intent.over) {
        return Err(Reason::Held(bit::SERVICE));
    }
    Ok(())
}

/// The holds that forbid an intent whoever signs it.
pub(super) fn forbidden(state: &State, intent: &Intent) -> Result<(), Reason> {
    if state.held(bit::LEGAL, None) && !lifts_legal_bit(intent) {
        return Err(Reason::Held(bit::LEGAL));
    }
    match forbidding_bit(intent.change.kind()) {
        Some(bit) if state.held(bit, intent.over) => Err(Reason::Held(bit)),
        _ => Ok(()),
    }
}

fn check_intent(state: &State, intent: &Intent) -> Result<(), Reason> {
    if intent.number != state.number {
        return Err(Reason::Intent("another number"));
    }
    let open = intent.expiry.checked_sub(intent.not_before);
    if open.is_none_or(|open| open == 0 || open > LONGEST_REQUEST) {
        return Err(Reason::Intent("open for no time, or for over 30 days"));
    }
    match &intent.change {
        Change::Move { slot, from, to, .. } => {
            let current =
                state.slot(*slot).filter(|s| !s.dormant).ok_or(Reason::Intent("no card in that slot"))?;
            in_slot(&current.card, from)?;
            new_card(state, to)
        }
        Change::Add { slot, card, .. } => {
            if *slot == 0 || *slot >= MAX_SLOTS || state.slot(*slot).is_some() {
                return Err(Reason::Intent("no free slot of that number"));
            }
            new_card(state, card)
        }
        Change::Wake { slot, from, to, .. } => {
            let current = state.slot(0).ok_or(Reason::Intent("no card in slot 0"))?;
            in_slot(&current.card, from)?;
            let sleeping =
                state.slot(*slot).filter(|s| s.dormant).ok_or(Reason::Intent("no card sleeps there"))?;
            if sleeping.card == *to { Ok(()) } else { Err(Reason::Intent("another card sleeps there")) }
        }
        Change::ClearHolds { bits } => {
            if bits.is_empty() || bits.contains(&bit::LEGAL) && bits.len() > 1 {
                return Err(Reason::Intent("lifts no hold, or the legal one together with others"));
            }
            if bits.iter().all(|bit| state.held(*bit, None)) {
                Ok(())
            } else {
                Err(Reason::Intent("lifts a hold that does not stand"))
            }
        }
        Change::AddFactor { factor } => {
            if state.factor(&factor.id()).is_some() {
                return Err(Reason::Intent("that factor is in the deed already"));
            }
            if factor.purpose == Purpose::Guardian {
                return Err(Reason::NotYet("trusted people"));
            }
            if state.factors.len() as u64 >= MAX_FACTORS {
                return Err(Reason::Limit("number of factors"));
            }
            Ok(())
        }
    }
}

fn in_slot(card: &Card, from: &CardId) -> Result<(), Reason> {
    if card.id() == *from { Ok(()) } else { Err(Reason::Intent("another card is in that slot")) }
}

/// A card that comes must be new here: its IMSI and key are no other card's. The one exception is the card in reserve,
/// by which a change is undone.
fn new_card(state: &State, card: &Card) -> Result<(), Reason> {
    if has_card(state, &card.id()) {
        return Err(Reason::Intent("that card is the number's already"));
    }
    let reserved = state.moved.as_ref().and_then(|m| m.reserved.as_ref());
    let others = state.slots.iter().map(|s| &s.card).chain(reserved.filter(|r| *r != card));
    for other in others {
        if other.imsi == card.imsi || other.key_commit == card.key_commit {
            return Err(Reason::Intent("the new card has the IMSI or the key of another one"));
        }
    }
    Ok(())
}
