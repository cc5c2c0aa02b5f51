//! `simward verify`: a history, checked offline from what the owner got at issue.

use crate::owner::{OwnerError, read_receipt};
use clap::Args as ClapArgs;
use deed::history::{Broken, History, Reached, Report};
use keys::sign::Host;
use std::path::PathBuf;

/// Check a number's exported history, offline.
///
/// Five steps, each including those before it: chain, rules, logged, witnessed, same as my pin. Exit code 0 only if all
/// five hold.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// What `simward number history --export` wrote.
    history: PathBuf,
    /// The owner's receipt.
    #[arg(long, value_name = "FILE")]
    receipt: PathBuf,
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
    #[error("does not hold after `{}`: {}", reached(.0.reached), .0.reason)]
    Broken(Broken),
}

fn reached(step: Option<Reached>) -> &'static str {
    step.map_or("nothing", Reached::as_str)
}

/// Checks a history's bytes against a receipt.
pub(crate) fn check(bytes: &[u8], receipt: &deed::history::Receipt) -> Result<Report, Broken> {
    let history = History::decode(bytes).map_err(|reason| Broken { reached: None, reason })?;
    history.verify(&Host, receipt)
}

pub(crate) fn run(args: &Args) -> Result<(), VerifyError> {
    let receipt = read_receipt(&args.receipt)?;
    let bytes = std::fs::read(&args.history).map_err(|e| VerifyError::Io(args.history.clone(), e))?;
    let report = check(&bytes, &receipt);
    if args.json {
        let (reached, reason) = match &report {
            Ok(report) => (Some(report.reached), None),
            Err(broken) => (broken.reached, Some(broken.reason.code())),
        };
        let seq = report.as_ref().ok().map(|r| r.state.seq());
        let test = report.as_ref().ok().map(|r| !r.live);
        println!(
            "{}",
            serde_json::json!({"reached": reached.map(Reached::as_str), "holds": reason.is_none(),
                "reason": reason, "seq": seq, "test_deed": test})
        );
    }
    let report = report.map_err(VerifyError::Broken)?;
    if !args.json {
        let state = &report.state;
        println!("holds: chain · rules · logged · witnessed · same as my pin");
        println!("  number   +{}, event {}", state.number, state.seq());
        if let Some(card) = state.card() {
            println!("  card     ICCID {}", card.iccid);
        }
        if !report.live {
            println!("  test deed: its witnesses run in the operator's own process");
        }
    }
    Ok(())
}
