//! The comparison of the database with the pins: what differs is an alarm, never a change of service.

use crate::pins::Pins;
use crate::store::{AlarmRow, CardRow, EventRow, NumberRow};
use keys::seal::SealKey;
use keys::subscriber::SubscriberKeys;
use wire::{Msisdn, UnixTime};

/// What the database says of one number.
#[derive(Debug)]
pub struct Claims<'a> {
    /// The number.
    pub number: Msisdn,
    /// The index row.
    pub row: Option<&'a NumberRow>,
    /// The row of the card the pin names.
    pub card: Option<&'a CardRow>,
    /// The chain.
    pub events: &'a [EventRow],
}

/// The differences between what the database claims and what is pinned.
pub fn compare(pins: &Pins, kek: &SealKey, claims: &Claims<'_>, now: UnixTime) -> Vec<AlarmRow> {
    let alarm = |code: &str, text: &str| AlarmRow {
        at: now,
        code: code.to_string(),
        text: format!("number …{}: {text}", tail(&claims.number)),
    };
    let Some(pin) = pins.pin(&claims.number) else {
        return vec![alarm("no-pin", "the database has a number that no pin knows; it is not served")];
    };
    let mut out = Vec::new();
    let closed = pin.state.closed.is_some();
    if !closed && claims.row.map(|r| r.imsi) != pin.resolve(now) {
        out.push(alarm(
            "index",
            "the database points it at another IMSI than its deed; the deed's card is served",
        ));
    }
    let card_good = claims.card.is_some_and(|row| {
        pin.state.card().is_some_and(|card| {
            SubscriberKeys::unwrap(kek, &card.imsi, &card.iccid, &row.keys)
                .is_ok_and(|k| k.commitment(&card.imsi, &card.iccid) == card.key_commit)
        })
    });
    if !closed && !card_good {
        out.push(alarm(
            "key",
            "the key in the database is not the one the deed commits to; the pinned one is used",
        ));
    }
    let heads: Vec<_> = claims.events.iter().map(|e| deed::event::head(&e.bytes)).collect();
    if !heads.starts_with(&pin.state.heads) {
        out.push(alarm("history", "the history in the database is not the pinned one; the pin stays"));
    }
    out
}

/// The last four digits, all that a log may carry of a number.
pub fn tail(number: &Msisdn) -> &str {
    let digits = number.as_str();
    digits.get(digits.len().saturating_sub(4)..).unwrap_or(digits)
}
