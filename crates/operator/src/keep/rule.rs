//! What operators ask of a number that is kept: data, with its source and the day it was looked at.

use super::due::zone;
use super::money::Money;
use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use serde::{Deserialize, Serialize};
use std::fmt;
use wire::Malformed;

/// A way of using a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// A call made.
    Call,
    /// A short message sent.
    Sms,
    /// A picture message sent.
    Mms,
    /// Data used.
    Data,
    /// Something bought or paid for.
    Purchase,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Call, Self::Sms, Self::Mms, Self::Data, Self::Purchase];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Sms => "sms",
            Self::Mms => "mms",
            Self::Data => "data",
            Self::Purchase => "purchase",
        }
    }
}

impl std::str::FromStr for Act {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|act| act.name() == text);
        found.ok_or(Malformed::new("use of a number", "not one of call, sms, mms, data, purchase"))
    }
}

/// How long a number lasts after its last use. Written `6 months`, `90 days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Calendar months.
    Months(i32),
    /// Days.
    Days(i32),
}

impl Period {
    /// As a span of the calendar.
    pub fn span(self) -> Span {
        match self {
            Self::Months(months) => months.months(),
            Self::Days(days) => days.days(),
        }
    }

    /// Never more days than it has, whenever it begins.
    pub const fn days_at_least(self) -> i32 {
        match self {
            // Two days short of the mean is short of the shortest, the one with a February in it.
            Self::Months(months) => (months * 365) / 12 - 2,
            Self::Days(days) => days,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Months(months) => write!(f, "{months} months"),
            Self::Days(days) => write!(f, "{days} days"),
        }
    }
}

impl std::str::FromStr for Period {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let bad = Malformed::new("period", "write it like `6 months` or `90 days`, ten years at most");
        let (count, unit) = text.trim().split_once(' ').ok_or(bad)?;
        let count: i32 = count.parse().map_err(|_| bad)?;
        match unit.trim() {
            "month" | "months" if (1..=120).contains(&count) => Ok(Self::Months(count)),
            "day" | "days" if (1..=3_660).contains(&count) => Ok(Self::Days(count)),
            _ => Err(bad),
        }
    }
}

/// What an operator asks of a number that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The plan's name, as people write it.
    pub plan: String,
    /// What counts as use.
    pub counts: Vec<Act>,
    /// For how long one use lasts.
    #[serde(with = "super::text")]
    pub period: Period,
    /// Days after the due date in which the number can still be called back. Nothing counts on them.
    #[serde(default)]
    pub grace_days: u16,
    /// The act that costs least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cheapest: Option<Act>,
    /// What it costs; `None`, nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "price")]
    pub price: Option<Money>,
    /// Where the operator's days end; `None`, as early as anywhere on Earth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Where this stands.
    pub source: String,
    /// When it was looked at there; `None`, hearsay that nobody has checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Date>,
}

pub(crate) mod price {
    use super::Money;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(value: &Option<Money>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(money) => to.collect_str(money),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Money>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

impl Rule {
    /// The act that costs least, or the first that counts.
    pub fn cheapest(&self) -> Act {
        self.cheapest.or_else(|| self.counts.first().copied()).unwrap_or(Act::Purchase)
    }

    fn check(&self) -> Result<(), RulesError> {
        let bad = |why: String| Err(RulesError { plan: self.plan.clone(), why });
        if self.plan.trim().is_empty() || self.source.trim().is_empty() {
            return bad("a rule has a plan and a source".into());
        }
        if self.counts.is_empty() {
            return bad("`counts` is empty: something must count as use".into());
        }
        if self.cheapest.is_some_and(|act| !self.counts.contains(&act)) {
            return bad("`cheapest` is an act that does not count".into());
        }
        if self.grace_days > 366 {
            return bad("`grace_days` is over a year: nothing is that kind; look again".into());
        }
        match &self.zone {
            Some(name) => zone(name).map(drop).or_else(|e| bad(format!("`zone` = {name:?}: {e}"))),
            None => Ok(()),
        }
    }
}

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule for {plan:?}: {why}")]
pub struct RulesError {
    plan: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// The rules that are known, and what a plan is held to that is not.
#[derive(Debug, Clone)]
pub struct Rules {
    known: Vec<Rule>,
    unknown: Rule,
}

impl Rules {
    /// What comes with the program.
    pub fn built_in() -> Result<Self, RulesError> {
        // A paid act, the shortest period that is, no grace, no price, no zone.
        let unknown = Rule {
            plan: "unknown".into(),
            counts: vec![Act::Purchase],
            period: Period::Days(90),
            grace_days: 0,
            cheapest: None,
            price: None,
            zone: None,
            source: "not known: the shortest period known of any operator, and a paid act, are assumed"
                .into(),
            checked: None,
        };
        Self { known: Vec::new(), unknown }.with(include_str!("rules.toml"))
    }

    /// With further ones, as a file writes them; a later rule for the same plan takes the place of an earlier.
    pub fn with(mut self, text: &str) -> Result<Self, RulesError> {
        let file: File = toml::from_str(text)
            .map_err(|e| RulesError { plan: String::new(), why: e.message().to_string() })?;
        for rule in file.rule {
            rule.check()?;
            if rule.period.days_at_least() < self.unknown.period.days_at_least() {
                self.unknown.period = rule.period;
            }
            self.known.retain(|old| !same(&old.plan, &rule.plan));
            self.known.push(rule);
        }
        Ok(self)
    }

    /// The rule of a plan.
    pub fn rule(&self, plan: &str) -> &Rule {
        self.known.iter().find(|rule| same(&rule.plan, plan)).unwrap_or(&self.unknown)
    }

    /// The known ones, in order, and last what the others are held to.
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.known.iter().chain([&self.unknown])
    }
}

fn same(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(rule: &str) -> String {
        Rules::built_in().unwrap().with(&format!("[[rule]]\n{rule}")).unwrap_err().to_string()
    }

    #[test]
    fn a_rule_that_says_nothing_that_can_be_checked_is_refused() {
        let good = "plan = \"a\"\ncounts = [\"sms\"]\nperiod = \"30 days\"\nsource = \"a page\"\n";
        assert!(Rules::built_in().unwrap().with(&format!("[[rule]]\n{good}")).is_ok());
        for (from, to, why) in [
            ("[\"sms\"]", "[]", "counts"),
            ("[\"sms\"]", "[\"fax\"]", "fax"),
            ("30 days", "0 days", "period"),
            ("30 days", "-30 days", "period"),
            ("30 days", "a month", "period"),
            ("a page", " ", "source"),
            ("\"a\"", "\"\"", "plan"),
        ] {
            let said = refused(&good.replace(from, to));
            assert!(said.contains(why), "{said}");
        }
        for (more, why) in [
            ("cheapest = \"call\"", "cheapest"),
            ("grace_days = 400", "grace_days"),
            ("zone = \"Mars/Olympus\"", "zone"),
            ("price = \"cheap\"", "amount"),
            ("unheard = 1", "unheard"),
        ] {
            let said = refused(&format!("{good}{more}"));
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn what_is_not_known_is_held_to_the_worst_that_is() {
        let rules = Rules::built_in().unwrap();
        let unknown = rules.rule("China Mobile");
        let shortest = rules.all().map(|rule| rule.period.days_at_least()).min();
        assert_eq!(Some(unknown.period.days_at_least()), shortest);
        assert_eq!(
            (unknown.checked, unknown.price, unknown.grace_days, &unknown.zone),
            (None, None, 0, &None)
        );
        assert_eq!(unknown.counts, [Act::Purchase]);
        let shorter =
            "[[rule]]\nplan = \"Strict\"\ncounts = [\"sms\"]\nperiod = \"1 month\"\nsource = \"its terms\"";
        let rules = rules.with(shorter).unwrap();
        assert_eq!(
            rules.rule("China Mobile").period,
            Period::Months(1),
            "a shorter one that is known is the worst"
        );
    }

    #[test]
    fn months_are_never_counted_longer_than_they_are() {
        for months in 1..=120 {
            let mut start: Date = "2027-01-01".parse().unwrap();
            for _ in 0..1_500 {
                let end = start.checked_add(months.months()).unwrap();
                let days = start.until(end).unwrap().get_days();
                assert!(Period::Months(months).days_at_least() <= days, "{months} from {start}");
                start = start.tomorrow().unwrap();
            }
        }
    }

    #[test]
    fn a_plan_is_found_as_people_write_it_and_ones_own_rule_comes_first() {
        let rules = Rules::built_in().unwrap();
        assert_eq!(rules.rule(" GiffGaff ").period, Period::Months(6));
        let own =
            "[[rule]]\nplan = \"Giffgaff\"\ncounts = [\"sms\"]\nperiod = \"5 months\"\nsource = \"a letter\"";
        let rules = rules.with(own).unwrap();
        assert_eq!(rules.rule("giffgaff").period, Period::Months(5));
        assert_eq!(rules.all().filter(|rule| same(&rule.plan, "giffgaff")).count(), 1);
    }
}
