//! Labelled hashes: H(label, b) = SHA-256(label ‖ 0x00 ‖ b).

use crate::defence::{Defence, stands};
use alloc::vec::Vec;
use keys::Secret;

/// A SHA-256 digest.
pub type Digest = [u8; 32];

pub(crate) const EVENT: &str = "simward.deed.event.1";
pub(crate) const STATEMENT: &str = "simward.deed.statement.1";
pub(crate) const CARD: &str = "simward.deed.card.1";
pub(crate) const FACTOR: &str = "simward.deed.factor.1";
pub(crate) const ROLE: &str = "simward.deed.role.1";
pub(crate) const MANIFEST: &str = "simward.deed.manifest.1";
pub(crate) const ROOT: &str = "simward.deed.root.1";
const TAG: &str = "simward.deed.tag.1";
const ROLL: &str = "simward.deed.roll.1";

/// H(label, bytes).
pub(crate) fn labelled(label: &str, bytes: &[u8]) -> Digest {
    keys::digest::sha256(&[label.as_bytes(), &[0], bytes])
}

/// `label ‖ 0x00 ‖ bytes`: what a raw key signs.
pub(crate) fn message(label: &str, bytes: &[u8]) -> Vec<u8> {
    [label.as_bytes(), &[0], bytes].concat()
}

/// The tag of event `seq` ≥ 1: unlinkable without the watch key, repeated by anyone who forks.
pub fn tag(watch_key: &Secret<[u8; 32]>, seq: u64) -> Digest {
    keys::digest::hmac_sha256(watch_key, &[TAG.as_bytes(), &[0], &seq.to_be_bytes()])
}

/// The tag of event 0 under roll scheme 1: the same for every first event of one number and generation.
pub fn roll_tag(roll_key: &Secret<[u8; 32]>, generation: u64, number: &wire::Msisdn) -> Digest {
    let nothing = Secret::new([0; 32]);
    keys::digest::hmac_sha256(
        if stands(Defence::TagsAreKeyed) { roll_key } else { &nothing },
        &[ROLL.as_bytes(), &[0], &generation.to_be_bytes(), number.as_str().as_bytes()],
    )
}
