//! Classes: what the consents behind a request amount to.

use crate::record::Place;

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// How strongly a change is authorised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Places 1 and 2.
    A,
    /// Place 1 or place 2.
    B,
    /// Trusted people.
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
    /// As many trusted people as must speak together.
    pub people: bool,
    /// Two desks of two offices.
    pub two_desks: bool,
    /// The sleeping card's own key.
    pub sleeping_card: bool,
}

impl Backing {
    /// The class, and for class X its own wait, that this backing reaches. Never one without a factor, and over an
    /// objection never one without the owner's own.
    pub const fn class(self, over: Option<Place>) -> Option<(Class, Option<u64>)> {
        let either = self.phone || self.elsewhere;
        match over {
            None if self.phone && self.elsewhere => Some((Class::A, None)),
            None if either => Some((Class::B, None)),
            None if self.people => Some((Class::C, None)),
            Some(Place::Phone) if self.elsewhere && self.people => Some((Class::X, Some(72 * HOUR))),
            Some(Place::Phone) if self.elsewhere && self.two_desks => Some((Class::X, Some(7 * DAY))),
            Some(Place::Elsewhere) if self.phone && self.people => Some((Class::X, Some(72 * HOUR))),
            Some(Place::People) if self.phone && self.elsewhere => Some((Class::X, Some(72 * HOUR))),
            Some(Place::Operator) if either => Some((Class::X, Some(72 * HOUR))),
            _ => None,
        }
    }
}
