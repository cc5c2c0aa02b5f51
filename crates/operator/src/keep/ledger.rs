//! The ledger: for each number what was done to keep it, with evidence, and what follows from that.

use super::alive::{Alive, Holder};
use super::clock::Clock;
use super::due::{self, EARLIEST_ZONE, act_from, due, zone};
use super::money::Money;
use super::reminder::{Channel, Notice, farthest};
use super::rule::{Act, Rule};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use wire::{Malformed, Msisdn};

/// Numbers that are kept.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// One for each number.
    #[serde(default, rename = "number")]
    pub lines: Vec<Line>,
}

/// A number that is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The number.
    #[serde(with = "super::text")]
    pub number: Msisdn,
    /// The operator's plan.
    pub plan: String,
    /// Where the SIM is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#where: Option<String>,
    /// Where the operator's days end, if the plan's rule does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The eUICC in which it is one profile among several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub euicc: Option<String>,
    /// What is put aside for it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::rule::price")]
    pub wallet: Option<Money>,
    /// Whether notices never go to a channel of whoever pays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub safe_mode: bool,
    /// The key by which its holder is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
    /// Uses, as they were noted.
    #[serde(rename = "use")]
    pub uses: Vec<Use>,
    /// Proofs of life.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alive: Vec<Alive>,
    /// Demands to prove again who holds it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clock: Vec<Clock>,
    /// Journeys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub travel: Vec<Travel>,
    /// By which its holder is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channel: Vec<Channel>,
    /// What was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notice: Vec<Notice>,
}

/// A use that counts, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// The operator's day.
    pub on: Date,
    /// What was done; `None` where only the day is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<Act>,
    /// What shows it.
    pub proof: String,
    /// Noted by a clock that was found to be ahead: it counts for nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubted: bool,
}

/// A journey on which the number cannot be used, or had better not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Travel {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// Where to.
    pub to_where: String,
}

impl Line {
    /// A number on a plan, with no use on record.
    pub fn new(number: Msisdn, plan: &str) -> Self {
        Self {
            number,
            plan: plan.into(),
            r#where: None,
            zone: None,
            euicc: None,
            wallet: None,
            safe_mode: false,
            holder: None,
            uses: Vec::new(),
            alive: Vec::new(),
            clock: Vec::new(),
            travel: Vec::new(),
            channel: Vec::new(),
            notice: Vec::new(),
        }
    }

    /// Where its operator's days end.
    pub fn zone(&self, rule: &Rule) -> Result<TimeZone, Malformed> {
        zone(self.zone.as_deref().or(rule.zone.as_deref()).unwrap_or(EARLIEST_ZONE))
    }

    /// The last use that counts, of those that have been by `today`: a use in the future is a mistake of some clock.
    pub fn last(&self, rule: &Rule, today: Date) -> Option<&Use> {
        let counts = |used: &&Use| {
            !used.doubted && used.on <= today && used.what.is_none_or(|act| rule.counts.contains(&act))
        };
        self.uses.iter().filter(counts).max_by_key(|used| used.on)
    }

    /// The last day on which the next use is in time; `None`, nothing on record counts, and it is due at once.
    pub fn due(&self, rule: &Rule, today: Date) -> Option<Date> {
        due(rule, self.last(rule, today)?.on)
    }

    /// The day by which to use it: the due day, or the day before a journey that it falls into.
    pub fn act_by(&self, due: Date, today: Date) -> Date {
        let away = |trip: &&Travel| today < trip.from && trip.from <= due && due <= trip.to;
        let leaves = self.travel.iter().filter(away).map(|trip| trip.from).min();
        leaves.and_then(|day| day.yesterday().ok()).unwrap_or(due)
    }

    /// Whether it is to be used today, where that happens by itself.
    pub fn wants_act(&self, rule: &Rule, today: Date) -> bool {
        self.due(rule, today).is_none_or(|due| today >= act_from(rule, due))
    }

    /// Until when it is kept with what is put aside, each use paid as early as it is made; `None`, nobody can say:
    /// the price is not known, or nothing counts yet.
    pub fn funded_until(&self, rule: &Rule, today: Date) -> Option<Date> {
        /// More is not looked at: a decade of monthly uses.
        const MOST: u64 = 120;
        let (wallet, price) = (self.wallet?, rule.price?);
        let mut until = self.due(rule, today)?;
        for _ in 0..wallet.times(price).min(MOST) {
            let act = act_from(rule, until).max(today);
            // What is overdue already is not kept by money alone.
            if act > until {
                break;
            }
            until = due(rule, act)?;
        }
        Some(until)
    }

    /// The first day on which something is to be done or told; before it nobody need look.
    pub fn quiet_until(&self, rule: &Rule, today: Date) -> Date {
        let open = self.clock.iter().any(Clock::open);
        let changed = self.channel.iter().any(|channel| channel.changed_lately(today));
        match self.due(rule, today) {
            Some(due) if !open && !changed => {
                let first = self.act_by(due, today).checked_sub(farthest().days()).unwrap_or(today);
                first.min(act_from(rule, due)).max(today)
            }
            _ => today,
        }
    }

    /// Notes a use.
    pub fn used(&mut self, on: Date, what: Option<Act>, proof: &str) {
        self.uses.push(Use { on, what, proof: proof.into(), doubted: false });
    }

    /// Sees what day the clock says it is. Uses of later days were noted by a clock that was ahead; they never count
    /// again, for the day they were really made is not known. Whether any was.
    pub fn observe(&mut self, today: Date) -> bool {
        let mut found = false;
        for used in self.uses.iter_mut().filter(|used| used.on > today && !used.doubted) {
            used.doubted = true;
            found = true;
        }
        found
    }

    /// Forgets notices, and uses but the last that counts, from before a day.
    pub fn forget_before(&mut self, rule: &Rule, day: Date, today: Date) {
        let last = self.last(rule, today).map(|used| used.on);
        self.uses.retain(|used| used.on >= day || Some(used.on) == last);
        self.notice.retain(|notice| notice.on >= day);
    }

    /// The day it is at its operator.
    pub fn today(&self, rule: &Rule, now: Timestamp) -> Result<Date, Malformed> {
        Ok(due::today(now, &self.zone(rule)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::rule::Rules;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn rules() -> Rules {
        let priced = "[[rule]]\nplan = \"priced\"\ncounts = [\"sms\"]\nperiod = \"6 months\"\nprice = \"0.30 GBP\"\nsource = \"a page\"";
        Rules::built_in().unwrap().with(priced).unwrap()
    }

    fn line(plan: &str, last: &str) -> Line {
        let mut line = Line::new("447700900123".parse().unwrap(), plan);
        line.used(date(last), None, "as its holder says");
        line
    }

    #[test]
    fn a_ledger_of_the_first_version_is_read_and_written_as_it_was() {
        let old = "[[number]]\nnumber = \"447700900123\"\nplan = \"giffgaff\"\nwhere = \"drawer\"\n\n\
                   [[number.use]]\non = \"2026-08-03\"\nproof = \"as its holder says\"\n\n\
                   [[number.use]]\non = \"2026-11-25\"\nwhat = \"purchase\"\nproof = \"receipt 4711\"\n";
        let ledger: Ledger = toml::from_str(old).unwrap();
        assert_eq!(toml::to_string(&ledger).unwrap(), old);
    }

    #[test]
    fn an_act_that_does_not_count_keeps_nothing() {
        let rules = rules();
        let mut line = line("priced", "2026-08-03");
        line.used(date("2026-10-01"), Some(Act::Purchase), "receipt");
        assert_eq!(line.due(rules.rule("priced"), date("2026-11-25")), Some(date("2027-02-02")));
        line.uses.remove(0);
        assert_eq!(line.due(rules.rule("priced"), date("2026-11-25")), None);
        assert!(line.wants_act(rules.rule("priced"), date("2026-11-25")), "nothing on record: at once");
    }

    #[test]
    fn a_use_noted_by_a_clock_that_was_ahead_never_counts() {
        let rules = rules();
        let rule = rules.rule("priced");
        let mut line = line("priced", "2026-08-03");
        line.used(date("2027-08-01"), Some(Act::Sms), "sent while the clock was a year ahead");
        assert_eq!(line.due(rule, date("2026-11-25")), Some(date("2027-02-02")));
        assert!(line.observe(date("2026-11-25")) && !line.observe(date("2026-11-25")));
        assert_eq!(line.due(rule, date("2027-12-01")), Some(date("2027-02-02")), "nor when its day has come");
    }

    #[test]
    fn a_wallet_lasts_as_long_as_its_acts_and_a_price_nobody_knows_lasts_nowhere() {
        let rules = rules();
        let today = date("2026-11-25");
        let mut line = line("priced", "2026-08-03");
        let rule = rules.rule("priced");
        assert_eq!(line.funded_until(rule, today), None);
        line.wallet = Some("0.29 GBP".parse().unwrap());
        assert_eq!(line.funded_until(rule, today), Some(date("2027-02-02")), "not one act");
        line.wallet = Some("0.30 GBP".parse().unwrap());
        assert_eq!(
            line.funded_until(rule, today),
            Some(date("2027-06-21")),
            "one, six weeks ahead on 22 December"
        );
        line.wallet = Some("100 USD".parse().unwrap());
        assert_eq!(line.funded_until(rule, today), Some(date("2027-02-02")), "another currency");
        assert_eq!(line.funded_until(rules.rule("nobody knows"), today), None);
        line.wallet = Some("3.00 GBP".parse().unwrap());
        assert_eq!(
            line.funded_until(rule, date("2027-03-01")),
            Some(date("2027-02-02")),
            "overdue: money alone keeps nothing"
        );
    }

    #[test]
    fn a_due_day_on_a_journey_is_met_before_it() {
        let mut line = line("priced", "2026-08-03");
        let due = date("2027-02-02");
        line.travel.push(Travel {
            from: date("2027-01-20"),
            to: date("2027-02-02"),
            to_where: "Kathmandu".into(),
        });
        assert_eq!(line.act_by(due, date("2026-11-25")), date("2027-01-19"));
        assert_eq!(line.act_by(due, date("2027-01-25")), due, "away already: the due day is what is left");
        assert_eq!(
            line.act_by(date("2027-02-03"), date("2026-11-25")),
            date("2027-02-03"),
            "home again in time"
        );
    }
}
