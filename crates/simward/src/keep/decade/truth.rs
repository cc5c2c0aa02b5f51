//! The operators' own book: when a number is really lost. It shares no arithmetic with what it judges: months are counted
//! here by hand, and the end of a day is looked for, not calculated.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

/// How long a use lasts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lasts {
    Months(i32),
    Days(i32),
}

/// An operator's plan as it is, whatever the ledger knows of it.
pub(super) struct Plan {
    pub(super) name: &'static str,
    lasts: Lasts,
    grace_days: u16,
    pub(super) zone: &'static str,
    /// Whether the ledger is told of it by a file.
    in_file: bool,
}

const fn plan(name: &'static str, lasts: Lasts, grace_days: u16, zone: &'static str) -> Plan {
    Plan { name, lasts, grace_days, zone, in_file: true }
}

const fn not_in_file(name: &'static str, lasts: Lasts, zone: &'static str) -> Plan {
    Plan { name, lasts, grace_days: 0, zone, in_file: false }
}

/// All plans: known ones, one nobody knows, and zones where days end in odd ways.
pub(super) const PLANS: [Plan; 15] = [
    not_in_file("giffgaff", Lasts::Months(6), "Europe/London"),
    not_in_file("EE pay as you go", Lasts::Days(179), "Europe/London"),
    not_in_file("India prepaid", Lasts::Days(90), "Asia/Kolkata"),
    // Nobody knows it: neither that it is 120 days, nor where.
    not_in_file("nobody knows", Lasts::Days(120), "America/Sao_Paulo"),
    plan("three months, Shanghai", Lasts::Months(3), 0, "Asia/Shanghai"),
    plan("half a year, first midnight", Lasts::Months(6), 0, "Pacific/Kiritimati"),
    plan("half a year, last midnight", Lasts::Months(6), 30, "Pacific/Pago_Pago"),
    plan("a year, New York", Lasts::Months(12), 60, "America/New_York"),
    plan("180 days, Apia", Lasts::Days(180), 0, "Pacific/Apia"),
    plan("four months, no midnight", Lasts::Months(4), 14, "Africa/Cairo"),
    plan("half a year, half an hour", Lasts::Months(6), 0, "Australia/Lord_Howe"),
    plan("half a year, two midnights", Lasts::Months(6), 0, "America/Havana"),
    plan("three months, no midnight", Lasts::Months(3), 10, "America/Santiago"),
    plan("84 days, Sydney", Lasts::Days(84), 0, "Australia/Sydney"),
    plan("five months, Kathmandu", Lasts::Months(5), 0, "Asia/Kathmandu"),
];

/// The file that tells the ledger of them.
pub(super) fn rules() -> String {
    let mut out = String::new();
    for plan in PLANS.iter().filter(|plan| plan.in_file) {
        let period = match plan.lasts {
            Lasts::Months(months) => format!("{months} months"),
            Lasts::Days(days) => format!("{days} days"),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "[[rule]]\nplan = {:?}\ncounts = [\"sms\", \"purchase\"]\nperiod = {period:?}\ngrace_days = {}\n\
             zone = {:?}\nsource = \"the decade\"\n\n",
            plan.name, plan.grace_days, plan.zone
        );
    }
    out
}

const fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Day by day, as one would on a wall calendar.
fn step(mut day: (i64, i64, i64), by: i32) -> (i64, i64, i64) {
    for _ in 0..by.abs() {
        let (year, month, d) = day;
        day = if by > 0 {
            match (month, d) {
                (12, 31) => (year + 1, 1, 1),
                _ if d == days_of(year, month) => (year, month + 1, 1),
                _ => (year, month, d + 1),
            }
        } else {
            match (month, d) {
                (1, 1) => (year - 1, 12, 31),
                (_, 1) => (year, month - 1, days_of(year, month - 1)),
                _ => (year, month, d - 1),
            }
        };
    }
    day
}

impl Plan {
    /// The last day after a use, year, month, day.
    fn last_day(&self, used: (i64, i64, i64)) -> (i64, i64, i64) {
        match self.lasts {
            Lasts::Days(days) => step(used, days - 1),
            Lasts::Months(months) => {
                let (year, month, day) = used;
                let months = month - 1 + i64::from(months);
                let (year, month) = (year + months / 12, months % 12 + 1);
                step((year, month, day.min(days_of(year, month))), -1)
            }
        }
    }

    /// When the last day after a use at `now` ends, and that day.
    pub(super) fn ends(&self, zone: &TimeZone, now: Timestamp) -> (Timestamp, Date) {
        let parts = |date: Date| (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
        let at = |second: i64| {
            let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            parts(zone.to_datetime(at).date())
        };
        let last = self.last_day(at(now.as_second()));
        // The first second of which the date is later than the last day.
        let (mut before, mut after) = (now.as_second(), now.as_second() + 500 * 86_400);
        while before + 1 < after {
            let middle = i64::midpoint(before, after);
            if at(middle) > last { after = middle } else { before = middle }
        }
        let day = zone.to_datetime(Timestamp::from_second(before).unwrap_or(now)).date();
        (Timestamp::from_second(after).unwrap_or(Timestamp::MAX), day)
    }
}
