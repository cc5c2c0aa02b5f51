//! Short messages to a number: to whose card they go, and when they wait. Decided from pins and from nothing else.

use crate::pins::{Pins, Served};
use crate::risk::Hold;
use deed::state::bit;
use serde::{Deserialize, Serialize};
use wire::sms::{Address, Deliver, Timestamp, UserData};
use wire::{Imsi, Malformed, Msisdn, UnixTime};

/// Most parts of a text, and the longest that so many carry.
pub const MAX_PARTS: usize = 10;
/// Characters of it.
pub const MAX_TEXT: usize = MAX_PARTS * 153;
/// How long a message that nobody could take is kept, in seconds: a code is worthless long before.
pub const KEPT: u64 = 3 * 86_400;

/// A message on its way, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Queued {
    /// To a person.
    Text {
        /// Who sent it: a name, or a number with `+`.
        from: String,
        /// What it says.
        text: String,
        /// Whether an application sent it: those are held after a change of SIM.
        application: bool,
    },
    /// To the card that has this IMSI, and to no other: SMS-DELIVER TPDUs of a secured packet.
    Card {
        /// The card it was made for.
        imsi: String,
        /// Its parts.
        tpdus: Vec<Vec<u8>>,
    },
}

impl Queued {
    /// A text from an application.
    pub fn code(from: &str, text: &str) -> Self {
        Self::Text { from: from.into(), text: text.into(), application: true }
    }

    /// Who sent it; nobody, if it is the operator's own to the card.
    pub fn sender(&self) -> &str {
        match self {
            Self::Text { from, .. } => from,
            Self::Card { .. } => "",
        }
    }

    /// Whether it is held after a change of SIM.
    pub const fn application(&self) -> bool {
        matches!(self, Self::Text { application: true, .. })
    }
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

impl Route {
    /// The same for a code, with a hold for caution's sake: what waits, waits longer or as long, and what goes may wait.
    #[must_use]
    pub fn later(self, hold: Option<Hold>, now: UnixTime) -> Self {
        let Some(hold) = hold.filter(|hold| hold.until() > now) else { return self };
        match self {
            Self::Card(_) => Self::HeldUntil(hold.until()),
            Self::HeldUntil(until) => Self::HeldUntil(until.max(hold.until())),
            Self::Held | Self::Nowhere => self,
        }
    }
}

/// Where a message to `number` goes at `now`.
pub fn route(pins: &Pins, number: &Msisdn, application: bool, now: UnixTime) -> Route {
    let Some(imsi) = pins.resolve(number, now) else { return Route::Nowhere };
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

/// The TPDUs of a message, in order (TS 23.040 §9.2.2.1). `reference` marks the parts of a long text.
pub fn tpdus(message: &Queued, at: UnixTime, reference: u8) -> Result<Vec<Vec<u8>>, Malformed> {
    match message {
        Queued::Card { tpdus, .. } => Ok(tpdus.clone()),
        Queued::Text { text, .. } if text.chars().count() > MAX_TEXT => {
            Err(Malformed::new("text", "longer than ten parts carry"))
        }
        Queued::Text { from, text, .. } => {
            deliver(from, text, at, reference)?.iter().map(Deliver::to_bytes).collect()
        }
    }
}

fn deliver(from: &str, text: &str, at: UnixTime, reference: u8) -> Result<Vec<Deliver>, Malformed> {
    let from = match from.strip_prefix('+').map(str::parse::<Msisdn>) {
        Some(number) => Address::from(&number?),
        None => Address::Name(from.into()),
    };
    let parts = UserData::of_text(text, reference)?;
    // A card has twenty records or so: a text that fills them keeps out every code.
    if parts.len() > MAX_PARTS {
        return Err(Malformed::new("text", "longer than ten parts carry"));
    }
    let last = parts.len().saturating_sub(1);
    let part = |(i, data)| Deliver {
        more_messages: i < last,
        ..Deliver::new(from.clone(), Timestamp::new(at, 0), data)
    };
    Ok(parts.into_iter().enumerate().map(part).collect())
}
