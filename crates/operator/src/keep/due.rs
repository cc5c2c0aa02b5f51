//! When the next use is due: a day of the operator's, which ends at the operator's midnight.

use super::rule::Rule;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan as _};
use std::sync::LazyLock;
use wire::Malformed;

/// Where days end first: the zone of an operator of whom nobody knows where it is.
pub const EARLIEST_ZONE: &str = "Pacific/Kiritimati";
/// Days before the due date on which somebody is told, the last one included.
pub const REMINDERS: [i64; 6] = [60, 30, 14, 7, 3, 1];
/// So many days before it is due a number is used, where that happens by itself: six weeks, or half of a period that is
/// shorter than twelve. Whatever fails for less than that loses nothing.
pub const AHEAD: i32 = 42;

/// The tz database that comes with the program: the same on every machine, and no file is read.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A zone by its name.
pub fn zone(name: &str) -> Result<TimeZone, Malformed> {
    let unknown = Malformed::new("time zone", "not in the tz database; write it like Europe/London");
    ZONES.get(name).map_err(|_| unknown)
}

/// The day it is at an operator.
pub fn today(now: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(now).date()
}

/// The last day on which a use is in time: one use lasts for the period, and the day before it is over is the last.
pub fn due(rule: &Rule, last: Date) -> Option<Date> {
    last.checked_add(rule.period.span()).ok()?.yesterday().ok()
}

/// When that day ends at the operator. Where its midnight comes twice, the first; where it does not come, what is then.
pub fn deadline(due: Date, zone: &TimeZone) -> Option<Timestamp> {
    let midnight = due.tomorrow().ok()?.at(0, 0, 0, 0);
    zone.to_ambiguous_timestamp(midnight).earlier().ok()
}

/// From when on a number is used that is used by itself.
pub fn act_from(rule: &Rule, due: Date) -> Date {
    let ahead = AHEAD.min(rule.period.days_at_least() / 2);
    due.checked_sub(ahead.days()).unwrap_or(Date::MIN)
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

/// How many days are left.
pub fn left(due: Date, today: Date) -> i64 {
    today.until(due).map_or(i64::MIN, |span| i64::from(span.get_days()))
}

/// How it stands on a day.
pub fn standing(due: Date, today: Date) -> Standing {
    let farthest = REMINDERS.iter().copied().max().unwrap_or(0);
    match left(due, today) {
        left if left <= 0 => Standing::Overdue(left.saturating_neg()),
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
    use crate::keep::rule::Rules;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn six_months_are_calendar_months_and_end_a_day_early() {
        let rules = Rules::built_in().unwrap();
        let giffgaff = rules.rule("Giffgaff ");
        assert_eq!(due(giffgaff, date("2026-08-03")), Some(date("2027-02-02")));
        assert_eq!(due(giffgaff, date("2026-08-31")), Some(date("2027-02-27")), "there is no 31 February");
        assert_eq!(
            due(giffgaff, date("2027-08-31")),
            Some(date("2028-02-28")),
            "and in a leap year a day more"
        );
    }

    #[test]
    fn no_due_date_passes_unwarned_in_four_years() {
        let rules = Rules::built_in().unwrap();
        for rule in rules.all() {
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
                assert!(last < act_from(rule, due) && act_from(rule, due) < due);
                last = last.tomorrow().unwrap();
            }
        }
    }

    #[test]
    fn a_day_ends_at_the_operators_midnight_even_where_there_is_none() {
        for (zone_name, day, end) in [
            ("Asia/Shanghai", "2027-03-01", "2027-03-01T16:00:00Z"),
            ("Pacific/Kiritimati", "2027-03-01", "2027-03-01T10:00:00Z"),
            ("America/New_York", "2027-03-01", "2027-03-02T05:00:00Z"),
            // 5 November 2023, Havana: midnight comes twice; the first ends the day.
            ("America/Havana", "2023-11-04", "2023-11-05T04:00:00Z"),
            // 26 March 2022, Asuncion: the last hour comes twice.
            ("America/Asuncion", "2022-03-26", "2022-03-27T04:00:00Z"),
            // 2 September 2023, Santiago: clocks go from 24:00 to 01:00.
            ("America/Santiago", "2023-09-02", "2023-09-03T03:00:00Z"),
        ] {
            let zone = zone(zone_name).unwrap();
            let ends = deadline(date(day), &zone).unwrap();
            assert!(ends <= end.parse().unwrap(), "{zone_name}: {ends}");
            assert!(today(ends.checked_sub(2.hours()).unwrap(), &zone) <= date(day), "{zone_name}");
        }
    }

    #[test]
    fn nowhere_does_a_day_end_earlier_than_where_nobody_knows() {
        let earliest = deadline(date("2027-03-01"), &zone(EARLIEST_ZONE).unwrap()).unwrap();
        for name in TimeZoneDatabase::bundled().available() {
            let zone = zone(name.as_str()).unwrap();
            assert!(deadline(date("2027-03-01"), &zone).unwrap() >= earliest, "{name}");
        }
    }
}
