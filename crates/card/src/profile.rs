//! What makes a card somebody's: the values it is personalised with.

use crate::Code;
use alloc::vec::Vec;
use core::fmt;
use keys::Secret;
use keys::aka::AkaKeys;
use keys::ota::OtaKeys;
use wire::{Iccid, Imsi, Msisdn};

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
    /// Whether GSM's own authentication is answered. It asks for no proof of the network's, so whoever puts up a station
    /// can have 64 bits of key made as often as he likes.
    pub gsm: bool,
    /// The card's own signing key, a scalar of P-256: its public half stands in the deed.
    pub card_key: Option<Secret<[u8; 32]>>,
    /// Keys of remote management over short messages; without them the card has none.
    pub ota: Option<OtaKeys>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile(…)")
    }
}
