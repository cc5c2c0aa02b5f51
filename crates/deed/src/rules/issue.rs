//! Event 0: the number, its first card, the owner's keys.

use super::request::owners_set;
use crate::defence::{Defence, stands};
use crate::event::{Event, Issued, MAX_FACTORS, MAX_SLOTS};
use crate::manifest::RoleKind;
use crate::proven::Signer;
use crate::state::{FactorState, Slot, State};
use crate::{Digest, Reason};
use alloc::vec::Vec;

pub(crate) fn issue(event: &Event, issued: &Issued, signers: &[Signer]) -> Result<State, Reason> {
    if (issued.generation == 0) != issued.previous.is_none() {
        return Err(Reason::Issue(
            "a later generation names how the one before ended, and the first names none",
        ));
    }
    check_slots(issued)?;
    let factors = check_factors(issued, signers)?;
    let slots = issued.slots.iter().map(|(number, card)| Slot {
        number: *number,
        card: card.clone(),
        dormant: false,
    });
    Ok(State {
        deed_id: event.head,
        manifest: issued.manifest,
        number: issued.number,
        generation: issued.generation,
        source: issued.source,
        tenure: issued.tenure,
        watch_key: issued.watch_key.clone(),
        former_watch_keys: Vec::new(),
        heads: [event.head].to_vec(),
        slots: slots.collect(),
        factors,
        people_needed: 0,
        holds: [0; 9],
        lifted: [0; 9],
        objected: [0; 5],
        live: None,
        moved: None,
        proved_time: 0,
        closed: None,
    })
}

fn check_slots(issued: &Issued) -> Result<(), Reason> {
    if !issued.slots.iter().any(|(number, _)| *number == 0) {
        return Err(Reason::Issue("no card in slot 0"));
    }
    for (i, (number, card)) in issued.slots.iter().enumerate() {
        if *number >= MAX_SLOTS {
            return Err(Reason::Limit("slot number"));
        }
        let others = || issued.slots.iter().take(i);
        if others().any(|(n, _)| n == number) {
            return Err(Reason::Issue("two cards in one slot"));
        }
        if others().any(|(_, c)| c.imsi == card.imsi || c.key_commit == card.key_commit) {
            return Err(Reason::Issue("two cards with one IMSI or one key"));
        }
    }
    Ok(())
}

/// The issuer and every factor must have signed, and nobody else.
fn check_factors(issued: &Issued, signers: &[Signer]) -> Result<Vec<FactorState>, Reason> {
    let mut issuer = false;
    let mut counters: Vec<(Digest, u32)> = Vec::new();
    for signer in signers {
        match signer {
            Signer::Role(role) if role.kind == RoleKind::Issuer && !issuer => issuer = true,
            Signer::Introduced { id, counter } => counters.push((id.0, *counter)),
            _ => return Err(Reason::Role("the issuer and the owner's new factors sign event 0")),
        }
    }
    if !issuer {
        return Err(Reason::Missing("the issuer's"));
    }
    let mut out: Vec<FactorState> = Vec::new();
    for factor in &issued.factors {
        let id = factor.id();
        if out.iter().any(|f| f.id == id) {
            return Err(Reason::Issue("one factor twice"));
        }
        let counter = counters.iter().find(|(signer, _)| *signer == id.0).map(|(_, counter)| *counter);
        let counter = counter
            .or_else(|| (!stands(Defence::FirstKeysProve)).then_some(0))
            .ok_or(Reason::Missing("a factor's proof that its owner has it"))?;
        out.push(FactorState::new(factor.clone(), 0, counter, 0));
    }
    owners_set(&issued.factors).map_err(Reason::Issue)?;
    if out.len() as u64 > MAX_FACTORS {
        return Err(Reason::Limit("number of factors"));
    }
    Ok(out)
}
