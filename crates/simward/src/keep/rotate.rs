//! The rotation plan: which profile of an eUICC is turned on, on which day.

use super::{Book, KeepError};
use jiff::{Timestamp, ToSpan as _};
use operator::keep::ledger::Ledger;
use operator::keep::rotation::{Busy, plan as turns};

/// Prints the plan; refuses while nothing may be turned and something were to be turned today.
pub(super) fn plan(
    ledger: &Ledger,
    book: &Book,
    days: u16,
    code_until: Option<Timestamp>,
    swap_pending: bool,
) -> Result<(), KeepError> {
    let inside = ledger.lines.iter().filter(|line| line.euicc.is_some());
    let mut today = None;
    for line in inside.clone() {
        // Where their days differ, the earliest: a turn too early is a day lost, one too late a number.
        let day = book.today(line)?;
        today = Some(today.map_or(day, |first: jiff::civil::Date| first.min(day)));
    }
    let Some(today) = today else {
        let none = "no number is a profile of an eUICC; `simward keep set NUMBER --euicc NAME` says which is";
        if book.json {
            println!("[]")
        } else {
            println!("{none}")
        }
        return Ok(());
    };
    let last = today.checked_add(i64::from(days).days()).unwrap_or(today);
    let turns = turns(inside.map(|line| (line, book.rule(line))), today, last);
    let busy = Busy { code_until, swap_pending };
    let go = busy.check(book.now);
    if book.json {
        let all: Vec<_> = turns
            .iter()
            .map(|turn| {
                serde_json::json!({"on": turn.on, "euicc": turn.euicc, "number": format!("+{}", turn.number),
                    "act": turn.act.name(), "price": turn.price.map(|p| p.to_string()), "due": turn.due,
                    "late": turn.late})
            })
            .collect();
        println!("{}", serde_json::Value::from(all));
    } else {
        for turn in &turns {
            let price = turn.price.map(|price| format!(" for {price}")).unwrap_or_default();
            let late = if turn.late { "  !! late" } else { "" };
            println!(
                "{}  {}: +{}, one {}{price}; due {}{late}",
                turn.on,
                turn.euicc,
                turn.number,
                turn.act.name(),
                turn.due
            );
        }
    }
    let Some(now) = turns.iter().find(|turn| turn.on == today) else { return Ok(()) };
    let steps = now.steps(&go?);
    if !book.json {
        println!("today: {}", steps.join(", "));
    }
    Ok(())
}
