//! `simward demo`: one number, its owner, a thief, a bribed clerk, an administrator.
//!
//! A real node in a temporary folder with its real doors and the real waits; virtual cards and a software authenticator.
//! Each attack enters as a thief would: by HTTP, by the gateway's socket, or by the database file, opened by another
//! process. After every step the node is asked, for every card, whom it would serve: the two figures are counted, not
//! claimed.

mod administrator;
mod attacks;
mod card_attacks;
mod cast;
mod phone;
mod play;
mod report;
mod rescue;
mod scripts;
#[cfg(test)]
mod table_test;
#[cfg(all(test, feature = "danger_switches"))]
mod twins;

use clap::Args as ClapArgs;
use std::io;
use std::path::PathBuf;

/// Play the whole story on a real node: a number, its owner, a thief, and every way in.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
    /// Keep the folder, and say where it is.
    #[arg(long)]
    keep: bool,
    /// Play each attack by itself, against a node of its own, and measure it.
    #[arg(long)]
    attacks: bool,
    /// Only the attacks whose names begin so: A12, D-fork.
    #[arg(long, requires = "attacks", value_name = "NAME")]
    only: Option<String>,
    /// The table of docs/attacks-numbers.md.
    #[arg(long, requires = "attacks", conflicts_with = "json")]
    markdown: bool,
    /// The administrator in the play: runs SQL from standard input on a database file, from a process of its own.
    #[arg(long, hide = true, value_name = "FILE")]
    administrator: Option<PathBuf>,
}

/// Why the demo did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// An attack got through, or codes could have been read.
    #[error("an attack succeeded; see above")]
    Broken,
    /// The play could not go on.
    #[error("the demo could not go on: {0}")]
    Stuck(String),
    /// The machine failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<crate::api::ApiError> for DemoError {
    fn from(error: crate::api::ApiError) -> Self {
        Self::Stuck(error.to_string())
    }
}

impl From<crate::number::NumberError> for DemoError {
    fn from(error: crate::number::NumberError) -> Self {
        Self::Stuck(error.to_string())
    }
}

impl From<operator::Refusal> for DemoError {
    fn from(refusal: operator::Refusal) -> Self {
        Self::Stuck(refusal.to_string())
    }
}

pub(crate) fn run(args: &Args) -> Result<(), DemoError> {
    if let Some(file) = &args.administrator {
        return Ok(administrator::run(file)?);
    }
    if args.attacks {
        let form = match (args.json, args.markdown) {
            (true, _) => scripts::Form::Json,
            (_, true) => scripts::Form::Markdown,
            _ => scripts::Form::Table,
        };
        let good = scripts::run(args.only.as_deref(), form)?;
        return if good { Ok(()) } else { Err(DemoError::Broken) };
    }
    let folder = tempfile::Builder::new().prefix("simward-demo-").tempdir()?;
    let outcome = play::play(folder.path(), args.json);
    if args.keep {
        eprintln!("kept: {}", folder.keep().display());
    }
    if outcome? { Ok(()) } else { Err(DemoError::Broken) }
}
