//! Reminders: who is to be told now, by which channel, until it is known that it arrived.
//!
//! A step that fell into an outage is not lost: what counts is which step has come by now, and whether it arrived.

use super::due::{REMINDERS, deadline, left};
use super::ledger::Line;
use deed::defence::{Defence, stands};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use std::fmt;
use wire::Malformed;

/// For so many days an old channel goes on hearing everything, and all channels hear that one has changed.
pub const OLD_CHANNEL_DAYS: i32 = 30;
/// From so many days before it is due, guardians are told as well.
pub const GUARDIANS_DAYS: i64 = 7;
/// For so many days after it was due somebody is told every day, and then every week: a ledger whose clock was wrong may
/// think it long over, and the number be alive.
pub const AFTER_DAYS: i64 = 30;

/// By what somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A browser's push service.
    WebPush,
    /// E-mail.
    Email,
    /// A short message.
    Sms,
    /// A trusted person, by whatever reaches them.
    Guardian,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::WebPush, Self::Email, Self::Sms, Self::Guardian];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebPush => "web-push",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Guardian => "guardian",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Kind {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or(Malformed::new("channel", "not one of web-push, email, sms, guardian"))
    }
}

/// A way to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// What it is.
    pub kind: Kind,
    /// Where it goes.
    pub to: String,
    /// Since when.
    pub since: Date,
    /// When it was removed; it hears everything for 30 days more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Date>,
    /// Whether it is the payer's, who in safe mode hears nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub payer: bool,
}

fn within(since: Date, today: Date) -> bool {
    // A day that has not come, by a clock set back, is within: too much is told rather than too little.
    since.checked_add(OLD_CHANNEL_DAYS.days()).is_ok_and(|end| today < end)
}

impl Channel {
    /// Whether it hears anything on a day.
    pub fn hears(&self, safe_mode: bool, today: Date) -> bool {
        let silent = safe_mode && self.payer && stands(Defence::SafeMode);
        !silent && self.removed.is_none_or(|day| within(day, today) && stands(Defence::OldChannelsHear))
    }

    /// Whether all are to hear that it was added or removed.
    pub(crate) fn changed_lately(&self, today: Date) -> bool {
        within(self.removed.unwrap_or(self.since), today)
    }
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// The day it is due, or was.
    Due,
    /// A clock that runs.
    Clock,
    /// A channel that was added or removed.
    Channels,
}

impl About {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Clock => "clock",
            Self::Channels => "channels",
        }
    }
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// On its way; nobody knows.
    Sent,
    /// It arrived.
    Delivered,
    /// It did not.
    Failed,
}

/// A notice that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// About what.
    pub about: About,
    /// The day it is about.
    pub day: Date,
    /// Which step: days before it is due, hours before a clock ends.
    pub step: i64,
    /// By what.
    pub kind: Kind,
    /// Where to.
    pub to: String,
    /// When.
    pub on: Date,
    /// What became of it.
    pub state: Delivery,
}

/// A notice that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// About what.
    pub about: About,
    /// The day it is about.
    pub day: Date,
    /// When that is over.
    pub ends: Option<Timestamp>,
    /// Which step.
    pub step: i64,
    /// To whom.
    pub channel: &'a Channel,
}

impl Wanted<'_> {
    /// As it is kept once it was sent.
    pub fn sent(&self, on: Date, state: Delivery) -> Notice {
        let Channel { kind, to, .. } = self.channel;
        Notice { about: self.about, day: self.day, step: self.step, kind: *kind, to: to.clone(), on, state }
    }
}

/// Days before the due date from which reminders begin.
pub fn farthest() -> i64 {
    REMINDERS.into_iter().max().unwrap_or(0)
}

/// The step that has come when so many days are left: the nearest that is not behind; each day once it is over, and in
/// the end each week.
pub fn step(left: i64) -> Option<i64> {
    match left {
        ..=0 if left < -AFTER_DAYS => Some(left.div_euclid(7).saturating_mul(7)),
        ..=0 => Some(left),
        _ => REMINDERS.into_iter().filter(|days| left <= *days).min(),
    }
}

/// Whether a channel has heard this, or was tried today. A clock does not wait until tomorrow: only what failed is tried
/// again, and at once.
fn heard(line: &Line, wanted: &Wanted<'_>, today: Date) -> bool {
    line.notice.iter().rev().any(|notice| {
        notice.about == wanted.about
            && notice.day == wanted.day
            && notice.step == wanted.step
            && notice.kind == wanted.channel.kind
            && notice.to == wanted.channel.to
            && match (notice.state, wanted.about) {
                (Delivery::Delivered, _) => true,
                (Delivery::Failed, _) if !stands(Defence::FailedIsTriedAgain) => true,
                (state, About::Clock) => state == Delivery::Sent,
                _ => notice.on == today,
            }
    })
}

/// What is to be told about a due date today. What did not arrive is tried again each day, until a later step comes.
pub fn about_due<'a>(line: &'a Line, due: Date, zone: &TimeZone, today: Date) -> Vec<Wanted<'a>> {
    let left = left(line.act_by(due, today), today);
    let Some(step) = step(left) else { return Vec::new() };
    let ends = deadline(due, zone);
    let channels = line.channel.iter().filter(|channel| {
        channel.hears(line.safe_mode, today) && (channel.kind != Kind::Guardian || left <= GUARDIANS_DAYS)
    });
    let wanted = channels.map(|channel| Wanted { about: About::Due, day: due, ends, step, channel });
    wanted.filter(|wanted| !heard(line, wanted, today)).collect()
}

/// What is to be told about channels that were added or removed in the last 30 days: all hear it, the old ones too.
pub fn about_channels(line: &Line, today: Date) -> Vec<Wanted<'_>> {
    let mut days: Vec<Date> = line
        .channel
        .iter()
        .flat_map(|channel| [Some(channel.since), channel.removed])
        .flatten()
        .filter(|day| within(*day, today))
        .collect();
    days.sort_unstable();
    days.dedup();
    let mut out = Vec::new();
    for day in days {
        // Whoever came on that day or later is no old channel, and hears of nothing but what came after.
        let old = |channel: &&Channel| channel.hears(line.safe_mode, today) && channel.since < day;
        let told = line.channel.iter().filter(old);
        let wanted = told.map(|channel| Wanted { about: About::Channels, day, ends: None, step: 0, channel });
        out.extend(wanted.filter(|wanted| !heard(line, wanted, today)));
    }
    out
}

/// What is to be told about clocks that run. Never by a short message: the line that would take it may be stopped already.
pub fn about_clocks<'a>(line: &'a Line, now: Timestamp, today: Date) -> Vec<Wanted<'a>> {
    let mut out = Vec::new();
    for clock in line.clock.iter().filter(|clock| clock.open()) {
        let (ends, step) = (clock.ends(), clock.step(now));
        let day = ends.to_zoned(TimeZone::UTC).date();
        let told = line.channel.iter().filter(|c| c.kind != Kind::Sms && c.hears(line.safe_mode, today));
        let wanted = told.map(|channel| Wanted { about: About::Clock, day, ends: Some(ends), step, channel });
        out.extend(wanted.filter(|wanted| !heard(line, wanted, today)));
    }
    out
}

/// Why channels stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelRefusal {
    /// It is there.
    #[error("this channel is there already")]
    There,
    /// It is not there.
    #[error("there is no such channel")]
    NotThere,
    /// Too few would hear anything.
    #[error(
        "in safe mode the payer's channels hear nothing, and fewer than two others are left; add one first"
    )]
    TooFew,
}

impl Line {
    /// Adds a channel; the old ones will hear of it.
    pub fn add_channel(
        &mut self,
        kind: Kind,
        to: &str,
        payer: bool,
        today: Date,
    ) -> Result<(), ChannelRefusal> {
        if self.channel.iter().any(|c| c.kind == kind && c.to == to && c.removed.is_none()) {
            return Err(ChannelRefusal::There);
        }
        self.channel.push(Channel { kind, to: to.into(), since: today, removed: None, payer });
        Ok(())
    }

    /// Removes a channel: it hears everything for 30 days more, this first.
    pub fn remove_channel(&mut self, kind: Kind, to: &str, today: Date) -> Result<(), ChannelRefusal> {
        let stays = |c: &&Channel| c.removed.is_none() && !c.payer && (c.kind, c.to.as_str()) != (kind, to);
        if self.safe_mode && self.channel.iter().filter(stays).count() < 2 {
            return Err(ChannelRefusal::TooFew);
        }
        let found = self.channel.iter_mut().find(|c| c.kind == kind && c.to == to && c.removed.is_none());
        found.ok_or(ChannelRefusal::NotThere)?.removed = Some(today);
        Ok(())
    }

    /// Turns safe mode on or off. It leaves two channels at least, or whoever calls the owner a payer silences the line.
    pub fn set_safe_mode(&mut self, on: bool) -> Result<(), ChannelRefusal> {
        let others = self.channel.iter().filter(|c| c.removed.is_none() && !c.payer).count();
        if on && others < 2 && stands(Defence::SafeModeLeavesTwo) {
            return Err(ChannelRefusal::TooFew);
        }
        self.safe_mode = on;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::clock::Clock;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn line() -> Line {
        let mut line = Line::new("447700900123".parse().unwrap(), "giffgaff");
        for (kind, to) in [
            (Kind::WebPush, "https://push.example/1"),
            (Kind::Email, "alice@example.org"),
            (Kind::Sms, "+8613800138000"),
            (Kind::Guardian, "bob@example.org"),
        ] {
            line.add_channel(kind, to, false, date("2026-01-01")).unwrap();
        }
        line
    }

    fn kinds(wanted: &[Wanted<'_>]) -> Vec<Kind> {
        wanted.iter().map(|wanted| wanted.channel.kind).collect()
    }

    const DUE: &str = "2027-02-02";

    fn told(line: &Line, today: &str) -> Vec<(i64, Kind)> {
        let wanted = about_due(line, date(DUE), &TimeZone::UTC, date(today));
        wanted.iter().map(|wanted| (wanted.step, wanted.channel.kind)).collect()
    }

    #[test]
    fn guardians_are_told_in_the_last_seven_days_and_not_before() {
        let line = line();
        assert_eq!(told(&line, "2026-12-03"), []);
        assert_eq!(told(&line, "2026-12-04"), [(60, Kind::WebPush), (60, Kind::Email), (60, Kind::Sms)]);
        assert_eq!(told(&line, "2027-01-25").len(), 3);
        assert_eq!(told(&line, "2027-01-26").last(), Some(&(7, Kind::Guardian)));
        assert_eq!(
            told(&line, "2027-02-03").last(),
            Some(&(-1, Kind::Guardian)),
            "nor is the day after silent"
        );
        assert_eq!(told(&line, "2029-02-03").len(), 4, "nor the year after");
    }

    #[test]
    fn a_step_that_fell_into_an_outage_is_told_when_it_ends_and_once() {
        let mut line = line();
        // Nothing ran from 59 to 11 days before.
        let wanted = about_due(&line, date(DUE), &TimeZone::UTC, date("2027-01-22"));
        assert!(wanted.iter().all(|wanted| wanted.step == 14));
        let sent: Vec<Notice> =
            wanted.iter().map(|wanted| wanted.sent(date("2027-01-22"), Delivery::Delivered)).collect();
        line.notice.extend(sent);
        assert_eq!(told(&line, "2027-01-22"), []);
        assert_eq!(told(&line, "2027-01-23"), []);
        assert_eq!(told(&line, "2027-01-26").len(), 4, "the next step");
    }

    #[test]
    fn what_did_not_arrive_is_tried_again_the_next_day() {
        for state in [Delivery::Sent, Delivery::Failed] {
            let mut line = line();
            let sent: Vec<Notice> = about_due(&line, date(DUE), &TimeZone::UTC, date("2026-12-04"))
                .iter()
                .map(|wanted| wanted.sent(date("2026-12-04"), state))
                .collect();
            line.notice.extend(sent);
            assert_eq!(told(&line, "2026-12-04"), [], "once a day");
            assert_eq!(told(&line, "2026-12-05").len(), 3);
        }
    }

    #[test]
    fn a_channel_that_was_removed_hears_of_it_and_of_all_else_for_thirty_days() {
        let mut line = line();
        line.remove_channel(Kind::Email, "alice@example.org", date("2027-01-20")).unwrap();
        line.add_channel(Kind::Email, "mallory@example.org", false, date("2027-01-20")).unwrap();
        let wanted = about_channels(&line, date("2027-01-20"));
        assert_eq!(kinds(&wanted), [Kind::WebPush, Kind::Email, Kind::Sms, Kind::Guardian]);
        assert!(wanted.iter().all(|wanted| wanted.channel.to != "mallory@example.org"));
        let hears = |line: &Line, today: &str| {
            let all = about_due(line, date(DUE), &TimeZone::UTC, date(today));
            all.iter().any(|wanted| wanted.channel.to == "alice@example.org")
        };
        assert!(hears(&line, "2027-02-18"));
        assert!(!hears(&line, "2027-02-19"));
        assert!(hears(&line, "2027-01-10"), "a clock set back silences nobody");
    }

    #[test]
    fn in_safe_mode_the_payers_channels_hear_nothing_at_all() {
        let mut line = line();
        line.add_channel(Kind::Email, "payer@example.org", true, date("2026-01-01")).unwrap();
        line.add_channel(Kind::Guardian, "payer@example.org", true, date("2026-01-01")).unwrap();
        line.remove_channel(Kind::Guardian, "payer@example.org", date("2027-01-20")).unwrap();
        line.clock.push(Clock {
            what: "二次实人认证".into(),
            started: "2027-01-28T08:00:00Z".parse().unwrap(),
            hours: 24,
            path: None,
            done: None,
        });
        let all = |line: &Line| {
            let (today, now) = (date("2027-01-28"), "2027-01-28T09:00:00Z".parse().unwrap());
            let due = about_due(line, date(DUE), &TimeZone::UTC, today);
            let wanted = [due, about_channels(line, today), about_clocks(line, now, today)].concat();
            wanted.iter().filter(|wanted| wanted.channel.to == "payer@example.org").count()
        };
        assert_eq!(all(&line), 6);
        line.set_safe_mode(true).unwrap();
        assert_eq!(all(&line), 0);
    }

    #[test]
    fn safe_mode_does_not_silence_a_line() {
        let mut line = Line::new("447700900123".parse().unwrap(), "giffgaff");
        line.add_channel(Kind::Email, "alice@example.org", false, date("2026-01-01")).unwrap();
        line.add_channel(Kind::Sms, "+8613800138000", true, date("2026-01-01")).unwrap();
        assert_eq!(line.set_safe_mode(true), Err(ChannelRefusal::TooFew));
        assert!(!line.safe_mode);
        line.add_channel(Kind::WebPush, "https://push.example/1", false, date("2026-01-01")).unwrap();
        line.set_safe_mode(true).unwrap();
        let removed = line.remove_channel(Kind::Email, "alice@example.org", date("2026-01-02"));
        assert_eq!(removed, Err(ChannelRefusal::TooFew), "nor piece by piece");
    }

    #[test]
    fn a_clock_is_told_at_once_and_never_by_a_message_to_the_line_that_may_be_stopped() {
        let mut line = line();
        line.clock.push(Clock {
            what: "二次实人认证".into(),
            started: "2027-01-01T08:00:00Z".parse().unwrap(),
            hours: 24,
            path: None,
            done: None,
        });
        let at =
            |line: &Line, now: &str| kinds(&about_clocks(line, now.parse().unwrap(), date("2027-01-01")));
        assert_eq!(at(&line, "2027-01-01T08:00:00Z"), [Kind::WebPush, Kind::Email, Kind::Guardian]);
        line.clock[0].done = Some("2027-01-01T09:00:00Z".parse().unwrap());
        assert_eq!(at(&line, "2027-01-01T10:00:00Z"), []);
    }
}
