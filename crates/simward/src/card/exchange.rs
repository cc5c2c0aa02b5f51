//! `simward card export` and `simward card import`: contacts and messages in forms that other programs know.
//!
//! | file | what is in it |
//! |---|---|
//! | `.vcf` | contacts, as vCard 4 (RFC 6350); read in older versions too |
//! | `.json` | contacts and messages; of a message what counts are its octets |
//!
//! Unlike a backup these are for everybody to read, and records have no places: what comes in goes where there is room.

use super::CardError;
use super::contact::contact_number;
use super::files::{ADN, Holder, ICCID, Records, SMS, bcd_digits, records};
use super::profile::create_private;
use super::terminal::{Terminal, TerminalError, Where};
use calcard::vcard::{VCard, VCardEntry, VCardProperty, VCardValue, VCardVersion};
use calcard::{Entry, Parser};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use wire::apdu::Status;
use wire::phonebook::Contact;
use wire::sms::{Message, Record};

/// Write a card's contacts (.vcf), or its contacts and messages (.json), into a file that other programs read.
///
/// The file is not sealed: whoever has it reads it. To keep one, `simward card backup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    #[command(flatten)]
    card: Where,
    #[command(flatten)]
    holder: Holder,
    /// The file to make, FILE.vcf or FILE.json; one that is there already is left alone.
    #[arg(value_name = "FILE")]
    out: PathBuf,
}

/// Bring contacts (.vcf, .json) and messages (.json) from a file onto a card, into records that are free.
///
/// What the card has already is left out. Nothing is written unless all of it fits.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    #[command(flatten)]
    card: Where,
    #[command(flatten)]
    holder: Holder,
    /// The file, FILE.vcf or FILE.json.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Why nothing was exchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// The file system said no.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is such a file already.
    #[error("{} is there already; nothing was written", .0.display())]
    Exists(PathBuf),
    /// Neither of the two.
    #[error("{}: give it a name that ends in .vcf or .json", .0.display())]
    Form(PathBuf),
    /// It is not what its name says.
    #[error("{}: {why}; nothing was written", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No room.
    #[error("the card has room for {room} more {what}, and the file brings {wanted}; nothing was written")]
    Full {
        /// Contacts or messages.
        what: &'static str,
        /// Free records.
        room: usize,
        /// New ones in the file.
        wanted: usize,
    },
    /// One does not fit a record.
    #[error("{name}: {why}; nothing was written")]
    DoesNotFit {
        /// Whose.
        name: String,
        /// Why not.
        why: wire::Malformed,
    },
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    VCard,
    Json,
}

impl Form {
    fn of(path: &Path) -> Result<Self, ExchangeError> {
        match path.extension().and_then(|e| e.to_str()) {
            Some("vcf" | "vcard") => Ok(Self::VCard),
            Some("json") => Ok(Self::Json),
            _ => Err(ExchangeError::Form(path.to_owned())),
        }
    }
}

/// A file of JSON.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    /// The card it was made from.
    #[serde(default)]
    iccid: String,
    #[serde(default)]
    contacts: Vec<ContactText>,
    #[serde(default)]
    messages: Vec<MessageText>,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactText {
    name: String,
    /// As people write it; empty if there is none.
    #[serde(default)]
    number: String,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageText {
    /// From whom or to whom, for people.
    #[serde(default)]
    with: String,
    /// What this part says, for people.
    #[serde(default)]
    text: String,
    /// The whole record of EF.SMS.
    octets: String,
}

fn file_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> ExchangeError + 'a {
    move |source| ExchangeError::File { what, path: path.to_owned(), source }
}

/// All records of a file, for whoever gave the PIN.
fn all(terminal: &mut Terminal<'_>, path: &[u16]) -> Result<Vec<(u8, Vec<u8>)>, CardError> {
    match records(terminal, path)? {
        Records::NoFile => Ok(Vec::new()),
        Records::All(all) => Ok(all),
        Records::BehindThePin => {
            let status = Status::SECURITY_NOT_SATISFIED;
            Err(TerminalError::Refused { what: "reading contacts and messages", status }.into())
        }
    }
}

/// Writes a card's contacts and messages into a file.
pub(crate) fn export(args: &Export) -> Result<(), CardError> {
    let form = Form::of(&args.out)?;
    if args.out.exists() {
        return Err(ExchangeError::Exists(args.out.clone()).into());
    }
    let pin = args.holder.pin()?;
    let (text, left_out) = args.card.visit(|terminal| {
        terminal.select_usim()?;
        if let Some(pin) = &pin {
            terminal.verify(pin, args.holder.last_try)?;
        }
        let iccid = match terminal.select(ICCID)? {
            Some(file) => terminal.read_binary(file.size)?.map(|octets| bcd_digits(&octets)),
            None => None,
        };
        let contacts = all(terminal, ADN)?;
        let left_out = contacts.iter().filter(|(_, octets)| Contact::parse(octets).is_err()).count();
        let contacts = contacts.iter().filter_map(|(_, octets)| Contact::parse(octets).ok().flatten());
        let messages = if form == Form::Json { all(terminal, SMS)? } else { Vec::new() };
        let text = Text {
            iccid: iccid.unwrap_or_default(),
            contacts: contacts
                .map(|contact| ContactText {
                    number: contact.number.as_ref().map(|_| contact_number(&contact)).unwrap_or_default(),
                    name: contact.name,
                })
                .collect(),
            messages: messages.iter().filter_map(|(_, octets)| message(octets)).collect(),
        };
        Ok((text, left_out))
    })?;
    let content = match form {
        Form::Json => serde_json::to_string_pretty(&text).map_err(|e| content_error(&args.out, &e))? + "\n",
        Form::VCard => text.contacts.iter().map(vcard).collect(),
    };
    let written = create_private(&args.out).and_then(|mut file| {
        file.write_all(content.as_bytes())?;
        file.sync_all()
    });
    if written.is_err() {
        // Half a file is none.
        let _ = fs::remove_file(&args.out);
    }
    written.map_err(file_error("write", &args.out))?;
    if left_out > 0 {
        println!("{left_out} records that are no contacts were left out; `simward card backup` keeps them");
    }
    let messages =
        if form == Form::Json { format!(", {} message records", text.messages.len()) } else { String::new() };
    println!("{}: {} contacts{messages}", args.out.display(), text.contacts.len());
    Ok(())
}

fn content_error(path: &Path, why: &dyn ToString) -> ExchangeError {
    ExchangeError::Content { path: path.to_owned(), why: why.to_string() }
}

/// A record of EF.SMS; `None` if it is free.
fn message(octets: &[u8]) -> Option<MessageText> {
    if Record::is_free(octets) {
        return None;
    }
    let (with, data) = match Record::parse(octets).ok().flatten().map(|record| record.message) {
        Some(Message::Deliver(message)) => (message.originator.to_string(), Some(message.user_data)),
        Some(Message::Submit(message)) => (message.destination.to_string(), Some(message.user_data)),
        None => (String::new(), None),
    };
    let text = data.and_then(|data| data.text()).unwrap_or_default();
    Some(MessageText { with, text, octets: hex::encode(octets) })
}

/// One contact.
fn vcard(contact: &ContactText) -> String {
    let entry = |name, value: String| VCardEntry {
        group: None,
        name,
        params: Vec::new(),
        values: vec![VCardValue::Text(value)],
    };
    let mut entries =
        vec![entry(VCardProperty::Version, "4.0".into()), entry(VCardProperty::Fn, contact.name.clone())];
    if !contact.number.is_empty() {
        entries.push(entry(VCardProperty::Tel, contact.number.clone()));
    }
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = VCard { entries }.write_to(&mut out, VCardVersion::V4_0);
    out
}

/// The contacts in a file of vCards: one for each number, or one without.
fn from_vcards(text: &str) -> Result<Vec<ContactText>, String> {
    // One that ends before its END is cut.
    let mut parser = Parser::new(text).strict();
    let mut out = Vec::new();
    loop {
        let card = match parser.entry() {
            Entry::VCard(card) => card,
            Entry::Eof if out.is_empty() => return Err("no vCard is in it".into()),
            Entry::Eof => return Ok(out),
            Entry::InvalidLine(line) if line.trim().is_empty() => continue,
            _ => return Err(format!("after {} contacts comes something that is no vCard", out.len())),
        };
        let texts = |entry: &VCardEntry| {
            let texts = entry.values.iter().filter_map(VCardValue::as_text).filter(|t| !t.is_empty());
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        let named = |property| card.property(&property).map(texts).unwrap_or_default().join(" ");
        let name = Some(named(VCardProperty::Fn)).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| named(VCardProperty::N));
        let numbers: Vec<String> = card.properties(&VCardProperty::Tel).flat_map(texts).collect();
        if numbers.is_empty() && !name.is_empty() {
            out.push(ContactText { name, number: String::new() });
            continue;
        }
        out.extend(numbers.iter().map(|number| ContactText { name: name.clone(), number: dialled(number) }));
    }
}

/// A number without what people put between its digits, and without what a URI says beside it (RFC 3966 §3).
fn dialled(number: &str) -> String {
    let number = number.strip_prefix("tel:").unwrap_or(number);
    let number = number.split(';').next().unwrap_or_default();
    number.chars().filter(|c| !matches!(c, '(' | ')' | '.' | '/')).collect()
}

/// Reads a file.
fn read(path: &Path) -> Result<Text, ExchangeError> {
    /// A card's contacts and messages are far below.
    const LONGEST: u64 = 4 << 20;
    let form = Form::of(path)?;
    let len = fs::metadata(path).map_err(file_error("read", path))?.len();
    if len > LONGEST {
        return Err(content_error(path, &"longer than anything a card could take"));
    }
    let text = fs::read_to_string(path).map_err(file_error("read", path))?;
    match form {
        Form::Json => serde_json::from_str(&text).map_err(|e| content_error(path, &e)),
        Form::VCard => {
            let contacts = from_vcards(&text).map_err(|why| content_error(path, &why))?;
            Ok(Text { iccid: String::new(), contacts, messages: Vec::new() })
        }
    }
}

/// Brings a file's contacts and messages onto a card.
pub(crate) fn import(args: &Import) -> Result<(), CardError> {
    let path = &args.file;
    let text = read(path)?;
    let mut contacts = Vec::new();
    for ContactText { name, number } in &text.contacts {
        if name.is_empty() && number.is_empty() {
            return Err(content_error(path, &"a contact has neither a name nor a number").into());
        }
        let parsed = if number.is_empty() { None } else { Some(number.parse()) };
        let number = parsed.transpose().map_err(|why| does_not_fit(name, why))?;
        contacts.push(Contact { name: name.clone(), number });
    }
    let mut messages = Vec::new();
    for (at, message) in (1..).zip(&text.messages) {
        let octets = hex::decode(&message.octets).ok().filter(|octets| !Record::is_free(octets));
        messages.push(octets.ok_or_else(|| content_error(path, &format!("message {at} is none")))?);
    }
    let pin = args.holder.pin()?;
    let (written, there) = args.card.visit(|terminal| {
        terminal.select_usim()?;
        if let Some(pin) = &pin {
            terminal.verify(pin, args.holder.last_try)?;
        }
        let to_write = [place_contacts(terminal, &contacts)?, place_messages(terminal, &messages)?];
        let mut written = 0;
        for (file, records) in [ADN, SMS].into_iter().zip(&to_write) {
            if records.is_empty() {
                continue;
            }
            terminal.select(file)?;
            for (number, octets) in records {
                terminal.update_record(*number, octets)?;
                written += 1;
            }
        }
        Ok((written, contacts.len() + messages.len() - written))
    })?;
    println!("{written} records written, {there} were there already");
    Ok(())
}

fn does_not_fit(name: &str, why: wire::Malformed) -> ExchangeError {
    ExchangeError::DoesNotFit { name: name.to_owned(), why }
}

/// Records by their numbers.
type Placed = Vec<(u8, Vec<u8>)>;

/// Gives what is new a free record each.
fn place(
    what: &'static str,
    new: Vec<Vec<u8>>,
    free: impl Iterator<Item = u8>,
) -> Result<Placed, ExchangeError> {
    let free: Vec<u8> = free.collect();
    let (room, wanted) = (free.len(), new.len());
    if wanted > room {
        return Err(ExchangeError::Full { what, room, wanted });
    }
    Ok(free.into_iter().zip(new).collect())
}

fn place_contacts(terminal: &mut Terminal<'_>, contacts: &[Contact]) -> Result<Placed, CardError> {
    let there = all(terminal, ADN)?;
    // Alike as people read them.
    let read = |contact: &Contact| (contact.name.clone(), contact.number.as_ref().map(ToString::to_string));
    let known: Vec<_> =
        there.iter().filter_map(|(_, r)| Contact::parse(r).ok().flatten()).map(|c| read(&c)).collect();
    let len = there.first().map_or(0, |(_, record)| record.len());
    let mut new = Vec::new();
    for contact in contacts.iter().filter(|contact| !known.contains(&read(contact))) {
        let record = contact.to_record(len).map_err(|why| does_not_fit(&contact.name, why))?;
        if !new.contains(&record) {
            new.push(record);
        }
    }
    let free = there.iter().filter(|(_, r)| matches!(Contact::parse(r), Ok(None))).map(|(n, _)| *n);
    Ok(place("contacts", new, free)?)
}

fn place_messages(terminal: &mut Terminal<'_>, messages: &[Vec<u8>]) -> Result<Placed, CardError> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let there = all(terminal, SMS)?;
    let len = there.first().map_or(0, |(_, record)| record.len());
    let mut new: Vec<Vec<u8>> = Vec::new();
    for message in messages {
        if message.len() != len {
            let why = wire::Malformed::new("message", "its record has another length than the card's");
            return Err(does_not_fit("a message", why).into());
        }
        if !there.iter().any(|(_, record)| record == message) && !new.contains(message) {
            new.push(message.clone());
        }
    }
    let free = there.iter().filter(|(_, r)| Record::is_free(r)).map(|(n, _)| *n);
    Ok(place("messages", new, free)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn contact(name: &str, number: &str) -> ContactText {
        ContactText { name: name.into(), number: number.into() }
    }

    #[test]
    fn what_is_written_as_a_vcard_is_read_again() {
        for (name, number) in
            [("张三", "+8613912345678"), ("A, B; C\\ D", "10086"), ("no number", ""), ("x\ny", "*#06#")]
        {
            let written = vcard(&contact(name, number));
            assert!(written.starts_with("BEGIN:VCARD\r\nVERSION:4.0\r\n"), "{written}");
            let read = from_vcards(&written).unwrap();
            assert_eq!((read[0].name.as_str(), read[0].number.as_str()), (name, number), "{written}");
        }
    }

    /// As RFC 6350 §8 has it, and as older telephones write.
    #[test]
    fn other_programs_vcards_are_read_a_number_at_a_time() {
        let text = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Simon Perreault\r\nN:Perreault;Simon;;;ing. jr\r\n\
            TEL;VALUE=uri;TYPE=\"work,voice\":tel:+1-418-656-9254\r\nTEL;VALUE=uri:tel:+1-418-262-6501\r\nEND:VCARD\r\n\
            BEGIN:VCARD\r\nVERSION:3.0\r\nN:Li;Si;;;\r\nFN:Li Si\r\nTEL;TYPE=CELL:139 1234 5678\r\nEND:VCARD\r\n";
        let read = from_vcards(text).unwrap();
        let all: Vec<_> = read.iter().map(|c| (c.name.as_str(), c.number.as_str())).collect();
        assert_eq!(
            all,
            [
                ("Simon Perreault", "+1-418-656-9254"),
                ("Simon Perreault", "+1-418-262-6501"),
                ("Li Si", "139 1234 5678")
            ]
        );
        let odd = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:\r\nN:Li;Si;;;\r\nTEL:(555) 123.4567\r\nTEL;VALUE=uri:tel:+1-418-656-9254;ext=102\r\nEND:VCARD\r\n";
        let read = from_vcards(odd).unwrap();
        assert_eq!((read[0].name.as_str(), read[0].number.as_str()), ("Li Si", "555 1234567"));
        assert_eq!(read[1].number, "+1-418-656-9254");
        for bad in [
            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:x\r\nTEL:+86139123",
            "",
            "hello",
            "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        ] {
            assert!(from_vcards(bad).is_err(), "{bad}");
        }
    }
}
