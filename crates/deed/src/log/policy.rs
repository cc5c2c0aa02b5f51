//! The trust policy (C2SP tlog-policy): which logs, which witnesses, how many of them.

use super::LogError;
use super::note::{Checkpoint, SignedNote, TYPE_COSIGNATURE, TYPE_ED25519, VerifierKey, decimal};
use crate::defence::{Defence, stands};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use keys::sign::Verifier;

/// What must have cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// This witness.
    Witness(usize),
    /// At least so many of these.
    Group(usize, Vec<Self>),
    /// Nobody.
    None,
}

/// A parsed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    witnesses: Vec<VerifierKey>,
    quorum: Rule,
}

/// A checkpoint that its log signed and a quorum cosigned. Made only by [`Policy::judge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The smallest time by which a whole quorum had seen it: some honest clock was not past it. Never before the
    /// truth while fewer witnesses lie than a quorum has.
    pub seen_by: u64,
    /// The largest time at or after which a whole quorum saw it: some honest clock had reached it.
    pub still_at: u64,
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogError> {
        let text = core::str::from_utf8(bytes).map_err(|_| LogError("a policy that is not UTF-8"))?;
        let mut policy = Self { logs: Vec::new(), witnesses: Vec::new(), quorum: Rule::None };
        let mut names: Vec<(String, Rule, bool)> = Vec::new();
        let mut quorum = None;
        for line in text.split('\n') {
            if line.bytes().any(|b| b < 0x20 && b != b'\t' || b == 0x7f) {
                return Err(LogError("a control character in a policy"));
            }
            let words: Vec<&str> = line.split([' ', '\t']).filter(|w| !w.is_empty()).collect();
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", vkey] | ["log", vkey, _] => {
                    let key = VerifierKey::parse(vkey)?;
                    if key.kind != TYPE_ED25519 || policy.logs.iter().any(|l| l.key == key.key) {
                        return Err(LogError("a log line with a wrong or repeated key"));
                    }
                    policy.logs.push(key);
                }
                ["witness", name, vkey] | ["witness", name, vkey, _] => {
                    let key = VerifierKey::parse(vkey)?;
                    if key.kind != TYPE_COSIGNATURE || policy.witnesses.iter().any(|w| w.key == key.key) {
                        return Err(LogError("a witness line with a wrong or repeated key"));
                    }
                    define(&mut names, name, Rule::Witness(policy.witnesses.len()))?;
                    policy.witnesses.push(key);
                }
                ["group", name, k, members @ ..] if !members.is_empty() => {
                    let k = match *k {
                        "all" => members.len(),
                        "any" => 1,
                        number => decimal(number)
                            .and_then(|k| usize::try_from(k).ok())
                            .ok_or(LogError("a group without its number"))?,
                    };
                    if k == 0 || k > members.len() {
                        return Err(LogError("a group that wants more members than it has"));
                    }
                    let rules = members.iter().map(|m| member(&mut names, m)).collect::<Result<_, _>>()?;
                    define(&mut names, name, Rule::Group(k, rules))?;
                }
                ["quorum", name] if quorum.is_none() => {
                    quorum = Some(if *name == "none" { Rule::None } else { member(&mut names, name)? });
                }
                _ => return Err(LogError("a policy line that is not understood")),
            }
        }
        policy.quorum = quorum.ok_or(LogError("a policy without a quorum"))?;
        Ok(policy)
    }

    /// Its witnesses.
    pub fn witnesses(&self) -> &[VerifierKey] {
        &self.witnesses
    }

    /// Its logs.
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// How many witnesses the smallest sufficient set has.
    pub fn smallest_quorum(&self) -> usize {
        smallest(&self.quorum)
    }

    /// Whether these witnesses are enough for a quorum. Those that are not can have cosigned nothing that counts without
    /// one of the others.
    pub fn are_enough(&self, mut these: impl FnMut(&VerifierKey) -> bool) -> bool {
        let times: Vec<Option<u64>> = self.witnesses.iter().map(|w| these(w).then_some(1)).collect();
        satisfied(&self.quorum, &times, &|_| true)
    }

    /// What a cosigned checkpoint is worth.
    pub fn judge(&self, verifier: &impl Verifier, note: &SignedNote) -> Result<Witnessed, LogError> {
        let checkpoint = Checkpoint::parse(&note.text)?;
        let logs = self.logs.iter().filter(|log| log.name == checkpoint.origin);
        let signed = logs.filter_map(|log| note.signed_by(verifier, log)).collect::<Vec<_>>();
        if signed.is_empty() || signed.contains(&false) {
            return Err(LogError("the checkpoint is not signed by its log"));
        }
        let mut times = Vec::new();
        for witness in &self.witnesses {
            let time = note.cosigned_by(verifier, witness).transpose()?;
            if time == Some(0) {
                return Err(LogError("a cosignature without a time"));
            }
            times.push(time);
        }
        let with = |keep: &dyn Fn(u64) -> bool| satisfied(&self.quorum, &times, keep);
        let seen_by = times.iter().flatten().copied().filter(|t| with(&|x| x <= *t)).min();
        let whole = |t: &u64| with(&|x| x >= *t) || !stands(Defence::QuorumSaysReady);
        let still_at = times.iter().flatten().copied().filter(whole).max();
        match (seen_by, still_at) {
            (Some(seen_by), Some(still_at)) => Ok(Witnessed { checkpoint, seen_by, still_at }),
            _ => Err(LogError("too few witnesses cosigned the checkpoint")),
        }
    }
}

fn define(names: &mut Vec<(String, Rule, bool)>, name: &str, rule: Rule) -> Result<(), LogError> {
    if name == "none" || names.iter().any(|(known, ..)| known == name) {
        return Err(LogError("a name defined twice"));
    }
    names.push((name.to_string(), rule, false));
    Ok(())
}

/// The rule of a defined name, which may be used once.
fn member(names: &mut [(String, Rule, bool)], name: &str) -> Result<Rule, LogError> {
    match names.iter_mut().find(|(known, ..)| known == name) {
        Some((_, rule, used @ false)) => {
            *used = true;
            Ok(rule.clone())
        }
        Some(_) => Err(LogError("a name that is a member twice")),
        None => Err(LogError("a name that is not defined")),
    }
}

fn smallest(rule: &Rule) -> usize {
    match rule {
        Rule::None => 0,
        Rule::Witness(_) => 1,
        Rule::Group(k, members) => {
            let mut sizes: Vec<usize> = members.iter().map(smallest).collect();
            sizes.sort_unstable();
            sizes.iter().take(*k).sum()
        }
    }
}

fn satisfied(rule: &Rule, times: &[Option<u64>], keep: &dyn Fn(u64) -> bool) -> bool {
    match rule {
        Rule::None => true,
        Rule::Witness(i) => times.get(*i).copied().flatten().is_some_and(keep),
        Rule::Group(k, members) => members.iter().filter(|m| satisfied(m, times, keep)).count() >= *k,
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::cosign;
    use super::*;
    use alloc::format;
    use keys::Secret;
    use keys::sign::{Ed25519Key, Portable};

    fn key(n: u8) -> Ed25519Key {
        Ed25519Key::from_seed(&Secret::new([n; 32]))
    }

    fn policy(k: usize, n: u8) -> (Policy, String) {
        let log = VerifierKey { name: "log".into(), kind: TYPE_ED25519, key: key(0).public() };
        let mut text = format!("log {log}\n");
        let mut members = String::new();
        for i in 1..=n {
            let w = VerifierKey { name: format!("w{i}"), kind: TYPE_COSIGNATURE, key: key(i).public() };
            text.push_str(&format!("witness W{i} {w}\n"));
            members.push_str(&format!(" W{i}"));
        }
        text.push_str(&format!("group G {k}{members}\nquorum G\n"));
        (Policy::parse(text.as_bytes()).unwrap(), text)
    }

    fn note(times: &[u64]) -> SignedNote {
        let checkpoint = Checkpoint { origin: "log".into(), size: 1, root: [9; 32] };
        let mut note = checkpoint.sign("log", &key(0));
        for (i, time) in times.iter().enumerate() {
            let line = cosign(&note.text, &format!("w{}", i + 1), &key(i as u8 + 1), *time);
            note.signatures.push(line);
        }
        note
    }

    #[test]
    fn times_are_bounded_by_the_best_quorum() {
        let (policy, _) = policy(3, 4);
        let seen = policy.judge(&Portable, &note(&[100, 5_000, 110, 120])).unwrap();
        assert_eq!(
            (seen.seen_by, seen.still_at),
            (120, 110),
            "one liar with a clock ahead moves neither bound far"
        );
        let seen = policy.judge(&Portable, &note(&[100, 1, 110, 120])).unwrap();
        assert_eq!((seen.seen_by, seen.still_at), (110, 100));
        assert!(policy.judge(&Portable, &note(&[100, 110])).is_err());
        assert!(
            policy.judge(&Portable, &note(&[100, 0, 110, 120])).is_err(),
            "a timestamp of 0 says nothing"
        );
    }

    #[test]
    fn a_forged_line_spoils_the_note() {
        let (policy, _) = policy(1, 2);
        let mut forged = note(&[100, 100]);
        forged.signatures[2].signature[20] ^= 1;
        assert!(policy.judge(&Portable, &forged).is_err());
        let mut unsigned = note(&[100, 100]);
        unsigned.signatures.remove(0);
        assert!(policy.judge(&Portable, &unsigned).is_err());
    }

    #[test]
    fn policies_that_say_two_things_are_refused() {
        let (_, text) = policy(2, 3);
        for bad in [
            text.replace("quorum G\n", ""),
            format!("{text}quorum W1\n"),
            text.replace("W1 W2 W3", "W1 W1 W3"),
            text.replace("group G 2", "group G 4"),
            text.replace("group G 2", "group G 0"),
            text.replace("witness W2", "witness W1"),
            format!("{text}nonsense\n"),
        ] {
            assert!(Policy::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
