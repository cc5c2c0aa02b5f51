//! Events 1, 2, 3 and 5: asking for a change, agreeing to it, telling the owner, ending it.

use super::{Step, known, not_before_objection, not_replayed};
use crate::class::Backing;
use crate::defence::{Defence, stands};
use crate::event::{MAX_FACTORS, MAX_SLOTS};
use crate::intent::{Change, Intent};
use crate::manifest::RoleKind;
use crate::proven::Signer;
use crate::record::{Card, CardId, Factor, FactorId, Place, Purpose};
use crate::state::{Consenter, FactorState, Live, State, bit, forbidding_bit, has_card};
use crate::wait::LONGEST_REQUEST;
use crate::{Digest, Reason};
use alloc::vec::Vec;

/// Ranks of `requested`: a higher one ends the live request, an equal one is refused, so no slot can be squatted.
mod rank {
    /// Giving a number up: anybody who asks for anything ends it.
    pub(super) const CLOSE: u64 = 0;
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
    if state.live.as_ref().is_some_and(|live| live.rank >= rank || !stands(Defence::OwnersOutrank)) {
        return Err(Reason::Rank);
    }
    state.live = Some(Live {
        head: step.event.head,
        seq: step.seq(),
        intent: intent.clone(),
        rank,
        consents: agreed.consents,
        notified: None,
        possession: agreed.possession,
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
        live.possession.retain(|(id, _)| !agreed.possession.iter().any(|(new, _)| new == id));
        live.possession.extend(agreed.possession);
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
    /// Factors to come that proved possession here, with their counters.
    possession: Vec<(FactorId, u32)>,
}

/// The signers of a request or consent, each allowed to agree to this intent.
fn agreements(state: &State, step: &Step<'_>, intent: &Intent, request: bool) -> Result<Agreed, Reason> {
    let mut agreed = Agreed { consents: Vec::new(), possession: Vec::new() };
    let mut consent_service = false;
    for (signer, proof) in step.signed() {
        not_before_objection(state, proof, intent.over)?;
        let who = match signer {
            Signer::Factor { id, fresh_counter, .. } => {
                let known = known(state, id)?;
                not_replayed(known, proof)?;
                if matches!(intent.change, Change::Close) {
                    return Err(Reason::Role(
                        "a number is given up by two desks, where its owner does not speak",
                    ));
                }
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
            Signer::Introduced { id, counter } => {
                agreed.possession.push((*id, *counter));
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
                RoleKind::Desk
                    if intent.over == Some(Place::Phone)
                        || matches!(intent.change, Change::Close)
                        || !stands(Defence::DesksAreNoPlace) =>
                {
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
    if agreed.consents.is_empty() && !consent_service && (request || agreed.possession.is_empty()) {
        return Err(Reason::Missing("somebody who may ask for this or agree to it"));
    }
    Ok(agreed)
}

pub(super) fn lifts_legal_bit(intent: &Intent) -> bool {
    matches!(&intent.change, Change::ClearHolds { bits } if bits.contains(&bit::LEGAL))
}

fn rank_of(state: &State, intent: &Intent, agreed: &Agreed) -> u64 {
    if matches!(intent.change, Change::Close) {
        return rank::CLOSE;
    }
    let mature = |known: &FactorState| known.mature_at(state.proved_time);
    let backing = backing(state, &agreed.consents, mature);
    // Never for the phone alone: a thief who has it would end the owner's own request by naming an overridden place.
    if intent.over.is_some() && backing.elsewhere && backing.class(intent.over).is_some() {
        return rank::OVER;
    }
    match (backing.phone, backing.elsewhere) {
        (true, true) => rank::BOTH,
        (false, true) => rank::ELSEWHERE,
        (true, false) => rank::PHONE,
        (false, false) if backing.people => rank::PEOPLE,
        (false, false) => rank::CONSENT_SERVICE,
    }
}

/// What consents amount to, counting the factors that `counts` admits and none that is silenced or spent.
pub(super) fn backing(
    state: &State,
    consents: &[(Consenter, u64)],
    counts: impl Fn(&FactorState) -> bool,
) -> Backing {
    let mut backing = Backing::default();
    let mut people = 0;
    for (who, _) in consents {
        match who {
            Consenter::Factor(id) => {
                let Some(known) = state.factor(id) else { continue };
                if !known.may_consent() || !counts(known) {
                    continue;
                }
                match known.factor.place {
                    Place::Phone => backing.phone = true,
                    Place::Elsewhere => backing.elsewhere = true,
                    Place::People => people += 1,
                    Place::Operator => {}
                }
            }
            Consenter::Desk { .. } => backing.elsewhere |= !stands(Defence::DesksAreNoPlace),
            Consenter::SleepingCard => backing.sleeping_card = true,
            Consenter::BreakGlass { .. } => {}
        }
    }
    let needed = if stands(Defence::PeopleSpeakTogether) { state.people_needed } else { 1 };
    backing.people = state.people_needed > 0 && people >= needed;
    backing.two_desks = two_desks(consents);
    backing
}

/// Whether desks of two offices agreed.
pub(super) fn two_desks(consents: &[(Consenter, u64)]) -> bool {
    let mut offices = consents.iter().filter_map(|(who, _)| match who {
        Consenter::Desk { office } => Some(office),
        _ => None,
    });
    let first = offices.next();
    offices.any(|office| Some(office) != first)
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
        Some(bit) if state.held(bit, intent.over) && stands(Defence::LocksHold) => Err(Reason::Held(bit)),
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
            if factor.purpose == Purpose::Guardian {
                return Err(Reason::Intent("trusted people are named all together, by kind 7"));
            }
            if state.factors.len() as u64 >= MAX_FACTORS {
                return Err(Reason::Limit("number of factors"));
            }
            unknown(state, factor)
        }
        Change::RemoveCard { slot, from } => {
            if *slot == 0 {
                return Err(Reason::Intent("the card in slot 0 is changed, not removed"));
            }
            in_slot(&state.slot(*slot).ok_or(Reason::Intent("no card in that slot"))?.card, from)
        }
        Change::NewKey { slot, from, to } => {
            let current =
                state.slot(*slot).filter(|s| !s.dormant).ok_or(Reason::Intent("no card in that slot"))?;
            in_slot(&current.card, from)?;
            new_key(state, &current.card, to)
        }
        Change::RemoveFactor { factor } => removable(state, factor, &[]),
        Change::Trust { needed, people } => trusted(state, *needed, people),
        Change::Transfer { factors } => {
            all_different(factors)?;
            owners_set(factors).map_err(Reason::Intent)?;
            // A key of the owner before among the new ones would be a trap.
            factors.iter().try_for_each(|factor| unknown(state, factor))
        }
        Change::Close if intent.over.is_some() => Err(Reason::Intent("giving a number up overrides nobody")),
        Change::Tenure { tenure } if *tenure == state.tenure => Err(Reason::Intent("changes nothing")),
        Change::Close | Change::PortOut { .. } | Change::Tenure { .. } => Ok(()),
    }
}

fn unknown(state: &State, factor: &Factor) -> Result<(), Reason> {
    match state.factor(&factor.id()) {
        Some(_) => Err(Reason::Intent("that factor is in the deed already")),
        None => Ok(()),
    }
}

fn all_different(factors: &[Factor]) -> Result<(), Reason> {
    let ids: Vec<FactorId> = factors.iter().map(Factor::id).collect();
    let twice = ids.iter().enumerate().any(|(i, id)| ids.iter().take(i).any(|other| other == id));
    if twice { Err(Reason::Intent("one factor twice")) } else { Ok(()) }
}

/// An owner has a key in the phone and one elsewhere, and names trusted people later.
pub(super) fn owners_set(factors: &[Factor]) -> Result<(), &'static str> {
    if factors.iter().any(|f| f.purpose == Purpose::Guardian) {
        return Err("trusted people are named all together, by kind 7");
    }
    let has = |place| factors.iter().any(|f| f.consents() && f.place == place);
    if has(Place::Phone) && has(Place::Elsewhere) {
        Ok(())
    } else {
        Err("the owner needs a key in the phone and one elsewhere")
    }
}

/// Whether a factor may go: it is no trusted person's, and a key of the owner's that may consent is left, apart from
/// those that the change itself uses up.
pub(super) fn removable(state: &State, id: &FactorId, used_up: &[FactorId]) -> Result<(), Reason> {
    let known = state.factor(id).ok_or(Reason::Intent("no such factor in the deed"))?;
    if known.factor.place == Place::People {
        return Err(Reason::Intent("trusted people are named all together, by kind 7"));
    }
    let gone = [&[*id], used_up].concat();
    if state.able(Place::Phone, &gone) || state.able(Place::Elsewhere, &gone) {
        Ok(())
    } else {
        Err(Reason::Intent("the owner's last key"))
    }
}

/// Trusted people speak together, at least two of them: one friend alone takes no number.
fn trusted(state: &State, needed: u64, people: &[Factor]) -> Result<(), Reason> {
    let nobody = needed == 0 && people.is_empty();
    if !nobody && (needed < 2 || needed > people.len() as u64) {
        return Err(Reason::Intent("at least two trusted people speak together, and no more than there are"));
    }
    if people.iter().any(|person| person.purpose != Purpose::Guardian) {
        return Err(Reason::Intent("a trusted person's key has a purpose of its own"));
    }
    all_different(people)?;
    let own = state.factors.iter().filter(|f| f.factor.place != Place::People);
    if own.clone().any(|f| people.iter().any(|person| person.id() == f.id)) {
        return Err(Reason::Intent("that factor is in the deed already"));
    }
    let before = state.factors.iter().filter(|f| f.factor.place == Place::People);
    if people.iter().any(|person| before.clone().any(|f| f.id == person.id() && f.factor != *person)) {
        return Err(Reason::Intent("a trusted person there is stays as recorded"));
    }
    let same = before.clone().count() == people.len() && before.clone().all(|f| people.contains(&f.factor));
    if same && needed == state.people_needed {
        return Err(Reason::Intent("changes nothing"));
    }
    if own.count() + people.len() > MAX_FACTORS as usize {
        return Err(Reason::Limit("number of factors"));
    }
    Ok(())
}

/// The same card, but for its key.
fn new_key(state: &State, current: &Card, to: &Card) -> Result<(), Reason> {
    if (to.iccid, to.imsi, to.eid) != (current.iccid, current.imsi, current.eid) {
        return Err(Reason::Intent("a new key leaves the card's ICCID, IMSI and EID as they are"));
    }
    let reserved = state.moved.as_ref().and_then(|m| m.reserved.as_ref());
    if state.slots.iter().map(|s| &s.card).chain(reserved).any(|other| other.key_commit == to.key_commit) {
        return Err(Reason::Intent("the new card has the IMSI or the key of another one"));
    }
    Ok(())
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
