//! Rules as data: versioned, each version naming the one before, checked whole before anything is done with it.

use super::caution::{HOLD_MOST, LOOKED_BACK, WAIT_MOST};
use super::signal::Signal;
use deed::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use wire::Malformed;

/// Longest file of rules.
const MAX_BYTES: usize = 64 * 1024;
const MAX_RULES: usize = 64;
const MAX_STEPS: usize = 8;
const MAX_WEIGHT: i64 = 100;
const HOUR: u64 = 3_600;

/// A rule: a signal, so often within so long, and what it weighs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name: small letters, digits and hyphens.
    pub id: String,
    /// What it looks for.
    pub signal: Signal,
    /// How far back.
    pub window_hours: u64,
    /// How often it must be there.
    pub at_least: u64,
    /// What it adds; what speaks for the owner takes away.
    pub weight: i64,
    /// Why, in English.
    pub en: String,
    /// Why, in Chinese.
    pub zh: String,
}

/// What follows from a score: the highest step that it reaches counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// From this score on.
    pub score: u64,
    /// A change waits at least this long since it was agreed to; the deed's own wait counts too.
    pub wait_hours: u64,
    /// Codes are held so long.
    pub hold_codes_hours: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    #[serde(default)]
    previous: String,
    rule: Vec<Rule>,
    step: Vec<Step>,
}

/// A version of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSet {
    version: u64,
    previous: Option<Digest>,
    digest: Digest,
    rules: Vec<Rule>,
    steps: Vec<Step>,
}

fn bad(why: &'static str) -> Malformed {
    Malformed::new("rules", why)
}

impl RuleSet {
    /// From the file's octets, which are what offices sign. Whatever is not understood is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_BYTES {
            return Err(bad("longer than 64 KiB").to_string());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad("not text").to_string())?;
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let previous = match file.previous.as_str() {
            "" => None,
            text => Some(digest(text).ok_or_else(|| bad("`previous` is no SHA-256").to_string())?),
        };
        let digest = keys::digest::sha256(&[bytes]);
        let set = Self { version: file.version, previous, digest, rules: file.rule, steps: file.step };
        set.check().map_err(|e| e.to_string())?;
        Ok(set)
    }

    fn check(&self) -> Result<(), Malformed> {
        if self.version == 0 || (self.version == 1) != self.previous.is_none() {
            return Err(bad("versions are 1, 2, …; all but the first name the one before in `previous`"));
        }
        if self.rules.is_empty() || self.rules.len() > MAX_RULES {
            return Err(bad("not from 1 to 64 rules"));
        }
        let mut names = BTreeSet::new();
        for rule in &self.rules {
            check_rule(rule)?;
            if !names.insert(&rule.id) {
                return Err(bad("two rules have one `id`"));
            }
        }
        if self.steps.is_empty() || self.steps.len() > MAX_STEPS {
            return Err(bad("not from 1 to 8 steps"));
        }
        for step in &self.steps {
            if step.score == 0 {
                return Err(bad("a step from score 0 on is caution against everybody"));
            }
            if step.wait_hours * HOUR > WAIT_MOST || step.hold_codes_hours * HOUR > HOLD_MOST {
                return Err(bad("a step waits longer than 72 hours or holds codes longer than 24"));
            }
        }
        let rising = |pair: &[Step]| match pair {
            [a, b] => {
                a.score < b.score && a.wait_hours <= b.wait_hours && a.hold_codes_hours <= b.hold_codes_hours
            }
            _ => true,
        };
        if !self.steps.windows(2).all(rising) {
            return Err(bad("steps rise: with the score neither wait nor hold becomes shorter"));
        }
        Ok(())
    }

    /// Which version.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// SHA-256 of the version before.
    pub const fn previous(&self) -> Option<&Digest> {
        self.previous.as_ref()
    }

    /// SHA-256 of its octets.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Its rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Its steps, rising.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What another version says otherwise, a line for each.
    pub fn diff(&self, other: &Self) -> Vec<String> {
        let mut out = Vec::new();
        for old in &self.rules {
            match other.rules.iter().find(|new| new.id == old.id) {
                None => out.push(format!("- {}", line(old))),
                Some(new) if new != old => out.push(format!("~ {}\n  {}", line(old), line(new))),
                Some(_) => {}
            }
        }
        let new = other.rules.iter().filter(|new| !self.rules.iter().any(|old| old.id == new.id));
        out.extend(new.map(|new| format!("+ {}", line(new))));
        let gone = self.steps.iter().filter(|step| !other.steps.contains(step));
        out.extend(gone.map(|step| format!("- {}", step_line(step))));
        let come = other.steps.iter().filter(|step| !self.steps.contains(step));
        out.extend(come.map(|step| format!("+ {}", step_line(step))));
        out
    }
}

fn check_rule(rule: &Rule) -> Result<(), Malformed> {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if rule.id.is_empty() || rule.id.len() > 40 || !rule.id.bytes().all(letter) {
        return Err(bad("an `id` is 1 to 40 small letters, digits and hyphens"));
    }
    let longest = LOOKED_BACK / HOUR;
    if rule.window_hours == 0 || rule.window_hours > longest || rule.at_least == 0 || rule.at_least > 1_000 {
        return Err(bad("`window_hours` is 1 to 2160, `at_least` 1 to 1000"));
    }
    let right = if rule.signal.exculpates() { -MAX_WEIGHT..=0 } else { 0..=MAX_WEIGHT };
    if !right.contains(&rule.weight) {
        return Err(bad("a weight is 0 to 100, and −100 to 0 of what speaks for the owner"));
    }
    let text = |text: &str| !text.trim().is_empty() && text.chars().count() <= 200;
    if !text(&rule.en) || !text(&rule.zh) {
        return Err(bad("a rule says why in both languages, `en` and `zh`, in at most 200 characters"));
    }
    Ok(())
}

fn line(rule: &Rule) -> String {
    let Rule { id, window_hours, at_least, weight, en, .. } = rule;
    format!("{id}: {at_least} in {window_hours} h weigh {weight:+} ({en})")
}

fn step_line(step: &Step) -> String {
    let Step { score, wait_hours, hold_codes_hours } = step;
    format!("from score {score} on: wait {wait_hours} h, hold codes {hold_codes_hours} h")
}

fn digest(text: &str) -> Option<Digest> {
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = include_str!("../../rules/caution-1.toml");

    #[test]
    fn the_rules_that_come_with_it_read_and_what_is_not_understood_is_refused() {
        let set = RuleSet::parse(FIRST.as_bytes()).unwrap();
        assert!(set.rules().len() > 10 && set.diff(&set).is_empty());
        let broken = [
            ("version = 1", "version = 0"),
            ("version = 1", "version = 2"),
            ("previous = \"\"", "previous = \"00\""),
            ("weight = 40", "weight = -40"),
            ("weight = 40", "weight = 101"),
            ("weight = -30", "weight = 30"),
            ("window_hours = 72", "window_hours = 0"),
            ("at_least = 1", "at_least = 0"),
            ("signal = \"sim-changed\"", "signal = \"sim-swapped\""),
            ("id = \"sim-changed\"", "id = \"SIM changed\""),
            ("id = \"sim-changed\"", "id = \"phone-changed\""),
            ("id = \"sim-changed\"", "id = \"sim-changed\"\nallow = true"),
            ("wait_hours = 24", "wait_hours = 73"),
            ("hold_codes_hours = 24", "hold_codes_hours = 25"),
            ("score = 40", "score = 0"),
            ("score = 40", "score = 4000"),
        ];
        for (from, to) in broken {
            let text = FIRST.replacen(from, to, 1);
            assert_ne!(text, FIRST, "{from}");
            assert!(RuleSet::parse(text.as_bytes()).is_err(), "{to}");
        }
        assert!(RuleSet::parse(&vec![b'#'; MAX_BYTES + 1]).is_err() && RuleSet::parse(&[0xff]).is_err());
    }

    #[test]
    fn a_version_says_what_it_says_otherwise() {
        let set = RuleSet::parse(FIRST.as_bytes()).unwrap();
        let next = FIRST
            .replacen("version = 1", "version = 2", 1)
            .replacen("previous = \"\"", &format!("previous = \"{}\"", "ab".repeat(32)), 1)
            .replacen("weight = 40", "weight = 50", 1)
            .replacen("wait_hours = 24", "wait_hours = 48", 1);
        let diff = set.diff(&RuleSet::parse(next.as_bytes()).unwrap());
        assert!(
            diff.iter().any(|line| line.starts_with("~ ") && line.contains("+40") && line.contains("+50"))
        );
        assert!(diff.iter().any(|line| line.starts_with("+ from score")));
    }
}
