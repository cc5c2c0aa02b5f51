//! How long a request must wait.

use crate::class::{Backing, Class};
use crate::manifest::Manifest;
use crate::record::Change;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A factor added later may object at once and consents after this.
pub const MATURE_AFTER: u64 = 7 * DAY;
/// For this long after its first event, a ported or claimed number's consents count as one place.
pub const PROBATION: u64 = 30 * DAY;
/// No request is open longer.
pub const LONGEST_REQUEST: u64 = 30 * DAY;
/// An accepted commit is covered by a quorum at most this long after the request's expiry.
pub const LATEST_COMMIT: u64 = DAY;
/// How long the replaced card stays in reserve, so that the change can be undone by an ordinary request.
pub const RESERVE: u64 = 72 * HOUR;
/// What the phone alone waits to get past a suspension that the operator alone has set.
pub(crate) const PAST_A_SUSPENSION: u64 = 7 * DAY;
/// A closing whose leaf is not logged within this ends the request.
pub const CLOSING: u64 = 15 * MINUTE;

/// The shortest wait that any live deployment may have.
pub fn floor(change: &Change, class: Class, backing: Backing, suspended: bool) -> u64 {
    match (change, class) {
        (_, Class::X) => 72 * HOUR,
        (_, Class::A) => 15 * MINUTE,
        (_, Class::C) => 72 * HOUR,
        (Change::ClearHolds { bits }, Class::B) => {
            if bits.contains(&7) {
                72 * HOUR
            } else {
                HOUR
            }
        }
        (Change::Wake { .. }, Class::B) if suspended && backing.sleeping_card && !backing.phone => {
            15 * MINUTE
        }
        (_, Class::B) => DAY,
    }
}

/// The wait of a request under a manifest: never below the floor unless the deployment is a test.
pub fn wait(
    manifest: &Manifest,
    change: &Change,
    class: Class,
    class_wait: Option<u64>,
    backing: Backing,
    suspended: bool,
) -> u64 {
    let floor = class_wait.unwrap_or_else(|| floor(change, class, backing, suspended));
    match manifest.delay(change.kind(), class) {
        Some(own) if manifest.live => own.max(floor),
        Some(own) => own,
        None => floor,
    }
}
