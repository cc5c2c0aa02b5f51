//! One line's ten years, and those of the numbers that come after it in its place.

use super::fault::{A_DAY, Dice, Fault, House};
use super::truth::PLANS;
use super::{Keeper, LOOK, Looks, Outcome, WARNED, WARNED_KINDS, least};
use crate::keep::KeepError;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use operator::keep::due::{AHEAD, act_from, left};
use operator::keep::ledger::Line;
use operator::keep::money::Money;
use operator::keep::reclaim::{Arrived, CHANNELS, Event, FREEZE_DAYS, Kept, NOTICES, State};
use operator::keep::reminder::{Delivery, Kind};
use operator::keep::rule::{Rule, Rules};
use std::collections::BTreeSet;

/// How a holder behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// Puts money aside, and more when told that it runs out; the line is used by itself.
    Funds,
    /// Put money aside once, and ignores all mail.
    Ignores,
    /// Uses it by hand, on the last half day of which a notice told.
    LastMoment,
}

/// A channel, and when it swallows what it is given.
struct Way {
    kind: Kind,
    fault: Fault,
}

/// A line, what its operator knows, and what the world does to it.
struct Life<'a> {
    looks: &'a Looks,
    house: &'a House,
    rule: &'a Rule,
    keeper: Keeper,
    plan: usize,
    holder: Holder,
    price: Money,
    dice: Dice,
    phone: Fault,
    payment: Fault,
    ways: Vec<Way>,
    line: Line,
    /// When it is really lost, and the last day before that.
    ends: Timestamp,
    last_day: Date,
    /// When the holder was told that it ends.
    told: Option<Timestamp>,
    /// Since which look there has been money for a use.
    funded_since: Option<usize>,
    /// What really arrived since the last use.
    warned: u32,
    warned_by: BTreeSet<Kind>,
    /// Where the ledger thinks its operator's days end.
    zone: TimeZone,
    /// Nothing to be done before that look, as long as the house's clock does not jump.
    quiet: usize,
    off_by: i64,
    out: Outcome,
    name: String,
}

/// Lives through all looks.
pub(super) fn live(
    index: u32,
    seed: u64,
    looks: &Looks,
    houses: &[House],
    rules: &Rules,
    keeper: Keeper,
) -> Result<Outcome, KeepError> {
    let mut dice = Dice::new(seed, index.into());
    let mut out = Outcome::default();
    let mut look = 0;
    while look < looks.at.len() {
        let plan = dice.below(PLANS.len());
        let house = houses.get(dice.below(houses.len()));
        let (Some(house), Some(truth)) = (house, PLANS.get(plan)) else { break };
        let mut life = Life::begin(index, look, looks, house, rules.rule(truth.name), (plan, keeper), dice)?;
        look = life.keep(look)?;
        out.add(life.out);
        dice = life.dice;
    }
    Ok(out)
}

impl<'a> Life<'a> {
    fn begin(
        index: u32,
        look: usize,
        looks: &'a Looks,
        house: &'a House,
        rule: &'a Rule,
        (plan, keeper): (usize, Keeper),
        mut dice: Dice,
    ) -> Result<Self, KeepError> {
        let count = looks.at.len();
        let holder = match dice.below(10) {
            0..=4 => Holder::Funds,
            5 | 6 => Holder::Ignores,
            _ => Holder::LastMoment,
        };
        let number = format!("99{:09}", u64::from(index) * 7_919 + u64::try_from(look).unwrap_or(0));
        let name = PLANS.get(plan).map_or("", |plan| plan.name);
        let mut line = Line::new(number.parse()?, name);
        // Three ways to the holder and one to a friend, there for long. One of three is dead for one in four.
        let dead = if dice.once_in(4) { dice.below(3) } else { usize::MAX };
        let mut ways = Vec::new();
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            line.add_channel(kind, "somewhere", false, Date::constant(2020, 1, 1))?;
            let fault = if at == dead { Fault::forever() } else { Fault::channel(&mut dice, count) };
            ways.push(Way { kind, fault });
        }
        let wallet = format!("{}.00 GBP", if holder == Holder::LastMoment { 0 } else { 1 + dice.below(30) });
        line.wallet = Some(wallet.parse()?);
        let (phone, payment) = (Fault::phone(&mut dice, count), Fault::payment(&mut dice, count));
        let zone = line.zone(rule)?;
        let mut life = Self {
            looks,
            house,
            rule,
            keeper,
            plan,
            holder,
            price: "1.00 GBP".parse()?,
            dice,
            phone,
            payment,
            ways,
            line,
            ends: Timestamp::MAX,
            last_day: Date::MAX,
            told: None,
            funded_since: Some(look),
            warned: 0,
            warned_by: BTreeSet::new(),
            zone,
            quiet: 0,
            off_by: 0,
            out: Outcome { numbers: 1, ..Outcome::default() },
            name: format!("+{number} ({name})"),
        };
        // The first use is the holder's own, noted as it was.
        let now = life.at(look);
        life.use_it(now);
        let on = life.day(now);
        life.line.used(on, None, "as its holder says");
        Ok(life)
    }

    fn at(&self, look: usize) -> Timestamp {
        self.looks.at.get(look).copied().unwrap_or(Timestamp::MAX)
    }

    /// The day it is at the operator, as the ledger reckons.
    fn day(&self, now: Timestamp) -> Date {
        (self.keeper.today)(now, &self.zone)
    }

    /// It is used, and the operator knows.
    fn use_it(&mut self, now: Timestamp) {
        if let (Some(plan), Some(zone)) = (PLANS.get(self.plan), self.looks.zones.get(self.plan)) {
            (self.ends, self.last_day) = plan.ends(zone, now);
        }
        self.out.acts += 1;
        self.told = None;
        self.warned = 0;
        self.warned_by.clear();
        self.quiet = 0;
    }

    fn funded(&self) -> bool {
        self.line.wallet.is_some_and(|wallet| wallet.times(self.price) > 0)
    }

    fn found(&mut self, what: &str) {
        let found = format!("{}: {what}: the last day was {}", self.name, self.last_day);
        self.out.found.push(found);
        self.out.found.truncate(5);
    }

    /// Keeps it until it is gone; from which look on there is room for another.
    fn keep(&mut self, from: usize) -> Result<usize, KeepError> {
        for look in from..self.looks.at.len() {
            let now = self.at(look);
            if now >= self.ends {
                return self.passed(look);
            }
            if self.house.runs(look) {
                self.look_after(look, now)?;
            }
            if self.holder == Holder::LastMoment {
                self.last_moment(now);
            }
        }
        Ok(self.looks.at.len())
    }

    /// The house looks after it.
    fn look_after(&mut self, look: usize, now: Timestamp) -> Result<(), KeepError> {
        let off_by = self.house.off_by(look);
        let jumped = std::mem::replace(&mut self.off_by, off_by) != off_by;
        if !jumped && look < self.quiet {
            return Ok(());
        }
        let seen = now.saturating_add(SignedDuration::from_hours(24 * off_by)).unwrap_or(now);
        let zone = self.zone.clone();
        let today = self.day(seen);
        (self.keeper.observe)(&mut self.line, today);
        let due = (self.keeper.due)(&self.line, self.rule, today).unwrap_or(today);
        let mut sent = Vec::new();
        let mut heard = false;
        for wanted in (self.keeper.wanted)(&self.line, due, &zone, today) {
            let way = self.ways.iter().find(|way| way.kind == wanted.channel.kind);
            let swallowed = way.is_none_or(|way| way.fault.at(look)) || self.dice.once_in(20);
            let state = if swallowed { Delivery::Failed } else { Delivery::Delivered };
            sent.push(wanted.sent(today, state));
            if !swallowed {
                heard = true;
                self.told = wanted.ends;
                self.warned += 1;
                self.warned_by.insert(wanted.channel.kind);
                self.out.delivered += 1;
            }
        }
        self.out.notices += u64::try_from(sent.len()).unwrap_or(0);
        self.line.notice.extend(sent);
        if heard && self.holder == Holder::Funds && !self.funded() && self.dice.once_in(3) {
            self.line.wallet = Some(format!("{}.00 GBP", 1 + self.dice.below(10)).parse()?);
            self.funded_since = Some(look);
        }
        if self.holder != Holder::LastMoment && today >= act_from(self.rule, due) {
            self.act(look, now, today);
        }
        let forget = today.checked_sub(200.days()).unwrap_or(today);
        self.line.forget_before(self.rule, forget, today);
        // So many days are quiet; the last of them is looked at, for a look that falls late in a day.
        let quiet = left(self.line.quiet_until(self.rule, today), today) - 1;
        self.quiet = look + usize::try_from(quiet).unwrap_or(0) * A_DAY;
        Ok(())
    }

    /// It is used by itself, if the phone is there and the payment goes through.
    fn act(&mut self, look: usize, now: Timestamp, today: Date) {
        if self.phone.at(look) || self.payment.at(look) {
            return;
        }
        let Some(left) = self.line.wallet.and_then(|wallet| wallet.minus(self.price)) else { return };
        self.line.wallet = Some(left);
        self.use_it(now);
        // The power goes off between the use and the note of it: the next look uses it again.
        if self.dice.once_in(200) {
            self.out.unrecorded += 1;
        } else {
            self.line.used(today, Some(self.rule.cheapest()), "receipt");
        }
    }

    /// A holder who waits until the last half day of which a notice told, and uses it then.
    fn last_moment(&mut self, now: Timestamp) {
        let Some(told) = self.told else { return };
        if now.saturating_add(LOOK).is_ok_and(|next| next < told) {
            return;
        }
        let on = self.day(now);
        self.use_it(now);
        self.line.used(on, Some(self.rule.cheapest()), "receipt");
    }

    /// The last day is over and nobody used it.
    fn passed(&mut self, look: usize) -> Result<usize, KeepError> {
        // Money that came when the six weeks had begun may have come too late, and was told so.
        let in_time = A_DAY * usize::try_from(AHEAD).unwrap_or(0);
        let funded = self.funded() && self.funded_since.is_some_and(|since| look - since >= in_time);
        if funded || self.holder == Holder::LastMoment {
            self.out.lost += 1;
            self.found("funded, and lost");
            return Ok(look);
        }
        self.out.lapsed += 1;
        let kinds = u32::try_from(self.warned_by.len()).unwrap_or(0);
        self.out.least_warnings = least(self.out.least_warnings, Some(self.warned));
        self.out.least_kinds = least(self.out.least_kinds, Some(kinds));
        if self.warned < WARNED || kinds < WARNED_KINDS {
            self.out.unwarned += 1;
            self.found(&format!("passed after {} warnings by {kinds} kinds of channel", self.warned));
        }
        self.reclaim(look)
    }

    /// An operator of our own takes it back, unless its owner comes.
    fn reclaim(&mut self, from: usize) -> Result<usize, KeepError> {
        let used = self.line.last(self.rule, Date::MAX).map_or(self.last_day, |used| used.on);
        let mut state = State::Kept(Kept::new(self.line.number, self.last_day, used));
        let mut arrived: Vec<(usize, Kind)> = Vec::new();
        let comes = if self.dice.once_in(3) { Some(from + self.dice.below(1_000)) } else { None };
        for look in from..self.looks.at.len() {
            if comes == Some(look) {
                let due = self.last_day.checked_add(1.year()).unwrap_or(self.last_day);
                state = state.on(&Event::Used(self.day(self.at(look)), due));
                if !matches!(state, State::Kept(_)) {
                    self.out.wrong_reclaims += 1;
                    self.found("its owner came back, and it was not theirs");
                }
                self.out.returned += 1;
                return Ok(look);
            }
            if !self.house.runs(look) {
                continue;
            }
            let seen = self.at(look).saturating_add(SignedDuration::from_hours(24 * self.house.off_by(look)));
            let today = self.day(seen.unwrap_or(Timestamp::MAX));
            state = state.on(&Event::Day(today));
            if matches!(state, State::Lapsed(_)) {
                for way in self.ways.iter().filter(|way| !way.fault.at(look)) {
                    state = state.on(&Event::Arrived(Arrived { kind: way.kind, on: today }));
                    arrived.push((look, way.kind));
                }
            }
            match state.reclaim() {
                Ok(_) => {
                    self.out.reclaimed += 1;
                    let kinds: BTreeSet<Kind> = arrived.iter().map(|(_, kind)| *kind).collect();
                    let first = arrived.first().map_or(look, |(look, _)| *look);
                    let last = arrived.last().map_or(look, |(look, _)| *look);
                    // Three days of a calendar are a day and more of any clock.
                    let told = arrived.len() >= NOTICES && last - first >= A_DAY && kinds.len() >= CHANNELS;
                    let frozen = (look - last) / A_DAY >= FREEZE_DAYS as usize;
                    if !told || !frozen {
                        self.out.wrong_reclaims += 1;
                        self.found("reclaimed too soon");
                    }
                    return Ok(look + 1);
                }
                Err(kept) => state = kept,
            }
        }
        Ok(self.looks.at.len())
    }
}
