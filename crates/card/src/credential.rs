//! PIN, PUK and administrative code: what is kept to check them, and how many tries are left.

use crate::Code;
use crate::codec::Reader;
use crate::key::KeyRef;
use crate::vault::{VaultKey, WRAPPED_BYTES, unwrap, wrap};
use alloc::vec::Vec;
use keys::Secret;
use keys::digest::hmac_sha256;
use keys::seal::subkey;
use keys::secret::same;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Which code: the one that a key reference names, or the one that unblocks it and has no name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Code(KeyRef),
    Unblock(KeyRef),
}

impl Which {
    pub(crate) const fn key(self) -> KeyRef {
        match self {
            Self::Code(key) | Self::Unblock(key) => key,
        }
    }

    /// Wrong tries in a row until it is blocked.
    pub(crate) const fn max_tries(self) -> u8 {
        match self {
            Self::Code(key) if !key.is_administrative() => 3,
            Self::Code(_) | Self::Unblock(_) => 10,
        }
    }

    /// What its MAC begins with. The first version knew three codes, and gave each one octet.
    fn label(self) -> Vec<u8> {
        match self.octets() {
            [0, 0x01] => Vec::from([0]),
            [1, 0x01] => Vec::from([1]),
            [0, 0x0a] => Vec::from([2]),
            other => Vec::from(other),
        }
    }

    /// As it stands in the log.
    pub(crate) const fn octets(self) -> [u8; 2] {
        match self {
            Self::Code(key) => [0, key.octet()],
            Self::Unblock(key) => [1, key.octet()],
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        match (reader.u8()?, KeyRef::new(reader.u8()?)?) {
            (0, key) => Some(Self::Code(key)),
            (1, key) => Some(Self::Unblock(key)),
            _ => None,
        }
    }
}

/// What a code is checked by, under a key of this card alone, so that it is worth nothing elsewhere. The code itself is nowhere
/// on the card.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// A MAC of it.
    Mac { salt: [u8; 16], mac: [u8; 32] },
    /// What it opens: the vault's key, wrapped under a key made of it.
    Wrap { salt: [u8; 16], wrapped: [u8; WRAPPED_BYTES] },
}

/// What came of presenting a code.
pub(crate) enum Presented {
    Wrong,
    /// It is the one, and opens nothing.
    Right,
    /// It is the one, and this is what it opens.
    Opens(VaultKey),
}

impl Check {
    fn mac(pepper: &Secret<[u8; 32]>, which: Which, salt: &[u8; 16], code: &Code) -> [u8; 32] {
        hmac_sha256(pepper, &[&which.label(), salt, code.danger_expose()])
    }

    fn key(pepper: &Secret<[u8; 32]>, which: Which, salt: &[u8; 16], code: &Code) -> Secret<[u8; 32]> {
        let mut purpose = Zeroizing::new(Vec::with_capacity(32));
        purpose.extend_from_slice(b"simward.card.code.2\0");
        purpose.extend_from_slice(&which.octets());
        purpose.extend_from_slice(code.danger_expose());
        subkey(pepper, salt, &purpose)
    }

    /// For a code newly set, and what it is to open.
    pub(crate) fn new(
        pepper: &Secret<[u8; 32]>,
        which: Which,
        code: &Code,
        opens: Option<&VaultKey>,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        match opens {
            None => Self::Mac { salt, mac: Self::mac(pepper, which, &salt, code) },
            Some(key) => Self::Wrap { salt, wrapped: wrap(key, Self::key(pepper, which, &salt, code)) },
        }
    }

    /// Whether `code` is the one, in a time that does not depend on it.
    pub(crate) fn present(&self, pepper: &Secret<[u8; 32]>, which: Which, code: &Code) -> Presented {
        match self {
            Self::Mac { salt, mac } if same(&Self::mac(pepper, which, salt, code), mac) => Presented::Right,
            Self::Mac { .. } => Presented::Wrong,
            Self::Wrap { salt, wrapped } => unwrap(wrapped, Self::key(pepper, which, salt, code))
                .map_or(Presented::Wrong, Presented::Opens),
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Mac { salt, mac } => {
                out.push(0);
                out.extend_from_slice(salt);
                out.extend_from_slice(mac);
            }
            Self::Wrap { salt, wrapped } => {
                out.push(1);
                out.extend_from_slice(salt);
                out.extend_from_slice(wrapped);
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.u8()? {
            0 => Self::read_former(reader),
            1 => Some(Self::Wrap { salt: reader.array()?, wrapped: reader.array()? }),
            _ => None,
        }
    }

    /// As the first version wrote it.
    pub(crate) fn read_former(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self::Mac { salt: reader.array()?, mac: reader.array()? })
    }
}

/// What is kept of one code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) check: Check,
    /// Tries left; at 0 it is blocked.
    pub(crate) left: u8,
}

impl Kept {
    const fn new(which: Which, check: Check) -> Self {
        Self { check, left: which.max_tries() }
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.check.put(out);
        out.push(self.left);
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { check: Check::read(reader)?, left: reader.u8()? })
    }
}

/// Whether a code is asked for. Administrative codes always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nobody is asked for it.
    No = 0,
    Yes = 1,
    /// The universal PIN is asked for in its place (TS 102 221 §9.5.1).
    Universal = 2,
}

impl Asked {
    pub(crate) fn from_u8(octet: u8) -> Option<Self> {
        [Self::No, Self::Yes, Self::Universal].into_iter().find(|a| *a as u8 == octet)
    }
}

/// One code and the one that unblocks it, as the card's state has them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) key: KeyRef,
    pub(crate) code: Kept,
    pub(crate) unblock: Option<Kept>,
    pub(crate) asked: Asked,
}

impl Credential {
    /// Octets of one in a snapshot, at most.
    pub(crate) const BYTES: usize = 3 + 2 * (1 + 16 + WRAPPED_BYTES + 1);

    /// Whether the vault hangs on it: the holder's PIN, or the one that may stand in for it.
    pub(crate) fn opens_vault(key: KeyRef) -> bool {
        [KeyRef::PIN1, KeyRef::UNIVERSAL].contains(&key)
    }

    pub(crate) fn new(
        pepper: &Secret<[u8; 32]>,
        key: KeyRef,
        code: &Code,
        unblock: Option<&Code>,
        vault: &VaultKey,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let opens = Self::opens_vault(key).then_some(vault);
        let mut kept = |which, code| Kept::new(which, Check::new(pepper, which, code, opens, rng));
        Self {
            key,
            code: kept(Which::Code(key), code),
            unblock: unblock.map(|code| kept(Which::Unblock(key), code)),
            asked: Asked::Yes,
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.key.octet(), self.asked as u8, u8::from(self.unblock.is_some())]);
        self.code.put(out);
        if let Some(unblock) = &self.unblock {
            unblock.put(out);
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let key = KeyRef::new(reader.u8()?)?;
        let asked = Asked::from_u8(reader.u8()?)?;
        let has_unblock = reader.u8()? != 0;
        let code = Kept::read(reader)?;
        let unblock = if has_unblock { Some(Kept::read(reader)?) } else { None };
        Some(Self { key, code, unblock, asked })
    }
}
