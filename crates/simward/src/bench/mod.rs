//! `simward bench NAME`: measured figures, one line each.

mod auc;
mod card;
mod consent;
mod pcsc;
mod timeline;
mod timing;

use crate::pcsc::PcscError;
use std::path::PathBuf;
use std::time::Duration;

/// Measure something and print one line for each figure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    /// One JSON object a line: {"name","value","unit","n","seconds"}.
    #[arg(long, global = true)]
    json: bool,
    /// How long each figure is measured.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 2)]
    seconds: u64,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// A card in a PC/SC reader: READ BINARY and, with its profile, AUTHENTICATE.
    Pcsc {
        /// The reader's name; without it, the first that has a card.
        #[arg(long, value_name = "NAME")]
        reader: Option<String>,
        /// The card's profile: its PIN and K, for AUTHENTICATE.
        #[arg(long, value_name = "FILE")]
        profile: Option<PathBuf>,
    },
    /// The authentication centre: vectors with durable SQN, one and 512 at a time, beside cipher and disk.
    Auc,
    /// The card in this process: READ BINARY, AUTHENTICATE in memory and on disk, memory of an idle card, start.
    Card {
        /// A TPM 2.0 (/dev/tpmrm0, or HOST:PORT): AUTHENTICATE of a card that counts in it, beside the disk alone.
        #[arg(long, value_name = "TPM")]
        tpm: Option<String>,
    },
    /// Consent: a history verified, beside the portable verifier; the timeline written, beside a plain file.
    Consent,
    /// Whether the time of a refusal tells anything of the secret: Welch's t, which is below 4.5 where it does not.
    Timing,
}

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The reader.
    #[error(transparent)]
    Pcsc(#[from] PcscError),
    /// The machine, or the node.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The profile.
    #[error(transparent)]
    Profile(#[from] crate::card::CardError),
    /// The card answered otherwise than the measurement needs.
    #[error("{command} was answered {answer}; {hint}")]
    Card {
        /// What was asked.
        command: &'static str,
        /// The answer's status.
        answer: wire::apdu::Status,
        /// What to do.
        hint: &'static str,
    },
}

/// One figure.
#[derive(Debug, serde::Serialize)]
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    n: u64,
    seconds: f64,
}

impl Figure {
    /// So many times in so long.
    fn rate(name: &'static str, n: u64, took: Duration) -> Self {
        let seconds = took.as_secs_f64();
        Self { name, value: n as f64 / seconds, unit: "1/s", n, seconds }
    }
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<(), BenchError> {
    let duration = Duration::from_secs(args.seconds);
    let figures = match &args.what {
        What::Pcsc { reader, profile } => pcsc::run(reader.as_deref(), profile.as_deref(), duration)?,
        What::Auc => auc::run(duration)?,
        What::Card { tpm } => card::run(tpm.as_deref(), duration)?,
        What::Consent => consent::run(duration)?,
        What::Timing => timing::run()?,
    };
    for figure in figures {
        if args.json {
            // Numbers and names always serialise.
            println!("{}", serde_json::to_string(&figure).unwrap_or_default());
        } else {
            let Figure { name, value, unit, n, seconds } = figure;
            let decimals = if value < 100.0 { 2 } else { 0 };
            println!("{name}: {value:.decimals$} {unit} ({n} in {seconds:.2} s)");
        }
    }
    Ok(())
}
