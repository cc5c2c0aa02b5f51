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
    Bare,
}

/// One cell of the table: commands that lead to it, the last one's status, and why.
struct Case {
    status: String,
    why: String,
    on: On,
    say: Vec<String>,
}

/// A command of the standards.
struct Entry {
    name: String,
    clause: String,
    /// Without data; its class is one that knows it.
    header: String,
    /// Status words that are not provoked, and why.
    not: Vec<(String, String)>,
    cases: Vec<Case>,
}

/// The table, as `data/commands.txt` has it.
fn table() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let lines = include_str!("data/commands.txt").lines().skip_while(|l| !l.is_empty());
    for line in lines.filter(|l| !l.is_empty()) {
        if let Some(head) = line.strip_prefix("# ") {
            let [name, clause, header] = head.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
            let [name, clause, header] = [name, clause, header].map(str::to_owned);
            entries.push(Entry { name, clause, header, not: Vec::new(), cases: Vec::new() });
            continue;
        }
        let entry = entries.last_mut().unwrap();
        let (status, rest) = line.split_once(' ').unwrap();
        let status = status.to_owned();
        if let Some(why) = rest.strip_prefix("- ") {
            entry.not.push((status, why.to_owned()));
            continue;
        }
        let (why, say) = rest.rsplit_once(" | ").unwrap_or_else(|| panic!("{line}"));
        let (on, why) = match why.split_once("] ") {
            Some(("[faulty", why)) => (On::Faulty, why),
            Some(("[blocks", why)) => (On::Blocks, why),
            Some(("[bare", why)) => (On::Bare, why),
            _ => (On::Whole, why),
        };
        let say = say.split("; ").flat_map(|apdu| match apdu.split_once('*') {
            Some((apdu, times)) => vec![apdu.to_owned(); times.parse().unwrap()],
            None => vec![apdu.to_owned()],
        });
        entry.cases.push(Case { status, why: why.to_owned(), on, say: say.collect() });
    }
    entries
}

/// `ff{3}` becomes `ffffff`.
fn unfold(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (times, after) = after.split_once('}').unwrap();
        let (before, octet) = before.split_at(before.len() - 2);
        out.push_str(before);
        out.push_str(&octet.repeat(times.parse().unwrap()));
        rest = after;
    }
    out + rest
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
        // A terminal that can do everything.
        ("@profile", _) => unfold("8010000019ff{25}"),
        ("@safe", _) => "00a4040c07a0000005590010".into(),
        ("@gba", sqn) => gba_apdu([9; 16], sqn.parse().unwrap()),
        ("@blocks", sqn) => {
            let challenge = authenticate_apdu(challenge([9; 16], sqn.parse().unwrap(), 0));
            format!("00898081245322{}", &challenge[10..])
        }
        ("@forgedblocks", _) => format!("0089808124532210{}10{}", "09".repeat(16), "00".repeat(16)),
        ("@peer", _) => put_peer(&keys::agree::AgreeKey::random(&mut rng(4)).public()),
        ("@notapoint", _) => put_peer(&[4; 65]),
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
        _ => unfold(word),
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

/// PUT PUBLIC KEY UPDATE of the other side's key.
fn put_peer(point: &[u8; 65]) -> String {
    format!("00d8800147344549438641{}", hex::encode(point))
}

/// Says it all to a new card; the last answer's status.
fn outcome(case: &Case) -> String {
    let apdus: Vec<String> = case.say.iter().map(|word| spell(word)).collect();
    let profile = match case.on {
        On::Bare => Profile { gsm: false, concealment: None, ..full() },
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
            || ["61", "62f3", "9f", "63", "91"].iter().any(|sw1| status.starts_with(sw1));
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
    let case = |status: &str, on, why: &str, apdu: String| Case {
        status: status.into(),
        why: why.into(),
        on,
        say: vec![apdu],
    };
    let mut cases = vec![case("6f00", On::Terminated, "the card's keys were destroyed", header.to_owned())];
    // GSM knows no channels and no secure messaging; its class is one octet.
    let class = &header[..1];
    if class != "a" {
        cases.push(case("6881", On::Whole, "on a channel that is closed", format!("{class}3{rest}")));
        cases.push(case("6882", On::Whole, "with secure messaging", format!("{class}4{rest}")));
        cases.push(case("6e00", On::Whole, "in a class that is nobody's", format!("b0{rest}")));
    }
    cases
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
        for case in entry.cases.iter().chain(&of_all(&entry.header)) {
            let status = outcome(case);
            if !fits(&case.status, &status) {
                wrong.push(format!("{}: {} ({}) was {status}", entry.name, case.status, case.why));
            }
            seen.insert(case.status.clone());
            let last = case.say.last().unwrap();
            let last = if last.starts_with('@') { last.clone() } else { last.to_uppercase() };
            let last = if last.len() > 46 { format!("{}…", &last[..45]) } else { last };
            rows.push((
                case.status.clone(),
                format!("| {} | {} | `{last}` |", case.status.to_uppercase(), case.why),
            ));
            cells += 1;
        }
        for (status, why) in &entry.not {
            assert!(!seen.contains(status), "{} has {status}, and a reason why not", entry.name);
            rows.push((status.clone(), format!("| {} | – {why} | |", status.to_uppercase())));
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
page is written by `crates/card/tests/commands.rs` from the table beside it; the same test sends each of these to a new card and
fails if another status comes back.

Which words a command can have follows TS 102 221 §10.2 and each command's own clause, TS 102 222 §6 and TS 51.011 §9.4, as the
authors know them; of the table of TS 102 221 §10.2.2 only the number of commands for each word was at hand when the page was made. For commands with data over
T=0 success is 61XX, and the data waits for GET RESPONSE. `FF{40}` is forty octets; `@` stands for a command that the reader can
guess: `@create` for CREATE FILE, `@challenge 1` for AUTHENTICATE with sequence number 1.
";

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
