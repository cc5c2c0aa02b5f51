//! The alert: "this was not me", to the operator, signed by the owner's key; where EF.ALERT says, as a datagram or a short message.
//!
//! ```text
//! "SWA1" ‖ deed 32 ‖ number 8 ‖ length ‖ location ‖ r ‖ s
//! ```
//!
//! What is signed is all before r, after `"simward.card.alert.1" 00`. Its number only grows and is durable before it goes, so that an
//! alert heard once is worth nothing again. It takes no hold away; what it does is its receiver's to decide.

use super::Toolkit;
use super::abilities::Ability;
use super::command::{Endpoint, Step};
use crate::answer::Answer;
use crate::card::Live;
use crate::change::Change;
use crate::medium::{Anchor, Medium};
use crate::owner_key;
use crate::reference::{ALERT, DEED};
use crate::session::{Session, secrets};
use crate::state::State;
use alloc::string::String;
use alloc::vec::Vec;
use keys::digest::sha256;
use rand_core::CryptoRng;
use wire::apdu::Status;
use wire::sms::{Address, DataCoding, Submit, UserData};
use wire::toolkit::{Response, command, find, tag};

/// Minutes until an alert that found the network busy goes again, and how often it does.
const AGAIN_MINUTES: u8 = 1;
const AGAIN: u8 = 3;

/// An alert on its way.
#[derive(Default)]
pub(super) struct Alert {
    /// Its number; 0 while none is on its way.
    number: u64,
    pub(super) message: Vec<u8>,
    /// Times that it may still be tried again.
    left: u8,
}

/// Where an alert goes.
pub(super) struct Receiver {
    number: Option<Address>,
    endpoint: Option<Endpoint>,
}

/// An alert is written down as sent, and goes.
pub(super) fn alert<M: Medium, A: Anchor>(
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<(), Status> {
    let Some(_) = receiver(&live.state) else { return Err(Status::WRONG_DATA) };
    let Session { channels, secrets: open, toolkit, .. } = session;
    let channel = channels.get(0).ok_or(Status::TECHNICAL_PROBLEM)?;
    if secrets(live, channel, open).is_err() {
        toolkit.show("Enter your PIN in the telephone first", "请先在手机上输入 PIN");
        return Ok(());
    }
    if toolkit.alert.number != 0 || !toolkit.has_room(1) {
        toolkit.show("An alert is on its way", "警报正在发送");
        return Ok(());
    }
    let number = live.state.extras.alerts.checked_add(1).ok_or(Status::MAXIMUM_REACHED)?;
    live.commit(&[Change::Alert(number)], rng)?;
    toolkit.alert.number = number;
    if toolkit.can(Ability::LOCAL_INFORMATION) {
        toolkit.want(Step::Locate);
        return Ok(());
    }
    send(&[], live, session)
}

/// Signs the alert that was written down, and chooses its way.
pub(super) fn send<M: Medium, A: Anchor>(
    location: &[u8],
    live: &Live<M, A>,
    session: &mut Session,
) -> Result<(), Status> {
    const MAGIC: &[u8] = b"SWA1";
    const LABEL: &[u8] = b"simward.card.alert.1\0";
    const LONGEST_LOCATION: usize = 11;
    let Session { channels, secrets: open, toolkit, .. } = session;
    let channel = channels.get(0).ok_or(Status::TECHNICAL_PROBLEM)?;
    let secrets = secrets(live, channel, open)?;
    let deed = live.state.content(&DEED).and_then(|deed| deed.first_chunk::<32>()).unwrap_or(&[0; 32]);
    let location = location.get(..LONGEST_LOCATION).unwrap_or(location);
    let number = toolkit.alert.number.to_be_bytes();
    let mut message = [MAGIC, &deed[..], &number, &[location.len() as u8], location].concat();
    let digest = sha256(&[LABEL, &message]);
    let signature = owner_key::sign(live.state.extras.owner.as_ref(), secrets, &digest);
    message.extend_from_slice(&signature.ok_or(Status::REFERENCE_NOT_FOUND)?);
    toolkit.alert = Alert { message, left: AGAIN, ..toolkit.alert };
    go(live, toolkit);
    Ok(())
}

/// The alert's next way: as a datagram where both can, as a message otherwise.
fn go<M, A>(live: &Live<M, A>, toolkit: &mut Toolkit) {
    let Some(Receiver { number, endpoint }) = receiver(&live.state) else { return };
    let by_packet = toolkit.can(Ability::OPEN_CHANNEL) && toolkit.can(Ability::UDP);
    match (endpoint.filter(|_| by_packet), number) {
        (Some(endpoint), _) => toolkit.want(Step::Open(endpoint)),
        (None, Some(number)) if toolkit.can(Ability::SEND_SHORT_MESSAGE) => by_message(&number, toolkit),
        (None, _) => {
            toolkit.alert = Alert::default();
            toolkit.show("This telephone cannot send the alert", "此手机无法发送警报");
        }
    }
}

fn by_message(number: &Address, toolkit: &mut Toolkit) {
    let data = UserData::octets(DataCoding::OCTETS, Vec::new(), toolkit.alert.message.clone());
    match Submit::new(0, number.clone(), data).to_bytes() {
        Ok(tpdu) => {
            let text = toolkit.say("Alert", "警报");
            toolkit.want(Step::Message(text, tpdu));
        }
        Err(_) => {
            toolkit.alert = Alert::default();
            toolkit.show("The alert cannot be sent", "无法发送警报");
        }
    }
}

/// The owner is told.
pub(super) fn sent(toolkit: &mut Toolkit) {
    toolkit.alert = Alert::default();
    toolkit.show("The alert was sent", "警报已发出");
}

/// A way that was closed: the other one, or the same one later, or the owner is told.
pub(super) fn failed<M, A>(response: &Response<'_>, live: &Live<M, A>, toolkit: &mut Toolkit) {
    let by_packet = [command::OPEN_CHANNEL, command::SEND_DATA];
    let number = receiver(&live.state).and_then(|receiver| receiver.number);
    if by_packet.contains(&response.kind)
        && toolkit.can(Ability::SEND_SHORT_MESSAGE)
        && let Some(number) = number
    {
        by_message(&number, toolkit);
    } else if response.is_busy() && toolkit.alert.left > 0 && toolkit.can(Ability::TIMER) {
        toolkit.alert.left -= 1;
        toolkit.want(Step::Timer(AGAIN_MINUTES));
    } else {
        toolkit.alert = Alert::default();
        toolkit.show("The alert was NOT sent", "警报未能发出");
    }
}

/// TIMER EXPIRATION: an alert goes again.
pub(super) fn expired<M: Medium, A: Anchor>(
    envelope: &[u8],
    live: &Live<M, A>,
    session: &mut Session,
) -> Result<Answer<'static>, Status> {
    find(envelope, tag::TIMER_IDENTIFIER).ok_or(Status::WRONG_DATA)?;
    if !session.toolkit.alert.message.is_empty() {
        go(live, &mut session.toolkit);
    }
    Ok(Answer::Done)
}

/// What EF.ALERT says after its length: a number (06), an address (3E) and its port (3C); `None` where it says neither.
pub(super) fn receiver(state: &State) -> Option<Receiver> {
    let alert = state.content(&ALERT)?;
    // An object whose value ends before the filling.
    let [len, said @ ..] = alert else { return None };
    let said = said.get(..usize::from(*len))?;
    let number = find(said, tag::ADDRESS).and_then(number);
    let endpoint = match (find(said, tag::OTHER_ADDRESS), find(said, tag::TRANSPORT_LEVEL)) {
        (Some([0x21, a, b, c, d]), Some([0x01, high, low])) => {
            Some(Endpoint { address: [*a, *b, *c, *d], port: u16::from_be_bytes([*high, *low]) })
        }
        _ => None,
    };
    (number.is_some() || endpoint.is_some()).then_some(Receiver { number, endpoint })
}

/// Type of number and plan, then digits, two to an octet, F to fill.
fn number(value: &[u8]) -> Option<Address> {
    let (kind, coded) = value.split_first()?;
    let halves = coded.iter().flat_map(|b| [b & 0x0f, b >> 4]);
    let digits: String = halves.take_while(|d| *d < 10).map(|d| char::from(b'0' + d)).collect();
    (!digits.is_empty()).then_some(Address::Digits { kind: *kind, digits })
}
