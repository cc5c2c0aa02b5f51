//! Keeping: reminders, channels and the way on which a number comes free. The operator's machine for it is driven day by
//! day; nothing of it is served by the node yet, so what it says is looked at where it is decided.

use super::Outcome;
use super::hands::stuck;
use crate::demo::DemoError;
use crate::demo::cast::Cast;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use operator::keep::clock::Clock;
use operator::keep::ledger::Line;
use operator::keep::reclaim::{Arrived, Event, Kept, State};
use operator::keep::reminder::{Delivery, Kind, about_channels, about_clocks};
use wire::Msisdn;

fn day(n: i64) -> Result<Date, DemoError> {
    Date::constant(2028, 1, 1).checked_add(n.days()).map_err(stuck)
}

/// A number that nobody has used for a year.
fn lapsed(number: Msisdn) -> Result<State, DemoError> {
    let kept = Kept::new(number, Date::constant(2027, 3, 1), Date::constant(2026, 12, 1));
    Ok(State::Kept(kept).on(&Event::Day(day(0)?)))
}

fn days(mut state: State, range: std::ops::Range<i64>) -> Result<State, DemoError> {
    for n in range {
        state = state.on(&Event::Day(day(n)?));
    }
    Ok(state)
}

/// Staff take a number back after mails that nobody has seen.
pub(super) fn without_notices(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let mut state = lapsed(cast.number)?;
    for n in 1..5 {
        state = state.on(&Event::Arrived(Arrived { kind: Kind::Email, on: day(n)? }));
    }
    let state = days(state, 1..400)?;
    let where_it_is = format!("{state:?}").split(['(', ' ']).next().unwrap_or_default().to_string();
    cast.glance(1)?;
    Ok(Outcome::unless(
        state.reclaim().is_ok(),
        "a number was taken back in silence",
        format!("{where_it_is}: too few notices have arrived"),
    ))
}

/// The operator's machine wakes up in another year.
pub(super) fn in_a_day(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let mut state = lapsed(cast.number)?;
    for (n, kind) in [(1, Kind::Email), (2, Kind::WebPush), (3, Kind::Email)] {
        state = state.on(&Event::Arrived(Arrived { kind, on: day(n)? }));
    }
    state = days(state, 3..6)?;
    for n in [400, 800, 1_200, 1_600] {
        state = state.on(&Event::Day(day(n)?));
    }
    cast.glance(1)?;
    Ok(Outcome::unless(
        state.reclaim().is_ok(),
        "a clock that jumped froze the number for ninety days in one",
        "four days were seen, not ninety",
    ))
}

fn line(cast: &Cast) -> Result<Line, DemoError> {
    let mut line = Line::new(cast.number, "own");
    let owners = [
        (Kind::Email, "fang@example.org"),
        (Kind::WebPush, "https://push.example/1"),
        (Kind::Sms, "+8613800138000"),
    ];
    for (kind, to) in owners {
        line.add_channel(kind, to, false, Date::constant(2027, 1, 1)).map_err(stuck)?;
    }
    Ok(line)
}

/// A demand to prove again who holds the number: a day, and the only push service is down when it is noted.
pub(super) fn while_nobody_is_told(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let (mut line, noted) = clock_runs(cast)?;
    let wanted: Vec<_> = about_clocks(&line, noted, day(0)?)
        .iter()
        .map(|w| w.sent(Date::constant(2028, 1, 1), Delivery::Failed))
        .collect();
    let sms = wanted.iter().any(|notice| notice.kind == Kind::Sms);
    line.notice.extend(wanted);
    let minute_later = noted.checked_add(SignedDuration::from_mins(1)).map_err(stuck)?;
    let again = about_clocks(&line, minute_later, day(0)?).len();
    cast.glance(1)?;
    Ok(Outcome::unless(
        again == 0 || sms,
        "the only notice was lost",
        format!("told again a minute later, by {again} channels, none of them the line itself"),
    ))
}

/// The notices are sent, says the operator; nobody has seen them.
pub(super) fn while_notices_are_on_their_way(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let (mut line, noted) = clock_runs(cast)?;
    let mut told = 0;
    for hours in [0, 12, 18, 21, 23] {
        let now = noted.checked_add(SignedDuration::from_hours(hours)).map_err(stuck)?;
        let today = day(hours / 12)?;
        let wanted: Vec<_> =
            about_clocks(&line, now, today).iter().map(|w| w.sent(today, Delivery::Sent)).collect();
        told += u32::from(!wanted.is_empty());
        line.notice.extend(wanted);
    }
    cast.glance(1)?;
    Ok(Outcome::unless(told < 5, "told once, and the line stops", format!("told at {told} steps")))
}

fn clock_runs(cast: &Cast) -> Result<(Line, Timestamp), DemoError> {
    let mut line = line(cast)?;
    let noted: Timestamp = "2028-01-01T12:00:00Z".parse().map_err(stuck)?;
    line.clock
        .push(Clock { what: "二次实人认证".into(), started: noted, hours: 24, path: None, done: None });
    Ok((line, noted))
}

/// Whoever is signed in removes the owner's mail and then asks for a change.
pub(super) fn removing_a_channel(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let mut line = line(cast)?;
    line.add_channel(Kind::Email, "thief@example.net", false, day(0)?).map_err(stuck)?;
    line.remove_channel(Kind::Email, "fang@example.org", day(0)?).map_err(stuck)?;
    let told = about_channels(&line, day(1)?);
    let told = told.iter().filter(|w| w.channel.to == "fang@example.org").count();
    let for_a_month = line
        .channel
        .iter()
        .any(|c| c.to == "fang@example.org" && c.hears(false, day(29).unwrap_or(Date::MIN)));
    cast.glance(1)?;
    Ok(Outcome::unless(
        told == 0 || !for_a_month,
        "the old mailbox hears nothing",
        "the old mailbox hears of it, and of all else for thirty days",
    ))
}

/// A clerk removes them all.
pub(super) fn removing_all_channels(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let mut line = line(cast)?;
    line.set_safe_mode(true).map_err(stuck)?;
    let channels: Vec<(Kind, String)> = line.channel.iter().map(|c| (c.kind, c.to.clone())).collect();
    let refused = channels.iter().find_map(|(kind, to)| line.remove_channel(*kind, to, day(0).ok()?).err());
    let hearing = line.channel.iter().filter(|c| c.hears(true, day(29).unwrap_or(Date::MIN))).count();
    cast.glance(1)?;
    let refused = refused.map(|e| e.to_string()).unwrap_or_else(|| "all went".into());
    Ok(Outcome::unless(
        hearing < 3,
        "nobody is told of anything",
        format!("{hearing} channels hear for thirty days ({refused})"),
    ))
}

/// Whoever pays, at home, wants to read along.
pub(super) fn paying(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let mut line = line(cast)?;
    line.add_channel(Kind::Email, "payer@example.org", true, Date::constant(2027, 1, 1)).map_err(stuck)?;
    line.set_safe_mode(true).map_err(stuck)?;
    line.add_channel(Kind::Email, "shelter@example.org", false, day(0)?).map_err(stuck)?;
    let told = about_channels(&line, day(1)?);
    let payer = told.iter().any(|w| w.channel.payer);
    cast.glance(1)?;
    Ok(Outcome::unless(
        payer || told.is_empty(),
        "the payer hears of the shelter",
        format!("{} others are told, the payer is not", told.len()),
    ))
}

/// And has the clerk call the owner's channels the payer's.
pub(super) fn calling_the_owner_a_payer(cast: &mut Cast) -> Result<Outcome, DemoError> {
    let mut line = Line::new(cast.number, "own");
    for (kind, to) in [(Kind::Email, "fang@example.org"), (Kind::WebPush, "https://push.example/1")] {
        line.add_channel(kind, to, true, Date::constant(2027, 1, 1)).map_err(stuck)?;
    }
    let refused = line.set_safe_mode(true).err().map(|e| e.to_string());
    cast.glance(1)?;
    Ok(Outcome::of(refused, "safe mode silences the owner"))
}
