//! What all pin rows add up to.

use keys::Secret;
use keys::digest::hmac_sha256;

/// A sum of keyed hashes modulo 2^256: which rows there are, whatever their order. A row that is missing, doubled or
/// older than the newest changes the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SetHash([u64; 4]);

impl SetHash {
    pub(super) fn of(mac: &Secret<[u8; 32]>, row: &[u8]) -> Self {
        let bytes = hmac_sha256(mac, &[b"simward.pin.set.1\0", row]);
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = chunk.iter().fold(0u64, |w, b| w << 8 | u64::from(*b));
        }
        Self(words)
    }

    pub(super) fn combine(self, other: Self, subtract: bool) -> Self {
        let mut out = [0; 4];
        let mut carry = false;
        for ((to, a), b) in out.iter_mut().zip(self.0).zip(other.0).rev() {
            let (sum, c1) = if subtract { a.overflowing_sub(b) } else { a.overflowing_add(b) };
            let (sum, c2) =
                if subtract { sum.overflowing_sub(carry.into()) } else { sum.overflowing_add(carry.into()) };
            *to = sum;
            carry = c1 || c2;
        }
        Self(out)
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0.iter().flat_map(|w| w.to_be_bytes()).collect()
    }
}
