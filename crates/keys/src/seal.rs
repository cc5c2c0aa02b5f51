//! Authenticated encryption for what lies at rest: AES-256-GCM with a nonce the caller never repeats.

use crate::Secret;
use crate::digest::{hmac_sha256, hmac_with};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use alloc::vec::Vec;
use rand_core::CryptoRng;

/// The bytes were not sealed by this key for this purpose, or were changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open: wrong key, wrong place, or changed")]
pub struct NotOurs;

/// Octets that sealing adds: the GCM tag.
pub const TAG_BYTES: usize = 16;
/// Octets of a nonce.
pub const NONCE_BYTES: usize = 12;

/// A key that seals and opens.
#[derive(Clone)]
pub struct SealKey(Secret<[u8; 32]>);

impl core::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl SealKey {
    /// From 32 secret octets.
    pub const fn new(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    /// HKDF-SHA-256 of `root` for one `purpose`; `salt` makes the key new each time it changes.
    pub fn derive(root: &Secret<[u8; 32]>, salt: &[u8], purpose: &[u8]) -> Self {
        Self(subkey(root, salt, purpose))
    }

    /// Ciphertext ‖ tag of `plain`, bound to `place`. The nonce must never be used twice with this key.
    pub fn seal(&self, nonce: &[u8; NONCE_BYTES], place: &[u8], plain: &[u8]) -> Vec<u8> {
        let cipher = Aes256Gcm::new(self.0.open().into());
        // GCM refuses only messages over 64 GiB; such a one comes back empty and then never opens.
        cipher.encrypt(nonce.into(), Payload { msg: plain, aad: place }).unwrap_or_default()
    }

    /// The plaintext of `sealed`, if this key sealed it for this `place`.
    pub fn open(&self, nonce: &[u8; NONCE_BYTES], place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOurs> {
        let cipher = Aes256Gcm::new(self.0.open().into());
        cipher.decrypt(nonce.into(), Payload { msg: sealed, aad: place }).map_err(|_| NotOurs)
    }

    /// Nonce ‖ ciphertext ‖ tag under a fresh random nonce: for keys that seal far fewer than 2^32 things.
    pub fn seal_random(&self, rng: &mut impl CryptoRng, place: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let mut out = nonce.to_vec();
        out.extend_from_slice(&self.seal(&nonce, place, plain));
        out
    }

    /// Opens what [`SealKey::seal_random`] made.
    pub fn open_random(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOurs> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(NotOurs)?;
        self.open(nonce, place, rest)
    }
}

/// HKDF-SHA-256 (RFC 5869) of `root` for one `purpose`: extract, and expand by one block, which cannot fail.
pub fn subkey(root: &Secret<[u8; 32]>, salt: &[u8], purpose: &[u8]) -> Secret<[u8; 32]> {
    subkey_of(&[root], salt, purpose)
}

/// The same from several secrets, one after the other: whoever lacks one of them has nothing.
pub fn subkey_of(roots: &[&Secret<[u8; 32]>], salt: &[u8], purpose: &[u8]) -> Secret<[u8; 32]> {
    let roots: Vec<&[u8]> = roots.iter().map(|root| root.open().as_slice()).collect();
    let extracted = Secret::new(hmac_with(salt, &roots));
    Secret::new(hmac_sha256(&extracted, &[purpose, &[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869 A.1, its first 32 octets, with the key in 22 octets as there: extract and expand by hand.
    #[test]
    fn subkeys_are_hkdfs() {
        let extracted = hmac_with(&hex::decode("000102030405060708090a0b0c").unwrap(), &[&[0x0b; 22]]);
        assert_eq!(
            hex::encode(extracted),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
        );
        let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
        let okm = hmac_sha256(&Secret::new(extracted), &[&info, &[1]]);
        assert_eq!(hex::encode(okm), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_and_nowhere_else() {
        let key = SealKey::new(Secret::new([1; 32]));
        let sealed = key.seal(&[0; 12], b"here", b"words");
        assert_eq!(key.open(&[0; 12], b"here", &sealed).unwrap(), b"words");
        assert_eq!(key.open(&[0; 12], b"there", &sealed), Err(NotOurs));
        assert_eq!(key.open(&[1; 12], b"here", &sealed), Err(NotOurs));
        for i in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[i / 8] ^= 1 << (i % 8);
            assert_eq!(key.open(&[0; 12], b"here", &bad), Err(NotOurs));
        }
        for cut in 0..sealed.len() {
            assert_eq!(key.open(&[0; 12], b"here", &sealed[..cut]), Err(NotOurs));
        }
    }
}
