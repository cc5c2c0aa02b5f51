//! What a version of the rules would have done: replayed over stored timelines, before anybody signs it.
//!
//! It counts. It says nothing of accuracy: which of the changes were theft is known to nobody here, and where theft is one
//! in thousands even a good rule holds up mostly owners. The nearest thing to truth is what owners did afterwards.

use super::caution::{Caution, HOLD_EVERY, Hold, LOOKED_BACK, weigh};
use super::rules::RuleSet;
use crate::timeline::{Actor, Entry, Happened, Line};
use std::collections::BTreeMap;
use wire::{Msisdn, UnixTime};

/// How often a rule was met, and by how many numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fired {
    /// Times that it came to be met.
    pub times: u64,
    /// Numbers at which it was.
    pub numbers: u64,
}

/// A number whose codes would have been held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldNumber {
    /// Which.
    pub number: Msisdn,
    /// How often.
    pub holds: u64,
    /// For how long in all, in seconds.
    pub seconds: u64,
    /// The highest score.
    pub score: u64,
    /// The rules that were met then.
    pub rules: Vec<String>,
    /// Holds after which the owner objected to something within a week.
    pub owner_objected: u64,
}

/// What would have been.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backtest {
    /// Numbers looked at, and their lines within the time.
    pub numbers: u64,
    /// Lines within the time.
    pub lines: u64,
    /// Requests within the time.
    pub requests: u64,
    /// Of these, how many would have met caution.
    pub requests_delayed: u64,
    /// Of those, done in the end.
    pub delayed_and_done: u64,
    /// Of those, stopped by the owner.
    pub delayed_and_stopped: u64,
    /// Numbers whose codes would have been held.
    pub held: Vec<HeldNumber>,
    /// What each rule met.
    pub fired: BTreeMap<String, Fired>,
}

/// A request that is being followed.
struct Following {
    delayed: bool,
}

impl Backtest {
    /// Replays one number: its lines, oldest first, from [`LOOKED_BACK`] before `from`.
    pub fn replay(
        &mut self,
        rules: &RuleSet,
        number: &Msisdn,
        lines: &[Line],
        (from, until): (UnixTime, UnixTime),
    ) {
        self.numbers += 1;
        let (mut met, mut hold, mut request): (Vec<String>, Option<Hold>, _) = (Vec::new(), None, None);
        let mut ever: BTreeMap<String, u64> = BTreeMap::new();
        let mut held: Option<HeldNumber> = None;
        let mut first = 0;
        for (i, line) in lines.iter().enumerate() {
            if line.at < from || line.at > until {
                continue;
            }
            self.lines += 1;
            let since = line.at.0.saturating_sub(LOOKED_BACK);
            while lines.get(first).is_some_and(|old| old.at.0 < since) {
                first += 1;
            }
            let caution = weigh(rules, lines.get(first..=i).unwrap_or_default(), &[], line.at);
            let now: Vec<String> = caution.reasons().iter().map(|reason| reason.rule.clone()).collect();
            for rule in now.iter().filter(|rule| !met.contains(rule)) {
                *ever.entry(rule.clone()).or_default() += 1;
            }
            met = now;
            hold = self.hold(number, &caution, hold, (lines, i), &mut held);
            self.follow(&mut request, &line.entry, &caution);
        }
        for (rule, times) in ever {
            let fired = self.fired.entry(rule).or_default();
            fired.times += times;
            fired.numbers += 1;
        }
        self.held.extend(held);
    }

    fn hold(
        &self,
        number: &Msisdn,
        caution: &Caution,
        before: Option<Hold>,
        (lines, i): (&[Line], usize),
        held: &mut Option<HeldNumber>,
    ) -> Option<Hold> {
        let at = lines.get(i).map_or(UnixTime(0), |line| line.at);
        let hold = caution.hold_codes(before, at)?;
        // Only ever lengthened here: what would have ended early is counted whole, so that nothing is made to look small.
        let longer = match before {
            Some(before) if before.since() == hold.since() => hold.until().since(before.until()),
            _ => hold.until().since(hold.since()),
        };
        let hold = match before {
            Some(before) if before.since() == hold.since() && before.until() > hold.until() => before,
            _ => hold,
        };
        if longer > 0 {
            let new = before.is_none_or(|before| before.since() != hold.since());
            let entry = held.get_or_insert_with(|| HeldNumber {
                number: *number,
                holds: 0,
                seconds: 0,
                score: 0,
                rules: Vec::new(),
                owner_objected: 0,
            });
            entry.seconds += longer;
            if new {
                entry.holds += 1;
                entry.owner_objected += u64::from(objected(lines.get(i..).unwrap_or_default(), at));
            }
            if caution.score() > entry.score {
                entry.score = caution.score();
                entry.rules = caution.reasons().iter().map(|reason| reason.rule.clone()).collect();
            }
        }
        Some(hold)
    }

    fn follow(&mut self, request: &mut Option<Following>, entry: &Entry, caution: &Caution) {
        match &entry.what {
            Happened::Requested { .. } => {
                self.requests += 1;
                *request = Some(Following { delayed: false });
            }
            Happened::Committed { .. } => {
                if request.take().is_some_and(|request| request.delayed) {
                    self.delayed_and_done += 1;
                }
                return;
            }
            Happened::Vetoed { .. } | Happened::Ended { .. } => {
                if request.take().is_some_and(|request| request.delayed) && entry.actor == Actor::Owner {
                    self.delayed_and_stopped += 1;
                }
                return;
            }
            _ => {}
        }
        if let Some(request) = request
            && caution.wait() > 0
            && !request.delayed
        {
            request.delayed = true;
            self.requests_delayed += 1;
        }
    }
}

/// Whether the owner objected within a week.
fn objected(lines: &[Line], at: UnixTime) -> bool {
    let soon = lines.iter().take_while(|line| line.at.since(at) <= HOLD_EVERY);
    soon.into_iter().any(|line| {
        let objection = matches!(
            line.entry.what,
            Happened::Vetoed { .. } | Happened::Held { .. } | Happened::Objected { .. }
        );
        matches!(line.entry.what, Happened::CardAlert { .. }) || objection && line.entry.actor == Actor::Owner
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = include_str!("../../rules/caution-1.toml");
    const HOUR: u64 = 3_600;

    fn line(id: u64, at: u64, actor: Actor, what: Happened) -> Line {
        Line { id, at: UnixTime(at), entry: Entry::new(actor, what) }
    }

    #[test]
    fn a_replay_counts_what_would_have_been_held_and_what_the_owner_did_then() {
        let rules = RuleSet::parse(FIRST.as_bytes()).unwrap();
        let (thief, calm): (Msisdn, Msisdn) =
            ("8613800138000".parse().unwrap(), "8613800138001".parse().unwrap());
        let start = 1_800_000_000;
        let mut lines: Vec<Line> = (0..6)
            .map(|n| {
                let failed = Happened::SignInFailed { how: "password".into(), device: "x".into() };
                line(n, start + n * 60, Actor::Unknown, failed)
            })
            .collect();
        let asked = Happened::Requested { what: "a change of SIM".into(), change: 1 };
        lines.push(line(10, start + HOUR, Actor::Desk, asked));
        let alarm = Happened::Alarmed { code: "impossible-journey".into() };
        lines.push(line(11, start + 2 * HOUR, Actor::Operator, alarm));
        lines.push(line(12, start + 3 * HOUR, Actor::Owner, Happened::Vetoed { from: "phone".into() }));
        let mut replay = Backtest::default();
        let all = (UnixTime(0), UnixTime(u64::MAX));
        replay.replay(&rules, &thief, &lines, all);
        replay.replay(&rules, &calm, &[], all);
        assert_eq!((replay.numbers, replay.lines, replay.requests), (2, 9, 1));
        assert_eq!((replay.requests_delayed, replay.delayed_and_stopped, replay.delayed_and_done), (1, 1, 0));
        let [held] = &replay.held[..] else { panic!("one number: {replay:?}") };
        assert_eq!((held.number, held.holds, held.owner_objected), (thief, 1, 1));
        assert_eq!(replay.fired["asked-by-desk"], Fired { times: 1, numbers: 1 });
        let mut later = Backtest::default();
        later.replay(&rules, &thief, &lines, (UnixTime(start + 4 * HOUR), UnixTime(u64::MAX)));
        assert_eq!((later.lines, later.held.len()), (0, 0), "outside the time");
    }
}
