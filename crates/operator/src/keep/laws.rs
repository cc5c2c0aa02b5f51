//! The laws of keeping, for every order of what may happen.

use super::alive::tests::proof;
use super::due::{act_from, deadline, due, left, today, zone};
use super::ledger::Line;
use super::reclaim::{Arrived, CHANNELS, Event, FREEZE_DAYS, Kept, NOTICES, OFFER_DAYS, State};
use super::reminder::{Delivery, Kind, about_channels, about_clocks, about_due, step};
use super::rule::{Act, Rule, Rules};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use proptest::collection::vec;
use proptest::prelude::*;

const NUMBER: &str = "447700900123";

fn day(n: i32) -> Date {
    Date::constant(2027, 1, 1).checked_add(i64::from(n).days()).unwrap()
}

fn rule(index: usize) -> Rule {
    let rules = Rules::built_in().unwrap();
    let all: Vec<Rule> = rules.all().cloned().collect();
    all[index % all.len()].clone()
}

/// A number with three channels that have been there for long.
fn line(uses: &[i32]) -> Line {
    let mut line = Line::new(NUMBER.parse().unwrap(), "any");
    for (kind, to) in [(Kind::WebPush, "push"), (Kind::Email, "alice@example.org"), (Kind::Guardian, "bob")] {
        line.add_channel(kind, to, false, Date::constant(2020, 1, 1)).unwrap();
    }
    for n in uses {
        line.used(day(*n), None, "as its holder says");
    }
    line
}

#[derive(Debug, Clone)]
enum Step {
    Day(i32),
    Jump(i32),
    Arrived(usize, i32),
    Alive(i32),
    Used(i32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Mostly days that pass, or nothing would ever come to its end.
    let step = prop_oneof![
        40 => (1..200_i32).prop_map(Step::Day),
        6 => (-500..500_i32).prop_map(Step::Jump),
        20 => (0..4_usize, -3..3_i32).prop_map(|(kind, late)| Step::Arrived(kind, late)),
        1 => (-400..2_i32).prop_map(Step::Alive),
        1 => (-400..2_i32).prop_map(Step::Used),
    ];
    vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: nothing is reclaimed but after three notices that arrived on three days by two
    /// kinds of channel, ninety days of freeze after the last of them, thirty of offer, and no life in between.
    #[test]
    fn nothing_is_reclaimed_but_after_notices_a_freeze_and_an_offer(steps in steps()) {
        let mut state = State::Kept(Kept::new(NUMBER.parse().unwrap(), day(0), day(-400)));
        let mut now = 0;
        // The test's own book: distinct days seen since the last sign of life, and what arrived since.
        let mut seen: Vec<i32> = Vec::new();
        let mut arrived: Vec<(i32, Kind)> = Vec::new();
        for step in steps {
            match step {
                Step::Day(days) => for _ in 0..days {
                    now += 1;
                    seen.push(now);
                    state = state.on(&Event::Day(day(now)));
                },
                Step::Jump(days) => {
                    seen.push(now + days);
                    state = state.on(&Event::Day(day(now + days)));
                }
                Step::Arrived(kind, late) => {
                    let kind = Kind::ALL[kind];
                    arrived.push((now + late, kind));
                    state = state.on(&Event::Arrived(Arrived { kind, on: day(now + late) }));
                }
                Step::Alive(ago) => {
                    state = state.on(&Event::Alive(&proof(NUMBER, day(now + ago)), day(now + ago + 180)));
                    prop_assert!(matches!(state, State::Kept(_)), "life always resets");
                    seen.clear();
                    arrived.clear();
                }
                Step::Used(ago) => {
                    state = state.on(&Event::Used(day(now + ago), day(now + ago + 180)));
                    prop_assert!(matches!(state, State::Kept(_)), "use always resets");
                    seen.clear();
                    arrived.clear();
                }
            }
            match state.reclaim() {
                Ok(reclaim) => {
                    seen.sort_unstable();
                    seen.dedup();
                    prop_assert!(seen.len() >= (FREEZE_DAYS + OFFER_DAYS) as usize);
                    prop_assert!(reclaim.frozen_days() >= FREEZE_DAYS && reclaim.offered_days() >= OFFER_DAYS);
                    let count = |mut of: Vec<String>| { of.sort(); of.dedup(); of.len() };
                    prop_assert!(count(arrived.iter().map(|(on, _)| on.to_string()).collect()) >= NOTICES);
                    prop_assert!(count(arrived.iter().map(|(_, kind)| kind.to_string()).collect()) >= CHANNELS);
                    return Ok(());
                }
                Err(kept) => state = kept,
            }
        }
    }

    /// A clock set back never makes a due date later than it was, nor does any clock after it.
    #[test]
    fn a_clock_set_back_never_makes_a_due_date_later(
        uses in vec(-300..600_i32, 0..6), which in 0..4_usize, ahead in 0..700_i32, back in 0..700_i32,
    ) {
        let rule = rule(which);
        let mut line = line(&uses);
        let was = line.due(&rule, day(ahead));
        line.observe(day(ahead - back));
        for then in [ahead - back, ahead, ahead + 700] {
            let is = line.due(&rule, day(then));
            // Uses that come after `ahead` are of no concern: only those that were looked at then.
            let known = uses.iter().filter(|n| **n <= ahead).count() == uses.len();
            prop_assert!(is <= was || (!known && then > ahead), "{is:?} after {was:?}");
        }
    }

    /// No due date passes unwarned, whatever outages there are, if one day of the last sixty was none: on that day every
    /// channel is told; what is told ends at the operator's midnight.
    #[test]
    fn a_due_date_is_warned_of_on_any_day_on_which_something_runs(
        last in 0..1_500_i32, which in 0..4_usize, ran in 0..=60_i64, zone_index in 0..4_usize,
    ) {
        let rule = rule(which);
        let zone = zone(["Asia/Shanghai", "Pacific/Kiritimati", "America/New_York", "Pacific/Pago_Pago"][zone_index]).unwrap();
        let line = line(&[last]);
        let due = due(&rule, day(last)).unwrap();
        let now = due.checked_sub(ran.days()).unwrap();
        let wanted = about_due(&line, due, &zone, now);
        prop_assert_eq!(wanted.len(), if ran <= 7 { 3 } else { 2 });
        for wanted in wanted {
            prop_assert!(wanted.step >= ran, "the step that has come, not one that has not");
            let ends = wanted.ends.unwrap();
            prop_assert_eq!(today(ends.checked_sub(1.second()).unwrap(), &zone), due);
            prop_assert!(today(ends, &zone) > due);
        }
    }

    /// On no day that is called quiet is there anything to do or to tell.
    #[test]
    fn a_quiet_day_is_quiet(uses in vec(0..600_i32, 0..4), which in 0..4_usize, now in 0..900_i32, later in 0..400_i32) {
        let rule = rule(which);
        let line = line(&uses);
        let quiet = line.quiet_until(&rule, day(now));
        let then = day(now + later);
        // Uses that are noted in between are what wakes whoever sleeps.
        let noted = uses.iter().any(|n| now < *n && *n <= now + later);
        if then < quiet && !noted {
            let due = line.due(&rule, then).unwrap();
            prop_assert!(!line.wants_act(&rule, then));
            prop_assert!(about_due(&line, due, &TimeZone::UTC, then).is_empty());
            prop_assert!(about_channels(&line, then).is_empty());
            prop_assert!(about_clocks(&line, Timestamp::UNIX_EPOCH, then).is_empty());
        }
    }

    /// Every step is told to every channel once it has arrived, and not before it has.
    #[test]
    fn what_has_arrived_is_not_told_again_and_what_has_not_is(last in 0..900_i32, state in 0..3_usize, ran in 1..=60_i64) {
        let rule = rule(0);
        let mut line = line(&[last]);
        let due = due(&rule, day(last)).unwrap();
        let now = due.checked_sub(ran.days()).unwrap();
        let state = [Delivery::Sent, Delivery::Delivered, Delivery::Failed][state];
        let sent: Vec<_> = about_due(&line, due, &TimeZone::UTC, now).iter().map(|w| w.sent(now, state)).collect();
        line.notice.extend(sent);
        prop_assert!(about_due(&line, due, &TimeZone::UTC, now).is_empty());
        let again = about_due(&line, due, &TimeZone::UTC, now.tomorrow().unwrap());
        let next = step(left(due, now)) != step(left(due, now) - 1);
        prop_assert_eq!(again.is_empty(), state == Delivery::Delivered && !next);
    }

    /// A line that is used on any day from when it may be used on to its due day is never without a due day ahead.
    #[test]
    fn a_use_in_time_always_leads_to_a_later_due_date(last in 0..1_500_i32, which in 0..4_usize, into in 0..=42_i64) {
        let rule = rule(which);
        let first = due(&rule, day(last)).unwrap();
        let from = act_from(&rule, first);
        let on = from.checked_add(into.days()).unwrap().min(first);
        let mut line = line(&[last]);
        prop_assert!(line.wants_act(&rule, on));
        line.used(on, Some(rule.counts[0]), "receipt");
        let next = line.due(&rule, on).unwrap();
        prop_assert!(next > first && !line.wants_act(&rule, on));
        prop_assert!(deadline(next, &TimeZone::UTC) > deadline(first, &TimeZone::UTC));
        prop_assert!(rule.counts.contains(&Act::Purchase) || rule.counts.contains(&Act::Sms));
    }
}
