//! SHA-256 and HMAC-SHA-256.

use crate::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// SHA-256's block, in octets.
const BLOCK: usize = 64;

/// SHA-256 over the concatenation of `parts`.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// HMAC-SHA-256 over the concatenation of `parts`.
pub fn hmac_sha256(key: &Secret<[u8; 32]>, parts: &[&[u8]]) -> [u8; 32] {
    hmac_with(key.open(), parts)
}

/// HMAC-SHA-256 with a key of any length.
pub(crate) fn hmac_with(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key is hashed if it is longer than a block and filled up with zeros (RFC 2104 §2); a whole block cannot fail.
    let hashed = sha256(&[key]);
    let short = if key.len() > BLOCK { &hashed[..] } else { key };
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(short) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    zeroize::Zeroize::zeroize(&mut block);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
