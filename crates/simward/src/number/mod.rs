//! `simward number`: issue, show, change, veto, suspend, resume, stand-by card, history, and every other wish of an owner's.

mod asking;
pub(crate) mod change;
mod close;
mod consent;
pub(crate) mod issue;
mod key_file;
mod look;
mod manage;
mod people;
pub(crate) mod propose;
mod request_file;
mod suspend;
#[cfg(test)]
mod tests;
mod timeline;
mod transfer;
mod watch_key;
mod wish;

pub(crate) use look::{date, word};

use crate::api::{Api, ApiError};
use crate::card::CardError;
use crate::card::files::Holder;
use crate::card::terminal::Where as WhichCard;
use crate::owner::{Owner, OwnerError};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use server::http::reader_token;
use server::view::NumberView;
use std::path::PathBuf;
use wire::Msisdn;

/// Issue a number, look at it, move it, stop a change.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, ClapArgs)]
#[group(skip)] // its name stands twice in a command
struct Where {
    /// The number: country code first, no +.
    number: Msisdn,
    /// The node's data folder: its address and tokens stand there.
    #[arg(long, value_name = "DIR", default_value = "simward-data")]
    data: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Wish(wish::Wish),
    /// Issue a number: write its card's profile and its owner's keys and receipt.
    Issue {
        #[command(flatten)]
        at: Where,
        /// Where the card's profile goes (for `simward card --profile`).
        #[arg(long, value_name = "FILE")]
        profile: PathBuf,
        /// Where the owner's keys and receipt go.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
    },
    /// Invite the owner of a new number to make its keys in a browser: prints the link.
    Invite {
        #[command(flatten)]
        at: Where,
        /// Where the card's profile goes (for `simward card --profile`).
        #[arg(long, value_name = "FILE")]
        profile: PathBuf,
    },
    /// Invite a browser to the holder's portal: prints the link.
    Portal {
        #[command(flatten)]
        at: Where,
        /// The owner's folder: only whoever has the number's watch key invites.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
    },
    /// Show a number as its pin has it.
    Show {
        #[command(flatten)]
        at: Where,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask for a new card at a desk; the owner agrees, or stops it, on the move page.
    Ask {
        #[command(flatten)]
        at: Where,
        /// Where the new card's profile goes.
        #[arg(long, value_name = "FILE")]
        profile: PathBuf,
    },
    /// Ask for a new card and agree with the owner's keys.
    Change {
        #[command(flatten)]
        at: Where,
        /// The owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// Where the new card's profile goes.
        #[arg(long, value_name = "FILE")]
        profile: PathBuf,
        /// Which of the owner's keys agree.
        #[arg(long, value_enum, default_value = "both")]
        with: With,
        /// Return only when the change is done.
        #[arg(long)]
        wait: bool,
    },
    /// Stop the live request.
    Veto {
        #[command(flatten)]
        at: Where,
        /// The owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// Which key objects.
        #[arg(long, value_enum, default_value = "phone")]
        with: With,
    },
    /// Suspend the line (phone lost or stolen): at once, and only the owner resumes it.
    Suspend {
        #[command(flatten)]
        at: Where,
        /// The owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// Which key says so.
        #[arg(long, value_enum, default_value = "hold-code")]
        by: suspend::By,
    },
    /// Resume a suspended line: 15 minutes with keys in two places, three days with one.
    Resume {
        #[command(flatten)]
        at: Where,
        #[command(flatten)]
        signed: Signed,
    },
    /// Authorise a stand-by card in quiet times: it sleeps until it is woken. Signed with the passkey, it takes a day; the
    /// sheet, which one change uses up, is better kept for the day it is needed.
    StandBy {
        #[command(flatten)]
        at: Where,
        /// Where the card's profile goes.
        #[arg(long, value_name = "FILE")]
        profile: PathBuf,
        /// The owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// Which of the owner's keys agree.
        #[arg(long, value_enum, default_value = "phone")]
        with: With,
        /// Return only when it is done.
        #[arg(long)]
        wait: bool,
    },
    /// Wake the stand-by card: it must be in hand. On a suspended line it takes 15 minutes with the sheet.
    Wake {
        #[command(flatten)]
        at: Where,
        #[command(flatten)]
        card: WhichCard,
        #[command(flatten)]
        holder: Holder,
        /// The owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// Which of the owner's keys agree beside the card.
        #[arg(long, value_enum, default_value = "paper")]
        with: With,
        /// The phone is forgotten, not stolen: leave its passkey its voice. Otherwise the sheet takes it away first.
        #[arg(long)]
        phone_is_mine: bool,
        /// Return only when it is done.
        #[arg(long)]
        wait: bool,
    },
    /// The phone is in a thief's hands: take its passkey's voice away, for good. Signed with the sheet.
    SilencePhone {
        #[command(flatten)]
        at: Where,
        /// The owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
    },
    /// Make a new recovery sheet, in place of one that is used up.
    NewSheet {
        #[command(flatten)]
        at: Where,
        #[command(flatten)]
        signed: Signed,
    },
    /// Update a file of the number's card from afar: the operator's name that phones show.
    UpdateCard {
        #[command(flatten)]
        at: Where,
        /// The new name, of up to 16 letters.
        #[arg(long, value_name = "NAME")]
        operator_name: String,
    },
    /// What happened about the number: its cards at the network, sign-ins, alarms.
    Log {
        #[command(flatten)]
        at: Where,
        /// The owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
    },
    /// Everything that happened about the number, newest first, in plain words; with --follow, as it happens.
    Timeline {
        #[command(flatten)]
        at: Where,
        #[command(flatten)]
        wanted: timeline::Timeline,
    },
    /// How careful the node is with the number, and why. It makes things later, and decides nothing.
    Risk {
        #[command(flatten)]
        at: Where,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say that you are travelling: another country is no reason for caution then.
    Travel {
        #[command(flatten)]
        at: Where,
        /// The owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// For so many days.
        #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(u64).range(1..=90))]
        days: u64,
    },
    /// The number's events; with --export, a file that `simward verify` checks offline.
    History {
        #[command(flatten)]
        at: Where,
        /// The owner's folder: the history is for whoever has the number's watch key.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// Write the whole history there.
        #[arg(long, value_name = "FILE")]
        export: Option<PathBuf>,
    },
}

/// Who signs, and whether to wait.
#[derive(Debug, ClapArgs)]
struct Signed {
    /// The owner's folder.
    #[arg(long, value_name = "DIR")]
    owner: PathBuf,
    /// Which of the owner's keys agree.
    #[arg(long, value_enum, default_value = "both")]
    with: With,
    /// Return only when it is done.
    #[arg(long)]
    wait: bool,
}

/// The owner's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum With {
    /// The passkey: place 1.
    Phone,
    /// The recovery sheet: place 2.
    Paper,
    /// Both.
    Both,
}

/// Why a command on a number did nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NumberError {
    /// The node.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The owner's folder.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The profile.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A file.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// The machine.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// What was asked makes no sense here.
    #[error("{0}")]
    Asked(String),
}

pub(crate) fn run(args: Args) -> Result<(), NumberError> {
    match args.command {
        Command::Wish(wish) => wish::run(wish),
        Command::Issue { at, profile, owner } => issue::issue(&at, &profile, &owner),
        Command::Invite { at, profile } => issue::invite(&at, &profile),
        Command::Ask { at, profile } => change::ask_at_desk(&at, &profile),
        Command::Portal { at, owner } => issue::portal(&at, &owner),
        Command::Show { at, json } => look::show(&at, json),
        Command::Change { at, owner, profile, with, wait } => {
            change::change(&at, &owner, &profile, with, wait)
        }
        Command::Veto { at, owner, with } => change::veto(&at, &owner, with),
        Command::Resume { at, signed: Signed { owner, with, wait } } => {
            propose::resume(&at, &owner, with, wait)
        }
        Command::StandBy { at, profile, owner, with, wait } => {
            propose::stand_by(&at, &owner, &profile, with, wait)
        }
        Command::Wake { at, card, holder, owner, with, phone_is_mine, wait } => {
            propose::wake(&at, &owner, &card, &holder, (with, phone_is_mine), wait)
        }
        Command::SilencePhone { at, owner } => suspend::silence_phone(&at, &owner),
        Command::NewSheet { at, signed: Signed { owner, with, wait } } => {
            propose::new_sheet(&at, &owner, with, wait)
        }
        Command::UpdateCard { at, operator_name } => manage::rename_operator(&at, &operator_name),
        Command::Suspend { at, owner, by } => suspend::suspend(&at, &owner, by),
        Command::Log { at, owner } => look::log(&at, &owner),
        Command::Timeline { at, wanted } => timeline::timeline(&at, &wanted),
        Command::Risk { at, json } => look::risk(&at, json),
        Command::Travel { at, owner, days } => look::travel(&at, &owner, days),
        Command::History { at, owner, export } => look::history(&at, &owner, export.as_deref()),
    }
}

pub(crate) fn show(api: &Api, number: &Msisdn, token: &str) -> Result<NumberView, ApiError> {
    api.get(&format!("/v1/numbers/{number}"), token)
}

fn token_of(owner: &Owner) -> String {
    reader_token(&owner.receipt.watch_key)
}
