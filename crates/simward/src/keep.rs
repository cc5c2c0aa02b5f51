//! `simward keep`: numbers kept at any operator (保号): a ledger of uses with their proofs, due dates, reminders.

use clap::{Args as ClapArgs, Subcommand};
use jiff::civil::Date;
use operator::keep::{Act, Rule, Standing, due, reminders, rule, standing};
use serde::{Deserialize, Serialize};
use server::deployment::write_private;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wire::Msisdn;

/// Keep numbers alive at any operator: what counts as use, when it is due, and the proof of the last one.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    /// The ledger [default: $XDG_DATA_HOME/simward/keep.toml, or ~/.local/share/simward/keep.toml].
    #[arg(long, value_name = "FILE", global = true)]
    ledger: Option<PathBuf>,
    /// The day it is, instead of the clock's.
    #[arg(long, value_name = "YYYY-MM-DD", global = true)]
    today: Option<Date>,
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
        /// When it was last used in a way that counts.
        #[arg(long, value_name = "YYYY-MM-DD")]
        last: Date,
        /// Where the SIM is.
        #[arg(long, value_name = "TEXT")]
        r#where: Option<String>,
    },
    /// Note a use that counts, with its proof.
    Act {
        /// The number.
        number: String,
        /// call, sms, data or purchase.
        #[arg(long, value_name = "WHAT")]
        what: Act,
        /// When.
        #[arg(long, value_name = "YYYY-MM-DD")]
        on: Date,
        /// What shows it: a receipt's number, a line of a bill.
        #[arg(long, value_name = "TEXT")]
        proof: String,
    },
    /// Show every number: what counts, when it is due, the last proof.
    List,
    /// Print the due dates and reminders as a calendar (RFC 5545).
    Calendar,
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
    /// What was asked makes no sense.
    #[error("{0}")]
    Asked(String),
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ledger {
    #[serde(default, rename = "number")]
    numbers: Vec<Kept>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    number: String,
    plan: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#where: Option<String>,
    /// Uses, oldest first.
    #[serde(rename = "use")]
    uses: Vec<Use>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Use {
    on: Date,
    /// What was done; `None` where only the day is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    proof: String,
}

fn digits(number: &str) -> Result<Msisdn, KeepError> {
    let digits = number.trim().trim_start_matches('+');
    digits.parse().map_err(|e: wire::Malformed| KeepError::Asked(format!("{number}: {e}")))
}

impl Kept {
    fn rule(&self) -> Rule {
        rule(&self.plan)
    }

    fn last(&self) -> Option<&Use> {
        self.uses.iter().max_by_key(|used| used.on)
    }

    fn due(&self) -> Option<Date> {
        due(&self.rule(), self.last()?.on)
    }
}

fn path_of(args: &Args) -> Result<PathBuf, KeepError> {
    if let Some(path) = &args.ledger {
        return Ok(path.clone());
    }
    let home = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    let home = home.ok_or_else(|| KeepError::Asked("no home folder; give --ledger FILE".into()))?;
    Ok(home.join("simward/keep.toml"))
}

fn load(path: &Path) -> Result<Ledger, KeepError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Ledger::default()),
        Err(source) => return Err(KeepError::File { path: path.to_path_buf(), source }),
    };
    toml::from_str(&text)
        .map_err(|e| KeepError::Damaged { path: path.to_path_buf(), why: e.message().to_string() })
}

fn save(path: &Path, ledger: &Ledger) -> Result<(), KeepError> {
    let text = toml::to_string(ledger).map_err(|e| KeepError::Asked(e.to_string()))?;
    let file = |source| KeepError::File { path: path.to_path_buf(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(file)?;
    }
    write_private(path, text.as_bytes()).map_err(file)
}

/// Keeps.
pub(crate) fn run(args: Args) -> Result<(), KeepError> {
    let path = path_of(&args)?;
    let today = args.today.unwrap_or_else(|| jiff::Zoned::now().date());
    let mut ledger = load(&path)?;
    match args.command {
        Command::Add { number, plan, last, r#where } => {
            let number = digits(&number)?.to_string();
            if ledger.numbers.iter().any(|kept| kept.number == number) {
                return Err(KeepError::Asked(format!(
                    "+{number} is in the ledger already; note uses with `simward keep act`"
                )));
            }
            if last > today {
                return Err(KeepError::Asked(format!("{last} has not come yet")));
            }
            let used = Use { on: last, what: None, proof: "as its holder says".into() };
            let kept = Kept { number, plan, r#where, uses: vec![used] };
            let said = said(&kept, today);
            ledger.numbers.push(kept);
            save(&path, &ledger)?;
            print!("{said}");
            Ok(())
        }
        Command::Act { number, what, on, proof } => {
            let number = digits(&number)?.to_string();
            let kept = ledger.numbers.iter_mut().find(|kept| kept.number == number);
            let kept = kept.ok_or_else(|| KeepError::Asked(format!("+{number} is not in the ledger")))?;
            if on > today {
                return Err(KeepError::Asked(format!("{on} has not come yet")));
            }
            if !kept.rule().counts.contains(&what) {
                let counts = counting(&kept.rule());
                return Err(KeepError::Asked(format!(
                    "{} does not count at {}; what counts: {counts}",
                    what.name(),
                    kept.plan
                )));
            }
            kept.uses.push(Use { on, what: Some(what.name().into()), proof });
            let said = said(kept, today);
            save(&path, &ledger)?;
            print!("{said}");
            Ok(())
        }
        Command::List => {
            list(&ledger, today);
            Ok(())
        }
        Command::Calendar => {
            print!("{}", calendar(&ledger, today));
            Ok(())
        }
    }
}

fn counting(rule: &Rule) -> String {
    rule.counts.iter().map(|act| act.name()).collect::<Vec<_>>().join(", ")
}

fn said(kept: &Kept, today: Date) -> String {
    let Some(due) = kept.due() else { return String::new() };
    let Rule { source, checked, .. } = kept.rule();
    let checked = checked.map_or_else(|| "unchecked".into(), |day| format!("checked {day}"));
    let left = words(standing(due, today));
    format!("+{}: due {due} ({left})\n  {source} ({checked})\n", kept.number)
}

fn days(left: impl Into<i64>) -> String {
    match left.into() {
        1 => "1 day left".into(),
        left => format!("{left} days left"),
    }
}

fn words(standing: Standing) -> String {
    match standing {
        Standing::Safe(left) => days(left),
        Standing::Soon(left) => format!("! {}", days(left)),
        Standing::Overdue(0) => "! today".into(),
        Standing::Overdue(days) => format!("!! {days} days over"),
    }
}

fn list(ledger: &Ledger, today: Date) {
    let mut sorted: Vec<(&Kept, Date)> = ledger.numbers.iter().filter_map(|k| Some((k, k.due()?))).collect();
    sorted.sort_by_key(|(_, due)| *due);
    let urgent = sorted.iter().filter(|(_, due)| !matches!(standing(*due, today), Standing::Safe(_))).count();
    match (sorted.first(), urgent) {
        (None, _) => println!("no numbers yet; `simward keep add` adds one"),
        (Some((_, first)), 0) => println!("all {} numbers are safe until {first}", sorted.len()),
        (Some(_), urgent) => println!("{urgent} of {} numbers need you", sorted.len()),
    }
    for (kept, due) in sorted {
        let rule = kept.rule();
        let last = kept.last().map(|Use { on, what, proof }| match what {
            Some(what) => format!("{on}, {what}: {proof}"),
            None => format!("{on}, {proof}"),
        });
        let checked = if rule.checked.is_some() { "" } else { ", unchecked" };
        println!("+{}  {}{checked}", kept.number, kept.plan);
        println!("  due     {due}  {}", words(standing(due, today)));
        println!("  counts  {}", counting(&rule));
        println!("  last    {}", last.unwrap_or_default());
        if let Some(place) = &kept.r#where {
            println!("  SIM     {place}");
        }
    }
}

/// One event for each number on its due day, with an alarm for each reminder (RFC 5545 §3.6.1, §3.6.6).
fn calendar(ledger: &Ledger, today: Date) -> String {
    let mut out = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Simward//keep//EN\r\n");
    let basic = |date: Date| date.strftime("%Y%m%d").to_string();
    for (kept, due) in ledger.numbers.iter().filter_map(|k| Some((k, k.due()?))) {
        // Writing to a String cannot fail.
        let _ = write!(out, "BEGIN:VEVENT\r\nUID:{}-{}@keep.simward\r\n", kept.number, basic(due));
        let _ = write!(out, "DTSTAMP:{}T000000Z\r\nDTSTART;VALUE=DATE:{}\r\n", basic(today), basic(due));
        let _ = write!(
            out,
            "SUMMARY:{}\r\n",
            escaped(&format!("Use +{} ({}) or lose it", kept.number, kept.plan))
        );
        for day in reminders(due) {
            let ahead = day.until(due).map_or(0, |span| span.get_days());
            let trigger = if ahead == 0 { "PT9H".into() } else { format!("-P{ahead}DT0H") };
            let left = days(ahead);
            let _ = write!(
                out,
                "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:{left}\r\nTRIGGER:{trigger}\r\nEND:VALARM\r\n"
            );
        }
        out.push_str("END:VEVENT\r\n");
    }
    out.push_str("END:VCALENDAR\r\n");
    out
}

/// Text as RFC 5545 §3.3.11 writes it.
fn escaped(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    plain.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,")
}
