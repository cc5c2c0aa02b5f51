//! Classes of consent and how long a request must wait in each.

use crate::manifest::Manifest;
use crate::record::{Change, Place};

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
/// A closing whose leaf is not logged within this ends the request.
pub const CLOSING: u64 = 15 * MINUTE;

/// How strongly a change is authorised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Places 1 and 2.
    A,
    /// Place 1 or place 2.
    B,
    /// Trusted people alone.
    C,
    /// Over the objections of one place.
    X,
}

impl Class {
    /// Its number in a manifest's delays.
    pub const fn number(self) -> u64 {
        match self {
            Self::A => 1,
            Self::B => 2,
            Self::C => 3,
            Self::X => 4,
        }
    }

    pub(crate) const fn from_number(n: u64) -> Option<Self> {
        match n {
            1 => Some(Self::A),
            2 => Some(Self::B),
            3 => Some(Self::C),
            4 => Some(Self::X),
            _ => None,
        }
    }

    /// How long codes sent by SMS are held after a change of this class, in seconds.
    pub const fn sms_hold(self) -> u64 {
        match self {
            Self::A => 0,
            Self::B => DAY,
            Self::C | Self::X => 72 * HOUR,
        }
    }
}

/// Who stands behind a request: what the counted consents amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backing {
    /// A factor in the phone.
    pub phone: bool,
    /// A factor elsewhere.
    pub elsewhere: bool,
    /// Two desks of two offices.
    pub two_desks: bool,
    /// The sleeping card's own key.
    pub sleeping_card: bool,
}

impl Backing {
    /// The class, and for class X its own wait, that this backing reaches. Never one without a factor.
    ///
    /// Guardians' quorums come with intent kind 7; until then no deed can hold one, and class C is out of reach.
    pub const fn class(self, over: Option<Place>) -> Option<(Class, Option<u64>)> {
        let either = self.phone || self.elsewhere;
        match over {
            None if self.phone && self.elsewhere => Some((Class::A, None)),
            None if either => Some((Class::B, None)),
            Some(Place::Phone) if self.elsewhere && self.two_desks => Some((Class::X, Some(7 * DAY))),
            Some(Place::People) if self.phone && self.elsewhere => Some((Class::X, Some(72 * HOUR))),
            Some(Place::Operator) if either => Some((Class::X, Some(72 * HOUR))),
            _ => None,
        }
    }
}

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
