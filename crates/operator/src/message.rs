//! Short messages to a number: to whose card they go, and when they wait. Decided from pins and from nothing else.

use crate::pins::{Pins, Served};
use deed::state::bit;
use serde::{Deserialize, Serialize};
use wire::sms::{Address, Deliver, Timestamp, UserData};
use wire::{Imsi, Malformed, Msisdn, UnixTime};

/// Longest text a relying party may send: ten parts.
pub const MAX_TEXT: usize = 10 * 153;
/// How long a message that nobody could take is kept, in seconds: a code is worthless long before.
pub const KEPT: u64 = 3 * 86_400;

/// A message on its way, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// Who sent it: a name, or a number with `+`.
    pub from: String,
    /// What it says.
    pub text: String,
    /// Whether an application sent it to a person: those are held after a change of SIM.
    pub application: bool,
}

/// Where a message goes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// To this card, if it is attached.
    Card(Imsi),
    /// Codes are held until then (验证码暂缓投递).
    HeldUntil(UnixTime),
    /// The line is suspended, or its owner wants no messages from applications.
    Held,
    /// No such number, or this node does not know whether its pins are the newest.
    Nowhere,
}

/// Where a message to `number` goes at `now`.
pub fn route(pins: &Pins, number: &Msisdn, application: bool, now: UnixTime) -> Route {
    let Some(imsi) = pins.resolve(number) else { return Route::Nowhere };
    match pins.serve(&imsi, now) {
        Served::EmergencyOnly => Route::Held,
        Served::Refused { .. } => Route::Nowhere,
        Served::Line(line) if application && line.held(bit::A2P_SMS) => Route::Held,
        Served::Line(line) => match line.sms_held_until {
            Some(until) if application => Route::HeldUntil(until),
            _ => Route::Card(imsi),
        },
    }
}

/// The TPDUs of a message, in order (TS 23.040 §9.2.2.1). `reference` marks the parts of a long one.
pub fn deliver(message: &Queued, at: UnixTime, reference: u8) -> Result<Vec<Deliver>, Malformed> {
    let from = match message.from.strip_prefix('+').map(str::parse::<Msisdn>) {
        Some(number) => Address::from(&number?),
        None => Address::Name(message.from.clone()),
    };
    let parts = UserData::of_text(&message.text, reference)?;
    let last = parts.len().saturating_sub(1);
    let part = |(i, data)| Deliver {
        more_messages: i < last,
        ..Deliver::new(from.clone(), Timestamp::new(at, 0), data)
    };
    Ok(parts.into_iter().enumerate().map(part).collect())
}
