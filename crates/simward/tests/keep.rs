//! `simward keep`: what the ledger refuses, and what it shows of what was changed behind its back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Node, simward};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

const OLD: &str = "[[number]]\nnumber = \"447700900123\"\nplan = \"giffgaff\"\n\n\
                   [[number.use]]\non = \"2026-08-03\"\nproof = \"as its holder says\"\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("keep.toml"), OLD).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn ledger(&self) -> String {
        fs::read_to_string(self.path().join("keep.toml")).unwrap()
    }

    /// What `simward keep` says, and whether it did what was asked.
    fn keep(&self, arguments: &[&str]) -> (bool, String) {
        let output = simward(self.path())
            .arg("keep")
            .args(arguments)
            .args(["--ledger", "keep.toml"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    fn on(&self, today: &str, line: &str) -> (bool, String) {
        let mut arguments: Vec<&str> = line.split(' ').collect();
        arguments.extend(["--today", today]);
        self.keep(&arguments)
    }

    fn json(&self, today: &str, line: &str) -> serde_json::Value {
        let (ok, said) = self.on(today, &format!("{line} --json"));
        assert!(ok, "{said}");
        serde_json::from_str(&said).unwrap()
    }
}

#[test]
fn a_ledger_of_the_first_version_is_read_and_kept() {
    let folder = Folder::new();
    let list = folder.json("2026-11-25", "list");
    assert_eq!((&list[0]["due"], &list[0]["days_left"]), (&"2027-02-02".into(), &69.into()));
    assert_eq!(list[0]["ends"], "2027-02-03T00:00:00Z", "at midnight in London");
    let (ok, said) = folder.on("2026-11-25", "used 447700900123 --what sms --on 2026-11-20 --proof bill");
    assert!(ok && said.contains("due 2027-05-19"), "{said}");
    assert!(folder.ledger().starts_with(OLD), "what was there is there still");
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let folder = Folder::new();
    for (line, why) in [
        ("act 447700900123 --what sms --on 2026-11-26 --proof x", "has not come yet"),
        ("act 447700900124 --what sms --on 2026-11-20 --proof x", "is not in the ledger"),
        ("act 447700900123 --what fax --on 2026-11-20 --proof x", "not one of"),
        ("act 447700900123 --what sms --on 2026-11-20 --proof x --paid 1.GBP", "amount"),
        ("add 447700900123 --plan giffgaff --last 2026-08-03", "already"),
        ("add 447700900125 --plan giffgaff --last 2026-08-03 --zone Mars/Olympus", "tz database"),
        ("remove 447700900123", "--forget"),
        ("travel 447700900123 --from 2026-12-02 --to 2026-12-01 --to-where Rome", "before it begins"),
        ("verify-clock 447700900123 --done", "no clock runs"),
        ("safe-mode 447700900123 on", "fewer than two"),
        ("channel remove 447700900123 --by email --to a@b.c", "no such channel"),
        ("channel add 447700900123 --by email --to=--exec", "no address"),
        ("told 447700900123 --by email --to a@b.c", "told nothing"),
        ("alive 447700900123 --owner nobody", "nobody"),
    ] {
        let (ok, said) = folder.on("2026-11-25", line);
        assert!(!ok && said.contains(why), "{line}: {said}");
        assert_eq!(folder.ledger(), OLD, "{line}");
    }
    fs::write(folder.path().join("keep.toml"), "[[number]]\nnumber = \"0123\"\n").unwrap();
    let (ok, said) = folder.on("2026-11-25", "list");
    assert!(!ok && said.contains("not a ledger"), "{said}");
}

#[test]
fn a_moment_is_the_operators_day() {
    let folder = Folder::new();
    // Half past midnight in Shanghai is the evening before in London.
    let (ok, said) =
        folder.on("2026-11-25", "used 447700900123 --what sms --on 2026-11-25T00:30:00+08:00 --proof bill");
    assert!(ok, "{said}");
    assert_eq!(folder.json("2026-11-25", "list")[0]["last"]["on"], "2026-11-24");
    // And the day it is is the operator's as well: 15:00 in Honolulu is tomorrow's small hours in London.
    let (ok, said) = folder.keep(&["due", "--within", "999", "--now", "2027-05-22T15:00:00-10:00", "--json"]);
    assert!(ok && said.contains("\"days_left\":0"), "{said}");
}

#[test]
fn a_reminder_that_did_not_arrive_is_sent_again_and_one_that_did_is_not() {
    let folder = Folder::new();
    let post = folder.path().join("post");
    let program = |code: i32| {
        fs::write(&post, format!("#!/bin/sh\nread text; echo \"$1 $2 $text\" >>sent\nexit {code}\n"))
            .unwrap();
        fs::set_permissions(&post, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let sent = || fs::read_to_string(folder.path().join("sent")).unwrap_or_default().lines().count();
    for (by, to) in
        [("email", "alice@example.org"), ("sms", "+8613800138000"), ("guardian", "bob@example.org")]
    {
        assert!(folder.on("2026-01-01", &format!("channel add 447700900123 --by {by} --to {to}")).0);
    }
    program(1);
    assert_eq!(folder.on("2027-01-25", "remind --via ./post").1, "0 arrived, 2 failed\n");
    assert_eq!(folder.on("2027-01-25", "remind --via ./post").1, "0 arrived, 0 failed\n");
    program(0);
    assert_eq!(folder.on("2027-01-26", "remind --via ./post").1, "3 arrived, 0 failed\n");
    assert_eq!(folder.on("2027-01-27", "remind --via ./post").1, "0 arrived, 0 failed\n");
    assert_eq!(sent(), 5);
    let text = fs::read_to_string(folder.path().join("sent")).unwrap();
    assert!(text.contains("7 days left, it ends 2027-02-03 00:00 Europe/London"), "{text}");
    assert!(!text.contains("http"), "a notice has no links");
    // Nothing is told to somebody twice by two hands.
    assert!(folder.on("2027-01-30", "told 447700900123 --by email --to alice@example.org").0);
    assert_eq!(folder.json("2027-01-30", "remind").as_array().unwrap().len(), 2);
}

#[test]
fn a_clock_of_a_day_is_shown_until_it_is_met() {
    let folder = Folder::new();
    assert!(folder.on("2026-01-01", "channel add 447700900123 --by sms --to +447700900123").0);
    assert!(folder.on("2026-01-01", "channel add 447700900123 --by email --to alice@example.org").0);
    let at = |now: &str, line: &str| {
        let mut arguments: Vec<&str> = line.split(' ').collect();
        arguments.extend(["--now", now]);
        folder.keep(&arguments)
    };
    let (ok, said) =
        at("2026-11-25T09:00:00Z", "verify-clock 447700900123 --started 2026-11-25T16:00:00+08:00");
    assert!(ok && said.contains("by 2026-11-26T08:00:00Z, 23 h 0 min left"), "{said}");
    let (_, said) = at("2026-11-25T09:00:00Z", "remind");
    assert!(said.contains("email alice@example.org") && !said.contains("sms "), "{said}");
    let (_, said) = at("2026-11-25T09:00:00Z", "list");
    assert!(said.starts_with("1 of 1 numbers need you"), "{said}");
    assert!(at("2026-11-25T10:00:00Z", "verify-clock 447700900123 --done").0);
    let (_, said) = at("2026-11-25T10:00:00Z", "list");
    assert!(said.starts_with("all 1 numbers are safe"), "{said}");
}

#[test]
fn money_lasts_until_a_day_where_the_price_is_known_and_nowhere_else() {
    let folder = Folder::new();
    let (ok, said) = folder.keep(&["fund", "447700900123", "--balance", "0.30 GBP", "--today", "2026-11-25"]);
    assert!(ok && said.contains("nobody knows the price"), "{said}");
    let rule = "[[rule]]\nplan = \"giffgaff\"\ncounts = [\"sms\"]\nperiod = \"6 months\"\nprice = \"0.30 GBP\"\nsource = \"a bill\"\n";
    fs::write(folder.path().join("keep-rules.toml"), rule).unwrap();
    assert_eq!(folder.json("2026-11-25", "list")[0]["funded_until"], "2027-06-21");
    let paid = [
        "used",
        "447700900123",
        "--what",
        "sms",
        "--on",
        "2026-11-25",
        "--proof",
        "bill",
        "--paid",
        "0.30 GBP",
        "--today",
        "2026-11-25",
    ];
    assert!(folder.keep(&paid).0);
    let (ok, said) = folder.keep(&paid);
    assert!(!ok && said.contains("not put aside"), "{said}");
    fs::write(folder.path().join("keep-rules.toml"), rule.replace("sms", "fax")).unwrap();
    let (ok, said) = folder.on("2026-11-25", "list");
    assert!(!ok && said.contains("keep-rules.toml") && said.contains("fax"), "{said}");
}

#[test]
fn a_rotation_waits_for_a_code() {
    let folder = Folder::new();
    assert!(folder.on("2026-11-25", "set 447700900123 --euicc phone").0);
    let plan = folder.json("2026-12-22", "plan --days 60");
    assert_eq!((&plan[0]["on"], &plan[0]["late"]), (&"2026-12-22".into(), &false.into()));
    let (ok, said) = folder.on("2026-12-22", "plan --days 60 --code-until 2026-12-22T13:00:00Z");
    assert!(!ok && said.contains("a code is expected"), "{said}");
    let (ok, said) = folder.on("2026-12-22", "plan --days 60 --swap-pending");
    assert!(!ok && said.contains("change of SIM is pending"), "{said}");
}

/// Owners' folders, each with the keys of a deed.
fn owners(folder: &Path, names: &[&str]) {
    let _node = Node::hasty(folder);
    for (n, name) in names.iter().enumerate() {
        let number = format!("861380013800{n}");
        let output = simward(folder)
            .args([
                "number",
                "issue",
                &number,
                "--profile",
                &format!("{name}.toml"),
                "--owner",
                name,
                "--data",
                "node",
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_proof_of_life_is_the_holders_and_is_verified_whenever_it_is_read() {
    let folder = Folder::new();
    owners(folder.path(), &["alice", "mallory"]);
    let alive = |today: &str, more: &str| folder.on(today, &format!("alive 447700900123 --owner {more}"));
    let (ok, said) = alive("2026-11-25", "alice");
    assert!(ok && said.contains("alive   2026-11-25, key "), "{said}");
    let (ok, said) = alive("2026-11-26", "mallory");
    assert!(!ok && said.contains("another key"), "{said}");
    let (ok, said) = alive("2026-11-26", "alice --with paper");
    assert!(!ok && said.contains("another key"), "{said}");

    let good = folder.ledger();
    let holds = || folder.json("2027-06-01", "list")[0]["alive"]["holds"].as_bool().unwrap();
    assert!(holds());
    // A day that was never signed for; a number; a signature; a key.
    let at = good.find("alive").unwrap();
    let (before, after) = good.split_at(at);
    let proof = after.to_string();
    for changed in [
        format!("{before}{}", proof.replace("on = \"2026-11-25\"", "on = \"2027-05-25\"")),
        good.replace("447700900123", "447700900124"),
        format!("{before}{}", proof.replacen("signature = \"", "signature = \"00", 1)),
        good.replace("http://move.localhost", "http://move.l0calhost"),
    ] {
        assert_ne!(changed, good);
        fs::write(folder.path().join("keep.toml"), changed).unwrap();
        assert!(!holds());
        let (_, said) = folder.on("2027-06-01", "list");
        assert!(said.contains("does not hold"), "{said}");
    }
    // Who has lost the key says so, and what the old one signed is gone.
    fs::write(folder.path().join("keep.toml"), good).unwrap();
    assert!(alive("2026-12-01", "alice --with paper --new-key").0);
    assert!(holds());
    assert_eq!(folder.ledger().matches("[[number.alive]]").count(), 1);
}

#[test]
fn a_decade_runs_by_a_command_and_says_what_became_of_it() {
    let folder = Folder::new();
    let output = simward(folder.path())
        .args(["keep", "decade", "--lines", "200", "--years", "3", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["funded_lines_lost"], &said["due_dates_without_warning"]), (&0.into(), &0.into()));
    assert!(said["acts"].as_u64().unwrap() > 800 && said["least_warnings"].as_u64().unwrap() >= 2, "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 10, "a line for each tenth");
}
