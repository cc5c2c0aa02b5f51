//! The intent: what a request would do, whole. These bytes are what an owner signs.

use crate::Reason;
use crate::cbor::{Reader, Writer, whole};
use crate::event::MAX_FACTORS;
use crate::hash::Digest;
use crate::record::{Card, CardId, Factor, FactorId, Place, Tenure, identifier, optional, read_bits};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use wire::Msisdn;

/// Most trusted people of a deed.
pub const MAX_PEOPLE: u64 = 8;
/// Longest name of the operator a number leaves for.
pub const MAX_RECIPIENT: usize = 64;

/// `[kind, number, slot, from(card_id or empty), subject, not_before, expiry, over(place or 0), flags]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// What is to be done, with its subject.
    pub change: Change,
    /// Whose number.
    pub number: Msisdn,
    /// Not before this time.
    pub not_before: u64,
    /// Not after this time.
    pub expiry: u64,
    /// Objections from this place do not count (0 in the format: from none).
    pub over: Option<Place>,
}

/// The kinds of intent, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// 1: the slot gets another card.
    Move {
        /// Which slot.
        slot: u64,
        /// The card in it now.
        from: CardId,
        /// The card to come.
        to: Card,
        /// Flag 1: the old card is lost, so it is not kept in reserve.
        lost: bool,
    },
    /// 2: one more card; flag 2: it sleeps until kind 13 wakes it.
    Add {
        /// A free slot.
        slot: u64,
        /// The card.
        card: Card,
        /// Whether it is a stand-by card.
        dormant: bool,
    },
    /// 3: a further card goes.
    RemoveCard {
        /// Which slot, not 0.
        slot: u64,
        /// The card in it.
        from: CardId,
    },
    /// 4: holds are lifted.
    ClearHolds {
        /// Which bits, rising.
        bits: Vec<u64>,
    },
    /// 5: one more factor.
    AddFactor {
        /// It.
        factor: Factor,
    },
    /// 6: a factor goes. Trusted people change by kind 7 alone.
    RemoveFactor {
        /// Which.
        factor: FactorId,
    },
    /// 7: the trusted people, all of them, in place of those before; so many of them speak together.
    Trust {
        /// How many must agree; 0 with nobody.
        needed: u64,
        /// They.
        people: Vec<Factor>,
    },
    /// 8: the number leaves for another operator. The deed is then closed.
    PortOut {
        /// Which operator.
        recipient: String,
        /// Digest of the code that the recipient shows.
        code: Digest,
    },
    /// 9: the number is somebody else's from now on.
    Transfer {
        /// The complete new factors.
        factors: Vec<Factor>,
    },
    /// 10: the number is given up for an owner who does not speak. Two desks; any factor's veto ends it.
    Close,
    /// 11: the card of a slot gets a new K.
    NewKey {
        /// Which slot.
        slot: u64,
        /// The card in it now.
        from: CardId,
        /// The same card by ICCID, IMSI and EID, with another key.
        to: Card,
    },
    /// 12: whose kind of number it is.
    Tenure {
        /// From now on.
        tenure: Tenure,
    },
    /// 13: the stand-by card takes slot 0.
    Wake {
        /// The slot it sleeps in.
        slot: u64,
        /// The card in slot 0 now.
        from: CardId,
        /// The stand-by card.
        to: Card,
        /// Flag 1: the old card is lost.
        lost: bool,
    },
}

impl Change {
    /// Its number in the format.
    pub const fn kind(&self) -> u64 {
        match self {
            Self::Move { .. } => 1,
            Self::Add { .. } => 2,
            Self::RemoveCard { .. } => 3,
            Self::ClearHolds { .. } => 4,
            Self::AddFactor { .. } => 5,
            Self::RemoveFactor { .. } => 6,
            Self::Trust { .. } => 7,
            Self::PortOut { .. } => 8,
            Self::Transfer { .. } => 9,
            Self::Close => 10,
            Self::NewKey { .. } => 11,
            Self::Tenure { .. } => 12,
            Self::Wake { .. } => 13,
        }
    }

    /// The factors that it would bring. Each proves, in event 1 or 2, that somebody has it.
    pub fn introduces(&self) -> &[Factor] {
        match self {
            Self::AddFactor { factor } => core::slice::from_ref(factor),
            Self::Trust { people: factors, .. } | Self::Transfer { factors } => factors,
            _ => &[],
        }
    }

    /// The card that it would bring into service or put to sleep here.
    pub const fn brings(&self) -> Option<&Card> {
        match self {
            Self::Move { to, .. } | Self::NewKey { to, .. } | Self::Wake { to, .. } => Some(to),
            Self::Add { card, .. } => Some(card),
            _ => None,
        }
    }

    const fn slot(&self) -> u64 {
        match self {
            Self::Move { slot, .. }
            | Self::Add { slot, .. }
            | Self::RemoveCard { slot, .. }
            | Self::NewKey { slot, .. }
            | Self::Wake { slot, .. } => *slot,
            _ => 0,
        }
    }

    const fn from(&self) -> Option<&CardId> {
        match self {
            Self::Move { from, .. }
            | Self::RemoveCard { from, .. }
            | Self::NewKey { from, .. }
            | Self::Wake { from, .. } => Some(from),
            _ => None,
        }
    }

    fn subject(&self) -> Vec<u8> {
        let w = Writer::new();
        match self {
            Self::Move { to, .. } | Self::NewKey { to, .. } | Self::Wake { to, .. } => to.encode(),
            Self::Add { card, .. } => card.encode(),
            Self::RemoveCard { .. } | Self::Close => Vec::new(),
            Self::ClearHolds { bits } => w.list(bits, |w, bit| w.uint(*bit)).done(),
            Self::AddFactor { factor } => factor.encode(),
            Self::RemoveFactor { factor } => w.array(1).bytes(&factor.0).done(),
            Self::Trust { needed, people } => factors(w.array(2).uint(*needed), people).done(),
            Self::PortOut { recipient, code } => w.array(2).text(recipient).bytes(code).done(),
            Self::Transfer { factors: all } => factors(w, all).done(),
            Self::Tenure { tenure } => w.array(1).uint(tenure.number()).done(),
        }
    }

    const fn flags(&self) -> u64 {
        match self {
            Self::Move { lost: true, .. } | Self::Wake { lost: true, .. } => 1,
            Self::Add { dormant: true, .. } => 2,
            _ => 0,
        }
    }
}

fn factors(w: Writer, factors: &[Factor]) -> Writer {
    w.list(factors, |w, factor| w.raw(&factor.encode()))
}

impl Intent {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        Writer::new()
            .array(9)
            .uint(self.change.kind())
            .text(self.number.as_str())
            .uint(self.change.slot())
            .bytes(self.change.from().map_or(&[][..], |card| &card.0))
            .bytes(&self.change.subject())
            .uint(self.not_before)
            .uint(self.expiry)
            .uint(self.over.map_or(0, Place::number))
            .uint(self.change.flags())
            .done()
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        r.array(9)?;
        let kind = r.uint()?;
        let number = identifier(r.text()?)?;
        let slot = r.uint()?;
        let from = optional::<32>(r.bytes()?)?.map(CardId);
        let subject = r.bytes()?;
        let (not_before, expiry) = (r.uint()?, r.uint()?);
        let over = match r.uint()? {
            0 => None,
            n => Some(Place::from_number(n).ok_or(Reason::Unknown("place"))?),
        };
        let change = read_change(kind, r.uint()?, slot, from, subject)?;
        if change.slot() != slot || change.from() != from.as_ref() {
            return Err(Reason::Intent("names a slot or card that this kind has not"));
        }
        Ok(Self { change, number, not_before, expiry, over })
    }

    /// From its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, Self::read)
    }
}

fn read_change(
    kind: u64,
    flags: u64,
    slot: u64,
    from: Option<CardId>,
    subject: &[u8],
) -> Result<Change, Reason> {
    let from = || from.ok_or(Reason::Intent("the card to be replaced is not named"));
    let change = match (kind, flags) {
        (1, 0 | 1) => Change::Move { slot, from: from()?, to: Card::decode(subject)?, lost: flags == 1 },
        (2, 0 | 2) => Change::Add { slot, card: Card::decode(subject)?, dormant: flags == 2 },
        (3, 0) => nothing(subject, Change::RemoveCard { slot, from: from()? })?,
        (4, 0) => Change::ClearHolds { bits: whole(subject, read_bits)? },
        (5, 0) => Change::AddFactor { factor: Factor::decode(subject)? },
        (6, 0) => Change::RemoveFactor {
            factor: whole(subject, |r| {
                r.array(1)?;
                Ok(FactorId(r.array_of()?))
            })?,
        },
        (7, 0) => whole(subject, |r| {
            r.array(2)?;
            Ok(Change::Trust { needed: r.uint()?, people: read_factors(r, MAX_PEOPLE)? })
        })?,
        (8, 0) => whole(subject, |r| {
            r.array(2)?;
            let recipient = r.text()?.to_string();
            if recipient.is_empty() || recipient.len() > MAX_RECIPIENT {
                return Err(Reason::Limit("length of the recipient's name"));
            }
            Ok(Change::PortOut { recipient, code: r.array_of()? })
        })?,
        (9, 0) => Change::Transfer { factors: whole(subject, |r| read_factors(r, MAX_FACTORS))? },
        (10, 0) => nothing(subject, Change::Close)?,
        (11, 0) => Change::NewKey { slot, from: from()?, to: Card::decode(subject)? },
        (12, 0) => whole(subject, |r| {
            r.array(1)?;
            Ok(Change::Tenure { tenure: Tenure::from_number(r.uint()?)? })
        })?,
        (13, 0 | 1) => Change::Wake { slot, from: from()?, to: Card::decode(subject)?, lost: flags == 1 },
        (1..=13, _) => return Err(Reason::Unknown("intent flag")),
        _ => return Err(Reason::Unknown("intent kind")),
    };
    Ok(change)
}

/// A kind whose subject says nothing says it in one way.
fn nothing(subject: &[u8], change: Change) -> Result<Change, Reason> {
    if subject.is_empty() { Ok(change) } else { Err(Reason::Encoding("a subject where the kind has none")) }
}

fn read_factors(r: &mut Reader<'_>, most: u64) -> Result<Vec<Factor>, Reason> {
    let n = r.list(most, "number of factors")?;
    (0..n).map(|_| Factor::read(r)).collect()
}
