//! Concealing a subscriber's permanent identity: ECIES profiles A and B (TS 33.501 Annex C).
//!
//! The scheme output is ephemeral public key ‖ ciphertext ‖ tag of 8 octets. Every concealment has an ephemeral key of its own,
//! so two of them have nothing in common that tells they are of one subscriber.

use crate::Secret;
use crate::digest::hmac_sha256;
use crate::secret::same;
use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use alloc::vec::Vec;
use core::fmt;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::{Zeroize as _, Zeroizing};

/// Octets of the tag.
const TAG: usize = 8;

/// The scheme: what curve (TS 33.501 §C.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// X25519; keys are 32 octets.
    A = 1,
    /// P-256; keys are compressed points, 33 octets.
    B = 2,
}

impl Scheme {
    /// By its number (TS 24.501 §9.11.3.4); 0, the null scheme, conceals nothing and is none.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::A),
            2 => Some(Self::B),
            _ => None,
        }
    }

    const fn public_bytes(self) -> usize {
        match self {
            Self::A => 32,
            Self::B => 33,
        }
    }
}

/// A home network's public key is not one of its scheme, or a scheme output is none for this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a home network's key of this scheme, or not concealed for it")]
pub struct NotConcealed;

/// A home network's public key.
#[derive(Clone, PartialEq, Eq)]
pub enum HomeKey {
    /// Of scheme A.
    A([u8; 32]),
    /// Of scheme B.
    B(p256::PublicKey),
}

impl fmt::Debug for HomeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HomeKey({:?})", self.scheme())
    }
}

/// A home network's private key, or an ephemeral one.
pub enum PrivateKey {
    /// Of scheme A.
    A(Secret<[u8; 32]>),
    /// Of scheme B.
    B(p256::SecretKey),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

impl PrivateKey {
    /// From 32 octets; `None` for the few that are no scalar of P-256.
    pub fn from_scalar(scheme: Scheme, scalar: &Secret<[u8; 32]>) -> Option<Self> {
        Some(match scheme {
            Scheme::A => Self::A(scalar.clone()),
            Scheme::B => Self::B(p256::SecretKey::from_slice(scalar.open()).ok()?),
        })
    }

    fn random(scheme: Scheme, rng: &mut impl CryptoRng) -> Self {
        loop {
            // All but one of 2^32 draws is a scalar.
            if let Some(key) = Self::from_scalar(scheme, &Secret::random(rng)) {
                return key;
            }
        }
    }

    /// The public key, in as many octets as its scheme has.
    pub fn public(&self) -> Vec<u8> {
        match self {
            Self::A(scalar) => x25519(*scalar.open(), X25519_BASEPOINT_BYTES).to_vec(),
            Self::B(key) => key.public_key().to_sec1_point(true).as_bytes().to_vec(),
        }
    }

    /// The secret shared with whoever has the key of `public`. A point that would make it nothing is none.
    fn agree(&self, public: &HomeKey) -> Result<Secret<[u8; 32]>, NotConcealed> {
        match (self, public) {
            (Self::A(scalar), HomeKey::A(public)) => {
                let shared = Secret::new(x25519(*scalar.open(), *public));
                if shared == Secret::new([0; 32]) { Err(NotConcealed) } else { Ok(shared) }
            }
            (Self::B(key), HomeKey::B(public)) => {
                let shared = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), public.as_affine());
                Ok(Secret::new((*shared.raw_secret_bytes()).into()))
            }
            _ => Err(NotConcealed),
        }
    }

    /// What was concealed for this key.
    pub fn reveal(&self, output: &[u8]) -> Result<Vec<u8>, NotConcealed> {
        let scheme = match self {
            Self::A(_) => Scheme::A,
            Self::B(_) => Scheme::B,
        };
        let (ephemeral, rest) = output.split_at_checked(scheme.public_bytes()).ok_or(NotConcealed)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG>().ok_or(NotConcealed)?;
        let shared = self.agree(&HomeKey::new(scheme, ephemeral)?)?;
        let keys = Keys::derive(&shared, ephemeral);
        if !same(&keys.tag(ciphertext), tag) {
            return Err(NotConcealed);
        }
        Ok(keys.cipher(ciphertext))
    }
}

impl HomeKey {
    /// From its octets: 32 of scheme A, a point of scheme B in 33 or 65.
    pub fn new(scheme: Scheme, octets: &[u8]) -> Result<Self, NotConcealed> {
        match scheme {
            Scheme::A => octets.try_into().map(Self::A).map_err(|_| NotConcealed),
            // RFC 5480 knows these three forms of a point, and no other.
            Scheme::B if matches!(octets, [2..=4, ..]) => {
                p256::PublicKey::from_sec1_bytes(octets).map(Self::B).map_err(|_| NotConcealed)
            }
            Scheme::B => Err(NotConcealed),
        }
    }

    /// Its octets: 32 of scheme A, a compressed point of scheme B.
    pub fn octets(&self) -> Vec<u8> {
        match self {
            Self::A(octets) => octets.to_vec(),
            Self::B(point) => point.to_sec1_point(true).as_bytes().to_vec(),
        }
    }

    /// Its scheme.
    pub const fn scheme(&self) -> Scheme {
        match self {
            Self::A(_) => Scheme::A,
            Self::B(_) => Scheme::B,
        }
    }

    /// Conceals `plain`, under an ephemeral key that is used for nothing else.
    pub fn conceal(&self, plain: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, NotConcealed> {
        self.conceal_with(plain, &PrivateKey::random(self.scheme(), rng))
    }

    fn conceal_with(&self, plain: &[u8], ephemeral: &PrivateKey) -> Result<Vec<u8>, NotConcealed> {
        let mut out = ephemeral.public();
        let keys = Keys::derive(&ephemeral.agree(self)?, &out);
        let ciphertext = keys.cipher(plain);
        let tag = keys.tag(&ciphertext);
        out.extend_from_slice(&ciphertext);
        out.extend_from_slice(&tag);
        Ok(out)
    }
}

/// What both sides make of the shared secret: ANSI X9.63 with SHA-256, two blocks, the ephemeral public key as SharedInfo1.
struct Keys {
    encryption: Zeroizing<[u8; 16]>,
    counter: [u8; 16],
    mac: Secret<[u8; 32]>,
}

impl Keys {
    fn derive(shared: &Secret<[u8; 32]>, ephemeral: &[u8]) -> Self {
        let block = |number: u32| {
            let hash = Sha256::new().chain_update(shared.open()).chain_update(number.to_be_bytes());
            <[u8; 32]>::from(hash.chain_update(ephemeral).finalize())
        };
        let mut first = block(1);
        let (mut encryption, mut counter) = ([0; 16], [0; 16]);
        let halves = encryption.iter_mut().chain(&mut counter);
        halves.zip(first).for_each(|(to, from)| *to = from);
        first.zeroize();
        Self { encryption: Zeroizing::new(encryption), counter, mac: Secret::new(block(2)) }
    }

    /// AES-128 in counter mode: there and back.
    fn cipher(&self, data: &[u8]) -> Vec<u8> {
        let cipher = Aes128::new((&*self.encryption).into());
        let mut counter = u128::from_be_bytes(self.counter);
        let mut out = Vec::with_capacity(data.len());
        for piece in data.chunks(16) {
            let mut block = counter.to_be_bytes().into();
            cipher.encrypt_block(&mut block);
            out.extend(piece.iter().zip(block).map(|(data, stream)| data ^ stream));
            counter = counter.wrapping_add(1);
        }
        out
    }

    fn tag(&self, ciphertext: &[u8]) -> [u8; TAG] {
        hmac_sha256(&self.mac, &[ciphertext]).first_chunk().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// TS 33.501 §C.4.3 and §C.4.4: the home network's private key, the scheme output, the MSIN in it, as free5GC's tests
    /// have them; the ephemeral private key from the standard.
    const A: (&str, &str) = (
        "c53c22208b61860b06c62e5406a7b330c2b577aa5558981510d128247d38bd1d",
        "b2e92f836055a255837debf850b528997ce0201cb82adfe4be1f587d07d8457dcb02352410cddd9e730ef3fa87",
    );
    const B: (&str, &str) = (
        "f1ab1074477ebcc7f554ea1c5fc368b1616730155e0041ac447d6301975fecda",
        "039aab8376597021e855679a9778ea0b67396e68c66df32c0f41e9acca2da9b9d146a33fc2716ac7dae96aa30a4d",
    );
    const EPHEMERAL_A: &str = "c80949f13ebe61af4ebdbd293ea4f942696b9e815d7e8f0096bbf6ed7de62256";
    const MSIN: [u8; 5] = [0x00, 0x01, 0x20, 0x80, 0xf6];

    fn key(scheme: Scheme, scalar: &str) -> PrivateKey {
        PrivateKey::from_scalar(scheme, &Secret::new(bytes(scalar))).unwrap()
    }

    #[test]
    fn the_standards_examples_are_revealed() {
        for (scheme, (scalar, output)) in [(Scheme::A, A), (Scheme::B, B)] {
            assert_eq!(
                key(scheme, scalar).reveal(&hex::decode(output).unwrap()).unwrap(),
                MSIN,
                "{scheme:?}"
            );
        }
    }

    #[test]
    fn the_standards_example_is_concealed_so() {
        let home = HomeKey::new(Scheme::A, &key(Scheme::A, A.0).public()).unwrap();
        let output = home.conceal_with(&MSIN, &key(Scheme::A, EPHEMERAL_A)).unwrap();
        assert_eq!(hex::encode(output), A.1);
    }

    #[test]
    fn every_changed_bit_and_every_other_key_is_refused() {
        for (scheme, (scalar, output)) in [(Scheme::A, A), (Scheme::B, B)] {
            let home = key(scheme, scalar);
            let output = hex::decode(output).unwrap();
            // The first octet of a compressed point says which of two points; the other is somebody else's key.
            for bit in 0..output.len() * 8 {
                let mut changed = output.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                // X25519 reads 255 bits.
                let unread = scheme == Scheme::A && bit == 31 * 8 + 7;
                assert!(home.reveal(&changed).is_err() || unread, "{scheme:?} bit {bit}");
            }
            for len in 0..output.len() {
                assert!(home.reveal(&output[..len]).is_err());
            }
        }
        assert!(key(Scheme::B, A.0).reveal(&hex::decode(B.1).unwrap()).is_err());
        assert!(
            HomeKey::new(Scheme::A, &[0; 32]).unwrap().conceal_with(&MSIN, &key(Scheme::A, A.0)).is_err()
        );
        assert!(HomeKey::new(Scheme::B, &[2; 33]).is_err() || HomeKey::new(Scheme::B, &[4; 65]).is_err());
    }
}
