//! Rotation: several numbers as profiles in one eUICC, of which one is on. Which to turn on, on which day, for which act.
//!
//! One number a day, and back to the main one afterwards. While a code is expected, or a change of SIM is pending, nothing
//! is turned: a code goes to the profile that is on.

use super::due::act_from;
use super::ledger::Line;
use super::money::Money;
use super::rule::{Act, Rule};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use wire::Msisdn;

/// So many days before it is due a turn is planned at the latest, where there is room: for a day that fails.
pub const SPARE_DAYS: i32 = 14;

/// A profile turned on for a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The day.
    pub on: Date,
    /// In which eUICC.
    pub euicc: String,
    /// Which number.
    pub number: Msisdn,
    /// What to do with it.
    pub act: Act,
    /// What that costs.
    pub price: Option<Money>,
    /// Until when it is in time.
    pub due: Date,
    /// Whether the day is later than that.
    pub late: bool,
}

/// A number that wants a turn.
struct Wish<'a> {
    line: &'a Line,
    rule: &'a Rule,
    euicc: &'a str,
    from: Date,
    due: Date,
}

impl<'a> Wish<'a> {
    fn of(line: &'a Line, rule: &'a Rule, today: Date) -> Option<Self> {
        let euicc = line.euicc.as_deref()?;
        let due = line.due(rule, today).unwrap_or(today);
        Some(Self { line, rule, euicc, from: act_from(rule, due), due })
    }

    /// The next one, after a use on that day.
    fn after(self, on: Date) -> Option<Self> {
        let due = super::due::due(self.rule, on)?;
        Some(Self { from: act_from(self.rule, due), due, ..self })
    }

    /// Whether it is away then, and the eUICC with it.
    fn away(&self, day: Date) -> bool {
        self.line.travel.iter().any(|trip| trip.from <= day && day <= trip.to)
    }
}

/// The turns of all numbers that are in an eUICC, from today to the last day, in order.
///
/// Whoever is due first chooses first: a free day from when it may be used on, before a journey rather than on it, and
/// where there is none in time, the first free day there is, and the turn says it is late.
pub fn plan<'a>(lines: impl IntoIterator<Item = (&'a Line, &'a Rule)>, today: Date, last: Date) -> Vec<Turn> {
    let mut wishes: Vec<Wish<'_>> =
        lines.into_iter().filter_map(|(line, rule)| Wish::of(line, rule, today)).collect();
    let mut turns: Vec<Turn> = Vec::new();
    while let Some(at) = (0..wishes.len()).min_by_key(|at| wishes.get(*at).map(|wish| wish.due)) {
        let wish = wishes.swap_remove(at);
        if wish.from > last {
            continue;
        }
        let taken = |day: &Date| turns.iter().any(|turn| turn.on == *day && turn.euicc == wish.euicc);
        let days = || wish.from.max(today).series(1.day()).take_while(|day| *day <= last);
        let spare = wish.due.checked_sub(SPARE_DAYS.days()).unwrap_or(wish.due);
        let home = |day: &Date| !taken(day) && !wish.away(*day);
        let before =
            || today.series(1.day()).take_while(|day| *day < wish.from.max(today)).filter(home).last();
        let day = days()
            .take_while(|day| *day <= spare)
            .find(home)
            .or_else(|| days().take_while(|day| *day <= wish.due).find(home))
            // Away from the first day to the last: the last day before it left.
            .or_else(|| if wish.from.max(today) <= wish.due && wish.away(wish.due) { before() } else { None })
            .or_else(|| days().find(|day| !taken(day)));
        let Some(on) = day else { continue };
        let turn = Turn {
            on,
            euicc: wish.euicc.into(),
            number: wish.line.number,
            act: wish.rule.cheapest(),
            price: wish.rule.price,
            due: wish.due,
            late: on > wish.due,
        };
        turns.push(turn);
        wishes.extend(wish.after(on));
    }
    turns.sort_by(|a, b| (a.on, &a.euicc).cmp(&(b.on, &b.euicc)));
    turns
}

/// What keeps the main profile on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Busy {
    /// A code is expected until then.
    pub code_until: Option<Timestamp>,
    /// A change of SIM, of any number in this eUICC, is pending.
    pub swap_pending: bool,
}

/// Why nothing is turned now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wait {
    /// A code would be missed.
    #[error("a code is expected until {0}; the profile that takes it stays on")]
    Code(Timestamp),
    /// The veto against a change would be missed.
    #[error("a change of SIM is pending; the profile that hears of it stays on until it is settled")]
    Swap,
}

/// That the main profile may be turned off now. Made only by [`Busy::check`].
#[derive(Debug)]
pub struct Go(());

impl Busy {
    /// Whether a profile may be turned now.
    pub fn check(&self, now: Timestamp) -> Result<Go, Wait> {
        match self.code_until {
            _ if self.swap_pending => Err(Wait::Swap),
            Some(until) if now <= until => Err(Wait::Code(until)),
            _ => Ok(Go(())),
        }
    }
}

impl Turn {
    /// The steps of the turn, in order.
    pub fn steps(&self, _go: &Go) -> [String; 5] {
        [
            format!("enable the profile of +{}", self.number),
            "wait until it is registered".into(),
            format!("do one {}", self.act.name()),
            "note the evidence: `simward keep used`".into(),
            "enable the main profile".into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::ledger::Travel;
    use crate::keep::rule::Rules;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn line(n: u32, plan: &str, last: &str) -> Line {
        let mut line = Line::new(format!("4477009001{n:02}").parse().unwrap(), plan);
        line.euicc = Some("phone".into());
        line.used(date(last), None, "as its holder says");
        line
    }

    fn planned(lines: &[Line], today: &str, last: &str) -> Vec<Turn> {
        let rules = Rules::built_in().unwrap();
        plan(lines.iter().map(|line| (line, rules.rule(&line.plan))), date(today), date(last))
    }

    #[test]
    fn thirty_numbers_due_on_one_day_are_turned_on_thirty_days_before_it() {
        let lines: Vec<Line> = (0..30).map(|n| line(n, "giffgaff", "2026-08-03")).collect();
        let turns = planned(&lines, "2026-11-25", "2027-02-10");
        let mut days: Vec<Date> = turns.iter().map(|turn| turn.on).collect();
        days.dedup();
        assert_eq!((turns.len(), days.len()), (30, 30));
        assert!(turns.iter().all(|turn| !turn.late && turn.on >= date("2026-12-22")));
    }

    #[test]
    fn ten_years_of_turns_keep_every_number() {
        let lines: Vec<Line> = (0..20)
            .map(|n| line(n, if n % 2 == 0 { "giffgaff" } else { "nobody knows" }, "2026-10-15"))
            .collect();
        let turns = planned(&lines, "2026-11-25", "2036-11-25");
        for line in &lines {
            let rules = Rules::built_in().unwrap();
            let mut last = date("2026-10-15");
            let mut due = date("2026-10-15");
            for turn in turns.iter().filter(|turn| turn.number == line.number) {
                due = super::super::due::due(rules.rule(&line.plan), last).unwrap();
                assert!(turn.on <= due && !turn.late && turn.on > last, "{turn:?}");
                last = turn.on;
            }
            assert!(due > date("2036-01-01"));
        }
    }

    #[test]
    fn whoever_is_late_already_is_turned_first_and_said_to_be_late() {
        let lines = [line(1, "giffgaff", "2026-08-03"), line(2, "giffgaff", "2026-01-01")];
        let turns = planned(&lines, "2026-11-25", "2027-01-30");
        assert_eq!((turns[0].on, turns[0].late), (date("2026-11-25"), true));
        assert_eq!(turns[0].number, lines[1].number);
        assert!(!turns[1].late);
    }

    #[test]
    fn what_falls_due_on_a_journey_is_turned_before_it() {
        let mut lines = [line(1, "giffgaff", "2026-08-03")];
        lines[0].travel.push(Travel {
            from: date("2026-12-20"),
            to: date("2027-03-01"),
            to_where: "Kathmandu".into(),
        });
        let turns = planned(&lines, "2026-11-25", "2027-03-30");
        assert_eq!(turns[0].on, date("2026-12-19"));
    }

    #[test]
    fn a_number_with_a_sim_of_its_own_takes_no_turn() {
        let mut lines = [line(1, "giffgaff", "2026-08-03")];
        lines[0].euicc = None;
        assert_eq!(planned(&lines, "2026-11-25", "2027-03-30"), []);
    }

    #[test]
    fn nothing_is_turned_while_a_code_is_expected_or_a_swap_is_pending() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let busy = Busy { code_until: Some(at("2027-01-01T08:05:00Z")), swap_pending: false };
        assert!(matches!(busy.check(at("2027-01-01T08:05:00Z")), Err(Wait::Code(_))));
        assert!(busy.check(at("2027-01-01T08:05:01Z")).is_ok());
        let busy = Busy { code_until: None, swap_pending: true };
        assert_eq!(busy.check(at("2027-01-01T08:05:00Z")).unwrap_err(), Wait::Swap);
    }
}
