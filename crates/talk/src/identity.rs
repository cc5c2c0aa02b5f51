//! Whose talking key this is: the card says so with the key that its number's deed names.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use keys::digest::sha256;
use keys::sign::Verifier;
use wire::Msisdn;

const LABEL: &[u8] = b"simward.talk.identity.1\0";
const SAFETY: &[u8] = b"simward.talk.safety.1\0";

/// A talking key in the name of a number, as it is handed to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The number.
    pub number: Msisdn,
    /// The key, an uncompressed point of P-256.
    pub key: [u8; 65],
    /// r ‖ s, by the card's signing key, over the SHA-256 of [`Identity::statement`].
    pub signature: [u8; 64],
}

/// Somebody to talk to, whose key was checked. Nothing else makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    number: Msisdn,
    key: [u8; 65],
}

/// The key is not the card's that the deed names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is not signed by the card that the number's deed names")]
pub struct NotTheirs;

impl Identity {
    /// What the card signs: label ‖ 00 ‖ number ‖ 00 ‖ key.
    pub fn statement(number: &Msisdn, key: &[u8; 65]) -> Vec<u8> {
        [LABEL, number.as_str().as_bytes(), &[0], key].concat()
    }

    /// Checks it against the key of the card in the deed of `number`, which the caller has verified.
    pub fn verify(
        &self,
        verifier: &impl Verifier,
        number: &Msisdn,
        card: &[u8; 65],
    ) -> Result<Peer, NotTheirs> {
        let statement = Self::statement(number, &self.key);
        if self.number != *number || !verifier.es256(card, &statement, &self.signature) {
            return Err(NotTheirs);
        }
        Ok(Peer { number: *number, key: self.key })
    }
}

impl Peer {
    /// The number.
    pub const fn number(&self) -> &Msisdn {
        &self.number
    }

    /// The checked key.
    pub const fn key(&self) -> &[u8; 65] {
        &self.key
    }
}

/// Thirty digits that both ends see alike and nobody in between can bring about: to be read to each other once.
pub fn safety_number(one: &Peer, other: &Peer) -> String {
    let id = |peer: &Peer| sha256(&[SAFETY, peer.number.as_str().as_bytes(), &[0], &peer.key]);
    let mut both = [id(one), id(other)];
    both.sort_unstable();
    let [low, high] = both;
    let digest = sha256(&[SAFETY, &low, &high]);
    let groups = digest.chunks_exact(5).take(6).map(|chunk| {
        let value = chunk.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        format!("{:05}", value % 100_000)
    });
    groups.collect::<Vec<_>>().join(" ")
}
