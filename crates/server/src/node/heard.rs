//! How often each signer was heard today: a deed holds 4,096 events, and no key may fill it in an afternoon.

use deed::Digest;
use deed::defence::{Defence, stands};
use operator::Refusal;
use std::collections::HashMap;
use wire::{Msisdn, UnixTime};

/// Statements of one key about one number in a day.
const STATEMENTS: u32 = 60;
/// Requests of all desks about one number in a day.
const DESK_REQUESTS: u32 = 10;
/// Numbers that a desk issues in a day, and as many owners that it invites: a shop has customers, a SIM farm has lists.
const LINES: u32 = 100;
const DAY: u64 = 86_400;

/// Counts, in memory only.
#[derive(Debug, Default)]
pub(super) struct Heard {
    day: u64,
    counts: HashMap<(Msisdn, Digest), u32>,
    issued: u32,
    invited: u32,
}

/// What a desk begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begun {
    /// A number.
    Number,
    /// An invitation to one.
    Invitation,
}

impl Heard {
    /// The key under which cards that were turned away are counted.
    pub(super) const TURNED_AWAY: Digest = [1; 32];
    /// The key under which resynchronisations that came to nothing are counted.
    pub(super) const RESYNCS: Digest = [2; 32];
    /// The key under which what is said with the watch key is counted.
    pub(super) const SAYINGS: Digest = [3; 32];
    /// The key under which all desks' requests are counted.
    pub(super) const DESKS: Digest = [0; 32];

    /// Whether one more would be too many.
    pub(super) fn too_often(&self, number: &Msisdn, signer: &Digest, now: UnixTime) -> bool {
        let most = if *signer == Self::DESKS { DESK_REQUESTS } else { STATEMENTS };
        let counted = self.day == now.0 / DAY && stands(Defence::FailuresCount);
        counted && self.counts.get(&(*number, *signer)).is_some_and(|n| *n >= most)
    }

    /// Counts a statement that was accepted: strangers' signatures take no memory.
    pub(super) fn count(&mut self, number: &Msisdn, signer: &Digest, now: UnixTime) {
        if self.day != now.0 / DAY {
            *self = Self { day: now.0 / DAY, ..Self::default() };
        }
        *self.counts.entry((*number, *signer)).or_default() += 1;
    }

    /// A desk begins another line, unless it has begun as many today as a shop has customers.
    pub(super) fn begin_line(&mut self, what: Begun, now: UnixTime) -> Result<(), Refusal> {
        if self.day != now.0 / DAY {
            *self = Self { day: now.0 / DAY, ..Self::default() };
        }
        let begun = match what {
            Begun::Number => &mut self.issued,
            Begun::Invitation => &mut self.invited,
        };
        if *begun >= LINES && stands(Defence::LinesAreCapped) {
            return Err(Refusal::refused("rate", "this desk has begun as many numbers as it may in a day"));
        }
        *begun = begun.saturating_add(1);
        Ok(())
    }
}
