//! The table as it is shown: to people, in the document, by name.

use super::Without::{Rules, Switches, World};
use super::table::NOT_REACHED;
use super::{Outcome, Played, Script, Without};

/// Where twins are.
const TWINS: &str = "crates/simward/src/demo/twins.rs";

/// A defence in a word or two.
pub(super) fn defence(without: &Without) -> String {
    match without {
        Switches(all) => all.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>().join(" + "),
        World(what, _) | Rules(what, _) => (*what).into(),
    }
}

/// The test in which the defence is away and the attack gets through.
pub(super) fn twin(without: &Without) -> String {
    match without {
        Switches(_) => format!("{TWINS} every_script_gets_through_where_its_one_defence_is_away"),
        World(_, test) => format!("{TWINS} {test}"),
        Rules(_, [file, test]) => format!("{file} {test}"),
    }
}

/// The table of docs/attacks-numbers.md.
pub(super) fn markdown(scripts: &[Script], played: &[Played]) -> String {
    let mut out = String::from(
        "| attack | attacker holds | does | came of it | defence | stolen-code minutes | no-service minutes, at most |\n|---|---|---|---|---|---|---|\n",
    );
    for (script, played) in scripts.iter().zip(played) {
        let what = match &played.outcome {
            Outcome::Refused(by) => format!("refused: {by}"),
            Outcome::Through(how) => format!("**succeeded**: {how}"),
            Outcome::Unplayed(why) => format!("**not played**: {why}"),
        };
        let within = if played.no_service_minutes <= script.bound.0 {
            format!("{}", script.bound.0)
        } else {
            format!("**{}** > {}", played.no_service_minutes, script.bound.0)
        };
        out += &format!(
            "| {} | {} | {} | {what} | {} | {} | {within} |\n",
            script.id,
            script.who,
            script.does,
            defence(&script.without),
            played.stolen_code_minutes,
        );
    }
    for (id, what, why) in NOT_REACHED {
        out += &format!("| {id} | – | {what} | not reached: {why} | – | – | – |\n");
    }
    let mut bounds: Vec<(u64, &str)> = scripts.iter().map(|script| script.bound).collect();
    bounds.sort_unstable();
    bounds.dedup();
    out += "\n| no-service minutes, at most | why |\n|---|---|\n";
    for (minutes, why) in bounds {
        out += &format!("| {minutes} | {why} |\n");
    }
    out
}

/// Lines and sums for people.
pub(super) fn print(scripts: &[Script], played: &[Played], only: Option<&str>) {
    for (script, played) in scripts.iter().zip(played) {
        let (outcome, by) = match &played.outcome {
            Outcome::Refused(by) if played.good(script) => ("refused", by.as_str()),
            Outcome::Refused(by) => ("COSTS", by.as_str()),
            Outcome::Through(how) => ("SUCCEEDED", *how),
            Outcome::Unplayed(why) => ("STUCK", why.as_str()),
        };
        println!(
            "  {:<12} {:<45} {:<52} {outcome:<9} stolen {} · no service {} of {}  [{}]  ({by})",
            script.id,
            script.who,
            script.does,
            played.stolen_code_minutes,
            played.no_service_minutes,
            script.bound.0,
            defence(&script.without),
        );
    }
    if only.is_none() {
        for (id, what, why) in NOT_REACHED {
            println!("  {id:<12} {what:<98} not reached  ({why})");
        }
    }
    let nothing = scripts.iter().zip(played).filter(|(script, played)| played.good(script)).count();
    let sum = |of: fn(&Played) -> u64| played.iter().map(of).sum::<u64>();
    println!();
    println!("    {nothing} of {} attacks came to nothing (test deed)", scripts.len());
    println!(
        "    stolen-code minutes: {} · no-service minutes: {}, each within its bound",
        sum(|p| p.stolen_code_minutes),
        sum(|p| p.no_service_minutes)
    );
}
