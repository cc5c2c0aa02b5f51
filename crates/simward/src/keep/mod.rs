//! `simward keep`: numbers kept at any operator (保号): a ledger of uses with their proofs, due dates, reminders.

mod decade;
mod file;
mod note;
mod remind;
mod rotate;
mod show;

use crate::owner::OwnerError;
use clap::{Args as ClapArgs, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use operator::keep::alive::NotAlive;
use operator::keep::ledger::Line;
use operator::keep::money::Money;
use operator::keep::reminder::{ChannelRefusal, Delivery, Kind};
use operator::keep::rotation::Wait;
use operator::keep::rule::{Act, Rule, Rules, RulesError};
use std::path::PathBuf;

/// Keep numbers alive at any operator: what counts as use, when it is due, and the proof of the last one.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    /// The ledger [default: $XDG_DATA_HOME/simward/keep.toml, or ~/.local/share/simward/keep.toml].
    #[arg(long, value_name = "FILE", global = true)]
    ledger: Option<PathBuf>,
    /// Plan rules of your own, beside those that are known [default: keep-rules.toml beside the ledger, if it is there].
    #[arg(long, value_name = "FILE", global = true)]
    rules: Option<PathBuf>,
    /// The day it is at every operator, instead of the clock's.
    #[arg(long, value_name = "YYYY-MM-DD", global = true, conflicts_with = "now")]
    today: Option<Date>,
    /// The moment it is, instead of the clock's.
    #[arg(long, value_name = "YYYY-MM-DDThh:mm:ssZ", global = true)]
    now: Option<Timestamp>,
    /// As JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a number to the ledger.
    Add {
        /// The number, with + and its country code, or without +.
        number: String,
        /// The operator's plan; one that is not known is held to the shortest period that is.
        #[arg(long, value_name = "NAME")]
        plan: String,
        /// When it was last used in a way that counts: the operator's day.
        #[arg(long, value_name = "YYYY-MM-DD")]
        last: Date,
        #[command(flatten)]
        place: Place,
    },
    /// Change what the ledger says of a number: plan, SIM, time zone, eUICC.
    Set {
        /// The number.
        number: String,
        /// The operator's plan.
        #[arg(long, value_name = "NAME")]
        plan: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Note a use that counts, with its proof.
    #[command(visible_alias = "used")]
    Act {
        /// The number.
        number: String,
        /// call, sms, mms, data or purchase.
        #[arg(long, value_name = "WHAT")]
        what: Act,
        /// When: the operator's day, or a moment with its offset, of which the operator's day is taken.
        #[arg(long, value_name = "YYYY-MM-DD[Thh:mm:ss+hh:mm]")]
        on: note::When,
        /// What shows it: a receipt's number, a line of a bill.
        #[arg(long, value_name = "TEXT")]
        proof: String,
        /// What it cost, taken from what is put aside.
        #[arg(long, value_name = "0.30 GBP")]
        paid: Option<Money>,
    },
    /// Show every number: what counts, when it is due, the last proof.
    List,
    /// Show the numbers that are due soon, one a line.
    Due {
        /// Within so many days.
        #[arg(long, value_name = "DAYS", default_value_t = 60)]
        within: i64,
    },
    /// Tell whom it is to be told: print what is to be sent now, or send it.
    Remind {
        /// Runs PROGRAM KIND ADDRESS for each, the text on its standard input; exit code 0 means that it arrived.
        #[arg(long, value_name = "PROGRAM")]
        via: Option<PathBuf>,
    },
    /// Note that what is to be told now was sent by other means, or whether it arrived.
    Told {
        /// The number.
        number: String,
        /// web-push, email, sms or guardian.
        #[arg(long, value_name = "KIND")]
        by: Kind,
        /// Where it went.
        #[arg(long, value_name = "ADDRESS")]
        to: String,
        /// What became of it.
        #[arg(long, value_parser = delivery, default_value = "delivered", value_name = "sent|delivered|failed")]
        state: Delivery,
    },
    /// How somebody is told: add or remove a channel. The old ones hear of it, and go on hearing everything for 30 days.
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// Keep notices from the channels of whoever pays.
    SafeMode {
        /// The number.
        number: String,
        /// on or off.
        #[arg(value_parser = ["on", "off"])]
        state: String,
    },
    /// Put money aside for a number, and see until when it lasts.
    Fund {
        /// The number.
        number: String,
        /// What is there now.
        #[arg(long, value_name = "5.00 GBP", required_unless_present = "add")]
        balance: Option<Money>,
        /// What is added.
        #[arg(long, value_name = "5.00 GBP", conflicts_with = "balance")]
        add: Option<Money>,
    },
    /// Prove life: sign, with a key of a deed, that the number is yours and wanted still.
    Alive {
        /// The number.
        number: String,
        /// The owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// Which key signs.
        #[arg(long, value_enum, default_value = "phone")]
        with: note::AliveWith,
        /// Another key than the ledger knows: know this one from now on. Older proofs hold no longer.
        #[arg(long)]
        new_key: bool,
    },
    /// A demand to prove again who holds the number (二次实人认证): start its clock, or note that it was done.
    VerifyClock {
        /// The number.
        number: String,
        /// When the operator said so.
        #[arg(long, value_name = "YYYY-MM-DDThh:mm:ss+hh:mm", required_unless_present = "done")]
        started: Option<Timestamp>,
        /// How long it gives.
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        hours: u16,
        /// What is asked.
        #[arg(long, value_name = "TEXT", default_value = "二次实人认证")]
        what: String,
        /// How to do it: a page, a shop, a number to call.
        #[arg(long, value_name = "TEXT")]
        path: Option<String>,
        /// It was done.
        #[arg(long, conflicts_with = "started")]
        done: bool,
    },
    /// Note a journey: what falls due on it is met before it.
    Travel {
        /// The number.
        number: String,
        /// The first day.
        #[arg(long, value_name = "YYYY-MM-DD")]
        from: Date,
        /// The last day.
        #[arg(long, value_name = "YYYY-MM-DD")]
        to: Date,
        /// Where to.
        #[arg(long, value_name = "TEXT")]
        to_where: String,
    },
    /// Plan which profile of an eUICC to turn on, on which day, for which act.
    Plan {
        /// For so many days.
        #[arg(long, value_name = "DAYS", default_value_t = 365)]
        days: u16,
        /// A code is expected until then: nothing is turned.
        #[arg(long, value_name = "YYYY-MM-DDThh:mm:ssZ")]
        code_until: Option<Timestamp>,
        /// A change of SIM is pending: nothing is turned.
        #[arg(long)]
        swap_pending: bool,
    },
    /// Show the plans that are known, with source and date.
    Rules,
    /// Print the due dates and reminders as a calendar (RFC 5545).
    Calendar,
    /// Print the ledger for other programs.
    Export {
        /// json, csv or ical.
        #[arg(long, value_parser = ["json", "csv", "ical"], default_value = "json")]
        format: String,
    },
    /// Remove a number, and all that is noted of it.
    Remove {
        /// The number.
        number: String,
        /// Yes, all of it.
        #[arg(long)]
        forget: bool,
    },
    /// Ten years of keeping in virtual time, with everything going wrong that may: no funded line is lost, no due date
    /// passes unwarned.
    Decade(decade::Args),
}

#[derive(Debug, Subcommand)]
enum ChannelCommand {
    /// Add one.
    Add {
        /// The number.
        number: String,
        /// web-push, email, sms or guardian.
        #[arg(long, value_name = "KIND")]
        by: Kind,
        /// Where it goes.
        #[arg(long, value_name = "ADDRESS")]
        to: String,
        /// It is the channel of whoever pays: in safe mode it hears nothing.
        #[arg(long)]
        payer: bool,
    },
    /// Remove one.
    Remove {
        /// The number.
        number: String,
        /// web-push, email, sms or guardian.
        #[arg(long, value_name = "KIND")]
        by: Kind,
        /// Where it goes.
        #[arg(long, value_name = "ADDRESS")]
        to: String,
    },
}

/// Where a number is.
#[derive(Debug, ClapArgs)]
struct Place {
    /// Where the SIM is.
    #[arg(long, value_name = "TEXT")]
    r#where: Option<String>,
    /// Where the operator's days end, if the plan's rule does not say; without either, as early as anywhere.
    #[arg(long, value_name = "Europe/London")]
    zone: Option<String>,
    /// The eUICC in which it is one profile among several.
    #[arg(long, value_name = "NAME")]
    euicc: Option<String>,
}

fn delivery(text: &str) -> Result<Delivery, String> {
    match text {
        "sent" => Ok(Delivery::Sent),
        "delivered" => Ok(Delivery::Delivered),
        "failed" => Ok(Delivery::Failed),
        _ => Err("not one of sent, delivered, failed".into()),
    }
}

/// Why the ledger was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// A file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The ledger does not read.
    #[error("{} is not a ledger: {why}; nothing was changed", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Rules do not read.
    #[error("{}: {source}", path.display())]
    Rules {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: RulesError,
    },
    /// What was asked makes no sense.
    #[error("{0}")]
    Asked(String),
    /// A value that is none.
    #[error(transparent)]
    Malformed(#[from] wire::Malformed),
    /// The owner's folder.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// No proof of life.
    #[error(transparent)]
    NotAlive(#[from] NotAlive),
    /// A channel.
    #[error(transparent)]
    Channel(#[from] ChannelRefusal),
    /// Not now.
    #[error("nothing is turned now: {0}")]
    Wait(#[from] Wait),
    /// The decade found something.
    #[error("{0}")]
    Lost(String),
}

/// What every command needs to know: rules, and what day it is where.
struct Book {
    rules: Rules,
    now: Timestamp,
    today: Option<Date>,
    json: bool,
}

impl Book {
    fn rule(&self, line: &Line) -> &Rule {
        self.rules.rule(&line.plan)
    }

    /// The day it is at a number's operator.
    fn today(&self, line: &Line) -> Result<Date, KeepError> {
        match self.today {
            Some(today) => Ok(today),
            None => Ok(line.today(self.rule(line), self.now)?),
        }
    }
}

/// Keeps.
pub(crate) fn run(args: Args) -> Result<(), KeepError> {
    if let Command::Decade(decade) = args.command {
        return decade::run(&decade, args.json);
    }
    let path = file::path_of(args.ledger.as_deref())?;
    let rules = file::rules(&path, args.rules.as_deref())?;
    let real_clock = args.today.is_none() && args.now.is_none();
    // Noon, where only a day is said.
    let noon = args.today.and_then(|day| day.at(12, 0, 0, 0).in_tz("UTC").ok()).map(|at| at.timestamp());
    let now = args.now.or(noon).unwrap_or_else(Timestamp::now);
    let book = Book { rules, now, today: args.today, json: args.json };
    let read = || file::load(&path);
    match args.command {
        Command::List => show::list(&read()?, &book),
        Command::Due { within } => show::due_soon(&read()?, &book, within),
        Command::Rules => show::rules(&book),
        Command::Calendar => show::calendar(&read()?, &book),
        Command::Export { format } => show::export(&read()?, &book, &format),
        Command::Plan { days, code_until, swap_pending } => {
            rotate::plan(&read()?, &book, days, code_until, swap_pending)
        }
        Command::Remind { via: None } => remind::print(&read()?, &book),
        command => {
            let mut open = file::Open::load(&path)?;
            if real_clock {
                file::observe(&mut open.ledger, &book)?;
            }
            match command {
                Command::Remind { via: Some(program) } => remind::send(&mut open, &book, &program),
                command => note::note(command, &mut open, &book),
            }
        }
    }
}
