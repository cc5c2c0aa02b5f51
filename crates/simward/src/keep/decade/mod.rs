//! The decade: ten years of keeping in virtual time, over the code that keeps. Everything fails that may; nothing is lost.
//!
//! What judges is not what is judged: the operators' own book (`truth.rs`) counts its months and midnights by itself.

mod fault;
mod line;
mod truth;

use super::KeepError;
use clap::Args as ClapArgs;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use operator::keep::due;
use operator::keep::ledger::Line;
use operator::keep::reminder::{Wanted, about_due};
use operator::keep::rule::{Rule, Rules};
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Ten years of keeping in virtual time.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// How many lines.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    lines: u32,
    /// How many years.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    years: u16,
    /// What the dice begin with.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Somebody looks twice a day: between two looks no operator's day goes by unseen.
const LOOK: SignedDuration = SignedDuration::from_hours(12);
/// A due date that passes was told so often at least,
const WARNED: u32 = 2;
/// and by so many kinds of channel.
const WARNED_KINDS: u32 = 2;

/// What keeps: operator's code. Tests put something worse in the place of a part.
#[derive(Clone, Copy)]
struct Keeper {
    today: fn(Timestamp, &TimeZone) -> Date,
    due: fn(&Line, &Rule, Date) -> Option<Date>,
    wanted: for<'a> fn(&'a Line, Date, &TimeZone, Date) -> Vec<Wanted<'a>>,
    observe: fn(&mut Line, Date) -> bool,
}

impl Keeper {
    const REAL: Self = Self { today: due::today, due: Line::due, wanted: about_due, observe: Line::observe };
}

/// What became of all lines.
#[derive(Debug, Default, Clone)]
struct Outcome {
    numbers: u64,
    acts: u64,
    unrecorded: u64,
    notices: u64,
    delivered: u64,
    /// Unfunded due dates that passed.
    lapsed: u64,
    least_warnings: Option<u32>,
    least_kinds: Option<u32>,
    returned: u64,
    reclaimed: u64,
    /// Reclaims that the operators' own book does not allow.
    wrong_reclaims: u64,
    lost: u64,
    unwarned: u64,
    /// What was found, the first few.
    found: Vec<String>,
}

fn least(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one.into_iter().chain(other).min()
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.numbers += other.numbers;
        self.acts += other.acts;
        self.unrecorded += other.unrecorded;
        self.notices += other.notices;
        self.delivered += other.delivered;
        self.lapsed += other.lapsed;
        self.least_warnings = least(self.least_warnings, other.least_warnings);
        self.least_kinds = least(self.least_kinds, other.least_kinds);
        self.returned += other.returned;
        self.reclaimed += other.reclaimed;
        self.wrong_reclaims += other.wrong_reclaims;
        self.lost += other.lost;
        self.unwarned += other.unwarned;
        self.found.extend(other.found);
        self.found.truncate(5);
    }

    const fn good(&self) -> bool {
        self.lost == 0 && self.unwarned == 0 && self.wrong_reclaims == 0
    }
}

/// All looks of the years, with the day it is in each zone.
struct Looks {
    at: Vec<Timestamp>,
    zones: Vec<TimeZone>,
}

/// Lives through the years with so many lines. `done` is called once for each.
fn live(
    lines: u32,
    years: u16,
    seed: u64,
    keeper: Keeper,
    done: &(impl Fn() + Sync),
) -> Result<Outcome, KeepError> {
    let asked = |e: &dyn std::fmt::Display| KeepError::Asked(e.to_string());
    let rules = Rules::built_in().and_then(|rules| rules.with(&truth::rules())).map_err(|e| asked(&e))?;
    let zones: Result<Vec<TimeZone>, _> = truth::PLANS.iter().map(|plan| due::zone(plan.zone)).collect();
    let start = Date::constant(2026, 11, 25)
        .at(3, 0, 0, 0)
        .to_zoned(TimeZone::UTC)
        .map_err(|e| asked(&e))?
        .timestamp();
    let count = i64::from(years) * 365 * 2 + i64::from(years) / 2;
    let at: Result<Vec<Timestamp>, _> =
        (0..count).map(|look| start.checked_add(SignedDuration::from_hours(12 * look))).collect();
    let looks = Looks { at: at.map_err(|e| asked(&e))?, zones: zones? };
    let houses = fault::houses(seed, looks.at.len());
    let next = AtomicU32::new(0);
    let worker = || {
        let mut outcome = Outcome::default();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= lines {
                return Ok(outcome);
            }
            outcome.add(line::live(index, seed, &looks, &houses, &rules, keeper)?);
            done();
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let mut outcome = Outcome::default();
        for thread in all {
            let one: Result<Outcome, KeepError> = thread
                .join()
                .unwrap_or_else(|_| Err(KeepError::Asked("a thread of the decade ended early".into())));
            outcome.add(one?);
        }
        Ok(outcome)
    })
}

/// Runs, with a bar on a terminal and a line for each tenth elsewhere.
pub(super) fn run(args: &Args, as_json: bool) -> Result<(), KeepError> {
    let began = Instant::now();
    let terminal = std::io::stderr().is_terminal();
    let bar = if terminal { ProgressBar::new(args.lines.into()) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} lines, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let count = AtomicU32::new(0);
    let tenth = (args.lines / 10).max(1);
    let outcome = live(args.lines, args.years, args.seed, Keeper::REAL, &|| {
        bar.inc(1);
        let done = count.fetch_add(1, Ordering::Relaxed) + 1;
        if !terminal && done.is_multiple_of(tenth) {
            eprintln!("{done} of {} lines", args.lines);
        }
    })?;
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    if as_json {
        println!("{}", json(args, &outcome, seconds));
    } else {
        print(args, &outcome, seconds);
    }
    if outcome.good() {
        return Ok(());
    }
    Err(KeepError::Lost(outcome.found.join("\n")))
}

fn json(args: &Args, outcome: &Outcome, seconds: f64) -> serde_json::Value {
    serde_json::json!({
        "lines": args.lines, "years": args.years, "seed": args.seed, "numbers": outcome.numbers,
        "acts": outcome.acts, "acts_unrecorded": outcome.unrecorded,
        "notices": outcome.notices, "notices_delivered": outcome.delivered,
        "unfunded_lapsed": outcome.lapsed, "least_warnings": outcome.least_warnings,
        "least_kinds": outcome.least_kinds, "came_back": outcome.returned, "reclaimed": outcome.reclaimed,
        "reclaimed_too_soon": outcome.wrong_reclaims, "funded_lines_lost": outcome.lost,
        "due_dates_without_warning": outcome.unwarned, "seconds": seconds,
    })
}

fn print(args: &Args, outcome: &Outcome, seconds: f64) {
    println!("{} lines, {} years, seed {}", args.lines, args.years, args.seed);
    println!(
        "  acts      {}, {} of them never noted: a crash came between",
        outcome.acts, outcome.unrecorded
    );
    println!("  notices   {}, {} arrived", outcome.notices, outcome.delivered);
    if let (Some(times), Some(kinds)) = (outcome.least_warnings, outcome.least_kinds) {
        println!(
            "  unfunded  {} due dates passed, each warned of at least {times} times by {kinds} kinds of channel",
            outcome.lapsed
        );
    }
    println!(
        "  reclaimed {} after notices, freeze and offer; {} owners came back before; too soon: {}",
        outcome.reclaimed, outcome.returned, outcome.wrong_reclaims
    );
    println!("funded lines lost: {}", outcome.lost);
    println!("due dates without warning: {}", outcome.unwarned);
    println!("{seconds:.1} seconds");
}

#[cfg(test)]
mod tests;
