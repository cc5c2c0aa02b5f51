//! Number keeping (保号): what counts as use at an operator, when the next use is due, and who must be told when.
//!
//! Pure: dates come in. A rule is data with its source and the day it was looked at; a plan that is not known is held to the
//! shortest period that is.

use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use wire::Malformed;

/// A way of using a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A call made.
    Call,
    /// A short message sent.
    Sms,
    /// Data used.
    Data,
    /// Something bought or paid for.
    Purchase,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Call, Self::Sms, Self::Data, Self::Purchase];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Sms => "sms",
            Self::Data => "data",
            Self::Purchase => "purchase",
        }
    }
}

impl std::str::FromStr for Act {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|act| act.name() == text);
        found.ok_or(Malformed::new("use of a number", "not one of call, sms, data, purchase"))
    }
}

/// How long a number lasts after its last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Calendar months.
    Months(i32),
    /// Days.
    Days(i32),
}

impl Period {
    fn span(self) -> Span {
        match self {
            Self::Months(months) => months.months(),
            Self::Days(days) => days.days(),
        }
    }
}

/// What an operator asks of a number that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The plan's name, as people write it.
    pub plan: &'static str,
    /// What counts as use.
    pub counts: &'static [Act],
    /// For how long one use lasts.
    pub period: Period,
    /// Where this stands.
    pub source: &'static str,
    /// When it was looked at there; `None`, hearsay that nobody has checked.
    pub checked: Option<&'static str>,
}

/// What is known. A rule without a date of checking is hearsay, and lists say so.
pub const RULES: [Rule; 2] = [
    Rule {
        plan: "giffgaff",
        counts: &[Act::Call, Act::Sms, Act::Data, Act::Purchase],
        period: Period::Months(6),
        source: "community.giffgaff.com, Recycling mobile numbers: one of these every six months",
        checked: Some("2026-11-25"),
    },
    Rule {
        plan: "India prepaid",
        counts: &[Act::Purchase],
        period: Period::Days(90),
        source: "hearsay: about 90 days without a recharge",
        checked: None,
    },
];

/// What a plan that is not known is held to: a paid act, and the shortest period that is known of any.
pub const UNKNOWN: Rule = Rule {
    plan: "unknown",
    counts: &[Act::Purchase],
    period: Period::Days(90),
    source: "not known: the shortest period known of any operator, and a paid act, are assumed",
    checked: None,
};

/// Days before the due date on which somebody is told, the last one included.
pub const REMINDERS: [i64; 6] = [60, 30, 14, 7, 3, 1];

/// The rule of a plan.
pub fn rule(plan: &str) -> Rule {
    RULES.into_iter().find(|rule| rule.plan.eq_ignore_ascii_case(plan.trim())).unwrap_or(UNKNOWN)
}

/// The last day on which a use is in time: one use lasts for the period, and the day before it is over is the last.
pub fn due(rule: &Rule, last: Date) -> Option<Date> {
    last.checked_add(rule.period.span()).ok()?.yesterday().ok()
}

/// How it stands with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// So many days are left, and no reminder is due.
    Safe(i64),
    /// So many days are left, and somebody is to be told.
    Soon(i64),
    /// The day has come or passed, so many days ago.
    Overdue(i64),
}

/// How it stands on a day.
pub fn standing(due: Date, today: Date) -> Standing {
    let left = today.until(due).map_or(i64::MIN, |span| i64::from(span.get_days()));
    let farthest = REMINDERS.iter().copied().max().unwrap_or(0);
    match left {
        left if left <= 0 => Standing::Overdue(-left),
        left if left <= farthest => Standing::Soon(left),
        left => Standing::Safe(left),
    }
}

/// The days on which somebody is told, in order, the due day among them.
pub fn reminders(due: Date) -> Vec<Date> {
    let before = REMINDERS.iter().filter_map(|days| due.checked_sub(days.days()).ok());
    let mut all: Vec<Date> = before.chain([due]).collect();
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn six_months_are_calendar_months_and_end_a_day_early() {
        let giffgaff = rule("Giffgaff ");
        assert_eq!(due(&giffgaff, date("2026-08-03")), Some(date("2027-02-02")));
        assert_eq!(due(&giffgaff, date("2026-08-31")), Some(date("2027-02-27")), "there is no 31 February");
        assert_eq!(
            due(&giffgaff, date("2027-08-31")),
            Some(date("2028-02-28")),
            "and in a leap year a day more"
        );
    }

    #[test]
    fn what_is_not_known_is_held_to_the_shortest_that_is() {
        let days = |rule: &Rule| {
            let start = date("2027-01-01");
            start.until(due(rule, start).unwrap()).unwrap().get_days()
        };
        let shortest = RULES.iter().map(days).min().unwrap();
        assert_eq!(days(&rule("China Mobile")), shortest);
        assert_eq!(rule("China Mobile").checked, None);
    }

    #[test]
    fn no_due_date_passes_unwarned_in_four_years() {
        for rule in RULES.iter().chain([&UNKNOWN]) {
            let mut last = date("2027-01-01");
            for _ in 0..1_500 {
                let due = due(rule, last).unwrap();
                let warned = reminders(due);
                assert_eq!(warned.last(), Some(&due));
                assert!(warned.iter().any(|day| *day < due && *day > last), "{last}: told before it is due");
                for day in &warned {
                    assert!(
                        !matches!(standing(due, *day), Standing::Safe(_)),
                        "{last}: a reminder on a safe day"
                    );
                }
                assert!(matches!(standing(due, due.tomorrow().unwrap()), Standing::Overdue(1)));
                last = last.tomorrow().unwrap();
            }
        }
    }
}
