//! Signatures: ES256 (P-256 with SHA-256, r ‖ s) and Ed25519 (strict).
//!
//! `deed` asks through the [`Verifier`] trait, so hosts may bring a faster one and the model a symbolic one.

use crate::Secret;
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use rand_core::CryptoRng;

/// Checks signatures.
pub trait Verifier {
    /// Whether `signature` (r ‖ s) over `message` is by the uncompressed SEC1 point `key`.
    fn es256(&self, key: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> bool;
    /// Whether `signature` over `message` is by `key`; small-order keys and non-canonical forms are refused.
    fn ed25519(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool;
}

/// The verifier in pure Rust, for every platform.
#[derive(Debug, Clone, Copy, Default)]
pub struct Portable;

impl Verifier for Portable {
    fn es256(&self, key: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = p256::ecdsa::VerifyingKey::from_sec1_bytes(key) else { return false };
        let Ok(signature) = p256::ecdsa::Signature::from_slice(signature) else { return false };
        key.verify(message, &signature).is_ok()
    }

    fn ed25519(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(key) else { return false };
        !key.is_weak() && key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

/// The verifier for hosts: ES256 by AWS-LC. Ed25519 is [`Portable`]'s, whose strictness is the format's.
#[cfg(feature = "host")]
#[derive(Debug, Clone, Copy, Default)]
pub struct Host;

#[cfg(feature = "host")]
impl Verifier for Host {
    fn es256(&self, key: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> bool {
        let key =
            aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, key);
        key.verify(message, signature).is_ok()
    }

    fn ed25519(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        Portable.ed25519(key, message, signature)
    }
}

/// An Ed25519 signing key: roles, the log, witnesses, paper keys.
pub struct Ed25519Key(ed25519_dalek::SigningKey);

impl core::fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ed25519Key(…)")
    }
}

impl Ed25519Key {
    /// From its 32-byte seed (RFC 8032 §5.1.5).
    pub fn from_seed(seed: &Secret<[u8; 32]>) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed.open()))
    }

    /// A fresh one.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self::from_seed(&Secret::random(rng))
    }

    /// The seed, to be stored sealed.
    pub fn seed(&self) -> Secret<[u8; 32]> {
        Secret::new(self.0.to_bytes())
    }

    /// The public key, 32 bytes.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// A signature over `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A P-256 signing key: passkeys of the software authenticator, card keys.
pub struct Es256Key(p256::ecdsa::SigningKey);

impl core::fmt::Debug for Es256Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Es256Key(…)")
    }
}

impl Es256Key {
    /// From 32 octets; `None` for the few that are no scalar of the curve.
    pub fn from_scalar(scalar: &Secret<[u8; 32]>) -> Option<Self> {
        p256::ecdsa::SigningKey::from_slice(scalar.open()).ok().map(Self)
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

    /// The public key as an uncompressed SEC1 point, 65 bytes.
    pub fn public(&self) -> [u8; 65] {
        let point = self.0.verifying_key().to_sec1_point(false);
        let mut out = [0; 65];
        for (to, from) in out.iter_mut().zip(point.as_bytes()) {
            *to = *from;
        }
        out
    }

    /// A signature over `message`, r ‖ s, with a nonce after RFC 6979.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.sign_digest(&crate::digest::sha256(&[message]))
    }

    /// The same over a message of which only the SHA-256 digest is here: a card is too small for the rest.
    pub fn sign_digest(&self, digest: &[u8; 32]) -> [u8; 64] {
        // ECDSA refuses digests shorter than half a scalar only.
        let signature: Result<p256::ecdsa::Signature, _> = self.0.sign_prehash(digest);
        signature.map_or([0; 64], |signature| signature.to_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 §7.1, test 2.
    #[test]
    fn ed25519_signs_as_rfc_8032_says() {
        let seed = hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        let key = Ed25519Key::from_seed(&Secret::new(seed.try_into().unwrap()));
        assert_eq!(
            hex::encode(key.public()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        let signature = key.sign(&[0x72]);
        assert!(hex::encode(signature).starts_with("92a009a9f0d4cab8720e820b5f642540"));
        assert!(Portable.ed25519(&key.public(), &[0x72], &signature));
        assert!(!Portable.ed25519(&key.public(), &[0x73], &signature));
    }

    #[test]
    fn the_identity_point_signs_nothing() {
        // With A = identity, R = identity and s = 0 the plain equation holds for every message.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!Portable.ed25519(&identity, b"anything", &signature));
    }

    #[test]
    fn es256_accepts_its_own_and_nothing_near_it() {
        let key = Es256Key::from_scalar(&Secret::new([7; 32])).unwrap();
        let signature = key.sign(b"statement");
        assert!(Portable.es256(&key.public(), b"statement", &signature));
        assert!(!Portable.es256(&key.public(), b"Statement", &signature));
        assert_eq!(key.sign_digest(&crate::digest::sha256(&[b"statement"])), signature);
        for i in 0..64 {
            let mut bad = signature;
            bad[i] ^= 1;
            assert!(!Portable.es256(&key.public(), b"statement", &bad));
        }
        assert!(!Portable.es256(&key.public(), b"statement", &[0; 64]));
        assert!(!Portable.es256(&[4; 65], b"statement", &signature));
    }
}
