//! Rules replayed over stored timelines, and rules on trial counted: beside the running node, which is not asked.

use super::{RiskError, read};
use operator::risk::{Backtest, LOOKED_BACK};
use serde_json::json;
use server::http::moment;
use server::stored::Stored;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wire::{Msisdn, UnixTime};

/// What is replayed, over what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The rules.
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// The node's data folder; its database is read, and so is the key it is sealed with.
    #[arg(long, value_name = "DIR", default_value = "simward-data")]
    data: PathBuf,
    /// Not before: a day, a moment (RFC 3339), or seconds since 1970.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Not after.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Name the numbers in full; otherwise by their last four digits.
    #[arg(long)]
    numbers: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), RiskError> {
    let (_, rules) = read(&args.rules)?;
    let from = args.from.as_deref().map_or(Ok(UnixTime(0)), |text| moment(text, false))?;
    let until = args.until.as_deref().map_or(Ok(UnixTime(u64::MAX)), |text| moment(text, true))?;
    let mut stored = Stored::open(&args.data)?;
    let mut replay = Backtest::default();
    for number in stored.numbers()? {
        let since = UnixTime(from.0.saturating_sub(LOOKED_BACK));
        let lines = stored.lines(&number, (since, UnixTime(u64::MAX)))?;
        replay.replay(&rules, &number, &lines, (from, until));
    }
    let name = |number: &Msisdn| {
        let digits = number.as_str();
        let tail = digits.get(digits.len().saturating_sub(4)..).unwrap_or(digits);
        if args.numbers { digits.to_string() } else { format!("…{tail}") }
    };
    if args.json {
        println!("{}", as_json(&replay, rules.version(), &name));
    } else {
        print(&replay, rules.version(), &name);
    }
    Ok(())
}

fn as_json(replay: &Backtest, version: u64, name: &dyn Fn(&Msisdn) -> String) -> serde_json::Value {
    let held = replay.held.iter().map(|held| {
        json!({ "number": name(&held.number), "holds": held.holds, "seconds": held.seconds, "score": held.score,
                "rules": held.rules, "owner_objected": held.owner_objected })
    });
    let fired = replay.fired.iter();
    let fired: serde_json::Map<_, _> = fired
        .map(|(rule, fired)| (rule.clone(), json!({ "times": fired.times, "numbers": fired.numbers })))
        .collect();
    json!({
        "version": version,
        "numbers": replay.numbers,
        "lines": replay.lines,
        "requests": replay.requests,
        "requests_delayed": replay.requests_delayed,
        "delayed_and_done": replay.delayed_and_done,
        "delayed_and_stopped_by_owner": replay.delayed_and_stopped,
        "held": held.collect::<Vec<_>>(),
        "rules": fired,
    })
}

fn print(replay: &Backtest, version: u64, name: &dyn Fn(&Msisdn) -> String) {
    let Backtest { numbers, lines, requests, requests_delayed, held, fired, .. } = replay;
    println!("version {version} over {numbers} numbers, {lines} lines");
    println!("requests      {requests}, of which {requests_delayed} would have met caution:");
    println!(
        "              {} were done in the end, {} were stopped by their owner, {} neither yet",
        replay.delayed_and_done,
        replay.delayed_and_stopped,
        requests_delayed.saturating_sub(replay.delayed_and_done + replay.delayed_and_stopped)
    );
    let (holds, objected) =
        held.iter().fold((0, 0), |(holds, objected), h| (holds + h.holds, objected + h.owner_objected));
    println!("codes held    {holds} times, of {} numbers; within a week", held.len());
    println!(
        "              the owner objected to something after {objected} of them, and not after {}",
        holds - objected
    );
    for held in held {
        let (hours, rules) = (held.seconds / 3_600, held.rules.join(", "));
        println!("  {}  {} holds, {hours} h, score {}: {rules}", name(&held.number), held.holds, held.score);
    }
    for (rule, fired) in fired {
        println!("rule  {rule:<20} met {} times, by {} numbers", fired.times, fired.numbers);
    }
    println!(
        "These are counts. Which changes were theft is not known here; where theft is one in thousands,"
    );
    println!("nearly all whom a rule holds up are owners. That is why it holds up and does not refuse.");
}

/// What rules on trial would have done.
pub(super) fn tried(data: &Path) -> Result<(), RiskError> {
    let mut stored = Stored::open(data)?;
    let mut all: BTreeMap<String, (u64, u64, BTreeMap<String, u64>)> = BTreeMap::new();
    for number in stored.numbers()? {
        let mut seen = Vec::new();
        for (_, tried) in stored.tried(&number)? {
            let new = !seen.contains(&tried.rules);
            let (times, numbers, met) = all.entry(tried.rules.clone()).or_default();
            *times += 1;
            *numbers += u64::from(new);
            for rule in tried.met {
                *met.entry(rule).or_default() += 1;
            }
            seen.push(tried.rules);
        }
    }
    if all.is_empty() {
        println!("rules on trial would have done nothing yet");
    }
    for (digest, (times, numbers, met)) in all {
        println!("sha256 {digest}: would have been cautious {times} times, with {numbers} numbers");
        for (rule, times) in met {
            println!("rule  {rule:<20} met {times} times");
        }
    }
    Ok(())
}
