//! What the ledger says, as people and programs read it.

use super::{Book, KeepError};
use jiff::civil::Date;
use keys::sign::Host;
use operator::keep::alive::{Alive, NotAlive};
use operator::keep::clock::Clock;
use operator::keep::due::{Standing, deadline, left, reminders, standing};
use operator::keep::ledger::{Ledger, Line, Use};
use operator::keep::rule::Rule;
use serde_json::json;
use std::fmt::Write as _;

/// What counts, in words.
pub(super) fn counting(rule: &Rule) -> String {
    rule.counts.iter().map(|act| act.name()).collect::<Vec<_>>().join(", ")
}

/// When a line is due; where nothing on record counts, today.
fn due_of(line: &Line, book: &Book) -> Result<(Date, Date), KeepError> {
    let today = book.today(line)?;
    Ok((line.due(book.rule(line), today).unwrap_or(today), today))
}

/// What is said of a line that was changed.
pub(super) fn said(line: &Line, book: &Book) -> Result<String, KeepError> {
    if book.json {
        return Ok(format!("{}\n", view(line, book)?));
    }
    let (due, today) = due_of(line, book)?;
    let Rule { source, checked, .. } = book.rule(line);
    let checked = checked.map_or_else(|| "unchecked".into(), |day| format!("checked {day}"));
    let left = words(standing(due, today));
    let mut out = format!("+{}: due {due} ({left})\n  {source} ({checked})\n", line.number);
    out.push_str(&more(line, book, due, today));
    Ok(out)
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

/// The newest proof of life, verified again.
fn life(line: &Line, today: Date) -> Option<(&Alive, Result<(), NotAlive>)> {
    let newest = line.alive.iter().max_by_key(|alive| alive.on)?;
    let holds = line.holder.as_ref().ok_or(NotAlive::Stranger);
    let holds = holds.and_then(|holder| newest.verify(&Host, &line.number, holder, today));
    Some((newest, holds.map(drop)))
}

fn clock_words(clock: &Clock, book: &Book) -> String {
    let (ends, left) = (clock.ends(), clock.minutes_left(book.now));
    match left {
        left if left < 0 => format!("!! {}: over since {ends}", clock.what),
        left => format!("!! {}: by {ends}, {} h {} min left", clock.what, left / 60, left % 60),
    }
}

/// What a line has beyond what every line has.
fn more(line: &Line, book: &Book, due: Date, today: Date) -> String {
    let mut out = String::new();
    let rule = book.rule(line);
    // Writing to a String cannot fail.
    if let Some(wallet) = line.wallet {
        let until = line.funded_until(rule, today);
        let until =
            until.map_or_else(|| "nobody knows the price of a use".into(), |day| format!("until {day}"));
        let _ = writeln!(out, "  funded  {wallet}, {until}");
    }
    if let Some((alive, holds)) = life(line, today) {
        let key: String = alive.key.chars().take(16).collect();
        let _ = match holds {
            Ok(()) => writeln!(out, "  alive   {}, key {key}…", alive.on),
            Err(why) => writeln!(out, "  alive   !! {} does not hold: {why}", alive.on),
        };
    }
    for clock in line.clock.iter().filter(|clock| clock.open()) {
        let _ = writeln!(out, "  clock   {}", clock_words(clock, book));
    }
    for trip in line.travel.iter().filter(|trip| trip.to >= today) {
        let _ = writeln!(out, "  travel  {} to {}, {}", trip.from, trip.to, trip.to_where);
    }
    let by = line.act_by(due, today);
    if by < due {
        let _ = writeln!(out, "  use it  by {by}, before the journey");
    }
    let told = line.channel.iter().filter(|channel| channel.hears(line.safe_mode, today));
    for channel in told {
        let old = channel.removed.map(|day| format!(", removed {day}, told for 30 days")).unwrap_or_default();
        let _ = writeln!(out, "  told    {} {}{old}", channel.kind, channel.to);
    }
    if line.safe_mode {
        out.push_str("  safe    the payer's channels are told nothing\n");
    }
    out
}

/// A line as JSON.
fn view(line: &Line, book: &Book) -> Result<serde_json::Value, KeepError> {
    let rule = book.rule(line);
    let (due, today) = due_of(line, book)?;
    let zone = line.zone(rule)?;
    let last = line.last(rule, today).map(
        |Use { on, what, proof, .. }| json!({"on": on, "what": what.map(|act| act.name()), "proof": proof}),
    );
    let alive = life(line, today).map(|(alive, holds)| {
        json!({"on": alive.on, "key": alive.key, "holds": holds.is_ok(),
            "why": holds.err().map(|why| why.to_string())})
    });
    let clocks: Vec<_> = line
        .clock
        .iter()
        .filter(|clock| clock.open())
        .map(|c| json!({"what": c.what, "ends": c.ends(), "minutes_left": c.minutes_left(book.now)}))
        .collect();
    let channels: Vec<_> = line
        .channel
        .iter()
        .filter(|channel| channel.hears(line.safe_mode, today))
        .map(|c| json!({"by": c.kind.name(), "to": c.to, "removed": c.removed}))
        .collect();
    Ok(json!({
        "number": format!("+{}", line.number),
        "plan": line.plan,
        "counts": rule.counts.iter().map(|act| act.name()).collect::<Vec<_>>(),
        "source": rule.source,
        "checked": rule.checked,
        "due": due,
        "ends": deadline(due, &zone),
        "zone": zone.iana_name(),
        "days_left": left(due, today),
        "act_by": line.act_by(due, today),
        "grace_days": rule.grace_days,
        "last": last,
        "wallet": line.wallet.map(|wallet| wallet.to_string()),
        "funded_until": line.funded_until(rule, today),
        "alive": alive,
        "clocks": clocks,
        "channels": channels,
        "safe_mode": line.safe_mode,
        "where": line.r#where,
        "euicc": line.euicc,
    }))
}

fn sorted<'a>(ledger: &'a Ledger, book: &Book) -> Result<Vec<(&'a Line, Date, Standing)>, KeepError> {
    let mut all = Vec::new();
    for line in &ledger.lines {
        let (due, today) = due_of(line, book)?;
        all.push((line, due, standing(due, today)));
    }
    all.sort_by_key(|(_, due, _)| *due);
    Ok(all)
}

fn needs_you(line: &Line, standing: Standing) -> bool {
    !matches!(standing, Standing::Safe(_)) || line.clock.iter().any(Clock::open)
}

/// Every number.
pub(super) fn list(ledger: &Ledger, book: &Book) -> Result<(), KeepError> {
    let sorted = sorted(ledger, book)?;
    if book.json {
        let all: Result<Vec<_>, _> = sorted.iter().map(|(line, ..)| view(line, book)).collect();
        println!("{}", serde_json::Value::from(all?));
        return Ok(());
    }
    let urgent = sorted.iter().filter(|(line, _, standing)| needs_you(line, *standing)).count();
    match (sorted.first(), urgent) {
        (None, _) => println!("no numbers yet; `simward keep add` adds one"),
        (Some((_, first, _)), 0) => println!("all {} numbers are safe until {first}", sorted.len()),
        (Some(_), urgent) => println!("{urgent} of {} numbers need you", sorted.len()),
    }
    for (line, due, standing) in sorted {
        let (rule, today) = (book.rule(line), book.today(line)?);
        let last = line.last(rule, today).map(|Use { on, what, proof, .. }| match what {
            Some(what) => format!("{on}, {}: {proof}", what.name()),
            None => format!("{on}, {proof}"),
        });
        let checked = if rule.checked.is_some() { "" } else { ", unchecked" };
        println!("+{}  {}{checked}", line.number, line.plan);
        println!("  due     {due}  {}", words(standing));
        println!("  counts  {}", counting(rule));
        println!("  last    {}", last.unwrap_or_else(|| "!! nothing on record counts".into()));
        if let Some(place) = &line.r#where {
            println!("  SIM     {place}");
        }
        print!("{}", more(line, book, due, today));
    }
    Ok(())
}

/// The numbers that are due within so many days, or whose clock runs.
pub(super) fn due_soon(ledger: &Ledger, book: &Book, within: i64) -> Result<(), KeepError> {
    let mut all = Vec::new();
    for (line, due, standing) in sorted(ledger, book)? {
        let today = book.today(line)?;
        let clock = line.clock.iter().find(|clock| clock.open());
        if left(due, today) > within && clock.is_none() {
            continue;
        }
        if book.json {
            all.push(view(line, book)?);
        } else {
            let clock = clock.map(|clock| format!("  {}", clock_words(clock, book))).unwrap_or_default();
            println!("{due}  +{}  {}  {}{clock}", line.number, line.plan, words(standing));
        }
    }
    if book.json {
        println!("{}", serde_json::Value::from(all));
    }
    Ok(())
}

/// The plans that are known, and what the others are held to.
pub(super) fn rules(book: &Book) -> Result<(), KeepError> {
    if book.json {
        let all: Vec<&Rule> = book.rules.all().collect();
        let text = serde_json::to_string(&all).map_err(|e| KeepError::Asked(e.to_string()))?;
        println!("{text}");
        return Ok(());
    }
    for rule in book.rules.all() {
        let checked = rule.checked.map_or_else(|| "unchecked".into(), |day| format!("checked {day}"));
        println!("{}", rule.plan);
        println!("  counts  {}, every {}", counting(rule), rule.period);
        if rule.grace_days > 0 {
            println!("  grace   {} days, on which nothing counts", rule.grace_days);
        }
        match rule.price {
            Some(price) => println!("  price   {price} for one {}", rule.cheapest().name()),
            None => println!("  price   not known"),
        }
        println!(
            "  days    end in {}",
            rule.zone.as_deref().unwrap_or("the earliest zone on Earth: where is not known")
        );
        println!("  source  {} ({checked})", rule.source);
    }
    Ok(())
}

/// The ledger for other programs.
pub(super) fn export(ledger: &Ledger, book: &Book, format: &str) -> Result<(), KeepError> {
    match format {
        "ical" => calendar(ledger, book),
        "csv" => {
            println!("number,plan,due,days_left,last,last_act,proof,wallet,funded_until,alive,where,euicc");
            for (line, due, _) in sorted(ledger, book)? {
                let (rule, today) = (book.rule(line), book.today(line)?);
                let last = line.last(rule, today);
                let text = |value: Option<String>| value.unwrap_or_default();
                let alive = life(line, today).filter(|(_, holds)| holds.is_ok()).map(|(alive, _)| alive.on);
                let cells = [
                    line.number.to_string(),
                    line.plan.clone(),
                    due.to_string(),
                    left(due, today).to_string(),
                    text(last.map(|used| used.on.to_string())),
                    text(last.and_then(|used| used.what).map(|act| act.name().into())),
                    text(last.map(|used| used.proof.clone())),
                    text(line.wallet.map(|wallet| wallet.to_string())),
                    text(line.funded_until(rule, today).map(|day| day.to_string())),
                    text(alive.map(|day| day.to_string())),
                    text(line.r#where.clone()),
                    text(line.euicc.clone()),
                ];
                println!("{}", cells.map(|cell| csv(&cell)).join(","));
            }
            Ok(())
        }
        _ => {
            let text = serde_json::to_string_pretty(ledger).map_err(|e| KeepError::Asked(e.to_string()))?;
            println!("{text}");
            Ok(())
        }
    }
}

/// A cell as RFC 4180 writes it; one that a spreadsheet would calculate is made text.
fn csv(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '@', '\t', '\r'])
        || (cell.starts_with('-') && cell.parse::<i64>().is_err());
    let cell = if formula { format!("'{cell}") } else { cell.to_string() };
    if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

/// One event for each number on its due day, with an alarm for each reminder (RFC 5545 §3.6.1, §3.6.6).
pub(super) fn calendar(ledger: &Ledger, book: &Book) -> Result<(), KeepError> {
    let mut out = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Simward//keep//EN\r\n");
    let basic = |date: Date| date.strftime("%Y%m%d").to_string();
    for line in &ledger.lines {
        let (due, today) = due_of(line, book)?;
        // Writing to a String cannot fail.
        let _ = write!(out, "BEGIN:VEVENT\r\nUID:{}-{}@keep.simward\r\n", line.number, basic(due));
        let _ = write!(out, "DTSTAMP:{}T000000Z\r\nDTSTART;VALUE=DATE:{}\r\n", basic(today), basic(due));
        let _ = write!(
            out,
            "SUMMARY:{}\r\n",
            escaped(&format!("Use +{} ({}) or lose it", line.number, line.plan))
        );
        for day in reminders(due) {
            let ahead = left(due, day);
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
    print!("{out}");
    Ok(())
}

/// Text as RFC 5545 §3.3.11 writes it.
fn escaped(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    plain.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,")
}

#[cfg(test)]
mod tests {
    use super::csv;

    #[test]
    fn a_cell_is_never_a_formula() {
        for (cell, written) in [
            ("plain", "plain"),
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("@sum", "'@sum"),
            ("-1+1", "'-1+1"),
            ("-3", "-3"),
        ] {
            assert_eq!(csv(cell), written);
        }
    }
}
