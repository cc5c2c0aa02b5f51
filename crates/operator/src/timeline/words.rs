//! An entry in plain English: for the command line and the API. The portal has words of its own, in both languages.

use super::Happened;
use wire::{Imei, Plmn};

impl Happened {
    /// What happened, in a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::SignedIn { how, device } => format!("signed in with {} on {device}", way(how)),
            Self::SignInFailed { how, device } => {
                format!("somebody failed to sign in with {} on {device}", way(how))
            }
            Self::NewDevice { device } => format!("{device} signed in for the first time"),
            Self::SignInChanged { what, device } => format!("{} on {device}", changed(what)),
            Self::Invited {} => "a browser was invited to the portal".into(),
            Self::Attached { imei, plmn, area, .. } => {
                format!("the card attached in phone {}, {}, area {area:04X}", ending(imei), network(plmn))
            }
            Self::TurnedAway { why, imei, plmn, .. } => {
                format!("a card was turned away ({why}) in phone {}, {}", ending(imei), network(plmn))
            }
            Self::Detached { .. } => "the phone went off the network".into(),
            Self::PhoneChanged { from, to } => {
                format!("the card is in another phone: {} after {}", ending(to), ending(from))
            }
            Self::PlaceChanged { from, to, area } => {
                format!(
                    "the card is in another place: {}, area {area:04X} after {}",
                    network(to),
                    network(from)
                )
            }
            Self::CountryChanged { from, to } => {
                format!("the card is in another country: {} after {}", to.country(), from.country())
            }
            Self::Resynced { .. } => "the card's sequence number was ahead; the network followed it".into(),
            Self::ResyncRefused { why, .. } => format!("a resynchronisation was refused ({why})"),
            Self::MacFailure { imei, plmn, .. } => format!(
                "the card in phone {} says that the challenge on {} was not its network's",
                ending(imei),
                network(plmn)
            ),
            Self::WrongResponse { imei, plmn, .. } => {
                format!("a card with another key answered in phone {}, {}", ending(imei), network(plmn))
            }
            Self::Issued { iccid } => format!("the number was issued with card {iccid}"),
            Self::Requested { what, .. } => format!("{what} was asked for"),
            Self::Consented { from } => format!("agreed to, {}", place(from)),
            Self::Vetoed { from } => format!("stopped, {}", place(from)),
            Self::Ended { reason: 1 } => "the request ran out".into(),
            Self::Ended { reason: 3 } => "the request gave way to another".into(),
            Self::Ended { .. } => "the request was refused".into(),
            Self::Held { bits, from } => format!("locked: {}; {}", locks(bits), place(from)),
            Self::Committed { what, .. } => format!("{what} is done"),
            Self::Objected { in_time: true } => "an objection stands at the authentication centre".into(),
            Self::Objected { in_time: false } => {
                "an objection came too late, and stands for the next change".into()
            }
            Self::WatchKeyChanged { from } => format!("another watch key from now on, {}", place(from)),
            Self::ManifestAdopted {} => "the number goes on under a later manifest of its operator".into(),
            Self::Observed { what } => format!("the authentication centre saw {what}"),
            Self::NoticeQueued { code } => format!("a notice to the owner: {code}"),
            Self::NoticesSeen { count } => format!("notices seen by the owner: {count}"),
            Self::Ordered { what, .. } => format!("an order to the card: {what}"),
            Self::Travelling { until } => format!("the owner is travelling until {}", date(until.0)),
            Self::ReasonSetAside { rule, until } => {
                format!("the reason {rule} does not count until {}", date(until.0))
            }
            Self::Cautious { score, reasons, codes_held_until } => {
                let codes = codes_held_until.map(|until| format!(", codes held until {}", date(until.0)));
                format!("caution, score {score}: {reasons}{}", codes.unwrap_or_default())
            }
            Self::CodePosted { from } => format!("a code from {from}"),
            Self::CodeHeld { from, until: Some(until) } => {
                format!("a code from {from} is held until {}", date(until.0))
            }
            Self::CodeHeld { from, until: None } => format!("a code from {from} is held"),
            Self::CodeDelivered { from } => format!("the phone has stored a code from {from}"),
            Self::CodeForgotten { from } => format!("a code from {from} grew too old"),
            Self::Alarmed { code } => format!("alarm: {code}"),
            Self::CardRefused { status: 0x6982, .. } => {
                "the card did not answer: its PIN has not been entered".into()
            }
            Self::CardRefused { status: 0x6983, .. } => "the card did not answer: its PIN is blocked".into(),
            Self::CardRefused { status, .. } => format!("the card did not answer: {status:04X}"),
            Self::SecretFailed { which, left } => {
                format!("a wrong {which} at the card; {left} tries are left")
            }
            Self::CardAlert { .. } => "the card says, signed with its owner's key: this was not me".into(),
        }
    }
}

fn way(how: &str) -> &str {
    match how {
        "passkey" => "a passkey",
        "password" => "password and app",
        other => other,
    }
}

fn changed(what: &str) -> String {
    match what {
        "begin" => "a passkey was made".into(),
        "password-set" => "a password was set".into(),
        "app-begun" => "an authenticator app is being set up".into(),
        "app-set" => "an authenticator app was set up".into(),
        other => format!("a way of signing in was changed ({other})"),
    }
}

/// Hold bits in words.
fn locks(bits: &str) -> String {
    const NAMES: [&str; 9] = [
        "change of SIM",
        "port-out",
        "further cards",
        "forwarding",
        "roaming",
        "2G",
        "messages of applications",
        "the line",
        "by order",
    ];
    let name = |bit: &str| bit.parse::<usize>().ok().and_then(|bit| NAMES.get(bit)).copied();
    bits.split(',').map(|bit| name(bit).unwrap_or(bit)).collect::<Vec<_>>().join(", ")
}

/// Where a key is, in words.
fn place(from: &str) -> String {
    match from {
        "phone" => "with the key in the phone".into(),
        "elsewhere" => "with a key elsewhere".into(),
        "people" => "by trusted people".into(),
        "card" => "by the card itself".into(),
        other => format!("by {other}"),
    }
}

fn network(plmn: &Plmn) -> String {
    let (country, network) = plmn.as_str().split_at_checked(3).unwrap_or_default();
    format!("network {country}-{network}")
}

/// Enough of a phone's identity to tell one's own apart.
fn ending(imei: &Imei) -> String {
    let text = imei.as_str();
    format!("…{}", text.get(text.len().saturating_sub(6)..).unwrap_or_default())
}

fn date(at: u64) -> String {
    let time = i64::try_from(at).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    time.map(|time| time.to_string()).unwrap_or_default()
}
