//! `simward card files`: the file tree with its access rules, the contacts, the messages.

use super::CardError;
use super::contact::contact_number;
use super::secret_input::PIN;
use super::terminal::{Selected, Terminal, TerminalError, Where};
use crate::phone::plain;
use ::card::Code;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use wire::phonebook::{Contact, read_name};
use wire::sms::{Message, Record, Standing, UserData, join};
use wire::tlv::{find, objects};

/// Show what is on a card: its files and what reading and changing each takes, its contacts, its messages.
///
/// Without the PIN it shows what anybody may read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    card: Where,
    #[command(flatten)]
    holder: Holder,
}

/// How the holder proves to be the holder.
#[derive(Debug, clap::Args)]
pub(crate) struct Holder {
    /// A file whose first line is the PIN; without it the terminal is asked.
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// Try the PIN even if one try is left.
    #[arg(long)]
    pub(crate) last_try: bool,
}

impl Holder {
    /// The PIN, if there is a file with it or somebody types it.
    pub(crate) fn pin(&self) -> Result<Option<Code>, CardError> {
        let text = PIN.text(self.pin_file.as_deref(), false)?;
        Ok(text.map(|text| PIN.parse(&text)).transpose()?)
    }
}

/// EF.ICCID of TS 102 221 §13.2.
pub(crate) const ICCID: &[u16] = &[0x2fe2];
/// EF.ADN of TS 51.011 §10.5.1.
pub(crate) const ADN: &[u16] = &[0x7f10, 0x6f3a];
/// EF.SMS of TS 31.102 §4.2.25.
pub(crate) const SMS: &[u16] = &[0x7fff, 0x6f3c];

/// The files of an ISIM are not shown: its directory is addressed as the current application, as the USIM's is.
///
/// The files a card may have, each under the directory named before it.
const TREE: &[(&[u16], &str)] = &[
    (ICCID, "EF.ICCID"),
    (&[0x2f00], "EF.DIR"),
    (&[0x2f05], "EF.PL"),
    (&[0x2f06], "EF.ARR"),
    (&[0x2f1d], "EF.DEED"),
    (&[0x2f1e], "EF.ALERT"),
    (&[0x2f1f], "EF.SEEN"),
    (&[0x2f20], "EF.TELEPHONES"),
    (&[0x7f10], "DF.TELECOM"),
    (ADN, "EF.ADN"),
    (&[0x7f10, 0x6f4a], "EF.EXT1"),
    (&[0x7f10, 0x5f3a], "DF.PHONEBOOK"),
    (&[0x7f10, 0x5f3a, 0x4f30], "EF.PBR"),
    (&[0x7f10, 0x5f3a, 0x4f09], "EF.PBC"),
    (&[0x7f10, 0x5f3a, 0x4f11], "EF.ANR"),
    (&[0x7f10, 0x5f3a, 0x4f19], "EF.SNE"),
    (&[0x7f10, 0x5f3a, 0x4f21], "EF.UID"),
    (&[0x7f10, 0x5f3a, 0x4f22], "EF.PSC"),
    (&[0x7f10, 0x5f3a, 0x4f23], "EF.CC"),
    (&[0x7f10, 0x5f3a, 0x4f24], "EF.PUID"),
    (&[0x7f10, 0x5f3a, 0x4f26], "EF.GRP"),
    (&[0x7f10, 0x5f3a, 0x4f4b], "EF.AAS"),
    (&[0x7f10, 0x5f3a, 0x4f4c], "EF.GAS"),
    (&[0x7f10, 0x5f3a, 0x4f50], "EF.EMAIL"),
    (&[0x7fff], "ADF.USIM"),
    (&[0x7fff, 0x6f05], "EF.LI"),
    (&[0x7fff, 0x6f06], "EF.ARR"),
    (&[0x7fff, 0x6f07], "EF.IMSI"),
    (&[0x7fff, 0x6f08], "EF.Keys"),
    (&[0x7fff, 0x6f09], "EF.KeysPS"),
    (&[0x7fff, 0x6f31], "EF.HPPLMN"),
    (&[0x7fff, 0x6f38], "EF.UST"),
    (SMS, "EF.SMS"),
    (&[0x7fff, 0x6f40], "EF.MSISDN"),
    (&[0x7fff, 0x6f42], "EF.SMSP"),
    (&[0x7fff, 0x6f43], "EF.SMSS"),
    (&[0x7fff, 0x6f46], "EF.SPN"),
    (&[0x7fff, 0x6f5b], "EF.START-HFN"),
    (&[0x7fff, 0x6f5c], "EF.THRESHOLD"),
    (&[0x7fff, 0x6f73], "EF.PSLOCI"),
    (&[0x7fff, 0x6f78], "EF.ACC"),
    (&[0x7fff, 0x6f7b], "EF.FPLMN"),
    (&[0x7fff, 0x6f7e], "EF.LOCI"),
    (&[0x7fff, 0x6fad], "EF.AD"),
    (&[0x7fff, 0x6fb7], "EF.ECC"),
    (&[0x7fff, 0x6fc4], "EF.NETPAR"),
    (&[0x7fff, 0x6fd6], "EF.GBABP"),
    (&[0x7fff, 0x6fda], "EF.GBANL"),
    (&[0x7fff, 0x6fe3], "EF.EPSLOCI"),
    (&[0x7fff, 0x6fe4], "EF.EPSNSC"),
    (&[0x7fff, 0x5f3b], "DF.GSM-ACCESS"),
    (&[0x7fff, 0x5f3b, 0x4f20], "EF.Kc"),
    (&[0x7fff, 0x5f3b, 0x4f52], "EF.KcGPRS"),
    (&[0x7fff, 0x5fc0], "DF.5GS"),
    (&[0x7fff, 0x5fc0, 0x4f01], "EF.5GS3GPPLOCI"),
    (&[0x7fff, 0x5fc0, 0x4f02], "EF.5GSN3GPPLOCI"),
    (&[0x7fff, 0x5fc0, 0x4f03], "EF.5GS3GPPNSC"),
    (&[0x7fff, 0x5fc0, 0x4f04], "EF.5GSN3GPPNSC"),
    (&[0x7fff, 0x5fc0, 0x4f05], "EF.5GAUTHKEYS"),
    (&[0x7fff, 0x5fc0, 0x4f06], "EF.UAC-AIC"),
    (&[0x7fff, 0x5fc0, 0x4f07], "EF.SUCI-Calc-Info"),
    (&[0x7fff, 0x5fc0, 0x4f0a], "EF.Routing-Indicator"),
    (&[0x7fff, 0x5fd0], "DF.SAIP"),
    (&[0x7fff, 0x5fd0, 0x4f01], "EF.SUCI-Calc-Info"),
    (&[0x7f20], "DF.GSM"),
    (&[0x7f20, 0x6f05], "EF.LP"),
    (&[0x7f20, 0x6f38], "EF.SST"),
    (&[0x7f20, 0x6fae], "EF.Phase"),
];

/// Shows it all.
pub(crate) fn run(args: &Args) -> Result<(), CardError> {
    let pin = args.holder.pin()?;
    let text = args.card.visit(|terminal| {
        terminal.select_usim()?;
        if let Some(pin) = &pin {
            terminal.verify(pin, args.holder.last_try)?;
        }
        let mut out = format!("card in {}\n\n", args.card.name());
        tree(terminal, &mut out)?;
        contacts(terminal, &mut out)?;
        messages(terminal, &mut out)?;
        Ok(out)
    })?;
    io::stdout().write_all(text.as_bytes()).map_err(super::system("write"))
}

/// Access rules already read: by the EF.ARR's path and record.
type Rules = HashMap<(Vec<u16>, u8), Option<(String, String)>>;

fn tree(terminal: &mut Terminal<'_>, out: &mut String) -> Result<(), TerminalError> {
    let mut rules = Rules::new();
    let _ = writeln!(out, "{:<30} {:>10}  {:<7} update", "MF 3F00", "octets", "read");
    for (path, name) in TREE {
        let Some(file) = terminal.select(path)? else { continue };
        let indent = "  ".repeat(path.len());
        let label = format!("{indent}{name} {:04X}", path.last().copied().unwrap_or_default());
        if !name.starts_with("EF") {
            let _ = writeln!(out, "{label}");
            continue;
        }
        let size = match file.record {
            Some(len) => format!("{} x {len}", file.records()),
            None => file.size.to_string(),
        };
        let shown = content(terminal, name, &file)?.unwrap_or_default();
        let (read, update) = rule(terminal, path, &file, &mut rules)?;
        let _ =
            writeln!(out, "{}", format!("{label:<30} {size:>10}  {read:<7} {update:<7} {shown}").trim_end());
    }
    Ok(())
}

/// A short file in words, where it can be read.
fn content(
    terminal: &mut Terminal<'_>,
    name: &str,
    file: &Selected,
) -> Result<Option<String>, TerminalError> {
    Ok(match name {
        "EF.ICCID" => terminal.read_binary(file.size)?.map(|b| bcd_digits(&b)),
        // The first half octet of the second octet is its parity.
        "EF.IMSI" => terminal
            .read_binary(file.size)?
            .map(|b| bcd_digits(b.get(1..).unwrap_or_default()).chars().skip(1).collect()),
        "EF.SPN" => {
            terminal.read_binary(file.size)?.map(|b| plain(&read_name(b.get(1..).unwrap_or_default())))
        }
        "EF.MSISDN" => {
            let record = terminal.read_record(1, file.record.unwrap_or_default())?;
            record.and_then(|r| Contact::parse(&r).ok().flatten()).map(|c| contact_number(&c))
        }
        _ => None,
    })
}

/// Digits two to an octet, the first in the low half, up to the filler.
pub(crate) fn bcd_digits(octets: &[u8]) -> String {
    let halves = octets.iter().flat_map(|b| [b & 0x0f, b >> 4]);
    halves.take_while(|d| *d < 10).map(|d| char::from(b'0' + d)).collect()
}

/// What reading and updating a file takes, from the EF.ARR that its control parameters name (TS 102 221 §9.2.7).
fn rule(
    terminal: &mut Terminal<'_>,
    path: &[u16],
    file: &Selected,
    known: &mut Rules,
) -> Result<(String, String), TerminalError> {
    let unknown = || ("?".to_owned(), "?".to_owned());
    let Some((arr, record)) = file.rule else { return Ok(unknown()) };
    // The file is sought in the directory, then in those above it.
    for depth in (0..path.len()).rev() {
        let at: Vec<u16> = path.iter().take(depth).copied().chain([arr]).collect();
        if let Some(rule) = known.get(&(at.clone(), record)) {
            match rule {
                Some(rule) => return Ok(rule.clone()),
                None => continue,
            }
        }
        let found = match terminal.select(&at)? {
            Some(file) => terminal.read_record(record, file.record.unwrap_or_default())?,
            None => None,
        };
        let found = found.map(|octets| conditions(&octets));
        known.insert((at, record), found.clone());
        if let Some(rule) = found {
            return Ok(rule);
        }
    }
    Ok(unknown())
}

/// A rule in expanded format: what reading takes, what updating takes.
fn conditions(rule: &[u8]) -> (String, String) {
    let (mut read, mut update) = ("never".to_owned(), "never".to_owned());
    let mut mode = 0;
    for object in objects(rule).map_while(Result::ok) {
        if object.tag & 0xf0 == 0x80 {
            // Other tags than 80 name a command by its instruction.
            mode = object.value.first().filter(|_| object.tag == 0x80).copied().unwrap_or(0);
            continue;
        }
        let takes = match (object.tag, find(object.value, 0x83)) {
            (0x90, _) => "always".to_owned(),
            (0x97, _) => "never".to_owned(),
            (0xa4, Some([0x01])) => "PIN".to_owned(),
            (0xa4, Some([0x81])) => "PIN2".to_owned(),
            (0xa4, Some([0x0a..=0x0e])) => "ADM".to_owned(),
            _ => "other".to_owned(),
        };
        if mode & 0x01 != 0 {
            read.clone_from(&takes);
        }
        if mode & 0x02 != 0 {
            update = takes;
        }
    }
    (read, update)
}

/// What became of reading all records of a file.
pub(crate) enum Records {
    /// The card has no such file.
    NoFile,
    /// Whoever asks has not given the PIN.
    BehindThePin,
    /// All of them, with their numbers.
    All(Vec<(u8, Vec<u8>)>),
}

/// Reads all records of a file.
pub(crate) fn records(terminal: &mut Terminal<'_>, path: &[u16]) -> Result<Records, TerminalError> {
    let Some(file) = terminal.select(path)? else { return Ok(Records::NoFile) };
    let mut out = Vec::new();
    for number in 1..=file.records() {
        match terminal.read_record(number, file.record.unwrap_or_default())? {
            Some(record) => out.push((number, record)),
            None => return Ok(Records::BehindThePin),
        }
    }
    Ok(Records::All(out))
}

fn contacts(terminal: &mut Terminal<'_>, out: &mut String) -> Result<(), TerminalError> {
    let records = match records(terminal, ADN)? {
        Records::NoFile => {
            let _ = writeln!(out, "\nthis card has no phone book (EF.ADN)");
            return Ok(());
        }
        Records::BehindThePin => {
            let _ = writeln!(out, "\ncontacts: behind the PIN");
            return Ok(());
        }
        Records::All(records) => records,
    };
    let used: Vec<_> = records.iter().filter(|(_, r)| !matches!(Contact::parse(r), Ok(None))).collect();
    let _ = writeln!(out, "\ncontacts: {} of {}", used.len(), records.len());
    for (number, record) in used {
        let line = match Contact::parse(record) {
            Ok(Some(contact)) => format!("{}  {}", plain(&contact.name), contact_number(&contact)),
            _ => "not a contact".to_owned(),
        };
        let _ = writeln!(out, "  {number:>3}  {line}");
    }
    Ok(())
}

/// A message and the records it lies in.
struct Shown {
    records: Vec<u8>,
    head: String,
    parts: Vec<UserData>,
}

fn messages(terminal: &mut Terminal<'_>, out: &mut String) -> Result<(), TerminalError> {
    let records = match records(terminal, SMS)? {
        Records::NoFile => {
            let _ = writeln!(out, "\nthis card keeps no messages (EF.SMS)");
            return Ok(());
        }
        Records::BehindThePin => {
            let _ = writeln!(out, "\nmessages: behind the PIN");
            return Ok(());
        }
        Records::All(records) => records,
    };
    let used = records.iter().filter(|(_, r)| !Record::is_free(r)).count();
    let _ = writeln!(out, "\nmessages: {used} of {} records", records.len());
    let mut shown: Vec<(String, Shown)> = Vec::new();
    for (number, octets) in &records {
        let record = match Record::parse(octets) {
            Ok(Some(record)) => record,
            Ok(None) => continue,
            Err(error) => {
                let _ = writeln!(out, "  {number:>3}  {error}");
                continue;
            }
        };
        let standing = match record.standing {
            Standing::Read => "read",
            Standing::Unread => "unread",
            Standing::Sent(_) => "sent",
            Standing::ToBeSent => "to be sent",
        };
        let (who, head, data) = match record.message {
            Message::Deliver(m) => {
                (format!("from {}", m.originator), format!("{standing}, {}", m.timestamp), m.user_data)
            }
            Message::Submit(m) => (format!("to {}", m.destination), standing.to_owned(), m.user_data),
        };
        let head = format!("{who}, {head}");
        // Parts of one message have its sender and its reference.
        let key = match data.concatenation() {
            Some(c) => format!("{who} {} {}", c.reference, c.parts),
            None => format!("record {number}"),
        };
        match shown.iter_mut().find(|(k, _)| *k == key) {
            Some((_, message)) => {
                message.records.push(*number);
                message.parts.push(data);
            }
            None => shown.push((key, Shown { records: vec![*number], head, parts: vec![data] })),
        }
    }
    for (_, message) in shown {
        let numbers: Vec<String> = message.records.iter().map(u8::to_string).collect();
        let text = join(&message.parts).unwrap_or_else(|| {
            let parts = message.parts.iter().map(|p| p.text().unwrap_or_else(|| "[data]".to_owned()));
            format!("[parts missing] {}", parts.collect::<Vec<_>>().join(" … "))
        });
        let (head, text) = (plain(&message.head), plain(&text));
        let _ = writeln!(out, "  {:>3}  {head}\n       {text}", numbers.join("+"));
    }
    Ok(())
}
