//! Key agreement: ECDH on P-256 (SP 800-56A §5.7.1.2; the shared secret is the x coordinate, 32 octets).

use crate::Secret;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use rand_core::CryptoRng;

/// The point is not on the curve, or is the point at infinity: nothing was computed with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a point of P-256")]
pub struct NotAPoint;

/// Whoever can agree on a secret with a public key: a card, or a key that is here.
pub trait Agree {
    /// Why it did not.
    type Error: From<NotAPoint>;

    /// The public key, an uncompressed SEC1 point.
    fn public(&mut self) -> Result<[u8; 65], Self::Error>;

    /// The secret shared with whoever holds the key of `point`.
    fn agree(&mut self, point: &[u8; 65]) -> Result<Secret<[u8; 32]>, Self::Error>;
}

/// A key that only agrees, and signs nothing.
#[derive(Clone)]
pub struct AgreeKey(p256::SecretKey);

impl core::fmt::Debug for AgreeKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AgreeKey(…)")
    }
}

impl AgreeKey {
    /// From 32 octets; `None` for the few that are no scalar of the curve.
    pub fn from_scalar(scalar: &Secret<[u8; 32]>) -> Option<Self> {
        p256::SecretKey::from_slice(scalar.open()).ok().map(Self)
    }

    /// A fresh one.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        loop {
            // All but one of 2^32 draws is a scalar.
            if let Some(key) = Self::from_scalar(&Secret::random(rng)) {
                return key;
            }
        }
    }

    /// The scalar, to be stored sealed.
    pub fn scalar(&self) -> Secret<[u8; 32]> {
        Secret::new(self.0.to_bytes().into())
    }

    /// The public key as an uncompressed SEC1 point, 65 octets.
    pub fn public(&self) -> [u8; 65] {
        let point = self.0.public_key().to_sec1_point(false);
        let mut out = [0; 65];
        for (to, from) in out.iter_mut().zip(point.as_bytes()) {
            *to = *from;
        }
        out
    }

    /// The secret shared with whoever holds the key of `point`.
    pub fn agree(&self, point: &[u8; 65]) -> Result<Secret<[u8; 32]>, NotAPoint> {
        let public = p256::PublicKey::from_sec1_bytes(point).map_err(|_| NotAPoint)?;
        let shared = p256::ecdh::diffie_hellman(self.0.to_nonzero_scalar(), public.as_affine());
        Ok(Secret::new((*shared.raw_secret_bytes()).into()))
    }
}

impl Agree for AgreeKey {
    type Error = NotAPoint;

    fn public(&mut self) -> Result<[u8; 65], NotAPoint> {
        Ok(Self::public(self))
    }

    fn agree(&mut self, point: &[u8; 65]) -> Result<Secret<[u8; 32]>, NotAPoint> {
        Self::agree(self, point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_agree_and_a_point_off_the_curve_is_refused() {
        let a = AgreeKey::from_scalar(&Secret::new([7; 32])).unwrap();
        let b = AgreeKey::from_scalar(&Secret::new([9; 32])).unwrap();
        assert!(a.agree(&b.public()).unwrap() == b.agree(&a.public()).unwrap());
        let mut off = b.public();
        off[64] ^= 1;
        assert_eq!(a.agree(&off).err(), Some(NotAPoint));
        assert_eq!(a.agree(&[0; 65]).err(), Some(NotAPoint));
        assert!(AgreeKey::from_scalar(&Secret::new([0; 32])).is_none());
        assert!(AgreeKey::from_scalar(&Secret::new([0xff; 32])).is_none());
    }
}
