//! The timeline: everything that happened to a number, typed, in one order.
//!
//! An entry is written in the transaction of what it tells, sealed like every record. Rows say when and about which number;
//! an entry says what, and who did it. It proves nothing: it is kept by the operator, and the deed is what is proved.

mod field;
mod filter;
mod happened;
mod words;

pub use field::Value;
pub use filter::{Filter, STREAMS};
pub use happened::{Happened, Kind};

use deed::Reason;
use deed::cbor::{Writer, whole};
use wire::{Malformed, UnixTime};

/// Form of an entry.
const VERSION: u64 = 1;

/// Who did something, as far as anybody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The owner: a key of the deed, or a session that signed in.
    Owner = 1,
    /// A desk.
    Desk = 2,
    /// A network, or a phone in it.
    Network = 3,
    /// The card.
    Card = 4,
    /// The operator's own services.
    Operator = 5,
    /// Nobody knows.
    Unknown = 6,
}

impl Actor {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::Desk, Self::Network, Self::Card, Self::Operator, Self::Unknown];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Desk => "desk",
            Self::Network => "network",
            Self::Card => "card",
            Self::Operator => "operator",
            Self::Unknown => "unknown",
        }
    }
}

impl std::str::FromStr for Actor {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|actor| actor.name() == text);
        found.ok_or(Malformed::new("actor", "not one of owner, desk, network, card, operator, unknown"))
    }
}

/// One line of the timeline, without its number and time, which stand in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub actor: Actor,
    /// What.
    pub what: Happened,
}

impl Entry {
    /// Who did what.
    pub const fn new(actor: Actor, what: Happened) -> Self {
        Self { actor, what }
    }

    /// Its bytes: `[1, actor, kind, [field…]]`.
    pub fn encode(&self) -> Vec<u8> {
        self.what.write(Writer::new().array(4).uint(VERSION).uint(self.actor as u64)).done()
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, |r| {
            r.array(4)?;
            if r.uint()? != VERSION {
                return Err(Reason::Unknown("form of entry"));
            }
            let actor = r.uint()?;
            let actor = Actor::ALL.into_iter().find(|known| *known as u64 == actor);
            Ok(Self { actor: actor.ok_or(Reason::Unknown("actor"))?, what: Happened::read(r)? })
        })
    }
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The record's name in the store: lines of one number come in this order.
    pub id: u64,
    /// When, by the clock of the machine that wrote it.
    pub at: UnixTime,
    /// What.
    pub entry: Entry,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One entry of every kind.
    pub(crate) fn one_of_each() -> Vec<Happened> {
        let text = |t: &str| t.to_string();
        let (imsi, imei) = ("460001234567890".parse().unwrap(), "490154203237518".parse().unwrap());
        let (from, to) = ("46000".parse().unwrap(), "23415".parse().unwrap());
        let (how, device) = (text("passkey"), text("Firefox · 手机"));
        use Happened as H;
        vec![
            H::SignedIn { how: how.clone(), device: device.clone() },
            H::SignInFailed { how, device: device.clone() },
            H::NewDevice { device: device.clone() },
            H::SignInChanged { what: text("password-set"), device },
            H::Invited {},
            H::Attached { imsi, imei, plmn: from, area: 1 },
            H::TurnedAway { why: text("replaced"), imsi, imei, plmn: from, area: 1 },
            H::Detached { imsi },
            H::PhoneChanged { from: imei, to: "356938035643809".parse().unwrap() },
            H::PlaceChanged { from, to, area: 2 },
            H::CountryChanged { from, to },
            H::Resynced { imsi },
            H::ResyncRefused { imsi, why: text("auts") },
            H::MacFailure { imsi, imei, plmn: from },
            H::WrongResponse { imsi, imei, plmn: from },
            H::Issued { iccid: text("…000017") },
            H::Requested { what: text("a change of SIM"), change: 1 },
            H::Consented { from: text("phone") },
            H::Vetoed { from: text("elsewhere") },
            H::Ended { reason: 1 },
            H::Held { bits: text("7"), from: text("elsewhere") },
            H::Committed { what: text("a change of SIM"), change: 1 },
            H::Objected { in_time: true },
            H::WatchKeyChanged { from: text("phone") },
            H::ManifestAdopted {},
            H::Observed { what: text("edit") },
            H::NoticeQueued { code: text("asked") },
            H::NoticesSeen { count: 2 },
            H::Ordered { what: text("update-file"), imsi },
            H::Travelling { until: UnixTime(9) },
            H::ReasonSetAside { rule: text("sim-changed"), until: UnixTime(9) },
            H::Cautious { score: 40, reasons: text("sim-changed"), codes_held_until: Some(UnixTime(9)) },
            H::CodePosted { from: text("Bank") },
            H::CodeHeld { from: text("Bank"), until: None },
            H::CodeDelivered { from: text("Bank") },
            H::CodeForgotten { from: text("Bank") },
            H::Alarmed { code: text("two-phones") },
            H::CardRefused { status: 0x6982, imsi, imei },
            H::SecretFailed { which: text("pin"), left: 2 },
            H::CardAlert { count: 1, location: String::new() },
        ]
    }

    #[test]
    fn every_kind_reads_back_as_it_was_written_and_nothing_near_it_does() {
        let all = one_of_each();
        assert_eq!(all.iter().map(Happened::kind).collect::<Vec<_>>(), Kind::ALL);
        for (what, actor) in all.into_iter().zip(Actor::ALL.into_iter().cycle()) {
            let entry = Entry::new(actor, what);
            let bytes = entry.encode();
            assert_eq!(Entry::decode(&bytes).unwrap(), entry);
            assert!(bytes.len() < 80, "{entry:?}");
            for cut in 0..bytes.len() {
                assert!(Entry::decode(&bytes[..cut]).is_err());
            }
            assert!(Entry::decode(&[&bytes[..], &[0]].concat()).is_err());
        }
    }

    #[test]
    fn a_kind_has_one_name_and_words_of_its_own() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse::<Kind>().unwrap(), *kind);
        }
        assert!("attach".parse::<Kind>().is_err() && "".parse::<Kind>().is_err());
        let words: std::collections::BTreeSet<String> = one_of_each().iter().map(Happened::words).collect();
        assert_eq!(words.len(), Kind::ALL.len());
    }
}
