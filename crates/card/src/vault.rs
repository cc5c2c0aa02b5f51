//! What hangs on the holder's PIN: K, OPc and the card's own keys, sealed under a key that is nowhere on the card but wrapped
//! under each code that may open it.
//!
//! A code is thus checked by what it opens. Whoever has the whole state and the device key, and not the PIN, has to try
//! codes: four digits are soon tried, which is why the device key is kept apart. With the PIN disabled
//! the vault hangs on the device key alone.

use crate::codec::{Reader, put_string};
use alloc::vec::Vec;
use core::fmt;
use keys::Secret;
use keys::agree::AgreeKey;
use keys::aka::{Aka, AkaKeys};
use keys::seal::{NONCE_BYTES, SealKey, TAG_BYTES, subkey};
use keys::sign::Es256Key;
use keys::tuak::TuakKey;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Octets of a wrapped key.
pub(crate) const WRAPPED_BYTES: usize = 32 + TAG_BYTES;
/// Every key here seals one thing, once.
const ONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];
const VAULT: &[u8] = b"simward.card.vault.1";
const WRAP: &[u8] = b"simward.card.wrap.1";

/// Which algorithm the keys in it are for.
const MILENAGE: u8 = 0;
const TUAK_128: u8 = 1;
const TUAK_256: u8 = 2;
const XOR: u8 = 3;

/// The key of the vault.
pub(crate) type VaultKey = Secret<[u8; 32]>;

/// The secrets, in the open while somebody is recognised.
pub(crate) struct Secrets {
    /// The key that opened them, for what is kept beside them.
    pub(crate) key: VaultKey,
    keys: AkaKeys,
    /// The algorithm with them.
    pub(crate) aka: Aka,
    /// The signing key that the card was given; of today's cards the owner's key stands beside the vault.
    pub(crate) card_key: Option<Es256Key>,
    /// The key it agrees with others by, made in the card; `None` of cards that were made before there was one.
    pub(crate) agree_key: Option<AgreeKey>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    pub(crate) fn new(
        key: VaultKey,
        keys: AkaKeys,
        card_key: Option<Es256Key>,
        agree_key: Option<AgreeKey>,
    ) -> Self {
        Self { key, aka: keys.keyed(), keys, card_key, agree_key }
    }

    fn plain(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(160));
        match &self.keys {
            AkaKeys::Milenage { k, opc } => {
                out.push(MILENAGE);
                out.extend_from_slice(k.danger_expose());
                out.extend_from_slice(opc.danger_expose());
            }
            AkaKeys::Tuak { k, topc } => {
                match k {
                    TuakKey::Bits128(k) => {
                        out.push(TUAK_128);
                        out.extend_from_slice(k.danger_expose());
                    }
                    TuakKey::Bits256(k) => {
                        out.push(TUAK_256);
                        out.extend_from_slice(k.danger_expose());
                    }
                }
                out.extend_from_slice(topc.danger_expose());
            }
            AkaKeys::Xor { k } => {
                out.push(XOR);
                out.extend_from_slice(k.danger_expose());
            }
        }
        let keys =
            [self.card_key.as_ref().map(Es256Key::scalar), self.agree_key.as_ref().map(AgreeKey::scalar)];
        for key in keys {
            match key {
                None => out.push(0),
                Some(scalar) => {
                    out.push(1);
                    out.extend_from_slice(scalar.danger_expose());
                }
            }
        }
        out
    }

    fn read(key: &VaultKey, plain: &[u8]) -> Option<Self> {
        let mut reader = Reader(plain);
        let keys = match reader.u8()? {
            MILENAGE => {
                AkaKeys::Milenage { k: Secret::new(reader.array()?), opc: Secret::new(reader.array()?) }
            }
            TUAK_128 => AkaKeys::Tuak {
                k: TuakKey::Bits128(Secret::new(reader.array()?)),
                topc: Secret::new(reader.array()?),
            },
            TUAK_256 => AkaKeys::Tuak {
                k: TuakKey::Bits256(Secret::new(reader.array()?)),
                topc: Secret::new(reader.array()?),
            },
            XOR => AkaKeys::Xor { k: Secret::new(reader.array()?) },
            _ => return None,
        };
        let mut scalar = || match reader.u8()? {
            0 => Some(None),
            _ => Some(Some(Secret::new(reader.array()?))),
        };
        let (card_key, agree_key) = (scalar()?, scalar()?);
        let card_key = match card_key {
            Some(scalar) => Some(Es256Key::from_scalar(&scalar)?),
            None => None,
        };
        let agree_key = match agree_key {
            Some(scalar) => Some(AgreeKey::from_scalar(&scalar)?),
            None => None,
        };
        Some(Self::new(key.clone(), keys, card_key, agree_key))
    }
}

/// The secrets, sealed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Vault(Vec<u8>);

impl Vault {
    /// Seals, under the secrets' own key, which must be new.
    pub(crate) fn seal(secrets: &Secrets) -> Self {
        Self(SealKey::new(secrets.key.clone()).seal(&ONCE, VAULT, &secrets.plain()))
    }

    /// The secrets, if this is the key.
    pub(crate) fn open(&self, key: &VaultKey) -> Option<Secrets> {
        let plain = SealKey::new(key.clone()).open(&ONCE, VAULT, &self.0).ok()?;
        Secrets::read(key, &Zeroizing::new(plain))
    }

    pub(crate) fn sealed(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_sealed(sealed: &[u8]) -> Self {
        Self(sealed.to_vec())
    }
}

/// Something that hangs on the vault's key as the vault does, and may change while the vault stays: under a key of its own each time.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Compartment {
    salt: [u8; 16],
    sealed: Vec<u8>,
}

impl Compartment {
    /// Seals, for one purpose.
    pub(crate) fn seal(vault: &VaultKey, purpose: &[u8], plain: &[u8], rng: &mut impl CryptoRng) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let sealed = SealKey::new(subkey(vault, &salt, purpose)).seal(&ONCE, purpose, plain);
        Self { salt, sealed }
    }

    /// What is in it, if this is the vault's key.
    pub(crate) fn open(&self, vault: &VaultKey, purpose: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let key = SealKey::new(subkey(vault, &self.salt, purpose));
        key.open(&ONCE, purpose, &self.sealed).ok().map(Zeroizing::new)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.salt);
        put_string(out, &self.sealed);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { salt: reader.array()?, sealed: reader.string()?.to_vec() })
    }
}

/// The vault's key under another, which must wrap nothing else.
pub(crate) fn wrap(key: &VaultKey, under: Secret<[u8; 32]>) -> [u8; WRAPPED_BYTES] {
    let wrapped = SealKey::new(under).seal(&ONCE, WRAP, key.danger_expose());
    wrapped.try_into().unwrap_or([0; WRAPPED_BYTES])
}

/// The vault's key, if `under` wrapped it. In a time that does not depend on how wrong it is.
pub(crate) fn unwrap(wrapped: &[u8; WRAPPED_BYTES], under: Secret<[u8; 32]>) -> Option<VaultKey> {
    let plain = Zeroizing::new(SealKey::new(under).open(&ONCE, WRAP, wrapped).ok()?);
    plain.as_slice().try_into().ok().map(Secret::new)
}

/// The vault's key with the device key alone to open it: while nobody is asked for a PIN.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    salt: [u8; 16],
    wrapped: [u8; WRAPPED_BYTES],
}

impl Held {
    fn key(pepper: &Secret<[u8; 32]>, salt: &[u8; 16]) -> Secret<[u8; 32]> {
        subkey(pepper, salt, b"simward.card.held.1")
    }

    pub(crate) fn new(pepper: &Secret<[u8; 32]>, key: &VaultKey, rng: &mut impl CryptoRng) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        Self { salt, wrapped: wrap(key, Self::key(pepper, &salt)) }
    }

    pub(crate) fn open(&self, pepper: &Secret<[u8; 32]>) -> Option<VaultKey> {
        unwrap(&self.wrapped, Self::key(pepper, &self.salt))
    }

    /// Appends one, or that there is none.
    pub(crate) fn put(held: Option<&Self>, out: &mut Vec<u8>) {
        out.push(u8::from(held.is_some()));
        if let Some(held) = held {
            out.extend_from_slice(&held.salt);
            out.extend_from_slice(&held.wrapped);
        }
    }

    /// What [`Held::put`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Option<Self>> {
        match reader.u8()? {
            0 => Some(None),
            _ => Some(Some(Self { salt: reader.array()?, wrapped: reader.array()? })),
        }
    }

    /// For a card of the first version, whose codes wrap nothing: always the same, for its key never changes.
    pub(crate) fn former(pepper: &Secret<[u8; 32]>, key: &VaultKey) -> Self {
        let salt = [0; 16];
        Self { salt, wrapped: wrap(key, Self::key(pepper, &salt)) }
    }
}
