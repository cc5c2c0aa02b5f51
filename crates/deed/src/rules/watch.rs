//! Event 8: a new watch key. Whoever had the old one sees this event, and nothing after it unless he is told.

use super::{Step, known, not_before_objection, not_replayed};
use crate::Reason;
use crate::event::MAX_WATCH_KEYS;
use crate::proven::Signer;
use crate::record::Place;
use crate::state::{State, bit};
use keys::Secret;

pub(super) fn watched(
    mut state: State,
    step: &Step<'_>,
    watch_key: &Secret<[u8; 32]>,
) -> Result<State, Reason> {
    let mut signed = step.signed();
    let (Some((Signer::Factor { id, fresh_counter, .. }, proof)), None) = (signed.next(), signed.next())
    else {
        return Err(Reason::Role("one factor changes the watch key"));
    };
    let known = known(&state, id)?;
    not_replayed(known, proof)?;
    not_before_objection(&state, proof, None)?;
    if !fresh_counter {
        return Err(Reason::Counter);
    }
    if !known.may_consent() || !known.mature_at(state.proved_time) {
        return Err(Reason::Role("a factor that may consent, older than its observation time"));
    }
    match known.factor.place {
        // A thief with the phone must not blind whoever watches for the owner.
        Place::Phone if state.suspended_against_phone(None) => return Err(Reason::Held(bit::SERVICE)),
        Place::Phone | Place::Elsewhere => {}
        Place::People | Place::Operator => return Err(Reason::Role("a factor of the owner's own")),
    }
    if state.watch_key == *watch_key || state.former_watch_keys.iter().any(|(_, before)| before == watch_key)
    {
        return Err(Reason::Limit("a watch key used before"));
    }
    if state.former_watch_keys.len() as u64 + 1 >= MAX_WATCH_KEYS {
        return Err(Reason::Limit("number of watch keys"));
    }
    // This event still has a tag of the old key: who watches sees that it changes.
    let before = core::mem::replace(&mut state.watch_key, watch_key.clone());
    state.former_watch_keys.push((step.seq(), before));
    Ok(state)
}
