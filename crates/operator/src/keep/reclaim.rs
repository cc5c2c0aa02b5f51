//! How a number comes free at an operator of our own, which is hardly ever and never in silence.
//!
//! ```text
//! Kept ─► Lapsed ─► Notified ─► Frozen ─► Offered ─► Reclaimable ─► Reclaim
//!   ▲        │    3 notices on     90 days    30 days, first refusal    │
//!   │        │    2 channels                  to the old owner          │
//!   └────────┴── a proof of life, or any use, at any time before ───────┘
//! ```
//!
//! Each state holds what exists in it, and a step consumes it. Days are counted as they are seen, one by one: a clock that
//! jumps a year ahead has seen one day, and one that is set back none.

use super::alive::ProofOfLife;
use super::reminder::Kind;
use deed::defence::{Defence, stands};
use jiff::ToSpan as _;
use jiff::civil::Date;
use wire::Msisdn;

/// So many months after the last sign of life nothing begins.
pub const LIFE_MONTHS: i32 = 12;
/// So many notices arrive, on so many days, before a number is frozen.
pub const NOTICES: usize = 3;
/// On so many kinds of channel.
pub const CHANNELS: usize = 2;
/// So many days it is frozen.
pub const FREEZE_DAYS: u32 = 90;
/// So many days it is offered to its old owner first.
pub const OFFER_DAYS: u32 = 30;

/// Days that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Days {
    last: Date,
    seen: u32,
}

impl Days {
    const fn from(today: Date) -> Self {
        Self { last: today, seen: 0 }
    }

    fn see(self, today: Date) -> Self {
        let passed = if stands(Defence::DaysAreSeen) {
            1
        } else {
            u32::try_from((today - self.last).get_days()).unwrap_or_default()
        };
        if today > self.last { Self { last: today, seen: self.seen.saturating_add(passed) } } else { self }
    }
}

/// A notice of the end that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// By what.
    pub kind: Kind,
    /// When.
    pub on: Date,
}

/// A number that is its owner's.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    number: Msisdn,
    due: Date,
    life: Date,
}

/// One that nobody used in time and for which nobody showed life for a year. Its owner is told.
#[derive(Debug, PartialEq, Eq)]
pub struct Lapsed {
    was: Kept,
    since: Date,
    days: Days,
    told: Vec<Arrived>,
}

/// One whose owner was told often enough.
#[derive(Debug, PartialEq, Eq)]
pub struct Notified {
    was: Kept,
    days: Days,
    told: Vec<Arrived>,
}

/// One that is stopped, and nobody's but its owner's.
#[derive(Debug, PartialEq, Eq)]
pub struct Frozen {
    was: Kept,
    days: Days,
    told: Vec<Arrived>,
}

/// One that is offered to its old owner before anybody else.
#[derive(Debug, PartialEq, Eq)]
pub struct Offered {
    was: Kept,
    days: Days,
    told: Vec<Arrived>,
    frozen: u32,
}

/// One whose old owner let the offer pass.
#[derive(Debug, PartialEq, Eq)]
pub struct Reclaimable {
    was: Kept,
    told: Vec<Arrived>,
    frozen: u32,
    offered: u32,
}

/// That a number may be given to somebody else. Made only by [`Reclaimable::reclaim`], at the end of the whole way; not
/// `Clone`: one reclaim, one number.
#[derive(Debug)]
pub struct Reclaim {
    number: Msisdn,
    told: Vec<Arrived>,
    frozen: u32,
    offered: u32,
}

impl Reclaim {
    /// Which number.
    pub const fn number(&self) -> &Msisdn {
        &self.number
    }

    /// What its owner was told: the tombstone names it.
    pub fn told(&self) -> &[Arrived] {
        &self.told
    }

    /// How many days it was frozen.
    pub const fn frozen_days(&self) -> u32 {
        self.frozen
    }

    /// How many days it was offered to its old owner.
    pub const fn offered_days(&self) -> u32 {
        self.offered
    }
}

/// Whether what arrived is enough: on so many days, by so many kinds of channel.
fn enough(told: &[Arrived]) -> bool {
    let mut days: Vec<Date> = told.iter().map(|arrived| arrived.on).collect();
    days.sort_unstable();
    days.dedup();
    let mut kinds: Vec<Kind> = told.iter().map(|arrived| arrived.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    days.len() >= NOTICES && kinds.len() >= CHANNELS || !stands(Defence::NoticesArrive)
}

impl Kept {
    /// A number whose next use is due then, and whose owner last gave a sign of life then.
    pub const fn new(number: Msisdn, due: Date, life: Date) -> Self {
        Self { number, due, life }
    }

    /// Lapsed, if the due day is over and the last sign of life a year ago.
    pub fn lapse(self, today: Date) -> Result<Lapsed, Self> {
        let long_ago = self.life.checked_add(LIFE_MONTHS.months()).is_ok_and(|end| end < today);
        if today > self.due && long_ago {
            return Ok(Lapsed { was: self, since: today, days: Days::from(today), told: Vec::new() });
        }
        Err(self)
    }

    fn again(self, life: Date, due: Date) -> Self {
        Self { number: self.number, due: self.due.max(due), life: self.life.max(life) }
    }
}

impl Lapsed {
    /// A notice of the end arrived. One from before it lapsed is none.
    #[must_use]
    pub fn told(mut self, arrived: Arrived) -> Self {
        if arrived.on >= self.since {
            self.told.push(arrived);
        }
        self
    }

    /// Notified, if enough has arrived.
    pub fn notified(self) -> Result<Notified, Self> {
        if enough(&self.told) {
            return Ok(Notified { was: self.was, days: self.days, told: self.told });
        }
        Err(self)
    }
}

impl Notified {
    /// Stops the line: from now on its days count.
    pub fn freeze(self, today: Date) -> Frozen {
        Frozen { was: self.was, days: Days::from(today.max(self.days.last)), told: self.told }
    }
}

impl Frozen {
    /// Offered to its old owner, if it was frozen for long enough.
    pub fn offer(self) -> Result<Offered, Self> {
        if self.days.seen >= FREEZE_DAYS {
            let days = Days::from(self.days.last);
            return Ok(Offered { was: self.was, days, told: self.told, frozen: self.days.seen });
        }
        Err(self)
    }
}

impl Offered {
    /// Free, if its old owner let the offer pass.
    pub fn pass(self) -> Result<Reclaimable, Self> {
        if self.days.seen >= OFFER_DAYS {
            let Self { was, told, frozen, days } = self;
            return Ok(Reclaimable { was, told, frozen, offered: days.seen });
        }
        Err(self)
    }
}

impl Reclaimable {
    /// The value by which it is given to somebody else. Asks everything again: whoever holds this pays for a mistake in
    /// any step before.
    pub fn reclaim(self) -> Result<Reclaim, Self> {
        if enough(&self.told) && self.frozen >= FREEZE_DAYS && self.offered >= OFFER_DAYS {
            let Self { was, told, frozen, offered } = self;
            return Ok(Reclaim { number: was.number, told, frozen, offered });
        }
        Err(self)
    }
}

/// Where a number is on the way.
#[derive(Debug, PartialEq, Eq)]
pub enum State {
    /// Its owner's.
    Kept(Kept),
    /// Not used in time, no life for a year.
    Lapsed(Lapsed),
    /// Its owner was told.
    Notified(Notified),
    /// Stopped.
    Frozen(Frozen),
    /// Its old owner's to take back.
    Offered(Offered),
    /// Nobody's.
    Reclaimable(Reclaimable),
}

/// What happens to a number.
#[derive(Debug)]
pub enum Event<'a> {
    /// A day is seen.
    Day(Date),
    /// A notice of the end arrived.
    Arrived(Arrived),
    /// Its owner showed life; the next use is due then.
    Alive(&'a ProofOfLife, Date),
    /// It was used; the next use is due then.
    Used(Date, Date),
}

impl State {
    fn number(&self) -> &Msisdn {
        match self {
            Self::Kept(kept) => &kept.number,
            Self::Lapsed(Lapsed { was, .. })
            | Self::Notified(Notified { was, .. })
            | Self::Frozen(Frozen { was, .. })
            | Self::Offered(Offered { was, .. })
            | Self::Reclaimable(Reclaimable { was, .. }) => &was.number,
        }
    }

    fn kept(self) -> Kept {
        match self {
            Self::Kept(kept) => kept,
            Self::Lapsed(Lapsed { was, .. })
            | Self::Notified(Notified { was, .. })
            | Self::Frozen(Frozen { was, .. })
            | Self::Offered(Offered { was, .. })
            | Self::Reclaimable(Reclaimable { was, .. }) => was,
        }
    }

    /// Where it is after that: all moves there are. A proof of life for another number changes nothing.
    #[must_use]
    pub fn on(self, event: &Event<'_>) -> Self {
        match (self, event) {
            (state, Event::Alive(proof, _)) if proof.number() != state.number() => state,
            (state, Event::Alive(proof, due)) => Self::Kept(state.kept().again(proof.on(), *due)),
            (state, Event::Used(on, due)) => Self::Kept(state.kept().again(*on, *due)),
            (Self::Kept(kept), Event::Day(today)) => kept.lapse(*today).map_or_else(Self::Kept, Self::Lapsed),
            (Self::Lapsed(lapsed), Event::Day(today)) => {
                let lapsed = Lapsed { days: lapsed.days.see(*today), ..lapsed };
                lapsed.notified().map_or_else(Self::Lapsed, Self::Notified)
            }
            (Self::Notified(notified), Event::Day(today)) => Self::Frozen(notified.freeze(*today)),
            (Self::Frozen(frozen), Event::Day(today)) => {
                let frozen = Frozen { days: frozen.days.see(*today), ..frozen };
                frozen.offer().map_or_else(Self::Frozen, Self::Offered)
            }
            (Self::Offered(offered), Event::Day(today)) => {
                let offered = Offered { days: offered.days.see(*today), ..offered };
                offered.pass().map_or_else(Self::Offered, Self::Reclaimable)
            }
            (Self::Lapsed(lapsed), Event::Arrived(arrived)) => Self::Lapsed(lapsed.told(*arrived)),
            (state, Event::Arrived(_) | Event::Day(_)) => state,
        }
    }

    /// The value by which it is given to somebody else, if it is free.
    pub fn reclaim(self) -> Result<Reclaim, Self> {
        match self {
            Self::Reclaimable(free) => free.reclaim().map_err(Self::Reclaimable),
            state => Err(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::alive::tests::proof;

    const NUMBER: &str = "447700900123";

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn day(n: i64) -> Date {
        date("2028-01-01").checked_add(n.days()).unwrap()
    }

    fn kept() -> State {
        State::Kept(Kept::new(NUMBER.parse().unwrap(), date("2027-03-01"), date("2026-12-31")))
    }

    fn days(state: State, range: std::ops::Range<i64>) -> State {
        range.fold(state, |state, n| state.on(&Event::Day(day(n))))
    }

    fn told(state: State, kind: Kind, n: i64) -> State {
        state.on(&Event::Arrived(Arrived { kind, on: day(n) }))
    }

    /// On its way with everything in order, on day 3: notified.
    fn notified() -> State {
        let lapsed = days(kept(), 0..1);
        assert!(matches!(lapsed, State::Lapsed(_)));
        let lapsed = told(told(told(lapsed, Kind::Email, 0), Kind::Email, 1), Kind::WebPush, 2);
        let state = days(lapsed, 1..2);
        assert!(matches!(state, State::Notified(_)));
        state
    }

    #[test]
    fn the_whole_way_takes_notices_ninety_days_and_thirty_more() {
        let mut state = days(notified(), 2..3);
        assert!(matches!(state, State::Frozen(_)));
        state = days(state, 3..92);
        assert!(matches!(state, State::Frozen(_)), "89 days are not 90");
        state = days(state, 92..122);
        assert!(matches!(state, State::Offered(_)));
        state = days(state, 122..123);
        assert!(matches!(state, State::Reclaimable(_)));
        let reclaim = state.reclaim().unwrap();
        assert_eq!((reclaim.told().len(), reclaim.frozen_days(), reclaim.offered_days()), (3, 90, 30));
    }

    #[test]
    fn notices_of_one_kind_or_of_one_day_or_from_before_are_not_enough() {
        let lapsed = |notices: &[(Kind, i64)]| {
            let state = notices.iter().fold(days(kept(), 0..1), |state, (kind, n)| told(state, *kind, *n));
            days(state, 1..400)
        };
        for notices in [
            &[][..],
            &[(Kind::Email, 1), (Kind::WebPush, 2)],
            &[(Kind::Email, 1), (Kind::Email, 2), (Kind::Email, 3), (Kind::Email, 4)],
            &[(Kind::Email, 1), (Kind::WebPush, 1), (Kind::Sms, 1)],
            &[(Kind::Email, -3), (Kind::WebPush, -2), (Kind::Sms, -1)],
        ] {
            assert!(matches!(lapsed(notices), State::Lapsed(_)), "{notices:?}");
        }
    }

    #[test]
    fn a_proof_of_life_or_a_use_brings_it_back_from_anywhere() {
        for stop in [0, 1, 2, 50, 100, 123] {
            for life in [true, false] {
                let mut state = kept();
                if stop > 0 {
                    state = days(notified(), 2..stop.max(2));
                }
                let on = day(stop);
                let due = on.checked_add(6.months()).unwrap();
                let state = if life {
                    state.on(&Event::Alive(&proof(NUMBER, on), due))
                } else {
                    state.on(&Event::Used(on, due))
                };
                assert_eq!(state, State::Kept(Kept::new(NUMBER.parse().unwrap(), due, on)));
                let state = days(state, stop..stop + 360);
                assert!(matches!(state, State::Kept(_)), "and for a year nothing begins");
            }
        }
    }

    #[test]
    fn somebody_elses_life_is_nobodys() {
        let state = days(notified(), 2..50);
        let state = state.on(&Event::Alive(&proof("447700900124", day(50)), day(200)));
        assert!(matches!(state, State::Frozen(_)));
    }

    #[test]
    fn a_clock_that_jumps_has_not_seen_the_days_between() {
        let mut state = days(notified(), 2..3);
        for n in [4_000, 5, 4_000, 6, 4_000, 7] {
            state = state.on(&Event::Day(day(n)));
        }
        assert!(matches!(&state, State::Frozen(frozen) if frozen.days.seen == 1));
        assert!(state.reclaim().is_err());
    }
}
