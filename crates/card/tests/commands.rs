//! Every command with every status word that the standards give it: each is provoked, or it is said why it cannot be. What
//! comes of it is docs/commands.md; with SIMWARD_BLESS=1 the page is written anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use card::{Card, Code, KeyRef, Pin, Profile, Protocol};
use common::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const PIN2: &str = "5678";
const PUK2: &str = "56785678";
const UNIVERSAL: &str = "1357";

/// A profile with every kind of code.
fn full() -> Profile {
    let pin = |pin, puk| Some(Pin { pin: Code::pin(pin).unwrap(), puk: Code::eight(puk).unwrap() });
    Profile {
        pin2: pin(PIN2, PUK2),
        universal_pin: pin(UNIVERSAL, "13571357"),
        more_adm: vec![Code::eight("22222222").unwrap()],
        concealment: Some(card::Concealment {
            routing_indicator: card::RoutingIndicator::new("0").unwrap(),
            keys: vec![(1, keys::suci::HomeKey::new(keys::suci::Scheme::A, &[9; 32]).unwrap())],
            by_card: true,
        }),
        ..profile()
    }
}

/// What kind of card a command is sent to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Whole,
    /// Its memory fails from the last command on.
    Faulty,
    /// Its keys were destroyed.
    Terminated,
    /// In blocks, T=1.
    Blocks,
    /// Without GSM's own authentication, and without keys to conceal by.
    NoGsm,
}

/// One cell of the table: commands that lead to it, the last one's status, and why.
struct Case {
    status: &'static str,
    why: &'static str,
    on: On,
    say: Vec<String>,
}

/// A command of the standards.
struct Entry {
    name: &'static str,
    clause: &'static str,
    /// Without data; its class is one that knows it.
    header: &'static str,
    /// Status words that the standard lists for it beyond those of all commands, and that are not provoked here: why.
    not: Vec<(&'static str, &'static str)>,
    cases: Vec<Case>,
}

fn case(status: &'static str, why: &'static str, say: &[&str]) -> Case {
    Case { status, why, on: On::Whole, say: say.iter().map(|s| (*s).to_owned()).collect() }
}

fn on(on: On, case: Case) -> Case {
    Case { on, ..case }
}

fn pin_data(digits: &str) -> String {
    let mut block = [0xff; 8];
    block[..digits.len()].copy_from_slice(digits.as_bytes());
    hex::encode(block)
}

/// `@usim`, `@pin` and the like become APDUs.
fn spell(word: &str) -> String {
    let verify = |key: &str, digits: &str| format!("002000{key}08{}", pin_data(digits));
    match word.split_once(' ').map_or((word, ""), |(a, b)| (a, b)) {
        ("@usim", _) => "00a4040c10a0000000871002ffffffff8907090000".into(),
        ("@pin", _) => verify("01", PIN),
        ("@wrong", _) => verify("01", WRONG),
        ("@pin2", _) => verify("81", PIN2),
        ("@adm", _) => verify("0a", ADM),
        ("@select", fid) => format!("00a4000c02{fid}"),
        ("@gsm", fid) => format!("a0a4000002{fid}"),
        ("@create", rest) => {
            let (fid, rest) = rest.split_once(' ').unwrap();
            let (kind, size) = rest.split_once(' ').unwrap();
            create_kind(fid, kind, size)
        }
        ("@forged", _) => format!("008800812210{}10{}", "09".repeat(16), "00".repeat(16)),
        ("@challenge", sqn) => authenticate_apdu(challenge([9; 16], sqn.parse().unwrap(), 0)),
        _ => word.to_owned(),
    }
}

/// CREATE FILE under rule 8 of the USIM's EF.ARR.
fn create_kind(fid: &str, kind: &str, size: &str) -> String {
    let (descriptor, size) = match kind {
        "transparent" => ("82024121".to_owned(), format!("8002{size}")),
        "linear" => ("82044221000a".to_owned(), format!("8002{size}")),
        "cyclic" => ("820446210003".to_owned(), format!("8002{size}")),
        "objects" => ("82027921".to_owned(), format!("8002{size}")),
        "dir" => ("82027821".to_owned(), String::new()),
        other => panic!("{other}"),
    };
    let rest = if kind == "dir" { "09".to_owned() } else { format!("08{size}8800") };
    let fcp = format!("{descriptor}8302{fid}8a01058b036f06{rest}");
    let fcp = format!("62{:02x}{fcp}", fcp.len() / 2);
    format!("00e00000{:02x}{fcp}", fcp.len() / 2)
}

/// Says it all to a new card; the last answer's status.
fn outcome(case: &Case) -> String {
    let apdus: Vec<String> = case.say.iter().map(|word| spell(word)).collect();
    let profile = match case.on {
        On::NoGsm => Profile { gsm: false, concealment: None, ..full() },
        _ => full(),
    };
    let world = Mortal::default();
    let mut rng = rng(7);
    let card = Card::personalise(world.clone(), world.clone(), device_key(), &profile, &mut rng).unwrap();
    let mut terminal = Terminal { card, rng };
    match case.on {
        On::Terminated => terminal.card = Card::terminated(world.clone(), world.clone()),
        On::Blocks => terminal.card.speak(Protocol::T1),
        _ => {}
    }
    let mut last = String::new();
    for (i, apdu) in apdus.iter().enumerate() {
        if i + 1 == apdus.len() && case.on == On::Faulty {
            world.0.borrow_mut().sync_fault = true;
        }
        if apdu == "reset" {
            terminal.card.reset();
            continue;
        }
        last = terminal.raw(apdu);
        // What leads there succeeds, or is a code that is wrong on purpose.
        let status = &last[last.len() - 4..];
        let leads = ["9000", "6983", "9840", "9804"].contains(&status)
            || ["61", "9f", "63"].iter().any(|sw1| status.starts_with(sw1));
        assert!(leads || i + 1 == apdus.len(), "{}: {apdu} was {status}", case.why);
    }
    last[last.len() - 4..].to_owned()
}

fn fits(pattern: &str, status: &str) -> bool {
    pattern.len() == status.len()
        && pattern.bytes().zip(status.bytes()).all(|(p, s)| p == b'x' || p == b'X' || p == s)
}

/// What holds for every command alike, for its header in the class it has.
fn of_all(header: &str) -> Vec<Case> {
    let rest = &header[2..];
    let closed = match &header[..2] {
        "00" => "03",
        "80" => "83",
        // GSM knows no channels; its class has one octet.
        _ => return vec![on(On::Terminated, case("6f00", "the card's keys were destroyed", &[header]))],
    };
    let secure = match &header[..2] {
        "00" => "04",
        _ => "84",
    };
    vec![
        case("6881", "on a channel that is closed", &[&format!("{closed}{rest}")]),
        case("6882", "with secure messaging", &[&format!("{secure}{rest}")]),
        case("6e00", "in a class that is nobody's", &[&format!("b0{rest}")]),
        on(On::Terminated, case("6f00", "the card's keys were destroyed", &[header])),
    ]
}

#[test]
fn every_command_says_what_the_page_says() {
    let mut page = String::from(HEAD);
    let (mut cells, mut empty, mut wrong) = (0, 0, Vec::new());
    for entry in table() {
        let _ =
            write!(page, "\n## {}\n\n{} · `{}`\n\n", entry.name, entry.clause, entry.header.to_uppercase());
        page.push_str("| status | provoked by | last command |\n|---|---|---|\n");
        let mut rows: Vec<(String, String)> = Vec::new();
        let mut seen = BTreeSet::new();
        for case in entry.cases.iter().chain(&of_all(entry.header)) {
            let status = outcome(case);
            if !fits(case.status, &status) {
                wrong.push(format!("{}: {} ({}) was {status}", entry.name, case.status, case.why));
            }
            seen.insert(case.status);
            let last = case.say.last().unwrap();
            let last = if last.starts_with('@') { last.clone() } else { last.to_uppercase() };
            let last = if last.len() > 46 { format!("{}…", &last[..45]) } else { last };
            rows.push((
                case.status.to_owned(),
                format!("| {} | {} | `{last}` |", case.status.to_uppercase(), case.why),
            ));
            cells += 1;
        }
        for (status, why) in &entry.not {
            assert!(!seen.contains(status), "{} has {status}, and a reason why not", entry.name);
            rows.push(((*status).to_owned(), format!("| {} | – {why} | |", status.to_uppercase())));
            empty += 1;
        }
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, row) in rows {
            page.push_str(&row);
            page.push('\n');
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let _ = write!(page, "\n{cells} cells are provoked, {empty} are empty.\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/commands.md");
    if std::env::var_os("SIMWARD_BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "docs/commands.md is not what the card does: SIMWARD_BLESS=1 writes it anew");
}

const HEAD: &str = "# Commands and what they answer

Every command the card knows, with each status word that the standards give it: what provokes it, or why it cannot come. The
page is written by `crates/card/tests/commands.rs`, which sends each of these to a new card and fails if another status comes
back.

Which words a command can have follows TS 102 221 §10.2 and each command's own clause, TS 102 222 §6 and TS 51.011 §9.4, as the
authors know them; the table of TS 102 221 §10.2.2 itself was not at hand when the page was made. For commands with data over
T=0 success is 61XX, and the data waits for GET RESPONSE. `@` stands for a command that the reader can guess: `@create` for
CREATE FILE, `@challenge 1` for AUTHENTICATE with sequence number 1.
";

/// A word that only the transmission layer or a proactive card has.
const NO_TOOLKIT: &str = "no proactive command ever waits: there is no toolkit yet";

fn table() -> Vec<Entry> {
    vec![
        Entry {
            name: "SELECT",
            clause: "TS 102 221 §11.1.1",
            header: "00a40000",
            not: vec![("91xx", NO_TOOLKIT)],
            cases: vec![
                case("9000", "a file, nothing wanted back", &["00a4000c022fe2"]),
                case("61xx", "a file, its parameters wanted", &["00a40004022fe2"]),
                case("61xx", "an application by the beginning of its name", &["00a4040407a0000000871002"]),
                case(
                    "6283",
                    "a file that is deactivated",
                    &["@usim", "@adm", "@select 6f46", "00040000", "00a4000c026f46"],
                ),
                case(
                    "6285",
                    "a file that is terminated",
                    &["@usim", "@adm", "@create 4f01 transparent 0010", "00e80000", "00a4000c024f01"],
                ),
                case("6700", "an identifier of one octet", &["00a4000c012f"]),
                case("6700", "a path of three", &["00a4080c032f0000"]),
                case("6a82", "no such file", &["00a4000c026fff"]),
                case("6a82", "no such application", &["00a4040c05a000000088"]),
                case("6a82", "no further application with this name", &["@usim", "00a4040e07a0000000871002"]),
                case("6a82", "a key file: there is none in the tree", &["@usim", "00a4000c02a515"]),
                case("6a86", "a P1 that means nothing", &["00a4020c022fe2"]),
                case("6a86", "a P2 that means nothing", &["00a40014022fe2"]),
            ],
        },
        Entry {
            name: "STATUS",
            clause: "TS 102 221 §11.1.2",
            header: "80f20000",
            not: vec![("91xx", NO_TOOLKIT), ("6700", "the card names the right length instead, 6CXX")],
            cases: vec![
                case("9000", "nothing wanted back", &["80f2000c"]),
                case("9000", "the application's name", &["@usim", "80f2000112"]),
                case("6cxx", "another length than there is", &["80f2000000"]),
                case("6985", "the name, but no application is active", &["80f2000100"]),
                case("6a86", "a P1 that means nothing", &["80f2030c"]),
                case("6a86", "a P2 that means nothing", &["80f20002"]),
            ],
        },
        Entry {
            name: "READ BINARY",
            clause: "TS 102 221 §11.1.3",
            header: "00b00000",
            not: vec![
                ("6281", "data that may be corrupt is never given out: the card locks"),
                ("91xx", NO_TOOLKIT),
            ],
            cases: vec![
                case("9000", "the current EF", &["@select 2fe2", "00b000000a"]),
                case("9000", "an EF by its short identifier", &["00b0820001"]),
                on(On::Blocks, case("6282", "more than there is, over T=1", &["@select 2fe2", "00b000000b"])),
                on(On::Blocks, case("6700", "no length, over T=1", &["@select 2fe2", "00b00000"])),
                case("6cxx", "more than there is, over T=0", &["@select 2fe2", "00b000000b"]),
                case("6981", "a file of records", &["@select 2f00", "00b0000001"]),
                case("6982", "EF.IMSI without the PIN", &["@usim", "@select 6f07", "00b0000009"]),
                case(
                    "6984",
                    "a file that is deactivated",
                    &["@usim", "@adm", "@select 6f46", "00040000", "00b0000001"],
                ),
                case("6986", "no EF is selected", &["00b0000001"]),
                case("6a82", "no such short identifier", &["00b09f0001"]),
                case("6a86", "a P1 that means nothing", &["00b0a20001"]),
                case("6b00", "an offset beyond the file", &["@select 2fe2", "00b0000a01"]),
            ],
        },
        Entry {
            name: "UPDATE BINARY",
            clause: "TS 102 221 §11.1.4",
            header: "00d60000",
            not: vec![("63cx", "nothing is tried twice: it is durable or it is 6581"), ("91xx", NO_TOOLKIT)],
            cases: vec![
                case("9000", "a file of the holder's", &["@usim", "@pin", "@select 6f7e", "00d6000001aa"]),
                on(
                    On::Faulty,
                    case("6581", "the memory fails", &["@usim", "@pin", "@select 6f7e", "00d6000001aa"]),
                ),
                case("6700", "beyond the file's end", &["@usim", "@pin", "@select 6f7e", "00d6000a02aabb"]),
                case("6700", "no data", &["@usim", "@pin", "@select 6f7e", "00d60000"]),
                case("6981", "a file of records", &["@usim", "@pin", "@select 6f3c", "00d6000001aa"]),
                case("6982", "without the PIN", &["@usim", "@select 6f7e", "00d6000001aa"]),
                case(
                    "6982",
                    "EF.IMSI with the PIN alone",
                    &["@usim", "@pin", "@select 6f07", "00d6000001aa"],
                ),
                case(
                    "6984",
                    "a file that is deactivated",
                    &["@usim", "@adm", "@select 6f46", "00040000", "00d6000001aa"],
                ),
                case("6986", "no EF is selected", &["00d6000001aa"]),
                case("6a82", "no such short identifier", &["00d69f0001aa"]),
                case("6a86", "a P1 that means nothing", &["00d6a20001aa"]),
                case("6b00", "an offset beyond the file", &["@usim", "@pin", "@select 6f7e", "00d6000b01aa"]),
            ],
        },
        Entry {
            name: "READ RECORD",
            clause: "TS 102 221 §11.1.5",
            header: "00b20104",
            not: vec![
                ("6281", "data that may be corrupt is never given out: the card locks"),
                ("6282", "records are read whole or not at all: 6CXX"),
                ("91xx", NO_TOOLKIT),
            ],
            cases: vec![
                case("9000", "by its number", &["@select 2f00", "00b2010426"]),
                case(
                    "9000",
                    "the next of a cyclic file, around its end",
                    &[
                        "@usim",
                        "@adm",
                        "@pin",
                        "@create 4f02 cyclic 0006",
                        "00b2000203",
                        "00b2000203",
                        "00b2000203",
                    ],
                ),
                on(On::Blocks, case("6700", "no length, over T=1", &["@select 2f00", "00b20104"])),
                case("6cxx", "another length than the record's", &["@select 2f00", "00b2010401"]),
                case("6981", "a transparent file", &["@select 2fe2", "00b2010401"]),
                case("6982", "a message without the PIN", &["@usim", "@select 6f3c", "00b20104b0"]),
                case(
                    "6984",
                    "a file that is deactivated",
                    &["@usim", "@adm", "@select 6fb7", "00040000", "00b2010404"],
                ),
                case("6986", "no EF is selected", &["00b2010401"]),
                case("6a82", "no such short identifier", &["00b201ec01"]),
                case("6a83", "beyond the last record", &["@select 2f00", "00b2030426"]),
                case("6a83", "the current one, and there is none", &["@select 2f00", "00b2000426"]),
                case("6a86", "a mode that means nothing", &["@select 2f00", "00b2010526"]),
                case("6a86", "a short identifier that is none", &["@select 2f00", "00b201fc26"]),
            ],
        },
        Entry {
            name: "UPDATE RECORD",
            clause: "TS 102 221 §11.1.6",
            header: "00dc0104",
            not: vec![("63cx", "nothing is tried twice: it is durable or it is 6581"), ("91xx", NO_TOOLKIT)],
            cases: vec![
                case(
                    "9000",
                    "a record of the operator's",
                    &["@usim", "@adm", "@select 6fb7", "00dc01040411f2ff00"],
                ),
                case(
                    "9000",
                    "a new first record of a cyclic file",
                    &["@usim", "@adm", "@pin", "@create 4f02 cyclic 0006", "00dc000303010203"],
                ),
                on(
                    On::Faulty,
                    case(
                        "6581",
                        "the memory fails",
                        &["@usim", "@adm", "@select 6fb7", "00dc01040411f2ff00"],
                    ),
                ),
                case(
                    "6700",
                    "another length than the record's",
                    &["@usim", "@adm", "@select 6fb7", "00dc01040311f2ff"],
                ),
                case("6981", "a transparent file", &["@usim", "@pin", "@select 6f7e", "00dc010401aa"]),
                case("6982", "without the code", &["@usim", "@pin", "@select 6fb7", "00dc01040411f2ff00"]),
                case(
                    "6982",
                    "EF.ARR, whoever asks",
                    &["@usim", "@pin", "@adm", "@select 6f06", "00dc01040101"],
                ),
                case(
                    "6984",
                    "a file that is deactivated",
                    &["@usim", "@adm", "@select 6fb7", "00040000", "00dc01040411f2ff00"],
                ),
                case("6986", "no EF is selected", &["00dc010401aa"]),
                case("6a82", "no such short identifier", &["00dc01ec01aa"]),
                case(
                    "6a83",
                    "beyond the last record",
                    &["@usim", "@adm", "@select 6fb7", "00dc03040411f2ff00"],
                ),
                case(
                    "6a86",
                    "a cyclic file other than by PREVIOUS",
                    &["@usim", "@adm", "@pin", "@create 4f02 cyclic 0006", "00dc010403010203"],
                ),
            ],
        },
        Entry {
            name: "SEARCH RECORD",
            clause: "TS 102 221 §11.1.7",
            header: "00a20104",
            not: vec![("91xx", NO_TOOLKIT)],
            cases: vec![
                case(
                    "61xx",
                    "the numbers of the records with the pattern",
                    &["@usim", "@select 6fb7", "00a201040219f1"],
                ),
                case("61xx", "backward from the last", &["@usim", "@select 6fb7", "00a2020501f1"]),
                case("61xx", "from an offset", &["@usim", "@select 6fb7", "00a20106030401f2"]),
                case("61xx", "after an octet", &["@usim", "@select 6fb7", "00a20106030c19f1"]),
                case("6282", "no record has it", &["@usim", "@select 6fb7", "00a2010402aaaa"]),
                case("6282", "only before the offset", &["@usim", "@select 6fb7", "00a2010603040211"]),
                case("6700", "no pattern", &["@usim", "@select 6fb7", "00a20104"]),
                case(
                    "6700",
                    "a pattern longer than a record",
                    &["@usim", "@select 6fb7", "00a20104050102030405"],
                ),
                case("6981", "a transparent file", &["@select 2fe2", "00a2010401aa"]),
                case("6982", "messages without the PIN", &["@usim", "@select 6f3c", "00a2010401aa"]),
                case(
                    "6984",
                    "a file that is deactivated",
                    &["@usim", "@adm", "@select 6fb7", "00040000", "00a2010401aa"],
                ),
                case("6986", "no EF is selected", &["00a2010401aa"]),
                case(
                    "6a80",
                    "an indication that means nothing",
                    &["@usim", "@select 6fb7", "00a20106031001f2"],
                ),
                case("6a82", "no such short identifier", &["00a201ec01aa"]),
                case("6a83", "from a record that is not there", &["@usim", "@select 6fb7", "00a2090401f1"]),
                case("6a86", "a mode that means nothing", &["@usim", "@select 6fb7", "00a2010301f1"]),
            ],
        },
        Entry {
            name: "INCREASE",
            clause: "TS 102 221 §11.1.8",
            header: "80320000",
            not: vec![("63cx", "nothing is tried twice: it is durable or it is 6581"), ("91xx", NO_TOOLKIT)],
            cases: vec![
                case(
                    "61xx",
                    "the new value and what was added",
                    &[
                        "@usim",
                        "@adm",
                        "@pin",
                        "@create 4f02 cyclic 0006",
                        "00dc000303000000",
                        "803200000105",
                    ],
                ),
                on(
                    On::Faulty,
                    case(
                        "6581",
                        "the memory fails",
                        &[
                            "@usim",
                            "@adm",
                            "@pin",
                            "@create 4f02 cyclic 0006",
                            "00dc000303000000",
                            "803200000105",
                        ],
                    ),
                ),
                case(
                    "6700",
                    "a value longer than a record",
                    &["@usim", "@adm", "@pin", "@create 4f02 cyclic 0006", "803200000401020304"],
                ),
                case("6700", "no value", &["@usim", "@adm", "@pin", "@create 4f02 cyclic 0006", "80320000"]),
                case(
                    "6981",
                    "a file that is not cyclic",
                    &["@usim", "@adm", "@pin", "@create 4f02 linear 0014", "803200000105"],
                ),
                case(
                    "6982",
                    "without the PIN",
                    &["@usim", "@adm", "@create 4f02 cyclic 0006", "803200000105"],
                ),
                case(
                    "6984",
                    "a file that is deactivated",
                    &["@usim", "@adm", "@pin", "@create 4f02 cyclic 0006", "00040000", "803200000105"],
                ),
                case("6986", "no EF is selected", &["803200000105"]),
                case("6a82", "no such short identifier", &["80329f000105"]),
                case("6a86", "a P2 that means nothing", &["803200010105"]),
                case(
                    "9850",
                    "the highest value is passed",
                    &["@usim", "@adm", "@pin", "@create 4f02 cyclic 0006", "803200000105"],
                ),
            ],
        },
        pins(
            "VERIFY PIN",
            "TS 102 221 §11.1.9",
            "00200001",
            vec![
                case("9000", "the right PIN", &["@pin"]),
                case("63cx", "a wrong PIN, and how many tries are left", &["@wrong"]),
                case("63cx", "no data: how many tries are left", &["00200001"]),
                on(On::Faulty, case("6581", "the memory fails: the PIN is not compared", &["@pin"])),
                case("6700", "another length than eight", &["002000010431323334"]),
                case("6983", "blocked, for the right PIN too", &["@wrong", "@wrong", "@wrong", "@pin"]),
                case("6984", "the PIN is disabled", &["002600010831323334ffffffff", "@pin"]),
                case("6a86", "a P1 that means nothing", &["002001010831323334ffffffff"]),
                case("6a88", "no such code on this card", &["002000020831323334ffffffff"]),
            ],
        ),
        pins(
            "CHANGE PIN",
            "TS 102 221 §11.1.10",
            "00240001",
            vec![
                case("9000", "the right PIN, and a new one", &["002400011031323334ffffffff32343638ffffffff"]),
                case("63cx", "a wrong PIN", &["002400011039393939ffffffff32343638ffffffff"]),
                on(
                    On::Faulty,
                    case("6581", "the memory fails", &["002400011031323334ffffffff32343638ffffffff"]),
                ),
                case("6700", "another length than sixteen", &["002400010831323334ffffffff"]),
                case(
                    "6983",
                    "blocked",
                    &["@wrong", "@wrong", "@wrong", "002400011031323334ffffffff32343638ffffffff"],
                ),
                case(
                    "6984",
                    "the PIN is disabled",
                    &["002600010831323334ffffffff", "002400011031323334ffffffff32343638ffffffff"],
                ),
                case("6a80", "a new PIN of three digits", &["002400011031323334ffffffff323436ffffffffff"]),
                case("6a86", "a P1 that means nothing", &["002401011031323334ffffffff32343638ffffffff"]),
                case("6a88", "no such code on this card", &["002400021031323334ffffffff32343638ffffffff"]),
            ],
        ),
        pins(
            "DISABLE PIN",
            "TS 102 221 §11.1.11",
            "00260001",
            vec![
                case("9000", "the right PIN", &["002600010831323334ffffffff"]),
                case("9000", "the universal PIN in its place", &["002691010831323334ffffffff"]),
                case("63cx", "a wrong PIN", &["002600010839393939ffffffff"]),
                on(On::Faulty, case("6581", "the memory fails", &["002600010831323334ffffffff"])),
                case("6700", "another length than eight", &["002600010431323334"]),
                case("6983", "blocked", &["@wrong", "@wrong", "@wrong", "002600010831323334ffffffff"]),
                case(
                    "6984",
                    "it is disabled already",
                    &["002600010831323334ffffffff", "002600010831323334ffffffff"],
                ),
                case(
                    "6a86",
                    "another PIN in its place than the universal one",
                    &["002682010831323334ffffffff"],
                ),
                case("6a88", "the second PIN, which is always asked for", &["002600810835363738ffffffff"]),
                case("6a88", "an administrative code", &["0026000a083837363534333231"]),
            ],
        ),
        pins(
            "ENABLE PIN",
            "TS 102 221 §11.1.12",
            "00280001",
            vec![
                case("9000", "the right PIN", &["002600010831323334ffffffff", "002800010831323334ffffffff"]),
                case("63cx", "a wrong PIN", &["002600010831323334ffffffff", "002800010839393939ffffffff"]),
                on(
                    On::Faulty,
                    case(
                        "6581",
                        "the memory fails",
                        &["002600010831323334ffffffff", "002800010831323334ffffffff"],
                    ),
                ),
                case("6700", "another length than eight", &["002800010431323334"]),
                case(
                    "6983",
                    "blocked",
                    &[
                        "002600010831323334ffffffff",
                        "002800010839393939ffffffff",
                        "002800010839393939ffffffff",
                        "002800010839393939ffffffff",
                        "002800010831323334ffffffff",
                    ],
                ),
                case("6984", "it is enabled already", &["002800010831323334ffffffff"]),
                case("6a86", "a P1 that means nothing", &["002891010831323334ffffffff"]),
                case("6a88", "an administrative code", &["0028000a083837363534333231"]),
            ],
        ),
        pins(
            "UNBLOCK PIN",
            "TS 102 221 §11.1.13",
            "002c0001",
            vec![
                case("9000", "the right PUK, and a new PIN", &["002c000110313233343536373832343638ffffffff"]),
                case("63cx", "a wrong PUK", &["002c000110303030303030303032343638ffffffff"]),
                case("63cx", "no data: how many tries are left", &["002c0001"]),
                on(
                    On::Faulty,
                    case(
                        "6581",
                        "the memory fails: the PUK is not compared",
                        &["002c000110313233343536373832343638ffffffff"],
                    ),
                ),
                case("6700", "another length than sixteen", &["002c0001083132333435363738"]),
                case(
                    "6983",
                    "blocked for ever after ten wrong ones",
                    &["002c000110303030303030303032343638ffffffff"; 11],
                ),
                case("6a80", "a new PIN of three digits", &["002c0001103132333435363738323436ffffffffff"]),
                case("6a86", "a P1 that means nothing", &["002c010110313233343536373832343638ffffffff"]),
                case("6a88", "a code that nothing unblocks", &["002c000a10313233343536373832343638ffffffff"]),
            ],
        ),
        Entry {
            name: "DEACTIVATE FILE",
            clause: "TS 102 221 §11.1.14",
            header: "00040000",
            not: vec![("6200", "the card says more exactly what it found"), ("91xx", NO_TOOLKIT)],
            cases: vec![
                case("9000", "a file of the operator's", &["@usim", "@adm", "@select 6f46", "00040000"]),
                case("9000", "by its path", &["@usim", "@adm", "00040800047fff6f46"]),
                on(
                    On::Faulty,
                    case("6581", "the memory fails", &["@usim", "@adm", "@select 6f46", "00040000"]),
                ),
                case("6700", "an identifier of one octet", &["000400000101"]),
                case("6981", "a directory", &["@usim", "@adm", "00040000025f3b"]),
                case("6982", "without the code", &["@usim", "@pin", "@select 6f46", "00040000"]),
                case("6982", "EF.ARR, whoever asks", &["@usim", "@adm", "@select 6f06", "00040000"]),
                case(
                    "6985",
                    "a file that is terminated",
                    &["@usim", "@adm", "@create 4f01 transparent 0010", "00e80000", "00040000"],
                ),
                case("6986", "no EF is selected", &["00040000"]),
                case("6a82", "no such file", &["00040000026fff"]),
                case("6a86", "a P1 that means nothing", &["00040100022fe2"]),
            ],
        },
        Entry {
            name: "ACTIVATE FILE",
            clause: "TS 102 221 §11.1.15",
            header: "00440000",
            not: vec![("6200", "the card says more exactly what it found"), ("91xx", NO_TOOLKIT)],
            cases: vec![
                case(
                    "9000",
                    "a file that was deactivated",
                    &["@usim", "@adm", "@select 6f46", "00040000", "00440000"],
                ),
                on(
                    On::Faulty,
                    case("6581", "the memory fails", &["@usim", "@adm", "@select 6f46", "00440000"]),
                ),
                case("6700", "an identifier of one octet", &["004400000101"]),
                case("6981", "a directory", &["@usim", "@adm", "00440000025f3b"]),
                case("6982", "without the code", &["@usim", "@pin", "@select 6f46", "00440000"]),
                case(
                    "6985",
                    "a file that is terminated",
                    &["@usim", "@adm", "@create 4f01 transparent 0010", "00e80000", "00440000"],
                ),
                case("6986", "no EF is selected", &["00440000"]),
                case("6a82", "no such file", &["00440000026fff"]),
                case("6a86", "a P2 that means nothing", &["00440001022fe2"]),
            ],
        },
        Entry {
            name: "AUTHENTICATE",
            clause: "TS 31.102 §7.1",
            header: "00880081",
            not: vec![
                (
                    "62f1",
                    "answers are short enough for one block: odd instruction 89 comes with contexts that need it",
                ),
                ("63f1", "the same"),
                ("6984", "the answer to what is not known is more exact: 9864 or 6A86"),
                ("9863", "no local key establishment"),
                ("9865", "no key freshness failure without it"),
                ("9866", "no memory for it either"),
                ("91xx", NO_TOOLKIT),
            ],
            cases: vec![
                case("61xx", "a fresh challenge", &["@usim", "@pin", "@challenge 1"]),
                case(
                    "61xx",
                    "a challenge heard before: AUTS",
                    &["@usim", "@pin", "@challenge 1", "@challenge 1"],
                ),
                case(
                    "61xx",
                    "GSM context",
                    &["@usim", "@pin", "00880080111009090909090909090909090909090909"],
                ),
                on(On::Faulty, case("6581", "the memory fails: no RES", &["@usim", "@pin", "@challenge 1"])),
                case(
                    "6700",
                    "a challenge cut short",
                    &["@usim", "@pin", "00880081111009090909090909090909090909090909"],
                ),
                case("6982", "without the PIN", &["@usim", "@challenge 1"]),
                case("6985", "outside the application", &["@pin", "@challenge 1"]),
                case("6a86", "a P2 that means nothing", &["@usim", "@pin", "00880000"]),
                case("6a86", "a P1 that means nothing", &["@usim", "@pin", "00880181"]),
                case("9862", "somebody else's MAC", &["@usim", "@pin", "@forged"]),
                case("9864", "a context that is not here: bootstrapping", &["@usim", "@pin", "00880084"]),
                on(
                    On::NoGsm,
                    case(
                        "9864",
                        "GSM context, of a card made without",
                        &["@usim", "@pin", "00880080111009090909090909090909090909090909"],
                    ),
                ),
            ],
        },
        Entry {
            name: "MANAGE CHANNEL",
            clause: "TS 102 221 §11.1.17",
            header: "00700000",
            not: vec![("6200", "the card says more exactly what it found"), ("91xx", NO_TOOLKIT)],
            cases: vec![
                case("9000", "opens the lowest closed one and tells its number", &["0070000001"]),
                case("9000", "opens the one that is named", &["80aa000004a9028100", "00700013"]),
                case("9000", "closes it", &["0070000001", "00708001"]),
                case("6cxx", "no room for the number", &["0070000002"]),
                case("6881", "closes one that is closed", &["00708001"]),
                case("6a81", "opens one that is open", &["00700003", "00700003"]),
                case(
                    "6a81",
                    "opens a fourth, of a terminal that has not said that it knows so many",
                    &["0070000001"; 4],
                ),
                case(
                    "6a81",
                    "opens a twentieth",
                    &[
                        "80aa000004a9028100",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                        "0070000001",
                    ],
                ),
                case("6a86", "closes the basic channel", &["00708000"]),
                case("6a86", "opens one beyond the nineteenth", &["00700014"]),
                case("6a86", "a P1 that means nothing", &["00704001"]),
            ],
        },
        Entry {
            name: "GET CHALLENGE",
            clause: "TS 102 221 §11.1.18",
            header: "00840000",
            not: vec![("6a81", "the card has random octets at any time")],
            cases: vec![
                case("9000", "as many octets as were asked for", &["0084000010"]),
                case("6700", "with data", &["008400000101"]),
                case("6700", "none asked for", &["00840000"]),
                case("6a86", "a P2 that means nothing", &["0084000110"]),
            ],
        },
        Entry {
            name: "GET IDENTITY",
            clause: "TS 31.102 §7.5",
            header: "80780001",
            not: vec![("91xx", NO_TOOLKIT)],
            cases: vec![
                case("61xx", "a SUCI, new each time", &["@usim", "@pin", "80780001"]),
                case("6700", "with data", &["@usim", "@pin", "8078000101aa"]),
                case("6982", "without the PIN", &["@usim", "80780001"]),
                case("6985", "outside the application", &["80780001"]),
                on(
                    On::NoGsm,
                    case("6a81", "of a card that has no keys for it", &["@usim", "@pin", "80780001"]),
                ),
                case("6a86", "a P2 that means nothing", &["@usim", "@pin", "80780003"]),
                case("6a88", "a SUCI for offload, which comes later", &["@usim", "@pin", "80780002"]),
            ],
        },
        Entry {
            name: "TERMINAL CAPABILITY",
            clause: "TS 102 221 §11.1.19",
            header: "80aa0000",
            not: vec![(
                "6700",
                "what the terminal can do changes nothing here, so nothing is wrong with how it says it",
            )],
            cases: vec![case("9000", "taken note of", &["80aa000005a903830180"])],
        },
        Entry {
            name: "SUSPEND UICC",
            clause: "TS 102 221 §11.1.22",
            header: "80760000",
            not: vec![],
            cases: vec![
                case("61xx", "a time and a token to resume with", &["80760000040001003c"]),
                case("6700", "no durations", &["80760000"]),
                case("6700", "a token of another length", &["807601000401020304"]),
                case(
                    "6982",
                    "resumes with another token: once",
                    &["80760000040001003c", "reset", "80760100080000000000000000"],
                ),
                case("6985", "anything but a reset after it", &["80760000040001003c", "00a4000c022fe2"]),
                case("6985", "resumes a card that was not suspended", &["80760100080000000000000000"]),
                case("6a80", "a unit of time that is none", &["80760000040501053c"]),
                case("6a86", "a P1 that means nothing", &["80760200"]),
            ],
        },
        Entry {
            name: "CREATE FILE",
            clause: "TS 102 222 §6.3",
            header: "00e00000",
            not: vec![("6a85", "sizes that do not agree are 6A80"), ("91xx", NO_TOOLKIT)],
            cases: vec![
                case("9000", "an EF under the USIM", &["@usim", "@adm", "@create 4f01 transparent 0010"]),
                case("9000", "a directory", &["@usim", "@adm", "@create 5f70 dir 0"]),
                on(
                    On::Faulty,
                    case("6581", "the memory fails", &["@usim", "@adm", "@create 4f01 transparent 0010"]),
                ),
                case("6982", "without the code", &["@usim", "@pin", "@create 4f01 transparent 0010"]),
                case("6a80", "no template", &["@usim", "@adm", "00e000000483024f01"]),
                case(
                    "6a80",
                    "an identifier that is reserved",
                    &["@usim", "@adm", "@create 7fff transparent 0010"],
                ),
                case(
                    "6a80",
                    "a size that is no multiple of the record's",
                    &["@usim", "@adm", "@create 4f01 linear 0015"],
                ),
                case(
                    "6a84",
                    "more than there is room for",
                    &["@usim", "@adm", "@create 4f01 transparent fff0"],
                ),
                case("6a86", "a P1 that means nothing", &["00e00100"]),
                case("6a89", "the identifier is taken", &["@usim", "@adm", "@create 6f07 transparent 0010"]),
                case(
                    "6a8a",
                    "the application's name is taken",
                    &[
                        "@adm",
                        "00e000002462228202782183027fff8410a0000000871002ffffffff89070900008a01058b032f0606",
                    ],
                ),
            ],
        },
        Entry {
            name: "DELETE FILE",
            clause: "TS 102 222 §6.4",
            header: "00e40000",
            not: vec![("91xx", NO_TOOLKIT)],
            cases: vec![
                case(
                    "9000",
                    "a file that the operator made",
                    &["@usim", "@adm", "@create 4f01 transparent 0010", "00e40000024f01"],
                ),
                on(
                    On::Faulty,
                    case(
                        "6581",
                        "the memory fails",
                        &["@usim", "@adm", "@create 4f01 transparent 0010", "00e40000024f01"],
                    ),
                ),
                case("6700", "no identifier", &["00e40000"]),
                case("6982", "EF.ARR, whoever asks", &["@usim", "@pin", "@adm", "00e40000026f06"]),
                case(
                    "6982",
                    "the MF, whoever asks",
                    &["@usim", "@pin", "@adm", "@select 3f00", "00e40000023f00"],
                ),
                case("6982", "the application, whoever asks", &["@usim", "@pin", "@adm", "00e40000027fff"]),
                case("6a82", "no such file here", &["@usim", "@adm", "00e40000026fff"]),
                case("6a86", "a P1 that means nothing", &["00e40100"]),
            ],
        },
        Entry {
            name: "RESIZE FILE",
            clause: "TS 102 222 §6.10",
            header: "80d40000",
            not: vec![("91xx", NO_TOOLKIT)],
            cases: vec![
                case(
                    "9000",
                    "a longer file",
                    &["@usim", "@adm", "@create 4f01 transparent 0010", "80d400000a620883024f0180020020"],
                ),
                on(
                    On::Faulty,
                    case(
                        "6581",
                        "the memory fails",
                        &["@usim", "@adm", "@create 4f01 transparent 0010", "80d400000a620883024f0180020020"],
                    ),
                ),
                case(
                    "6981",
                    "a cyclic file",
                    &["@usim", "@adm", "@create 4f02 cyclic 0006", "80d400000a620883024f0280020009"],
                ),
                case(
                    "6982",
                    "EF.ARR, whoever asks",
                    &["@usim", "@pin", "@adm", "80d400000a620883026f068002002c"],
                ),
                case(
                    "6985",
                    "objects that would not fit any more",
                    &[
                        "@usim",
                        "@adm",
                        "@pin",
                        "@create 4f03 objects 0080",
                        "80db00800480020102",
                        "80d400000a620883024f0380020002",
                    ],
                ),
                case(
                    "6a80",
                    "no size",
                    &["@usim", "@adm", "@create 4f01 transparent 0010", "80d4000006620483024f01"],
                ),
                case("6a82", "no such file here", &["@usim", "@adm", "80d400000a620883026fff80020020"]),
                case(
                    "6a84",
                    "more than there is room for",
                    &["@usim", "@adm", "@create 4f01 transparent 0010", "80d400000a620883024f018002fff0"],
                ),
                case("6a86", "a P1 that means nothing", &["80d40200"]),
            ],
        },
        Entry {
            name: "TERMINATE EF",
            clause: "TS 102 222 §6.8",
            header: "00e80000",
            not: vec![("91xx", NO_TOOLKIT)],
            cases: vec![
                case(
                    "9000",
                    "a file that the operator made",
                    &["@usim", "@adm", "@create 4f01 transparent 0010", "00e80000"],
                ),
                on(
                    On::Faulty,
                    case(
                        "6581",
                        "the memory fails",
                        &["@usim", "@adm", "@create 4f01 transparent 0010", "00e80000"],
                    ),
                ),
                case("6981", "a directory", &["@usim", "@adm", "00e80000025f3b"]),
                case("6982", "a file of the profile", &["@usim", "@adm", "@select 6f46", "00e80000"]),
                case(
                    "6985",
                    "a second time",
                    &["@usim", "@adm", "@create 4f01 transparent 0010", "00e80000", "00e80000"],
                ),
                case("6986", "no EF is selected", &["00e80000"]),
                case("6a82", "no such file", &["00e80000026fff"]),
                case("6a86", "a P2 that means nothing", &["00e80001"]),
            ],
        },
        Entry {
            name: "TERMINATE DF",
            clause: "TS 102 222 §6.7",
            header: "00e60000",
            not: vec![("91xx", NO_TOOLKIT)],
            cases: vec![
                case(
                    "9000",
                    "a directory that the operator made",
                    &["@usim", "@adm", "@create 5f70 dir 0", "00e60000"],
                ),
                on(
                    On::Faulty,
                    case("6581", "the memory fails", &["@usim", "@adm", "@create 5f70 dir 0", "00e60000"]),
                ),
                case("6981", "an EF", &["@usim", "@adm", "00e60000026f46"]),
                case("6982", "a directory of the profile", &["@usim", "@adm", "00e60000025f3b"]),
                case(
                    "6985",
                    "a second time",
                    &["@usim", "@adm", "@create 5f70 dir 0", "00e60000", "00e60000"],
                ),
                case("6a82", "no such file", &["00e60000026fff"]),
                case("6a86", "a P2 that means nothing", &["00e60001"]),
            ],
        },
        Entry {
            name: "TERMINATE CARD USAGE",
            clause: "TS 102 222 §6.9",
            header: "00fe0000",
            not: vec![(
                "9000",
                "no rule allows it: a card is ended by whoever holds its device key, not by a command",
            )],
            cases: vec![
                case("6982", "whoever asks", &["@usim", "@pin", "@adm", "00fe0000"]),
                case("6a86", "a P1 that means nothing", &["00fe0100"]),
            ],
        },
        Entry {
            name: "RETRIEVE DATA",
            clause: "TS 102 221 §11.3.1",
            header: "80cb0080",
            not: vec![("62f2", NO_TOOLKIT), ("91xx", NO_TOOLKIT)],
            cases: vec![
                case(
                    "61xx",
                    "an object, whole",
                    &[
                        "@usim",
                        "@adm",
                        "@pin",
                        "@create 4f03 objects 0080",
                        "80db0080038001aa",
                        "80cb00800180",
                    ],
                ),
                case(
                    "62f1",
                    "the first of several blocks",
                    &[
                        "@usim",
                        "@adm",
                        "@pin",
                        "@create 4f03 objects 0200",
                        &long_object()[0],
                        &long_object()[1],
                        "80cb00800180",
                    ],
                ),
                case("6981", "a file of another structure", &["@select 2fe2", "80cb00800180"]),
                case(
                    "6982",
                    "without the PIN",
                    &["@usim", "@adm", "@create 4f03 objects 0080", "80cb00800180"],
                ),
                case(
                    "6984",
                    "a file that is deactivated",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "00040000", "80cb00800180"],
                ),
                case(
                    "6985",
                    "a next block, and there is none",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80cb0000"],
                ),
                case("6986", "no EF is selected", &["80cb00800180"]),
                case("6a80", "no tag", &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80cb008000"]),
                case("6a82", "no such short identifier", &["80cb1d800180"]),
                case(
                    "6a86",
                    "a P2 that means nothing",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80cb00400180"],
                ),
                case(
                    "6a88",
                    "no object with this tag",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80cb00800180"],
                ),
            ],
        },
        Entry {
            name: "SET DATA",
            clause: "TS 102 221 §11.3.2",
            header: "80db0080",
            not: vec![("63f2", NO_TOOLKIT), ("91xx", NO_TOOLKIT)],
            cases: vec![
                case(
                    "9000",
                    "an object, whole",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80db0080038001aa"],
                ),
                case(
                    "9000",
                    "a tag alone: the object goes",
                    &[
                        "@usim",
                        "@adm",
                        "@pin",
                        "@create 4f03 objects 0080",
                        "80db0080038001aa",
                        "80db00800180",
                    ],
                ),
                case(
                    "63f1",
                    "the first of several blocks",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80db0080038005aa"],
                ),
                on(
                    On::Faulty,
                    case(
                        "6581",
                        "the memory fails",
                        &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80db0080038001aa"],
                    ),
                ),
                case("6981", "a file of another structure", &["@select 2fe2", "80db0080038001aa"]),
                case(
                    "6982",
                    "without the PIN",
                    &["@usim", "@adm", "@create 4f03 objects 0080", "80db0080038001aa"],
                ),
                case(
                    "6984",
                    "a file that is deactivated",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "00040000", "80db0080038001aa"],
                ),
                case(
                    "6985",
                    "a next block of nothing",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80db000001aa"],
                ),
                case("6986", "no EF is selected", &["80db0080038001aa"]),
                case(
                    "6a80",
                    "more than the length says",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80db0080048001aabb"],
                ),
                case("6a82", "no such short identifier", &["80db1d80038001aa"]),
                case(
                    "6a84",
                    "more than the file may hold",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0004", "80db0080038005aa"],
                ),
                case(
                    "6a86",
                    "a P2 that means nothing",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80db0040038001aa"],
                ),
                case(
                    "6a88",
                    "deletes what is not there",
                    &["@usim", "@adm", "@pin", "@create 4f03 objects 0080", "80db00800180"],
                ),
            ],
        },
        Entry {
            name: "GET RESPONSE",
            clause: "TS 102 221 §12.1.1, ISO/IEC 7816-4 §7.6.1",
            header: "00c00000",
            not: vec![],
            cases: vec![
                case("9000", "what waits", &["00a40004022fe2", "00c0000000"]),
                case("61xx", "a part of what waits", &["00a40004022fe2", "00c0000001"]),
                case("6cxx", "more than waits", &["00a40004022fe2", "00c00000ff"]),
                case("6985", "nothing waits", &["00c0000000"]),
                case("6985", "something else came in between", &["00a40004022fe2", "00200001", "00c0000000"]),
                case("6985", "it waits on another channel", &["00700001", "00a40004022fe2", "01c0000000"]),
                case("6a86", "a P1 that means nothing", &["00a40004022fe2", "00c0010000"]),
            ],
        },
        Entry {
            name: "TERMINAL PROFILE",
            clause: "TS 102 221 §11.2.1",
            header: "80100000",
            not: vec![("91xx", NO_TOOLKIT), ("6a86", "what the terminal can do changes nothing here yet")],
            cases: vec![case("9000", "taken note of", &["8010000004ffffffff"])],
        },
        Entry {
            name: "ENVELOPE",
            clause: "TS 102 221 §11.2.2",
            header: "80c20000",
            not: vec![
                ("91xx", NO_TOOLKIT),
                ("9300", NO_TOOLKIT),
                ("62xx", NO_TOOLKIT),
                ("6700", "what does not parse is 6A80"),
            ],
            cases: vec![
                case("6a80", "nothing that this card takes", &["80c2000003d10100"]),
                case("6a86", "a P1 that means nothing", &["80c20100"]),
            ],
        },
        Entry {
            name: "Command chaining",
            clause: "ISO/IEC 7816-4 §5.3.3",
            header: "00d60000",
            not: vec![("6884", "every command with data may come in links")],
            cases: vec![
                case(
                    "9000",
                    "a link, and the last",
                    &["@usim", "@pin", "@select 6f7e", "10d6000001aa", "00d6000001bb"],
                ),
                case(
                    "6883",
                    "another command before the last link",
                    &["@usim", "@pin", "@select 6f7e", "10d6000001aa", "00b0000001"],
                ),
                case("6700", "more than 4,096 octets", &chain_too_long()),
            ],
        },
        gsm_entry(
            "SELECT (GSM)",
            "TS 51.011 §9.2.1",
            "a0a40000",
            vec![
                case("9fxx", "a file", &["a0a40000027f20"]),
                case("9404", "no such file", &["a0a40000026fff"]),
                case("6700", "an identifier of one octet", &["a0a4000001ff"]),
                case("6b00", "a P1 that means nothing", &["a0a40100023f00"]),
            ],
        ),
        gsm_entry(
            "READ BINARY (GSM)",
            "TS 51.011 §9.2.3",
            "a0b00000",
            vec![
                case("9000", "EF.ICCID", &["@gsm 2fe2", "a0b000000a"]),
                case("67xx", "more than there is", &["@gsm 2fe2", "a0b000000b"]),
                case("6b00", "an offset beyond the file", &["@gsm 2fe2", "a0b0000a01"]),
                case("9400", "no EF is selected", &["a0b0000001"]),
                case("9408", "a file of records", &["@gsm 2f00", "a0b0000001"]),
                case("9804", "EF.IMSI without the PIN", &["@gsm 7f20", "@gsm 6f07", "a0b0000009"]),
            ],
        ),
        gsm_entry(
            "UPDATE RECORD (GSM)",
            "TS 51.011 §9.2.6",
            "a0dc0104",
            vec![
                on(
                    On::Faulty,
                    case(
                        "9240",
                        "the memory fails",
                        &[
                            "@gsm 7f10",
                            "a02000010831323334ffffffff",
                            "@gsm 6f42",
                            &format!("a0dc010428{}", "ff".repeat(40)),
                        ],
                    ),
                ),
                case(
                    "9402",
                    "beyond the last record",
                    &[
                        "@gsm 7f10",
                        "a02000010831323334ffffffff",
                        "@gsm 6f42",
                        &format!("a0dc020428{}", "ff".repeat(40)),
                    ],
                ),
                case(
                    "9804",
                    "without the PIN",
                    &["@gsm 7f10", "@gsm 6f42", &format!("a0dc010428{}", "ff".repeat(40))],
                ),
            ],
        ),
        gsm_entry(
            "SEEK (GSM)",
            "TS 51.011 §9.2.7",
            "a0a20000",
            vec![
                case("9000", "a record that begins so", &["@gsm 2f00", "a0a200000161"]),
                case("9f01", "and its number", &["@gsm 2f00", "a0a200100161"]),
                case("9404", "none begins so", &["@gsm 2f00", "a0a200000162"]),
                case("9408", "a transparent file", &["@gsm 2fe2", "a0a200000161"]),
                case("6b00", "a mode that means nothing", &["@gsm 2f00", "a0a200040161"]),
            ],
        ),
        gsm_entry(
            "VERIFY CHV (GSM)",
            "TS 51.011 §9.2.9",
            "a0200001",
            vec![
                case("9000", "the right CHV1", &["a02000010831323334ffffffff"]),
                case("9000", "the right CHV2", &["a02000020835363738ffffffff"]),
                case("9804", "a wrong one", &["a02000010839393939ffffffff"]),
                case("9808", "it is disabled", &["a02600010831323334ffffffff", "a02000010831323334ffffffff"]),
                case("9840", "blocked", &["@wrong", "@wrong", "@wrong", "a02000010831323334ffffffff"]),
                case("6b00", "no such CHV", &["a02000030831323334ffffffff"]),
            ],
        ),
        gsm_entry(
            "UNBLOCK CHV (GSM)",
            "TS 51.011 §9.2.13",
            "a02c0000",
            vec![
                case("9000", "the right PUK", &["a02c000010313233343536373832343638ffffffff"]),
                case("9804", "a wrong one", &["a02c000010303030303030303032343638ffffffff"]),
                case("9840", "blocked", &["a02c000010303030303030303032343638ffffffff"; 11]),
            ],
        ),
        gsm_entry(
            "INVALIDATE, REHABILITATE (GSM)",
            "TS 51.011 §9.2.14, §9.2.15",
            "a0040000",
            vec![
                case("9000", "a file of the operator's", &["@adm", "@gsm 7f20", "@gsm 6f46", "a0040000"]),
                case("9804", "without the code", &["@gsm 7f20", "@gsm 6f46", "a0040000"]),
                case("9400", "no EF is selected", &["a0040000"]),
            ],
        ),
        gsm_entry(
            "RUN GSM ALGORITHM (GSM)",
            "TS 51.011 §9.2.16",
            "a0880000",
            vec![
                case(
                    "9f0c",
                    "SRES and Kc wait",
                    &["@pin", "@gsm 7f20", "a08800001009090909090909090909090909090909"],
                ),
                case("6700", "a challenge cut short", &["@pin", "@gsm 7f20", "a08800000109"]),
                case("9404", "outside DF.GSM", &["@pin", "a08800001009090909090909090909090909090909"]),
                case("9804", "without the PIN", &["@gsm 7f20", "a08800001009090909090909090909090909090909"]),
                on(
                    On::NoGsm,
                    case(
                        "6d00",
                        "of a card made without",
                        &["@pin", "@gsm 7f20", "a08800001009090909090909090909090909090909"],
                    ),
                ),
            ],
        ),
    ]
}

fn pins(name: &'static str, clause: &'static str, header: &'static str, cases: Vec<Case>) -> Entry {
    let not =
        vec![("91xx", NO_TOOLKIT), ("9804", "of the GSM class alone"), ("6982", "a wrong code is 63CX")];
    Entry { name, clause, header, not, cases }
}

fn gsm_entry(name: &'static str, clause: &'static str, header: &'static str, cases: Vec<Case>) -> Entry {
    Entry { name, clause, header, not: vec![("91xx", NO_TOOLKIT)], cases }
}

/// SET DATA with an object of 300 octets, in two blocks.
fn long_object() -> [String; 2] {
    [format!("80db0080ff8082012c{}", "ab".repeat(251)), format!("80db000031{}", "cd".repeat(49))]
}

fn chain_too_long() -> [&'static str; 20] {
    const LINK: &str = concat!(
        "10d60000ff",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    );
    [
        "@usim",
        "@pin",
        "@select 6f7e",
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
        LINK,
    ]
}

#[test]
fn administrative_codes_are_known_by_their_own_references() {
    let mut rng = rng(3);
    let world = Mortal::default();
    let card = Card::personalise(world.clone(), world, device_key(), &full(), &mut rng).unwrap();
    let mut terminal = Terminal { card, rng };
    assert_eq!(KeyRef::adm(2), KeyRef::adm(2));
    assert_eq!(terminal.raw(&format!("0020000b08{}", pin_data("22222222"))), "9000");
    assert_eq!(terminal.raw(&format!("0020000b08{}", pin_data("22222223"))), "63c9");
    assert_eq!(terminal.raw(&format!("0020000c08{}", pin_data("22222222"))), "6a88");
}
