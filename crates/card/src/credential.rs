//! PIN, PUK and administrative code: what is kept to check them, and how many tries are left.

use crate::Code;
use crate::codec::Reader;
use alloc::vec::Vec;
use keys::Secret;
use keys::digest::hmac_sha256;
use keys::secret::same;
use rand_core::CryptoRng;

/// Which one. The discriminant is its place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// The holder's PIN, key reference 01.
    Pin = 0,
    /// Unblocks the PIN; has no key reference of its own.
    Puk = 1,
    /// Administrative code 1, key reference 0A.
    Adm = 2,
}

impl Which {
    pub(crate) const ALL: [Self; 3] = [Self::Pin, Self::Puk, Self::Adm];

    /// Wrong tries in a row until it is blocked.
    pub(crate) const fn max_tries(self) -> u8 {
        match self {
            Self::Pin => 3,
            Self::Puk | Self::Adm => 10,
        }
    }

    pub(crate) fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|w| *w as u8 == value)
    }
}

/// A code's salted MAC. The code itself is nowhere on the card.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Check {
    salt: [u8; 16],
    mac: [u8; 32],
}

impl Check {
    fn mac(pepper: &Secret<[u8; 32]>, which: Which, salt: &[u8; 16], code: &Code) -> [u8; 32] {
        hmac_sha256(pepper, &[&[which as u8], salt, code.danger_expose()])
    }

    /// For a code newly set. `pepper` is a key of this card alone, so that a MAC is worth nothing elsewhere.
    pub(crate) fn new(
        pepper: &Secret<[u8; 32]>,
        which: Which,
        code: &Code,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        Self { salt, mac: Self::mac(pepper, which, &salt, code) }
    }

    /// Whether `code` is the one, in a time that does not depend on it.
    pub(crate) fn is(&self, pepper: &Secret<[u8; 32]>, which: Which, code: &Code) -> bool {
        same(&Self::mac(pepper, which, &self.salt, code), &self.mac)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.mac);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { salt: reader.array()?, mac: reader.array()? })
    }
}

/// One credential as the card's state has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) check: Check,
    /// Tries left; at 0 it is blocked.
    pub(crate) left: u8,
    /// Whether it is asked for at all. Only the PIN can be disabled.
    pub(crate) enabled: bool,
}

impl Credential {
    pub(crate) const fn new(which: Which, check: Check) -> Self {
        Self { check, left: which.max_tries(), enabled: true }
    }
}
