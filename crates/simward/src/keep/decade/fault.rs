//! What goes wrong: outages, clocks that jump, phones lost, payments that fail, channels that swallow what they are given.
//!
//! Each kind is bounded, and all that can keep a line from being used, one after the other, are shorter than the six weeks
//! that [`operator::keep::due::AHEAD`] leaves. Beyond that no ledger helps; docs/keeping.md says so.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Looks a day.
pub(super) const A_DAY: usize = 2;
/// The longest of each, in days. Their sum is less than six weeks.
const OUTAGE: usize = 18;
const CLOCK: usize = 4;
const PHONE: usize = 9;
const PAYMENT: usize = 6;
const CHANNEL: usize = 12;
/// Days between two of one kind.
const BETWEEN: usize = 70;
/// Lines share what looks after them, and its outages.
const HOUSES: u64 = 40;

/// Dice.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64, index: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(index);
        Self(dice)
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.0.next_u64() % n).unwrap_or(0)
    }

    /// Whether it happens, once in `n`.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Stretches of looks in which something fails.
pub(super) struct Fault(Vec<(usize, usize)>);

impl Fault {
    fn new(dice: &mut Dice, looks: usize, longest: usize, seldom: usize) -> Self {
        let mut all = Vec::new();
        let mut at = dice.below(BETWEEN * A_DAY * seldom);
        while at < looks {
            let end = at + 1 + dice.below(longest * A_DAY);
            all.push((at, end));
            at = end + BETWEEN * A_DAY + dice.below(BETWEEN * A_DAY * seldom);
        }
        Self(all)
    }

    pub(super) fn phone(dice: &mut Dice, looks: usize) -> Self {
        Self::new(dice, looks, PHONE, 6)
    }

    pub(super) fn payment(dice: &mut Dice, looks: usize) -> Self {
        Self::new(dice, looks, PAYMENT, 3)
    }

    pub(super) fn channel(dice: &mut Dice, looks: usize) -> Self {
        Self::new(dice, looks, CHANNEL, 2)
    }

    /// Dead from the first day to the last.
    pub(super) fn forever() -> Self {
        Self(vec![(0, usize::MAX)])
    }

    pub(super) fn at(&self, look: usize) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= look);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, end)| look < *end)
    }
}

/// What looks after some lines: a machine that is off at times, with a clock that jumps.
pub(super) struct House {
    outages: Fault,
    jumps: Fault,
    /// By how many days, for each jump.
    by: Vec<i64>,
}

impl House {
    pub(super) fn runs(&self, look: usize) -> bool {
        !self.outages.at(look)
    }

    /// By how many days its clock is wrong.
    pub(super) fn off_by(&self, look: usize) -> i64 {
        if !self.jumps.at(look) {
            return 0;
        }
        let after = self.jumps.0.partition_point(|(start, _)| *start <= look);
        after.checked_sub(1).and_then(|at| self.by.get(at)).copied().unwrap_or(0)
    }
}

/// All houses.
pub(super) fn houses(seed: u64, looks: usize) -> Vec<House> {
    (0..HOUSES)
        .map(|index| {
            let mut dice = Dice::new(seed, u64::MAX - index);
            let outages = Fault::new(&mut dice, looks, OUTAGE, 1);
            let jumps = Fault::new(&mut dice, looks, CLOCK, 8);
            let by = jumps.0.iter().map(|_| {
                let days = i64::try_from(dice.below(400)).unwrap_or(0);
                if dice.once_in(2) { days } else { -(days / 13) }
            });
            let by = by.collect();
            House { outages, jumps, by }
        })
        .collect()
}
