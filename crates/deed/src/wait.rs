//! How long a request must wait.

use crate::class::{Backing, Class};
use crate::intent::Change;
use crate::manifest::Manifest;

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

/// No port-out so soon after a change of SIM.
pub const NO_PORT_AFTER_MOVE: u64 = 7 * DAY;
/// How long two desks wait before they give a number up for an owner who does not speak.
pub const ABANDONED: u64 = 90 * DAY;
/// How long a closed number stays closed before it may be issued again.
pub const FREEZE: u64 = 90 * DAY;
/// How long a card is still served while its number is routed to the operator that it left for.
pub const PORTING: u64 = 72 * HOUR;
/// A manifest that makes anything looser has been public for so long before a deed adopts it.
pub const LOOSER_MANIFEST: u64 = 30 * DAY;
/// Two emergency keys wait so long to lift the legal bit.
pub(crate) const LEGAL: u64 = HOUR;

/// The shortest wait that any live deployment may have; `None` where the class may not do this at all.
pub fn floor(change: &Change, class: Class, backing: Backing, suspended: bool) -> Option<u64> {
    let [a, b, c] = match change {
        Change::Move { .. } | Change::Add { .. } | Change::AddFactor { .. } | Change::NewKey { .. } => {
            [Some(15 * MINUTE), Some(DAY), Some(72 * HOUR)]
        }
        Change::ClearHolds { bits } => {
            [Some(15 * MINUTE), Some(if bits.contains(&7) { 72 * HOUR } else { HOUR }), None]
        }
        // Whoever takes a key or a card away weakens the number, whatever else he says of it.
        Change::RemoveCard { .. } | Change::RemoveFactor { .. } | Change::Trust { .. } => {
            [Some(DAY), Some(7 * DAY), None]
        }
        Change::PortOut { .. } => [Some(HOUR), Some(DAY), Some(72 * HOUR)],
        Change::Transfer { .. } | Change::Tenure { .. } => [Some(DAY), Some(7 * DAY), None],
        Change::Close => [None, None, None],
        Change::Wake { .. } if suspended && backing.sleeping_card && !backing.phone => {
            [Some(15 * MINUTE), Some(15 * MINUTE), None]
        }
        Change::Wake { .. } => [Some(15 * MINUTE), Some(DAY), None],
    };
    match class {
        Class::A => a,
        Class::B => b,
        Class::C => c,
        Class::X => backing.class(None).and_then(|(class, _)| floor(change, class, backing, suspended)),
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
) -> Option<u64> {
    let floor = floor(change, class, backing, suspended)?;
    // Over an objection nothing is sooner than without one, by the manifest's own waits too.
    let without = match class {
        Class::X => backing.class(None).map_or(0, |(class, _)| own(manifest, change.kind(), class, floor)),
        _ => 0,
    };
    Some(own(manifest, change.kind(), class, floor.max(class_wait.unwrap_or(0))).max(without))
}

/// A manifest's own wait in place of a floor.
pub(crate) fn own(manifest: &Manifest, kind: u64, class: Class, floor: u64) -> u64 {
    match manifest.delay(kind, class) {
        Some(own) if manifest.live => own.max(floor),
        Some(own) => own,
        None => floor,
    }
}
