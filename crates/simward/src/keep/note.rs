//! What a holder notes: a number, a use, money, a proof of life, a clock, a journey, a channel.

use super::file::{Open, digits};
use super::show::{counting, said};
use super::{Book, ChannelCommand, Command, KeepError, Place};
use crate::owner::Owner;
use clap::ValueEnum;
use deed::record::Factor;
use deed::signer::SignStatement;
use jiff::Timestamp;
use jiff::civil::Date;
use keys::sign::Host;
use operator::keep::alive::{Alive, Holder, message};
use operator::keep::clock::Clock;
use operator::keep::due::{self, zone};
use operator::keep::ledger::{Line, Travel};
use operator::keep::reminder::{Delivery, Notice};
use std::path::Path;

/// A day of the operator's, or a moment of which the operator's day is taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Day(Date),
    Moment(Timestamp),
}

impl std::str::FromStr for When {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('T') {
            let moment = text.parse().map(Self::Moment);
            return moment.map_err(|_| "write a moment like 2026-11-25T23:30:00+08:00".into());
        }
        text.parse().map(Self::Day).map_err(|_| "write a day like 2026-11-25".into())
    }
}

/// Which key proves life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum AliveWith {
    /// The passkey.
    Phone,
    /// The recovery sheet.
    Paper,
}

fn asked<T>(why: String) -> Result<T, KeepError> {
    Err(KeepError::Asked(why))
}

/// Notes what a command says, and writes the ledger before it answers.
pub(super) fn note(command: Command, open: &mut Open, book: &Book) -> Result<(), KeepError> {
    let number = match &command {
        Command::Add { number, .. }
        | Command::Set { number, .. }
        | Command::Act { number, .. }
        | Command::Told { number, .. }
        | Command::SafeMode { number, .. }
        | Command::Fund { number, .. }
        | Command::Alive { number, .. }
        | Command::VerifyClock { number, .. }
        | Command::Travel { number, .. }
        | Command::Remove { number, .. }
        | Command::Channel(ChannelCommand::Add { number, .. } | ChannelCommand::Remove { number, .. }) => {
            digits(number)?
        }
        _ => return asked("nothing to note".into()),
    };
    match command {
        Command::Add { plan, last, place, .. } => add(open, book, number, &plan, last, place)?,
        Command::Remove { forget, .. } => {
            open.line(number.as_str())?;
            if !forget {
                return asked(format!(
                    "with +{number} all its proofs would be gone; give --forget, after `simward keep export`"
                ));
            }
            open.ledger.lines.retain(|line| line.number != number);
            open.save()?;
            println!("+{number} is kept no longer");
            return Ok(());
        }
        command => change(command, open.line(number.as_str())?, book)?,
    }
    open.save()?;
    let text = said(open.line(number.as_str())?, book)?;
    print!("{text}");
    Ok(())
}

fn add(
    open: &mut Open,
    book: &Book,
    number: wire::Msisdn,
    plan: &str,
    last: Date,
    place: Place,
) -> Result<(), KeepError> {
    if open.ledger.lines.iter().any(|line| line.number == number) {
        return asked(format!("+{number} is in the ledger already; note uses with `simward keep act`"));
    }
    let mut line = Line::new(number, plan);
    settle(&mut line, place)?;
    if last > book.today(&line)? {
        return asked(format!("{last} has not come yet"));
    }
    line.used(last, None, "as its holder says");
    open.ledger.lines.push(line);
    Ok(())
}

fn settle(line: &mut Line, place: Place) -> Result<(), KeepError> {
    if let Some(name) = &place.zone {
        zone(name)?;
    }
    line.r#where = place.r#where.or(line.r#where.take());
    line.zone = place.zone.or(line.zone.take());
    line.euicc = place.euicc.or(line.euicc.take());
    Ok(())
}

fn change(command: Command, line: &mut Line, book: &Book) -> Result<(), KeepError> {
    let rule = book.rule(line);
    let today = book.today(line)?;
    match command {
        Command::Set { plan, place, .. } => {
            line.plan = plan.unwrap_or_else(|| line.plan.clone());
            settle(line, place)
        }
        Command::Act { what, on, proof, paid, .. } => {
            let on = match on {
                When::Day(day) => day,
                When::Moment(moment) => due::today(moment, &line.zone(rule)?),
            };
            if on > today {
                return asked(format!("{on} has not come yet"));
            }
            if !rule.counts.contains(&what) {
                let (name, plan, counts) = (what.name(), &line.plan, counting(rule));
                return asked(format!("{name} does not count at {plan}; what counts: {counts}"));
            }
            if let Some(paid) = paid {
                let left = line.wallet.and_then(|wallet| wallet.minus(paid));
                line.wallet = Some(left.ok_or_else(|| {
                    KeepError::Asked(format!("{paid} is not put aside; `simward keep fund` says what is"))
                })?);
            }
            line.used(on, Some(what), &proof);
            Ok(())
        }
        Command::Told { by, to, state, .. } => told(line, book, today, (by, &to), state),
        Command::Channel(ChannelCommand::Add { by, to, payer, .. }) => {
            // A program that sends takes the address as an argument, and might take this for an option.
            if to.is_empty() || to.starts_with('-') || to.chars().any(char::is_control) {
                return asked(format!("{to:?} is no address"));
            }
            Ok(line.add_channel(by, &to, payer, today)?)
        }
        Command::Channel(ChannelCommand::Remove { by, to, .. }) => Ok(line.remove_channel(by, &to, today)?),
        Command::SafeMode { state, .. } => Ok(line.set_safe_mode(state == "on")?),
        Command::Fund { balance, add, .. } => {
            line.wallet = match (line.wallet, balance, add) {
                (_, Some(balance), _) => Some(balance),
                (Some(wallet), None, Some(more)) => Some(wallet.plus(more).ok_or_else(|| {
                    KeepError::Asked(format!("{wallet} is put aside; {more} does not add to that"))
                })?),
                (wallet, None, more) => more.or(wallet),
            };
            Ok(())
        }
        Command::Alive { owner, with, new_key, .. } => alive(line, today, &owner, with, new_key),
        Command::VerifyClock { started, hours, what, path, .. } => match started {
            Some(started) => start_clock(line, book, Clock { what, started, hours, path, done: None }),
            None => {
                let clock = line.clock.iter_mut().find(|clock| clock.open());
                clock.ok_or_else(|| KeepError::Asked("no clock runs for this number".into()))?.done =
                    Some(book.now);
                Ok(())
            }
        },
        Command::Travel { from, to, to_where, .. } => {
            if to < from {
                return asked(format!("a journey does not end on {to}, before it begins"));
            }
            line.travel.retain(|trip| trip.to >= today);
            line.travel.push(Travel { from, to, to_where });
            Ok(())
        }
        _ => asked("nothing to note".into()),
    }
}

fn start_clock(line: &mut Line, book: &Book, clock: Clock) -> Result<(), KeepError> {
    if line.clock.iter().any(Clock::open) {
        return asked("a clock runs already; note with --done that it was met, then start another".into());
    }
    if clock.started > book.now {
        return asked(format!("{} has not come yet", clock.started));
    }
    line.clock.push(clock);
    Ok(())
}

/// Notes what became of whatever is to be told a channel now, or of what was last sent there.
fn told(
    line: &mut Line,
    book: &Book,
    today: Date,
    (by, to): (operator::keep::reminder::Kind, &str),
    state: Delivery,
) -> Result<(), KeepError> {
    let wanted = super::remind::wanted(line, book)?;
    let sent: Vec<Notice> = wanted
        .iter()
        .filter(|wanted| wanted.channel.kind == by && wanted.channel.to == to)
        .map(|wanted| wanted.sent(today, state))
        .collect();
    let none = sent.is_empty();
    line.notice.extend(sent);
    if none {
        let pending = line
            .notice
            .iter_mut()
            .rev()
            .find(|notice| notice.kind == by && notice.to == to && notice.state == Delivery::Sent);
        let pending =
            pending.ok_or_else(|| KeepError::Asked(format!("{by} {to} is to be told nothing now")))?;
        pending.state = state;
    }
    Ok(())
}

fn alive(
    line: &mut Line,
    today: Date,
    owner: &Path,
    with: AliveWith,
    new_key: bool,
) -> Result<(), KeepError> {
    let mut owner = Owner::load(owner)?;
    let message = message(&line.number, today);
    let signed = |factor: &Factor, origin: &str, signer: &mut dyn SignStatement| {
        let holder = Holder::new(factor, origin);
        let alive = Alive::new(today, &holder, &signer.evidence(&message))?;
        Ok::<_, KeepError>((holder, alive))
    };
    let (holder, alive) = match with {
        AliveWith::Phone => {
            let (factor, origin) = (owner.passkey.factor(), owner.passkey.origin().to_string());
            signed(&factor, &origin, &mut owner.passkey)?
        }
        AliveWith::Paper => {
            let mut sheet = owner.sheet();
            signed(&sheet.factor(), "", &mut sheet)?
        }
    };
    match &line.holder {
        Some(known) if *known != holder && !new_key => {
            return asked(format!(
                "+{}: the ledger knows its holder by another key; if this one takes its place, give --new-key",
                line.number
            ));
        }
        Some(known) if *known == holder => {}
        // By the first key, or a new one: what older keys said can be verified no longer, and is not kept.
        _ => line.alive.clear(),
    }
    alive.verify(&Host, &line.number, &holder, today)?;
    line.holder = Some(holder);
    line.alive.retain(|old| old.on != today);
    line.alive.push(alive);
    Ok(())
}
