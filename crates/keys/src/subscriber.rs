//! A subscriber's K and OPc: wrapped at rest, bound to the card they belong to, committed to in the deed.

use crate::Secret;
use crate::digest::sha256;
use crate::milenage::Milenage;
use crate::seal::{NotOurs, SealKey};
use alloc::vec::Vec;
use rand_core::CryptoRng;
use wire::{Iccid, Imsi};

/// Algorithm number of MILENAGE in a key commitment.
pub const ALG_MILENAGE: u64 = 1;

/// K, OPc and the salt that hides them in their commitment.
#[derive(Debug, Clone)]
pub struct SubscriberKeys {
    k: Secret<[u8; 16]>,
    opc: Secret<[u8; 16]>,
    salt: Secret<[u8; 32]>,
}

impl SubscriberKeys {
    /// From their parts.
    pub const fn new(k: Secret<[u8; 16]>, opc: Secret<[u8; 16]>, salt: Secret<[u8; 32]>) -> Self {
        Self { k, opc, salt }
    }

    /// Fresh ones: random K, OPc and salt.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self { k: Secret::random(rng), opc: Secret::random(rng), salt: Secret::random(rng) }
    }

    /// MILENAGE keyed with them.
    pub fn milenage(&self) -> Milenage {
        Milenage::new(&self.k, &self.opc)
    }

    /// K.
    pub const fn k(&self) -> &Secret<[u8; 16]> {
        &self.k
    }

    /// OPc.
    pub const fn opc(&self) -> &Secret<[u8; 16]> {
        &self.opc
    }

    /// What the deed says of them without telling them:
    /// H(`simward.deed.key.1`, CBOR[alg, imsi, iccid, key_salt, K, OPc, params]), params empty.
    pub fn commitment(&self, imsi: &Imsi, iccid: &Iccid) -> [u8; 32] {
        // An array of seven, written out here because `deed`, which owns the CBOR writer, must not see K.
        // Texts of 14 to 20 and strings of 16 and 32 octets have heads of one or two octets (RFC 8949 §3).
        let text_head = |n: usize| 0x60 | (n as u8 & 0x1f);
        sha256(&[
            b"simward.deed.key.1",
            &[0x00],
            &[0x87, ALG_MILENAGE as u8, text_head(imsi.as_str().len())],
            imsi.as_str().as_bytes(),
            &[text_head(iccid.as_str().len())],
            iccid.as_str().as_bytes(),
            &[0x58, 32],
            self.salt.open(),
            &[0x50],
            self.k.open(),
            &[0x50],
            self.opc.open(),
            &[0x40],
        ])
    }

    /// The keys sealed under the key-encryption key, bound to their IMSI and ICCID: copied into another
    /// subscriber's row they do not open.
    pub fn wrap(&self, kek: &SealKey, imsi: &Imsi, iccid: &Iccid, rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut plain = Vec::with_capacity(64);
        plain.extend_from_slice(self.k.open());
        plain.extend_from_slice(self.opc.open());
        plain.extend_from_slice(self.salt.open());
        let out = kek.seal_random(rng, &place(imsi, iccid), &plain);
        zeroize::Zeroize::zeroize(&mut plain);
        out
    }

    /// Opens what [`SubscriberKeys::wrap`] made for the same IMSI and ICCID.
    pub fn unwrap(kek: &SealKey, imsi: &Imsi, iccid: &Iccid, wrapped: &[u8]) -> Result<Self, NotOurs> {
        let mut plain = kek.open_random(&place(imsi, iccid), wrapped)?;
        let parts = || {
            let (k, rest) = plain.split_first_chunk::<16>()?;
            let (opc, rest) = rest.split_first_chunk::<16>()?;
            let (salt, rest) = rest.split_first_chunk::<32>()?;
            rest.is_empty().then(|| Self::new(Secret::new(*k), Secret::new(*opc), Secret::new(*salt)))
        };
        let keys = parts().ok_or(NotOurs);
        zeroize::Zeroize::zeroize(&mut plain);
        keys
    }
}

fn place(imsi: &Imsi, iccid: &Iccid) -> Vec<u8> {
    [b"simward.kek.1\0", imsi.as_str().as_bytes(), b"\0", iccid.as_str().as_bytes()].concat()
}
