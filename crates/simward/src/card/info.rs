//! `simward card info` and `simward card log`: what a card is, and what it has seen.

use super::CardError;
use super::files::{ADN, Holder, ICCID, Records, SMS, bcd_digits, records};
use super::terminal::{Terminal, Where};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use wire::apdu::Status;
use wire::phonebook::Contact;
use wire::sms::Record;
use wire::tlv::find;
use wire::toolkit::{objects, tag};

/// Show what a card is: its number, its applications, its codes, how full it is, which telephone it was in.
#[derive(Debug, clap::Args)]
pub(crate) struct Info {
    #[command(flatten)]
    card: Where,
    #[command(flatten)]
    holder: Holder,
}

/// Show what a card has seen: telephones, networks that turned it away, where it was. The newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    #[command(flatten)]
    card: Where,
    #[command(flatten)]
    holder: Holder,
}

/// EF.DIR (TS 102 221 §13.1); EF.DEED, EF.SEEN and EF.TELEPHONES, which are ours.
const DIR: &[u16] = &[0x2f00];
const DEED: &[u16] = &[0x2f1d];
const SEEN: &[u16] = &[0x2f1f];
const TELEPHONES: &[u16] = &[0x2f20];

fn known(terminal: &mut Terminal<'_>, holder: &Holder) -> Result<(), CardError> {
    let pin = holder.pin()?;
    terminal.select_usim()?;
    if let Some(pin) = &pin {
        terminal.verify(pin, holder.last_try)?;
    }
    Ok(())
}

/// Shows what a card is.
pub(crate) fn info(args: &Info) -> Result<(), CardError> {
    let text = args.card.visit(|terminal| {
        let mut out = String::new();
        // The tries first: presenting a PIN gives them back.
        terminal.select_usim()?;
        let (pin, puk) = terminal.tries()?;
        let asked = terminal.pin_is_asked_for()?;
        known(terminal, &args.holder)?;
        let iccid = binary(terminal, ICCID)?.map(|octets| bcd_digits(&octets));
        let _ = writeln!(out, "card          {}", iccid.unwrap_or_else(|| "no number".into()));
        if let Some(deed) = binary(terminal, DEED)? {
            let _ = writeln!(out, "deed          {}", hex::encode(deed));
        }
        if let Records::All(all) = records(terminal, DIR)? {
            let names: Vec<_> = all.iter().filter_map(|(_, record)| application(record)).collect();
            let _ = writeln!(out, "applications  {}", names.join(", "));
        }
        let is_asked = if asked { "asked for" } else { "NOT asked for: whoever has the card uses it" };
        let _ = writeln!(out, "PIN           {is_asked}; {pin} tries left, of the PUK {puk}");
        let is_contact = |record: &[u8]| !matches!(Contact::parse(record), Ok(None));
        let _ = writeln!(out, "contacts      {}", fill(terminal, ADN, is_contact)?);
        let _ = writeln!(out, "messages      {}", fill(terminal, SMS, |record| !Record::is_free(record))?);
        if let Records::All(all) = records(terminal, TELEPHONES)?
            && let Some(telephone) = all.first().and_then(|(_, record)| imei(record))
        {
            let _ = writeln!(out, "telephone     {telephone}");
        }
        Ok(out)
    })?;
    io::stdout().write_all(text.as_bytes()).map_err(super::system("write"))
}

fn binary(terminal: &mut Terminal<'_>, path: &[u16]) -> Result<Option<Vec<u8>>, CardError> {
    match terminal.select(path)? {
        Some(file) => Ok(terminal.read_binary(file.size)?),
        None => Ok(None),
    }
}

/// An application's label and name.
fn application(record: &[u8]) -> Option<String> {
    let template = find(record, 0x61)?;
    let name = hex::encode_upper(find(template, 0x4f)?);
    let label = find(template, 0x50).map(|label| String::from_utf8_lossy(label).into_owned());
    Some(label.map_or_else(|| name.clone(), |label| format!("{label} ({name})")))
}

/// How many records of a file are in use.
fn fill(
    terminal: &mut Terminal<'_>,
    path: &[u16],
    is_used: impl Fn(&[u8]) -> bool,
) -> Result<String, CardError> {
    Ok(match records(terminal, path)? {
        Records::NoFile => "no such file".into(),
        Records::BehindThePin => "behind the PIN".into(),
        Records::All(all) => {
            format!("{} of {}", all.iter().filter(|(_, record)| is_used(record)).count(), all.len())
        }
    })
}

/// Shows what a card has seen.
pub(crate) fn log(args: &Log) -> Result<(), CardError> {
    let text = args.card.visit(|terminal| {
        known(terminal, &args.holder)?;
        Ok(match records(terminal, SEEN)? {
            Records::NoFile => "this card writes down nothing (it has no EF.SEEN)\n".to_owned(),
            Records::BehindThePin => {
                let status = Status::SECURITY_NOT_SATISFIED;
                return Err(super::TerminalError::Refused { what: "reading what it has seen", status }.into());
            }
            Records::All(all) => {
                let mut lines: Vec<_> = all.iter().filter_map(|(_, record)| line(record)).collect();
                if let Records::All(all) = records(terminal, TELEPHONES)? {
                    let telephones = all.iter().filter_map(|(_, record)| imei(record));
                    lines.extend(telephones.map(|imei| format!("telephone  {imei}\n")));
                }
                if lines.is_empty() { "nothing yet\n".to_owned() } else { lines.concat() }
            }
        })
    })?;
    io::stdout().write_all(text.as_bytes()).map_err(super::system("write"))
}

/// A telephone's identity (TS 24.008 §10.5.1.4): the first half octet says what it is. `None` of a record that is free.
fn imei(octets: &[u8]) -> Option<String> {
    let halves = octets.iter().flat_map(|b| [b & 0x0f, b >> 4]).skip(1);
    let digits: String = halves.take_while(|d| *d < 10).map(|d| char::from(b'0' + d)).collect();
    (!digits.is_empty()).then_some(digits)
}

/// One thing seen, in words; `None` of a record that is free.
fn line(record: &[u8]) -> Option<String> {
    let [what, len, said @ ..] = record else { return None };
    let said = said.get(..usize::from(*len))?;
    let words = match *what {
        0x03 => format!("service    {}", status(said)),
        0x0b => format!("technology {}", said.get(2).map_or("unknown", |t| technology(*t))),
        0x12 => format!("refused    {}", rejection(said)),
        0xff => return None,
        other => format!("event {other:02x}   {}", hex::encode(said)),
    };
    Some(words + "\n")
}

/// Location status (TS 102 223 §8.27), and where, if it was said.
fn status(said: &[u8]) -> String {
    let status = match field(said, tag::LOCATION_STATUS) {
        Some([0]) => "normal",
        Some([1]) => "limited",
        Some([2]) => "none",
        _ => "unknown",
    };
    let place = field(said, tag::LOCATION_INFORMATION).map(|at| format!(", at {}", hex::encode(at)));
    status.to_owned() + &place.unwrap_or_default()
}

const fn technology(octet: u8) -> &'static str {
    match octet {
        0x00 => "GSM",
        0x03 => "UTRAN",
        0x08 => "E-UTRAN",
        0x0a => "NR",
        _ => "another",
    }
}

/// A network that turned the telephone away: which area, why (TS 102 223 §7.5.18).
fn rejection(said: &[u8]) -> String {
    const CAUSE: u8 = 0x75;
    let area = [tag::LOCATION_INFORMATION, 0x73, 0x7d].into_iter().find_map(|tag| field(said, tag));
    let cause = field(said, CAUSE).and_then(|cause| cause.first());
    let area = area.map_or_else(|| "unknown".to_owned(), hex::encode);
    cause.map_or_else(|| format!("in area {area}"), |cause| format!("in area {area}, cause {cause}"))
}

/// What was said as tag, length, value, without the bit that asks for comprehension.
fn field(said: &[u8], tag: u8) -> Option<&[u8]> {
    objects(said).map_while(Result::ok).find(|object| object.tag == u16::from(tag)).map(|object| object.value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_was_seen_is_told_in_words() {
        for (record, words) in [
            ("03031b0102ffff", "service    none\n"),
            ("12107d0500f11000013f010874010975010bffff", "refused    in area 00f1100001, cause 11\n"),
            ("030a1b0100130500f1100001ff", "service    normal, at 00f1100001\n"),
            ("0b033f0108ffff", "technology E-UTRAN\n"),
            ("ffffffff", ""),
        ] {
            let line = line(&hex::decode(record).unwrap());
            assert_eq!(line.unwrap_or_default(), words, "{record}");
        }
        assert_eq!(imei(&hex::decode("3a06000000000010").unwrap()).as_deref(), Some("360000000000001"));
        assert_eq!(imei(&[0xff; 8]), None);
    }
}
