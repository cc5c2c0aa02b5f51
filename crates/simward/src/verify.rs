//! `simward verify`: a history, checked offline from what the owner got at issue; and, if asked, against the living log.

use crate::live::{Live, LiveError};
use crate::owner::{OwnerError, read_receipt};
use crate::watch::{Http, Source};
use clap::Args as ClapArgs;
use deed::Reason;
use deed::history::{Broken, History, Reached, Receipt, Report};
use deed::manifest::Manifest;
use keys::sign::Host;
use server::deployment::is_own_witness;
use std::path::PathBuf;

/// Check a number's exported history, offline; or, with --data, every history in an operator's database.
///
/// Five steps, each including those before it: chain, rules, logged, witnessed, same as my pin. Exit code 0 only if all
/// five hold. With --log the leaves are looked for in the log as it is now, too.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// What `simward number history --export` wrote.
    #[arg(required_unless_present = "data", conflicts_with = "data")]
    history: Option<PathBuf>,
    /// The owner's receipt.
    #[arg(long, value_name = "FILE", required_unless_present = "data", conflicts_with = "data")]
    receipt: Option<PathBuf>,
    /// A node's folder, or a copy of its `manifest` and `operator.db`: every number in it, event by event, to the fourth step.
    #[arg(long, value_name = "DIR", conflicts_with = "log")]
    data: Option<PathBuf>,
    /// SHA-256 of the operator's root key, in hexadecimal, known from elsewhere.
    #[arg(long, value_name = "HEX", requires = "data")]
    root: Option<String>,
    /// Read the whole log at this URL prefix: each leaf is in it, and no other leaf has the tag of one.
    #[arg(long, value_name = "URL")]
    log: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Why a history was not found good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// The receipt.
    #[error(transparent)]
    Receipt(#[from] OwnerError),
    /// The file.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, std::io::Error),
    /// It does not hold.
    #[error("does not hold after `{}`{}: {}", reached(.0.reached), at(.0.event), .0.reason)]
    Broken(Broken),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] server::StartError),
    /// The root.
    #[error("--root is SHA-256 of a key: 64 hexadecimal digits")]
    Root,
    /// Some numbers of a database do not hold.
    #[error("{0} of {1} histories in the database do not hold")]
    Edited(usize, usize),
    /// It holds, and the log of today does not hold it.
    #[error("the file holds, and the log does not agree: {0}")]
    Live(#[from] LiveError),
}

const STEPS: [Reached; 5] =
    [Reached::Chain, Reached::Rules, Reached::Logged, Reached::Witnessed, Reached::SameAsMyPin];

/// The highest step that holds, in a word.
pub(crate) fn reached(step: Option<Reached>) -> &'static str {
    step.map_or("nothing", Reached::as_str)
}

/// Where a history breaks, in words.
fn at(event: Option<u64>) -> String {
    event.map_or_else(String::new, |seq| format!(", at event {seq}"))
}

/// The step after it: the one that did not hold.
fn next(step: Option<Reached>) -> Option<&'static str> {
    STEPS.into_iter().find(|s| step.is_none_or(|step| *s > step)).map(Reached::as_str)
}

/// The steps that hold.
fn held(step: Option<Reached>) -> String {
    let held: Vec<&str> =
        STEPS.into_iter().filter(|s| step.is_some_and(|step| *s <= step)).map(Reached::as_str).collect();
    if held.is_empty() { "nothing".into() } else { held.join(" · ") }
}

/// Checks a history's bytes against a receipt.
pub(crate) fn check(bytes: &[u8], receipt: &Receipt) -> Result<Report, Broken> {
    let history = History::decode(bytes).map_err(|reason| Broken { reached: None, event: None, reason })?;
    history.verify(&Host, receipt)
}

pub(crate) fn run(args: &Args) -> Result<(), VerifyError> {
    if let Some(dir) = &args.data {
        return database(dir, args);
    }
    // The command line has seen to it that both are there.
    let (Some(file), Some(receipt)) = (&args.history, &args.receipt) else { return Ok(()) };
    let receipt = read_receipt(receipt)?;
    let bytes = std::fs::read(file).map_err(|e| VerifyError::Io(file.clone(), e))?;
    let report = check(&bytes, &receipt);
    let live = match (&report, &args.log) {
        (Ok(report), Some(url)) => Some(against(&Http::new(url), &bytes, &receipt, report)),
        _ => None,
    };
    if args.json {
        print_json(&report, live.as_ref());
    } else {
        print(&report, live.as_ref(), has_own_witnesses(&bytes));
    }
    report.map_err(VerifyError::Broken)?;
    live.transpose()?;
    Ok(())
}

/// Every number of a database.
fn database(dir: &std::path::Path, args: &Args) -> Result<(), VerifyError> {
    let root = args.root.as_deref().map(|text| {
        let mut root = [0; 32];
        hex::decode_to_slice(text, &mut root).map(|()| root).map_err(|_| VerifyError::Root)
    });
    let audited = server::audit::audit(dir, root.transpose()?)?;
    let broken = audited.iter().filter(|number| number.broken.is_some()).count();
    for number in &audited {
        let (seq, reason) = number.broken.as_ref().map(|(seq, reason)| (*seq, reason)).unzip();
        if args.json {
            println!(
                "{}",
                serde_json::json!({"number": number.number.as_str(), "events": number.events,
                    "reached": number.reached.map(Reached::as_str), "holds": reason.is_none(), "event": seq,
                    "reason": reason.map(Reason::code), "why": reason.map(ToString::to_string)})
            );
        } else if let (Some(seq), Some(reason)) = (seq, reason) {
            println!("+{}  event {seq} does not hold: {reason}", number.number);
        } else {
            println!("+{}  {} events hold: {}", number.number, number.events, held(number.reached));
        }
    }
    if broken > 0 {
        return Err(VerifyError::Edited(broken, audited.len()));
    }
    if !args.json {
        println!(
            "{} histories hold; what the owners' receipts say is for the owners to compare",
            audited.len()
        );
    }
    Ok(())
}

fn against(source: &dyn Source, bytes: &[u8], receipt: &Receipt, report: &Report) -> Result<Live, LiveError> {
    let history = History::decode(bytes).map_err(LiveError::History)?;
    Live::look(source, &history, receipt, report)
}

fn print_json(report: &Result<Report, Broken>, live: Option<&Result<Live, LiveError>>) {
    let (step, reason) = match report {
        Ok(report) => (Some(report.reached), None),
        Err(broken) => (broken.reached, Some(&broken.reason)),
    };
    let seq = report.as_ref().ok().map(|r| r.state.seq());
    let test = report.as_ref().ok().map(|r| !r.live);
    let live = live.map(|live| match live {
        Ok(live) => serde_json::json!({"holds": true, "size": live.size, "newer_events": live.newer}),
        Err(error) => serde_json::json!({"holds": false, "code": error.code(), "why": error.to_string()}),
    });
    println!(
        "{}",
        serde_json::json!({"reached": step.map(Reached::as_str), "holds": reason.is_none(),
            "next": next(step), "event": report.as_ref().err().and_then(|b| b.event), "reason": reason.map(Reason::code), "why": reason.map(ToString::to_string),
            "seq": seq, "test_deed": test, "live": live})
    );
}

/// Whether any of the witnesses that a history's policy names runs in the operator's own process.
fn has_own_witnesses(bytes: &[u8]) -> bool {
    let manifests = History::decode(bytes).map(|history| history.manifests).unwrap_or_default();
    let newest = manifests.last().and_then(|signed| Manifest::decode(&signed.manifest).ok());
    let policy = newest.and_then(|manifest| manifest.policy().ok());
    policy.is_none_or(|policy| policy.witnesses().iter().any(|witness| is_own_witness(&witness.name)))
}

fn print(report: &Result<Report, Broken>, live: Option<&Result<Live, LiveError>>, own_witnesses: bool) {
    let report = match report {
        Ok(report) => report,
        Err(broken) => {
            println!("reached: {}", held(broken.reached));
            if let Some(next) = next(broken.reached) {
                println!("  not      {next}{}: {}", at(broken.event), broken.reason);
            }
            return;
        }
    };
    let state = &report.state;
    println!("holds: {}", held(Some(report.reached)));
    println!("  number   +{}, event {}", state.number, state.seq());
    if let Some(card) = state.card() {
        println!("  card     ICCID {}", card.iccid);
    }
    match live {
        Some(Ok(live)) => {
            println!(
                "  log      {} leaves today; each event is in it, and no other has the tag of one",
                live.size
            );
            if live.newer > 0 {
                println!(
                    "  newer    {} events of this number are in the log that this file has not",
                    live.newer
                );
            }
        }
        Some(Err(error)) => println!("  log      does not agree: {error}"),
        None => {}
    }
    if !report.live {
        if own_witnesses {
            println!("  test deed: its witnesses run in the operator's own process");
        } else {
            println!(
                "  test deed: its keys and its enforcement point are in one process; others run its witnesses"
            );
        }
    }
}
