//! `simward card contact`: the phone book on the card.

use super::CardError;
use super::files::{ADN, Holder};
use super::terminal::{TerminalError, Where};
use wire::apdu::Status;
use wire::phonebook::Contact;

/// Add a contact to the card.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write a contact into the first free record. Takes the PIN.
    Add {
        #[command(flatten)]
        card: Where,
        #[command(flatten)]
        holder: Holder,
        /// The name, of up to 20 letters, or 9 characters that are not in the GSM alphabet.
        name: String,
        /// The number, with + and its country code, or as it is dialled.
        number: String,
    },
}

/// Does what was asked.
pub(crate) fn run(command: &Command) -> Result<(), CardError> {
    let Command::Add { card, holder, name, number } = command;
    let contact = Contact { name: name.clone(), number: Some(number.parse()?) };
    let pin = holder.pin()?;
    card.visit(|terminal| {
        terminal.select_usim()?;
        if let Some(pin) = &pin {
            terminal.verify(pin, holder.last_try)?;
        }
        let no_file = TerminalError::Refused { what: "EF.ADN", status: Status::FILE_NOT_FOUND };
        let file = terminal.select(ADN)?.ok_or(no_file)?;
        let len = file.record.unwrap_or_default();
        let record = contact.to_record(usize::from(len))?;
        for number in 1..=file.records() {
            let status = Status::SECURITY_NOT_SATISFIED;
            let found = terminal.read_record(number, len)?;
            let found = found.ok_or(TerminalError::Refused { what: "READ RECORD of a contact", status })?;
            if matches!(Contact::parse(&found), Ok(None)) {
                terminal.update_record(number, &record)?;
                println!("contact {number}: {name} {number_text}", number_text = contact_number(&contact));
                return Ok(());
            }
        }
        Err(CardError::Full(usize::from(file.records())))
    })
}

/// The number as people write it.
pub(crate) fn contact_number(contact: &Contact) -> String {
    contact.number.as_ref().map_or_else(|| "no number".to_owned(), ToString::to_string)
}
