//! The decade finds what is wrong: each part of what keeps, made a little worse, loses a line or warns of none.

use super::*;
use jiff::ToSpan as _;
use operator::keep::due::{REMINDERS, left};

fn outcome(keeper: Keeper) -> Outcome {
    live(400, 10, 7, keeper, &|| ()).unwrap()
}

#[test]
fn in_a_decade_no_funded_line_is_lost_and_every_due_date_is_warned_of() {
    let outcome = outcome(Keeper::REAL);
    assert!(outcome.good(), "{outcome:?}");
    // It was a decade of something.
    assert!(outcome.acts > 10_000 && outcome.lapsed > 60 && outcome.reclaimed > 40, "{outcome:?}");
    assert!(
        outcome.returned > 10 && outcome.unrecorded > 20 && outcome.delivered < outcome.notices,
        "{outcome:?}"
    );
}

#[test]
fn the_same_seed_is_the_same_decade() {
    let (one, other) = (outcome(Keeper::REAL), outcome(Keeper::REAL));
    assert_eq!((one.acts, one.notices, one.lapsed), (other.acts, other.notices, other.lapsed));
}

#[test]
fn a_period_a_day_too_long_is_found() {
    let late = |line: &Line, rule: &Rule, today: Date| line.due(rule, today)?.tomorrow().ok();
    assert!(outcome(Keeper { due: late, ..Keeper::REAL }).lost > 0);
}

#[test]
fn grace_counted_before_it_is_due_is_found() {
    let graced = |line: &Line, rule: &Rule, today: Date| {
        line.due(rule, today)?.checked_add(i64::from(rule.grace_days).days()).ok()
    };
    assert!(outcome(Keeper { due: graced, ..Keeper::REAL }).lost > 0);
}

#[test]
fn a_february_that_runs_over_into_march_is_found() {
    let over = |line: &Line, rule: &Rule, today: Date| {
        let last = line.last(rule, today)?.on;
        let first = last.first_of_month().checked_add(rule.period.span()).ok()?;
        match rule.period {
            operator::keep::rule::Period::Months(_) => {
                first.checked_add(i64::from(last.day() - 1).days()).ok()?.yesterday().ok()
            }
            operator::keep::rule::Period::Days(_) => line.due(rule, today),
        }
    };
    assert!(outcome(Keeper { due: over, ..Keeper::REAL }).lost > 0);
}

#[test]
fn a_zone_taken_for_utc_is_found() {
    let today = |now: Timestamp, _: &TimeZone| due::today(now, &TimeZone::UTC);
    assert!(outcome(Keeper { today, ..Keeper::REAL }).lost > 0, "the day it is");
    fn wanted<'a>(line: &'a Line, due: Date, _: &TimeZone, today: Date) -> Vec<Wanted<'a>> {
        about_due(line, due, &TimeZone::UTC, today)
    }
    assert!(outcome(Keeper { wanted, ..Keeper::REAL }).lost > 0, "the midnight it ends at");
}

#[test]
fn a_reminder_lost_in_an_outage_is_found() {
    // On its day, once, or never.
    fn wanted<'a>(line: &'a Line, due: Date, zone: &TimeZone, today: Date) -> Vec<Wanted<'a>> {
        let step = left(due, today);
        let told = line.notice.iter().any(|notice| notice.day == due && notice.step == step);
        if told || (step != 0 && !REMINDERS.contains(&step)) {
            return Vec::new();
        }
        about_due(line, due, zone, today)
    }
    let outcome = outcome(Keeper { wanted, ..Keeper::REAL });
    assert!(outcome.unwarned > 0 || outcome.lost > 0, "{outcome:?}");
}

#[test]
fn a_note_by_a_clock_that_was_ahead_and_is_believed_is_found() {
    assert!(outcome(Keeper { observe: |_, _| false, ..Keeper::REAL }).lost > 0);
}
