//! SHA-256 and HMAC-SHA-256.

use crate::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

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
    // HMAC takes a key of any length (RFC 2104 §2), so `new_from_slice` cannot fail; were it to, an empty-keyed
    // MAC would match nothing that was made with the real key.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
