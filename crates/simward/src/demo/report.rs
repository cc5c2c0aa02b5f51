//! What the demo says: a table for people, lines for machines, and the two figures that sum everything up.

use crate::api::ApiError;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// One attack and what became of it.
#[derive(Debug)]
pub(crate) struct Attack {
    /// A short name that never changes.
    pub(crate) name: &'static str,
    /// In words.
    pub(crate) words: &'static str,
    /// Whether it failed, as it must.
    pub(crate) refused: bool,
    /// Why it failed: a short name.
    pub(crate) reason: String,
    /// Why it failed, in a sentence.
    pub(crate) why: &'static str,
}

/// Collects and prints.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
    silent: bool,
    /// All attacks so far.
    pub(crate) attacks: Vec<Attack>,
    /// Minutes in which a code sent to the number could be read by somebody else.
    pub(crate) stolen_code_minutes: u64,
    /// Minutes in which the rightful owner could not receive.
    pub(crate) no_service_minutes: u64,
    /// Codes that a bank posted to the number.
    pub(crate) codes: Codes,
    /// Minutes without service, by what the owner lived through.
    figures: Vec<(&'static str, u64)>,
}

/// What became of the codes that a bank posted to the number.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Codes {
    /// All of them.
    pub(crate) posted: u64,
    /// Out of the card in the owner's phone.
    pub(crate) read_by_owner: u64,
    /// Held for a while because the number had just changed its SIM.
    pub(crate) held: u64,
    /// Out of any other phone.
    pub(crate) read_by_thief: u64,
}

impl Report {
    /// Nothing yet.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            silent: false,
            attacks: Vec::new(),
            stolen_code_minutes: 0,
            no_service_minutes: 0,
            codes: Codes::default(),
            figures: Vec::new(),
        }
    }

    /// Collects, and prints nothing.
    pub(crate) fn silent() -> Self {
        Self { silent: true, ..Self::new(false) }
    }

    /// Something that happened, and who did it.
    pub(crate) fn step(&self, who: &str, what: &str, outcome: &str) {
        if self.silent {
            return;
        }
        if self.json {
            print_line(&json!({"step": what, "who": who, "outcome": outcome}));
        } else {
            println!("  {who:<9} {what:<58} {outcome}");
        }
    }

    /// Minutes in which an owner could not receive while living through something.
    pub(crate) fn figure(&mut self, what: &'static str, minutes: u64) {
        self.step("owner", &format!("{what}:"), &format!("{minutes} min without service"));
        self.figures.push((what, minutes));
    }

    /// An attack.
    pub(crate) fn attack(&mut self, attack: Attack) {
        if self.silent {
        } else if self.json {
            let Attack { name, refused, ref reason, .. } = attack;
            print_line(&AttackLine { attack: name, refused, reason });
        } else {
            let outcome = if attack.refused { "refused" } else { "SUCCEEDED" };
            println!("  {:<9} {:<58} {outcome}  ({})", "attack", attack.words, attack.reason);
        }
        self.attacks.push(attack);
    }

    /// Whether everything went as it must.
    pub(crate) fn good(&self) -> bool {
        self.attacks.iter().all(|a| a.refused)
            && self.stolen_code_minutes == 0
            && self.codes.read_by_thief == 0
    }

    /// The table and the two figures.
    pub(crate) fn finish(&self) {
        let refused = self.attacks.iter().filter(|a| a.refused).count();
        if self.json {
            let summary = Summary {
                attacks: self.attacks.len(),
                refused,
                stolen_code_minutes: self.stolen_code_minutes,
                no_service_minutes: self.no_service_minutes,
                codes: self.codes,
                no_service: self.figures.iter().copied().collect(),
            };
            return print_line(&SummaryLine { summary });
        }
        println!();
        for attack in &self.attacks {
            let outcome = if attack.refused { "refused" } else { "SUCCEEDED" };
            println!("    {:<58} {outcome:<9} {}", attack.words, attack.why);
        }
        println!();
        println!("    {refused} of {} attacks refused (test deed)", self.attacks.len());
        let Codes { posted, read_by_owner, held, read_by_thief } = self.codes;
        println!(
            "    {posted} codes posted: the owner read {read_by_owner}, {held} were held for a while, the thief read {read_by_thief}"
        );
        for (what, minutes) in &self.figures {
            println!("    no-service minutes, {what}: {minutes}");
        }
        println!(
            "    stolen-code minutes: {} · no-service minutes: {}",
            self.stolen_code_minutes, self.no_service_minutes
        );
    }
}

#[derive(Serialize)]
struct AttackLine<'a> {
    attack: &'a str,
    refused: bool,
    reason: &'a str,
}

#[derive(Serialize)]
struct SummaryLine {
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    attacks: usize,
    refused: usize,
    stolen_code_minutes: u64,
    no_service_minutes: u64,
    codes: Codes,
    no_service: BTreeMap<&'static str, u64>,
}

pub(super) fn print_line(line: &impl Serialize) {
    // These types have nothing that JSON cannot hold.
    println!("{}", serde_json::to_string(line).unwrap_or_default());
}

/// The code of a refusal; `None` if the call succeeded.
pub(crate) fn refusal<T>(result: Result<T, ApiError>) -> Option<String> {
    result.err().map(|e| e.code().to_string())
}
