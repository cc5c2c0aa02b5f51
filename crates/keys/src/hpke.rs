//! Hybrid public key encryption with an authenticated sender (RFC 9180, mode Auth): DHKEM(P-256, HKDF-SHA256),
//! HKDF-SHA256, AES-128-GCM.
//!
//! Each context begins with a fresh key pair and seals one plaintext, so no key ever meets a second one.

use crate::Secret;
use crate::agree::{Agree, AgreeKey};
use crate::digest::{hmac_sha256, hmac_with};
use crate::seal::NotOurs;
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use alloc::vec::Vec;

/// Octets of the fresh public key that goes with a ciphertext (Nenc).
pub const ENC_BYTES: usize = 65;
/// Octets that sealing adds besides (Nt).
pub const TAG_BYTES: usize = 16;

/// "KEM" ‖ kem_id (RFC 9180 §4.1).
const KEM_SUITE: &[u8] = b"KEM\x00\x10";
/// "HPKE" ‖ kem_id ‖ kdf_id ‖ aead_id (§5.1).
const SUITE: &[u8] = b"HPKE\x00\x10\x00\x01\x00\x01";
const VERSION: &[u8] = b"HPKE-v1";
/// mode_auth.
const AUTH: u8 = 0x02;

/// LabeledExtract (§4).
fn extract(suite: &[u8], salt: &[u8], label: &[u8], parts: [&[u8]; 2]) -> Secret<[u8; 32]> {
    let [first, second] = parts;
    Secret::new(hmac_with(salt, &[VERSION, suite, label, first, second]))
}

/// LabeledExpand (§4) to `N` octets, at most 32: one block of HKDF.
fn expand<const N: usize>(
    suite: &[u8],
    key: &Secret<[u8; 32]>,
    label: &[u8],
    info: &[&[u8]],
) -> Secret<[u8; N]> {
    const { assert!(N <= 32) }
    let length = u16::try_from(N).unwrap_or_default().to_be_bytes();
    let mut parts: Vec<&[u8]> = Vec::with_capacity(info.len() + 5);
    parts.extend([&length[..], VERSION, suite, label]);
    parts.extend(info);
    parts.push(&[1]);
    let mut block = hmac_sha256(key, &parts);
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(block) {
        *to = from;
    }
    zeroize::Zeroize::zeroize(&mut block);
    Secret::new(out)
}

/// What two ends have that nobody else has.
pub struct Context {
    key: Secret<[u8; 16]>,
    nonce: [u8; 12],
    exporter: Secret<[u8; 32]>,
}

impl core::fmt::Debug for Context {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Context(…)")
    }
}

impl Context {
    /// The sender's side (§5.1.3, SetupAuthS): `fresh` is used for this and nothing else.
    pub fn to<A: Agree>(
        fresh: &AgreeKey,
        sender: &mut A,
        recipient: &[u8; 65],
        info: &[u8],
    ) -> Result<Self, A::Error> {
        let dh = [fresh.agree(recipient)?, sender.agree(recipient)?];
        Ok(Self::schedule(&dh, [&fresh.public(), recipient, &sender.public()?], info))
    }

    /// The recipient's side (SetupAuthR), from the sender's fresh public key `enc`.
    pub fn from<A: Agree>(
        enc: &[u8; ENC_BYTES],
        recipient: &mut A,
        sender: &[u8; 65],
        info: &[u8],
    ) -> Result<Self, A::Error> {
        let dh = [recipient.agree(enc)?, recipient.agree(sender)?];
        Ok(Self::schedule(&dh, [enc, &recipient.public()?, sender], info))
    }

    /// ExtractAndExpand (§4.1) and the key schedule (§5.1).
    fn schedule(dh: &[Secret<[u8; 32]>; 2], kem_context: [&[u8; 65]; 3], info: &[u8]) -> Self {
        let [fresh, own] = dh;
        let eae_prk = extract(KEM_SUITE, b"", b"eae_prk", [fresh.open(), own.open()]);
        let context: Vec<&[u8]> = kem_context.iter().map(|key| key.as_slice()).collect();
        Self::from_shared(&expand(KEM_SUITE, &eae_prk, b"shared_secret", &context), info)
    }

    fn from_shared(shared_secret: &Secret<[u8; 32]>, info: &[u8]) -> Self {
        let psk_id_hash = extract(SUITE, b"", b"psk_id_hash", [b"", b""]);
        let info_hash = extract(SUITE, b"", b"info_hash", [info, b""]);
        let context = [&[AUTH][..], psk_id_hash.open(), info_hash.open()];
        let secret = extract(SUITE, shared_secret.open(), b"secret", [b"", b""]);
        Self {
            key: expand(SUITE, &secret, b"key", &context),
            nonce: *expand::<12>(SUITE, &secret, b"base_nonce", &context).open(),
            exporter: expand(SUITE, &secret, b"exp", &context),
        }
    }

    /// A secret for one purpose (§5.3), 32 octets.
    pub fn export(&self, purpose: &[u8]) -> Secret<[u8; 32]> {
        expand(SUITE, &self.exporter, b"sec", &[purpose])
    }

    /// Ciphertext ‖ tag. The context is used up: one key, one plaintext.
    pub fn seal(self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let cipher = Aes128Gcm::new(self.key.open().into());
        // GCM refuses only messages over 64 GiB; such a one comes back empty and then never opens.
        cipher.encrypt((&self.nonce).into(), Payload { msg: plain, aad }).unwrap_or_default()
    }

    /// The plaintext of what the other end sealed in this context.
    pub fn open(self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOurs> {
        let cipher = Aes128Gcm::new(self.key.open().into());
        cipher.decrypt((&self.nonce).into(), Payload { msg: sealed, aad }).map_err(|_| NotOurs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scalar: &str) -> AgreeKey {
        let mut octets = [0; 32];
        hex::decode_to_slice(scalar, &mut octets).unwrap();
        AgreeKey::from_scalar(&Secret::new(octets)).unwrap()
    }

    /// RFC 9180 Appendix A.3.3 (DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM; mode Auth), sequence number 0.
    #[test]
    fn the_vector_of_the_rfc() {
        let fresh = key("6b8de0873aed0c1b2d09b8c7ed54cbf24fdf1dfc7a47fa501f918810642d7b91");
        let mut recipient = key("d929ab4be2e59f6954d6bedd93e638f02d4046cef21115b00cdda2acb2a4440e");
        let mut sender = key("1120ac99fb1fccc1e8230502d245719d1b217fe20505c7648795139d177f0de9");
        assert_eq!(
            hex::encode(fresh.public()),
            "042224f3ea800f7ec55c03f29fc9865f6ee27004f818fcbdc6dc68932c1e52e15b79e264a98f2c535ef06745f3d308624414\
             153b22c7332bc1e691cb4af4d53454"
        );
        let info = hex::decode("4f6465206f6e2061204772656369616e2055726e").unwrap();
        let context =
            |sender: &mut AgreeKey| Context::to(&fresh, sender, &key_public(&recipient), &info).unwrap();
        fn key_public(key: &AgreeKey) -> [u8; 65] {
            key.public()
        }
        let there = context(&mut sender);
        assert_eq!(hex::encode(there.key.open()), "19aa8472b3fdc530392b0e54ca17c0f5");
        assert_eq!(hex::encode(there.nonce), "b390052d26b67a5b8a8fcaa4");
        assert_eq!(
            hex::encode(there.exporter.open()),
            "f152759972660eb0e1db880835abd5de1c39c8e9cd269f6f082ed80e28acb164"
        );
        assert_eq!(
            hex::encode(there.export(b"TestContext").open()),
            "14fe634f95ca0d86e15247cca7de7ba9b73c9b9deb6437e1c832daf7291b79d5"
        );
        let plain = hex::decode("4265617574792069732074727574682c20747275746820626561757479").unwrap();
        let sealed = there.seal(b"Count-0", &plain);
        assert_eq!(
            hex::encode(&sealed),
            "82ffc8c44760db691a07c5627e5fc2c08e7a86979ee79b494a17cc3405446ac2bdb8f265db4a099ed3289ffe19"
        );
        let here =
            || Context::from(&fresh.public(), &mut recipient.clone(), &sender.public(), &info).unwrap();
        assert_eq!(here().open(b"Count-0", &sealed).unwrap(), plain);
        assert_eq!(here().open(b"Count-1", &sealed), Err(NotOurs));
        // Another sender's key, and it does not open: the sender is who he says.
        let other = key("6b8de0873aed0c1b2d09b8c7ed54cbf24fdf1dfc7a47fa501f918810642d7b90");
        let from_other = Context::from(&fresh.public(), &mut recipient, &other.public(), &info).unwrap();
        assert_eq!(from_other.open(b"Count-0", &sealed), Err(NotOurs));
    }
}
