//! Reminders: what is to be told now, printed or sent by a program of the holder's.

use super::file::Open;
use super::show::counting;
use super::{Book, KeepError};
use jiff::tz::TimeZone;
use operator::keep::due::left;
use operator::keep::ledger::{Ledger, Line};
use operator::keep::reminder::{About, Delivery, Wanted, about_channels, about_clocks, about_due};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What is to be told about a line now.
pub(super) fn wanted<'a>(line: &'a Line, book: &Book) -> Result<Vec<Wanted<'a>>, KeepError> {
    let (rule, today) = (book.rule(line), book.today(line)?);
    // Where nothing on record counts, it is due today.
    let due = line.due(rule, today).unwrap_or(today);
    let mut all = about_clocks(line, book.now, today);
    all.extend(about_due(line, due, &line.zone(rule)?, today));
    all.extend(about_channels(line, today));
    Ok(all)
}

/// What it says. Neither a link nor a question: whoever sends such a thing in our name is not us.
fn text(line: &Line, wanted: &Wanted<'_>, book: &Book) -> Result<String, KeepError> {
    let (number, plan, rule) = (&line.number, &line.plan, book.rule(line));
    let ends = |zone: TimeZone| {
        let at = wanted.ends.map(|ends| ends.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Q").to_string());
        at.unwrap_or_default()
    };
    let what = match wanted.about {
        About::Due => {
            let today = book.today(line)?;
            let by = line.act_by(wanted.day, today);
            let days = match left(by, today) {
                1 => "1 day left".into(),
                0 => "today is the last day".into(),
                left if left < 0 => format!("{} days over; do it now", -left),
                left => format!("{left} days left"),
            };
            let (by, ends, counts) = (
                if by < wanted.day { " before you leave" } else { "" },
                ends(line.zone(rule)?),
                counting(rule),
            );
            format!("use it{by}, or lose it: {days}, it ends {ends}. What counts: {counts}.")
        }
        About::Clock => {
            let clock = line.clock.iter().find(|clock| clock.open());
            let (what, path) = clock.map_or(("", ""), |c| {
                (c.what.as_str(), c.path.as_deref().unwrap_or("the operator says how"))
            });
            format!("{what}: by {}, or the line stops. {path}.", ends(line.zone(rule)?))
        }
        About::Channels => format!(
            "on {} a channel for its notices was added or removed. If that was not you, look at the ledger.",
            wanted.day
        ),
    };
    Ok(format!("+{number} ({plan}): {what} Nobody asks you for a code because of this.\n"))
}

/// Prints what is to be told now.
pub(super) fn print(ledger: &Ledger, book: &Book) -> Result<(), KeepError> {
    let mut all = Vec::new();
    for line in &ledger.lines {
        for wanted in wanted(line, book)? {
            let text = text(line, &wanted, book)?;
            if book.json {
                all.push(
                    serde_json::json!({"number": format!("+{}", line.number), "about": wanted.about.name(),
                    "day": wanted.day, "step": wanted.step, "by": wanted.channel.kind.name(),
                    "to": wanted.channel.to, "text": text.trim_end()}),
                );
            } else {
                print!("{} {}: {text}", wanted.channel.kind, wanted.channel.to);
            }
        }
    }
    if book.json {
        println!("{}", serde_json::Value::from(all));
    }
    Ok(())
}

/// Sends what is to be told now: noted before it goes, and again when it is known what became of it.
pub(super) fn send(open: &mut Open, book: &Book, program: &Path) -> Result<(), KeepError> {
    let (mut arrived, mut failed) = (0, 0);
    for at in 0..open.ledger.lines.len() {
        let Some(line) = open.ledger.lines.get(at) else { break };
        let today = book.today(line)?;
        let mut due = Vec::new();
        for wanted in wanted(line, book)? {
            due.push((wanted.sent(today, Delivery::Sent), text(line, &wanted, book)?));
        }
        for (notice, text) in due {
            let Some(line) = open.ledger.lines.get_mut(at) else { break };
            line.notice.push(notice.clone());
            open.save()?;
            let state = match run(program, notice.kind.name(), &notice.to, &text) {
                Ok(true) => Delivery::Delivered,
                Ok(false) => Delivery::Failed,
                Err(source) => {
                    return Err(KeepError::File { path: program.to_path_buf(), source });
                }
            };
            if state == Delivery::Delivered {
                arrived += 1
            } else {
                failed += 1
            }
            if let Some(last) = open.ledger.lines.get_mut(at).and_then(|line| line.notice.last_mut()) {
                last.state = state;
            }
            open.save()?;
        }
    }
    open.save()?;
    if book.json {
        println!("{}", serde_json::json!({"arrived": arrived, "failed": failed}));
    } else {
        println!("{arrived} arrived, {failed} failed");
    }
    Ok(())
}

fn run(program: &Path, kind: &str, to: &str, text: &str) -> std::io::Result<bool> {
    let mut child =
        Command::new(program).arg(kind).arg(to).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not want the text may end before it has read it.
        let _ = stdin.write_all(text.as_bytes());
    }
    Ok(child.wait()?.success())
}
