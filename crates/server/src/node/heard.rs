//! How often each signer was heard today: a deed holds 4,096 events, and no key may fill it in an afternoon.

use deed::Digest;
use std::collections::HashMap;
use wire::{Msisdn, UnixTime};

/// Statements of one key about one number in a day.
const STATEMENTS: u32 = 60;
/// Requests of all desks about one number in a day.
const DESK_REQUESTS: u32 = 10;
const DAY: u64 = 86_400;

/// Counts, in memory only.
#[derive(Debug, Default)]
pub(super) struct Heard {
    day: u64,
    counts: HashMap<(Msisdn, Digest), u32>,
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
        self.day == now.0 / DAY && self.counts.get(&(*number, *signer)).is_some_and(|n| *n >= most)
    }

    /// Counts a statement that was accepted: strangers' signatures take no memory.
    pub(super) fn count(&mut self, number: &Msisdn, signer: &Digest, now: UnixTime) {
        if self.day != now.0 / DAY {
            (self.day, self.counts) = (now.0 / DAY, HashMap::new());
        }
        *self.counts.entry((*number, *signer)).or_default() += 1;
    }
}
