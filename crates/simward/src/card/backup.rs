//! `simward card backup` and `simward card restore`: contacts and messages in one age file.
//!
//! The file is age, version 1 (<https://age-encryption.org/v1>), for a passphrase or for X25519 recipients: `age -d` opens
//! it. Inside is TOML:
//!
//! ```toml
//! format = 1
//! iccid = "8986001200000000017"   # the card it was made from
//!
//! [[contact]]
//! record = 1                      # of EF.ADN, from 1
//! name = "张三"                   # for people; what counts are the octets
//! number = "+8613912345678"
//! octets = "805f204e09ff…"        # the whole record
//!
//! [[message]]
//! record = 4                      # of EF.SMS
//! text = "…"                      # for people: this part's text, as far as it is one
//! octets = "0300…"
//! ```
//!
//! Records that are free are left out, whatever their octets still say: what was deleted stays deleted.

use super::CardError;
use super::contact::contact_number;
use super::files::{ADN, Holder, ICCID, Records, SMS, bcd_digits, records};
use super::profile::create_private;
use super::secret_input::PASSPHRASE;
use super::terminal::{Terminal, TerminalError, Where};
use age::secrecy::SecretString;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use wire::apdu::Status;
use wire::phonebook::Contact;
use wire::sms::{Message, Record};
use zeroize::Zeroizing;

/// Save the contacts and messages on a card into one file that only you can open.
///
/// The file is an age file, for a passphrase (--passphrase-file, or asked for) or for age recipients (--recipient).
/// `age -d FILE.age` opens it too; inside is TOML.
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    card: Where,
    #[command(flatten)]
    holder: Holder,
    /// The file to make; one that is there already is left alone.
    #[arg(long, value_name = "FILE.age")]
    out: PathBuf,
    /// A file whose first line is the passphrase.
    #[arg(long, value_name = "FILE", conflicts_with = "recipient")]
    passphrase_file: Option<PathBuf>,
    /// An age public key (age1…) that can open the file; may be given more than once.
    #[arg(long, value_name = "AGE1…")]
    recipient: Vec<String>,
}

/// Put contacts and messages from a backup onto a card, byte for byte.
///
/// Nothing is written unless all of it fits; records that are in use are left alone unless --replace is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    card: Where,
    #[command(flatten)]
    holder: Holder,
    /// The backup.
    #[arg(value_name = "FILE.age")]
    file: PathBuf,
    /// A file whose first line is the passphrase.
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    passphrase_file: Option<PathBuf>,
    /// A file with an age secret key (AGE-SECRET-KEY-1…).
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Write over records that are in use and different.
    #[arg(long)]
    replace: bool,
}

/// Why a backup could not be made or put back. No message repeats what is in one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
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
    /// Not a recipient.
    #[error("{recipient} is not an age recipient: {why}")]
    Recipient {
        /// What was given.
        recipient: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No key in the file.
    #[error("{} holds no age secret key", .0.display())]
    NoIdentity(PathBuf),
    /// The file does not open.
    #[error("{} does not open: {why}", path.display())]
    DoesNotOpen {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// What is inside is no backup.
    #[error("{} opens, but is not a backup that this version knows: {why}", path.display())]
    NotABackup {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It could not be encrypted.
    #[error("cannot encrypt: {0}")]
    Encrypt(String),
    /// The card has no room of that shape.
    #[error("the card has no record {record} of {octets} octets for a {what}; nothing was written")]
    NoSuchRecord {
        /// A contact or a message.
        what: &'static str,
        /// Which record.
        record: u8,
        /// How long.
        octets: usize,
    },
    /// Records are in use.
    #[error("in use on this card, and different: {0}. Nothing was written; --replace writes over them")]
    InUse(String),
    /// The card did not keep what was written.
    #[error("{what} {record} reads back differently; the card did not keep it")]
    NotKept {
        /// A contact or a message.
        what: &'static str,
        /// Which record.
        record: u8,
    },
}

/// What stays on the card, and why: printed with every backup.
const NOT_COPIED: &str = "\
Not in the backup, because it cannot or must not be copied:
  K and OPc          the network would take a second card for yours; nothing reads them out
  OTA keys           whoever has them manages your card
  PIN, PUK, ADM      the card keeps only their check values
  SQN                a number that was used must never be answered again
  OTA counter, tries a copy would let old messages and guesses be repeated
  eSIM profiles      bound to their chip; the operator issues a new one
  session keys, location   worthless in another card; the network makes new ones
";

fn file_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> BackupError + 'a {
    move |source| BackupError::File { what, path: path.to_owned(), source }
}

/// What is inside a backup.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u8,
    iccid: String,
    #[serde(default)]
    contact: Vec<ContactEntry>,
    #[serde(default)]
    message: Vec<MessageEntry>,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactEntry {
    record: u8,
    #[serde(default)]
    name: String,
    #[serde(default)]
    number: String,
    octets: String,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageEntry {
    record: u8,
    #[serde(default)]
    text: String,
    octets: String,
}

/// One record of a file on a card.
struct Entry {
    what: &'static str,
    path: &'static [u16],
    record: u8,
    octets: Vec<u8>,
}

/// Whether a record of this file holds nothing.
fn is_free(path: &[u16], octets: &[u8]) -> bool {
    if path == SMS { Record::is_free(octets) } else { matches!(Contact::parse(octets), Ok(None)) }
}

/// All records of a file that are in use.
fn used(terminal: &mut Terminal<'_>, path: &[u16]) -> Result<Vec<(u8, Vec<u8>)>, CardError> {
    let refused = |status| TerminalError::Refused { what: "reading contacts and messages", status };
    match records(terminal, path)? {
        Records::NoFile => Ok(Vec::new()),
        Records::BehindThePin => Err(refused(Status::SECURITY_NOT_SATISFIED).into()),
        Records::All(all) => Ok(all.into_iter().filter(|(_, octets)| !is_free(path, octets)).collect()),
    }
}

/// Makes a backup.
pub(crate) fn backup(args: &Backup) -> Result<(), CardError> {
    if args.out.exists() {
        return Err(BackupError::Exists(args.out.clone()).into());
    }
    let recipients = args.recipient.iter().map(|text| {
        let recipient = text.parse::<age::x25519::Recipient>();
        recipient.map_err(|why| BackupError::Recipient { recipient: text.clone(), why })
    });
    let recipients: Vec<_> = recipients.collect::<Result<_, _>>()?;
    let passphrase = if recipients.is_empty() {
        Some(PASSPHRASE.required(args.passphrase_file.as_deref(), true)?)
    } else {
        None
    };
    let pin = args.holder.pin()?;
    let contents = args.card.visit(|terminal| {
        terminal.select_usim()?;
        if let Some(pin) = &pin {
            terminal.verify(pin, args.holder.last_try)?;
        }
        let iccid = match terminal.select(ICCID)? {
            Some(file) => terminal.read_binary(file.size)?.map(|octets| bcd_digits(&octets)),
            None => None,
        };
        let contacts = used(terminal, ADN)?;
        let messages = used(terminal, SMS)?;
        Ok(Contents {
            format: 1,
            iccid: iccid.unwrap_or_default(),
            contact: contacts.iter().map(|(record, octets)| contact_entry(*record, octets)).collect(),
            message: messages.iter().map(|(record, octets)| message_entry(*record, octets)).collect(),
        })
    })?;
    let text = toml::to_string(&contents).map_err(|e| BackupError::Encrypt(e.to_string()))?;
    let sealed = encrypt(&Zeroizing::new(text), &recipients, passphrase)?;
    let written = create_private(&args.out).and_then(|mut file| {
        file.write_all(&sealed)?;
        file.sync_all()
    });
    written.map_err(file_error("write", &args.out))?;
    println!(
        "{}: {} contacts, {} message records, of card {}\n\n{NOT_COPIED}",
        args.out.display(),
        contents.contact.len(),
        contents.message.len(),
        contents.iccid
    );
    Ok(())
}

fn contact_entry(record: u8, octets: &[u8]) -> ContactEntry {
    let contact = Contact::parse(octets).ok().flatten();
    let number = contact.as_ref().filter(|c| c.number.is_some()).map(contact_number);
    ContactEntry {
        record,
        name: contact.map(|c| c.name).unwrap_or_default(),
        number: number.unwrap_or_default(),
        octets: hex::encode(octets),
    }
}

fn message_entry(record: u8, octets: &[u8]) -> MessageEntry {
    let data = Record::parse(octets).ok().flatten().map(|record| match record.message {
        Message::Deliver(message) => message.user_data,
        Message::Submit(message) => message.user_data,
    });
    let text = data.and_then(|data| data.text()).unwrap_or_default();
    MessageEntry { record, text, octets: hex::encode(octets) }
}

fn encrypt(
    text: &str,
    recipients: &[age::x25519::Recipient],
    passphrase: Option<Zeroizing<String>>,
) -> Result<Vec<u8>, BackupError> {
    let failed = |error: &dyn std::fmt::Display| BackupError::Encrypt(error.to_string());
    let encryptor = match passphrase {
        Some(passphrase) => age::Encryptor::with_user_passphrase(SecretString::from(passphrase.as_str())),
        None => age::Encryptor::with_recipients(recipients.iter().map(|r| r as &dyn age::Recipient))
            .map_err(|e| failed(&e))?,
    };
    let mut out = Vec::new();
    let mut writer = encryptor.wrap_output(&mut out).map_err(|e| failed(&e))?;
    writer.write_all(text.as_bytes()).and_then(|()| writer.finish()).map_err(|e| failed(&e))?;
    Ok(out)
}

/// The longest backup that is read: a card's contacts and messages are far below.
const LONGEST: u64 = 1 << 20;

fn decrypt(args: &Restore) -> Result<Zeroizing<String>, CardError> {
    let path = &args.file;
    let does_not_open = |why: String| BackupError::DoesNotOpen { path: path.clone(), why };
    let file = fs::File::open(path).map_err(file_error("read", path))?;
    let decryptor =
        age::Decryptor::new(io::BufReader::new(file)).map_err(|e| does_not_open(e.to_string()))?;
    let identity: Box<dyn age::Identity> = match &args.identity {
        Some(key_path) => {
            let text = Zeroizing::new(fs::read_to_string(key_path).map_err(file_error("read", key_path))?);
            let mut keys = text.lines().filter_map(|l| l.trim().parse::<age::x25519::Identity>().ok());
            Box::new(keys.next().ok_or_else(|| BackupError::NoIdentity(key_path.clone()))?)
        }
        None => {
            let passphrase = PASSPHRASE.required(args.passphrase_file.as_deref(), false)?;
            let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.as_str()));
            // Made on a faster machine it may take this one a while; beyond this it is no backup of ours.
            identity.set_max_work_factor(22);
            Box::new(identity)
        }
    };
    let reader = decryptor.decrypt(std::iter::once(&*identity));
    let reader = reader.map_err(|e| match e {
        age::DecryptError::NoMatchingKeys | age::DecryptError::DecryptionFailed => {
            does_not_open("wrong passphrase or key, or the file was changed".into())
        }
        other => does_not_open(other.to_string()),
    })?;
    let mut text = Zeroizing::new(String::new());
    let read = reader.take(LONGEST).read_to_string(&mut text);
    read.map_err(|_| does_not_open("it was changed or cut short".into()))?;
    Ok(text)
}

/// Reads what is inside: all entries, none of them twice or free.
fn entries(path: &Path, text: &str) -> Result<Vec<Entry>, BackupError> {
    let not_a_backup = |why: String| BackupError::NotABackup { path: path.to_owned(), why };
    let contents: Contents = toml::from_str(text).map_err(|e| not_a_backup(e.message().to_owned()))?;
    if contents.format != 1 {
        return Err(not_a_backup(format!("format {}", contents.format)));
    }
    let contacts = contents.contact.into_iter().map(|c| ("contact", ADN, c.record, c.octets));
    let messages = contents.message.into_iter().map(|m| ("message", SMS, m.record, m.octets));
    let mut out: Vec<Entry> = Vec::new();
    for (what, file, record, octets) in contacts.chain(messages) {
        let octets =
            hex::decode(octets).map_err(|_| not_a_backup(format!("{what} {record}: not hexadecimal")))?;
        if is_free(file, &octets) || out.iter().any(|e| e.path == file && e.record == record) {
            return Err(not_a_backup(format!("{what} {record}: free, or there twice")));
        }
        out.push(Entry { what, path: file, record, octets });
    }
    Ok(out)
}

/// Puts a backup back.
pub(crate) fn restore(args: &Restore) -> Result<(), CardError> {
    let text = decrypt(args)?;
    let entries = entries(&args.file, &text)?;
    let pin = args.holder.pin()?;
    let (written, kept) = args.card.visit(|terminal| {
        terminal.select_usim()?;
        if let Some(pin) = &pin {
            terminal.verify(pin, args.holder.last_try)?;
        }
        let to_write = compare(terminal, &entries, args.replace)?;
        for entry in &to_write {
            terminal.select(entry.path)?;
            terminal.update_record(entry.record, &entry.octets)?;
        }
        for entry in &entries {
            terminal.select(entry.path)?;
            let len = u8::try_from(entry.octets.len()).unwrap_or(u8::MAX);
            if terminal.read_record(entry.record, len)?.as_ref() != Some(&entry.octets) {
                return Err(BackupError::NotKept { what: entry.what, record: entry.record }.into());
            }
        }
        Ok((to_write.len(), entries.len() - to_write.len()))
    })?;
    println!(
        "{written} records written, {kept} were there already; all {} read back byte for byte",
        written + kept
    );
    Ok(())
}

/// The entries that are not on the card yet. Refused as a whole if one has no place, or takes the place of another.
fn compare<'a>(
    terminal: &mut Terminal<'_>,
    entries: &'a [Entry],
    replace: bool,
) -> Result<Vec<&'a Entry>, CardError> {
    let (mut to_write, mut in_use) = (Vec::new(), Vec::new());
    for path in [ADN, SMS] {
        let mine = entries.iter().filter(|e| e.path == path);
        let mut mine = mine.peekable();
        if mine.peek().is_none() {
            continue;
        }
        let there = match records(terminal, path)? {
            Records::NoFile => Vec::new(),
            Records::BehindThePin => {
                let status = Status::SECURITY_NOT_SATISFIED;
                return Err(TerminalError::Refused { what: "reading contacts and messages", status }.into());
            }
            Records::All(all) => all,
        };
        for entry in mine {
            let found =
                there.iter().find(|(n, octets)| *n == entry.record && octets.len() == entry.octets.len());
            let Entry { what, record, .. } = *entry;
            let Some((_, found)) = found else {
                return Err(BackupError::NoSuchRecord { what, record, octets: entry.octets.len() }.into());
            };
            if *found == entry.octets {
                continue;
            }
            if !is_free(path, found) && !replace {
                in_use.push(format!("{what} {record}"));
            }
            to_write.push(entry);
        }
    }
    if in_use.is_empty() { Ok(to_write) } else { Err(BackupError::InUse(in_use.join(", ")).into()) }
}
