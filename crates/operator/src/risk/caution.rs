//! What rules make of a timeline: a score with its reasons, and how much later things happen for it.

use super::rules::{RuleSet, Step};
use crate::timeline::Line;
use serde::{Deserialize, Serialize};
use wire::UnixTime;

const HOUR: u64 = 3_600;
/// The longest that a change waits for caution's sake since it was agreed to, in seconds.
pub const WAIT_MOST: u64 = 72 * HOUR;
/// How long before its request expires a change is let go at the latest: caution never lets a request run out.
pub const MARGIN: u64 = 12 * HOUR;
/// The longest that codes are held for caution's sake, in seconds…
pub const HOLD_MOST: u64 = 24 * HOUR;
/// …within so long: whatever happens, an owner has codes on six days of seven.
pub const HOLD_EVERY: u64 = 7 * 24 * HOUR;
/// How far back any rule looks.
pub const LOOKED_BACK: u64 = 90 * 24 * HOUR;

/// A rule that was met, and what it weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule.
    pub rule: String,
    /// What it added or took away.
    pub weight: i64,
    /// How often its signal was there.
    pub times: u64,
    /// When last.
    pub last: u64,
    /// Why, in English.
    pub en: String,
    /// Why, in Chinese.
    pub zh: String,
}

/// A reason that does not count for a number, until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// The rule.
    pub rule: String,
    /// Until when.
    pub until: u64,
}

/// How careful to be. Made by [`weigh`] alone. It says nothing about whether something may be done: whoever has one can
/// only learn a later time from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caution {
    score: u64,
    reasons: Vec<Reason>,
    wait: u64,
    hold: u64,
}

/// Weighs a timeline, oldest first, as it was at `now`.
pub fn weigh(rules: &RuleSet, lines: &[Line], aside: &[Aside], now: UnixTime) -> Caution {
    let mut reasons = Vec::new();
    for rule in rules.rules() {
        if aside.iter().any(|aside| aside.rule == rule.id && aside.until >= now.0) {
            continue;
        }
        let since = now.0.saturating_sub(rule.window_hours.saturating_mul(HOUR));
        // Lines come in the order in which they were written; a clock that was set back makes none of them older.
        let first = lines.iter().position(|line| line.at.0 >= since).unwrap_or(lines.len());
        let window = lines.get(first..).unwrap_or_default();
        let (times, last) = rule.signal.count(window, now);
        if times >= rule.at_least {
            reasons.push(Reason {
                rule: rule.id.clone(),
                weight: rule.weight,
                times,
                last: last.0,
                en: rule.en.clone(),
                zh: rule.zh.clone(),
            });
        }
    }
    let score = reasons.iter().map(|reason| reason.weight).sum::<i64>().max(0).unsigned_abs();
    let reached = rules.steps().iter().rev().find(|step| score >= step.score);
    let Step { wait_hours, hold_codes_hours, .. } =
        reached.copied().unwrap_or(Step { score: 0, wait_hours: 0, hold_codes_hours: 0 });
    Caution {
        score,
        reasons,
        wait: wait_hours.saturating_mul(HOUR).min(WAIT_MOST),
        hold: hold_codes_hours.saturating_mul(HOUR).min(HOLD_MOST),
    }
}

impl Caution {
    /// The sum of the weights, never below 0.
    pub const fn score(&self) -> u64 {
        self.score
    }

    /// What it is made of.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// How long a change waits since it was agreed to, at least, in seconds.
    pub const fn wait(&self) -> u64 {
        self.wait
    }

    /// How long codes are held, in seconds.
    pub const fn hold(&self) -> u64 {
        self.hold
    }

    /// Whether anything happens later for it.
    pub const fn delays(&self) -> bool {
        self.wait > 0 || self.hold > 0
    }

    /// The time before which a change is not written: never before the deed's own, and in time before the request expires.
    pub fn not_before(&self, deeds: UnixTime, agreed: UnixTime, expiry: u64) -> UnixTime {
        let latest = UnixTime(expiry.saturating_sub(MARGIN));
        deeds.max(agreed.after(self.wait).min(latest))
    }

    /// The hold on codes that this makes of the one before: begun anew at most once in [`HOLD_EVERY`], and no longer than
    /// [`HOLD_MOST`] from its beginning.
    pub fn hold_codes(&self, before: Option<Hold>, now: UnixTime) -> Option<Hold> {
        match before {
            Some(before) if now.since(before.since) < HOLD_EVERY => {
                Some(Hold { since: before.since, until: before.since.after(self.hold) })
            }
            _ if self.hold == 0 => before,
            _ => Some(Hold { since: now, until: now.after(self.hold) }),
        }
    }
}

/// A hold on codes for caution's sake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    since: UnixTime,
    until: UnixTime,
}

impl Hold {
    /// One that was kept; longer than any may be, it is cut.
    pub fn kept(since: UnixTime, until: UnixTime) -> Self {
        Self { since, until: until.min(since.after(HOLD_MOST)) }
    }

    /// When it began.
    pub const fn since(&self) -> UnixTime {
        self.since
    }

    /// Until when it is.
    pub const fn until(&self) -> UnixTime {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::tests::one_of_each;
    use crate::timeline::{Actor, Entry, Happened};
    use proptest::prelude::*;

    const FIRST: &str = include_str!("../../rules/caution-1.toml");

    fn line(at: u64, actor: Actor, what: Happened) -> Line {
        Line { id: at, at: UnixTime(at), entry: Entry::new(actor, what) }
    }

    fn rules() -> RuleSet {
        RuleSet::parse(FIRST.as_bytes()).unwrap()
    }

    fn swap(at: u64) -> Line {
        line(at, Actor::Operator, Happened::Committed { what: "a change of SIM".into(), change: 1 })
    }

    fn desk(at: u64) -> Line {
        line(at, Actor::Desk, Happened::Requested { what: "a change of SIM".into(), change: 1 })
    }

    #[test]
    fn a_score_has_its_reasons_and_what_speaks_for_the_owner_takes_away() {
        let now = UnixTime(1_800_000_000);
        let ago = |hours: u64| now.0 - hours * HOUR;
        let calm = weigh(&rules(), &[], &[], now);
        assert_eq!((calm.score(), calm.wait(), calm.hold()), (0, 0, 0));
        let lines = [swap(ago(10)), desk(ago(1))];
        let caution = weigh(&rules(), &lines, &[], now);
        assert!(caution.score() >= 40 && caution.delays());
        let sum: i64 = caution.reasons().iter().map(|reason| reason.weight).sum();
        assert_eq!(sum, caution.score() as i64);
        assert!(
            caution.reasons().iter().any(|reason| reason.rule == "sim-changed" && reason.last == ago(10))
        );
        let mut signed = lines.to_vec();
        signed.push(line(ago(0), Actor::Card, Happened::Consented { from: "card".into() }));
        assert!(weigh(&rules(), &signed, &[], now).score() < caution.score());
        let aside = [Aside { rule: "sim-changed".into(), until: now.0 }];
        assert!(weigh(&rules(), &lines, &aside, now).score() < caution.score());
        let over = [Aside { rule: "sim-changed".into(), until: now.0 - 1 }];
        assert_eq!(weigh(&rules(), &lines, &over, now), caution, "what is set aside is so until then");
        assert_eq!(weigh(&rules(), &[swap(ago(73))], &[], now).score(), 0, "outside its window");
    }

    #[test]
    fn a_notice_that_was_seen_is_no_reason() {
        let queued = |at| line(at, Actor::Operator, Happened::NoticeQueued { code: "asked".into() });
        let seen = |at| line(at, Actor::Owner, Happened::NoticesSeen { count: 1 });
        let count = |lines: &[Line]| super::super::Signal::NoticeUnseen.count(lines, UnixTime(10_000)).0;
        assert_eq!(count(&[queued(1)]), 1);
        assert_eq!(count(&[queued(1), seen(2)]), 0);
        assert_eq!(count(&[seen(1), queued(2)]), 1);
        assert_eq!(count(&[queued(9_000)]), 0, "not for an hour yet");
    }

    #[test]
    fn codes_are_held_a_day_in_seven_at_most() {
        let held = |hold: u64| Caution { hold, ..Caution::default() };
        let (most, start) = (held(HOLD_MOST), UnixTime(1_800_000_000));
        let (mut hold, mut seconds) = (None, 0);
        for hour in 0..24 * 70 {
            let now = start.after(hour * HOUR);
            hold = most.hold_codes(hold, now);
            seconds += if hold.unwrap().until() > now { HOUR } else { 0 };
        }
        assert_eq!(seconds, 10 * HOLD_MOST, "a day of each week, though the caution never ends");
        assert_eq!(held(0).hold_codes(None, start), None);
        let kept = Hold::kept(start, UnixTime(u64::MAX));
        assert_eq!(kept.until(), start.after(HOLD_MOST), "whatever a row says");
    }

    fn history() -> impl Strategy<Value = Vec<Line>> {
        let kinds = one_of_each();
        let entry = (0..kinds.len(), 0..Actor::ALL.len(), 0u64..200 * 24 * HOUR);
        prop::collection::vec(entry, 0..60).prop_map(move |entries| {
            let mut at: Vec<_> = entries.iter().map(|(.., ago)| 1_800_000_000 - ago).collect();
            at.sort_unstable();
            let made = entries.iter().zip(at);
            made.map(|((kind, actor, _), at)| line(at, Actor::ALL[*actor], kinds[*kind].clone())).collect()
        })
    }

    proptest! {
        #[test]
        fn no_caution_shortens_anything_or_lets_a_request_run_out(
            lines in history(),
            deeds in 0u64..4_000_000_000,
            agreed in 0u64..4_000_000_000,
            expiry in any::<u64>(),
        ) {
            let caution = weigh(&rules(), &lines, &[], UnixTime(1_800_000_000));
            let (deeds, agreed) = (UnixTime(deeds), UnixTime(agreed));
            let time = caution.not_before(deeds, agreed, expiry);
            prop_assert!(time >= deeds, "never shorter");
            prop_assert!(time <= deeds || time.0 <= expiry.saturating_sub(MARGIN), "and never too long");
            prop_assert!(time <= deeds || time <= agreed.after(WAIT_MOST));
            prop_assert!(caution.hold() <= HOLD_MOST && caution.wait() <= WAIT_MOST);
        }

        #[test]
        fn more_that_speaks_against_makes_nothing_shorter(lines in history()) {
            let now = UnixTime(1_800_000_000);
            let before = weigh(&rules(), &lines, &[], now);
            let mut more = lines;
            more.push(swap(now.0));
            more.push(line(now.0, Actor::Unknown, Happened::SignInFailed { how: "x".into(), device: "y".into() }));
            let after = weigh(&rules(), &more, &[], now);
            prop_assert!(after.score() >= before.score());
            prop_assert!(after.wait() >= before.wait() && after.hold() >= before.hold());
        }
    }
}
