//! What makes a card somebody's: the values it is personalised with.

use crate::Code;
use alloc::vec::Vec;
use core::fmt;
use keys::Secret;
use keys::aka::AkaKeys;
use keys::ota::OtaKeys;
use keys::suci::HomeKey;
use wire::{Iccid, Imsi, Malformed, Msisdn};

/// How many digits of the IMSI are the mobile network code (TS 31.102 §4.2.18, EF.AD octet 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MncLength {
    /// Two.
    Two = 2,
    /// Three.
    Three = 3,
}

/// A PIN and what unblocks it.
#[derive(Debug, Clone)]
pub struct Pin {
    /// The PIN.
    pub pin: Code,
    /// Unblocks it.
    pub puk: Code,
}

/// Which part of the home network is to reveal an identity: one to four digits (TS 23.003 §2.2B).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingIndicator(Vec<u8>);

impl RoutingIndicator {
    /// From its digits.
    pub fn new(digits: &str) -> Result<Self, Malformed> {
        let wrong = Malformed::new("routing indicator", "one to four digits are one");
        let values =
            digits.bytes().map(|b| b.is_ascii_digit().then_some(b & 0x0f)).collect::<Option<Vec<_>>>();
        values.filter(|values| (1..=4).contains(&values.len())).map(Self).ok_or(wrong)
    }

    /// The digits.
    pub fn digits(&self) -> impl Iterator<Item = u8> {
        self.0.iter().copied()
    }
}

/// How the subscriber's identity is concealed from all but the home network (TS 33.501 §6.12).
#[derive(Debug, Clone)]
pub struct Concealment {
    /// Which part of the home network reveals it.
    pub routing_indicator: RoutingIndicator,
    /// The home network's keys by their numbers, the one to be used first.
    pub keys: Vec<(u8, HomeKey)>,
    /// Whether the card conceals it itself; if not, the telephone reads the keys and does.
    pub by_card: bool,
}

/// A card's personal values. Prints nothing of itself.
#[derive(Clone)]
pub struct Profile {
    /// The card's serial number.
    pub iccid: Iccid,
    /// The subscriber's identity.
    pub imsi: Imsi,
    /// Where the network's part of the IMSI ends.
    pub mnc_length: MncLength,
    /// The subscriber's keys, and the algorithm they are for.
    pub aka: AkaKeys,
    /// The holder's PIN.
    pub pin: Code,
    /// Unblocks the PIN.
    pub puk: Code,
    /// The administrative code.
    pub adm1: Code,
    /// The second PIN, key reference 81; without it the card has none.
    pub pin2: Option<Pin>,
    /// The universal PIN, key reference 11; without it the card has none.
    pub universal_pin: Option<Pin>,
    /// Administrative codes 2 and on, 10 at most.
    pub more_adm: Vec<Code>,
    /// The card's number, for EF.MSISDN.
    pub msisdn: Option<Msisdn>,
    /// The number's deed, for EF.DEED.
    pub deed_id: Option<[u8; 32]>,
    /// How the identity is concealed in 5G; without it it is not.
    pub concealment: Option<Concealment>,
    /// Whether GSM's own authentication is answered. It asks for no proof of the network's, so whoever puts up a station
    /// can have 64 bits of key made as often as he likes.
    pub gsm: bool,
    /// The card's own signing key, a scalar of P-256: its public half stands in the deed.
    pub card_key: Option<Secret<[u8; 32]>>,
    /// The operator's number that an alert from the card's menu goes to.
    pub alert_number: Option<Msisdn>,
    /// The same over the packet network: an address and a port of UDP. Taken before the number where the telephone can.
    pub alert_endpoint: Option<([u8; 4], u16)>,
    /// Keys of remote management over short messages; without them the card has none.
    pub ota: Option<OtaKeys>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile(…)")
    }
}
