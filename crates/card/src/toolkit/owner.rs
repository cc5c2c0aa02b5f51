//! What the toolkit is for: the owner's menu, the alert, and what the card has seen of the telephone it is in.
//!
//! | choice | what comes of it |
//! |---|---|
//! | 1 Status | the number's deed, whether the PIN is asked for, the telephone last seen |
//! | 2 Lock | the PIN is asked for from now on, nobody is recognised on any channel, and the telephone begins anew |
//! | 3 This was not me | an alert to the operator, signed by the owner's key: where EF.ALERT says, as a datagram or a short message |
//!
//! An alert is `"SWA1" ‖ deed 32 ‖ number 8 ‖ length ‖ location ‖ r ‖ s`; what is signed is all before r, after
//! `"simward.card.alert.1" 00`. Its number only grows and is durable before it goes, so that an alert heard once is worth nothing again.
//! It cannot take a hold away; what it does is its receiver's to decide.
//!
//! Events go into EF.SEEN and telephones' identities into EF.TELEPHONES, the newest first, where they are news: another area, not
//! another cell, another cause, another telephone. Only what the card asked for is written down, and so much in a session.

use super::command::{Endpoint, Step};
use super::{Abilities, Toolkit};
use crate::answer::Answer;
use crate::card::Live;
use crate::change::Change;
use crate::codec::Reader;
use crate::file::{FileId, Life, Structure};
use crate::medium::{Anchor, Medium};
use crate::owner_key;
use crate::pin::{Recognition, pin};
use crate::reference::{ALERT, DEED, SEEN, TELEPHONES};
use crate::session::{Session, secrets};
use crate::state::State;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use keys::digest::sha256;
use rand_core::CryptoRng;
use wire::apdu::{Cla, Command, Ins, Status};
use wire::sms::{Address, DataCoding, Submit, UserData};
use wire::toolkit::{Response, find, tag};
use zeroize::Zeroizing;

/// The menu's choices.
const STATUS: u8 = 1;
const LOCK: u8 = 2;
const NOT_ME: u8 = 3;

/// Events (TS 102 223 §8.25), and what a terminal says that it can tell of them: octet and bit of its profile.
const LOCATION_STATUS: u8 = 0x03;
const ACCESS_TECHNOLOGY: u8 = 0x0b;
const NETWORK_REJECTION: u8 = 0x12;
const EVENTS: [(u8, &[(usize, u8)]); 3] =
    [(LOCATION_STATUS, &[(5, 5)]), (ACCESS_TECHNOLOGY, &[(6, 5)]), (NETWORK_REJECTION, &[(25, 5), (25, 7)])];
/// Events written down in a session, at most.
const MOST_SEEN: u16 = 100;
/// Octets of a telephone's identity (TS 102 223 §8.20).
const IMEI_BYTES: usize = 8;
/// Octets of a location that say in which area it is: network and area code, without the cell.
const AREA_BYTES: usize = 5;

/// What a terminal can do: octet and bit of its profile (TS 102 223 §5.2).
const CAN_SHOW: (usize, u8) = (3, 1);
const CAN_ASK: (usize, u8) = (3, 3);
const CAN_POLL: (usize, u8) = (3, 6);
const CAN_REFRESH: (usize, u8) = (3, 8);
const CAN_SEND_MESSAGES: (usize, u8) = (4, 2);
const CAN_MENU: (usize, u8) = (4, 6);
const CAN_LOCATE: (usize, u8) = (4, 7);
const CAN_TELL_EVENTS: (usize, u8) = (5, 1);
const CAN_TIME: (usize, u8) = (8, 1);
const CAN_OPEN_CHANNELS: (usize, u8) = (12, 1);
const CAN_UDP: (usize, u8) = (17, 2);
const SHOWS_UCS2: (usize, u8) = (2, 7);

/// Minutes between two looks at the card.
const POLL_MINUTES: u8 = 5;
/// Minutes until an alert that found the network busy goes again, and how often it does.
const AGAIN_MINUTES: u8 = 1;
const AGAIN: u8 = 3;

/// An alert on its way.
#[derive(Default)]
pub(super) struct Alert {
    /// Its number; 0 while none is on its way.
    number: u64,
    message: Vec<u8>,
    /// Times that it may still be tried again.
    left: u8,
}

/// Where an alert goes.
struct Receiver {
    number: Option<Address>,
    endpoint: Option<Endpoint>,
}

impl Toolkit {
    fn able(&self, (octet, bit): (usize, u8)) -> bool {
        self.can(octet, bit)
    }

    /// In the words that this terminal can show.
    fn say(&self, english: &str, chinese: &str) -> String {
        if self.able(SHOWS_UCS2) { format!("{chinese} {english}") } else { english.to_string() }
    }

    fn show(&mut self, english: &str, chinese: &str) {
        if self.able(CAN_SHOW) {
            let text = self.say(english, chinese);
            self.want(Step::Show(text));
        }
    }
}

/// What the card wants once it knows what the terminal can.
pub(super) fn set_up(toolkit: &mut Toolkit, state: &State) {
    let Some(can) = toolkit.can else { return };
    let told = |bits: &[(usize, u8)]| bits.iter().any(|(octet, bit)| Abilities::has(&can, *octet, *bit));
    let events: Vec<u8> = EVENTS.iter().filter(|(_, bits)| told(bits)).map(|(event, _)| *event).collect();
    if toolkit.able(CAN_TELL_EVENTS) && !events.is_empty() {
        toolkit.want(Step::Events(events));
    }
    if toolkit.able(CAN_LOCATE) {
        toolkit.want(Step::Imei);
    }
    if toolkit.able(CAN_MENU) && toolkit.able(CAN_SHOW) {
        let mut items =
            Vec::from([(STATUS, toolkit.say("Status", "状态")), (LOCK, toolkit.say("Lock", "锁定"))]);
        if receiver(state).is_some() {
            items.push((NOT_ME, toolkit.say("This was not me", "不是我")));
        }
        toolkit.want(Step::Menu(toolkit.say("My number", "守号"), items));
    }
    if toolkit.able(CAN_POLL) {
        toolkit.want(Step::Poll(POLL_MINUTES));
    }
}

/// MENU SELECTION.
pub(super) fn chosen<M: Medium, A: Anchor>(
    envelope: &[u8],
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let item = find(envelope, tag::ITEM_IDENTIFIER).ok_or(Status::WRONG_DATA)?;
    let toolkit = &mut session.toolkit;
    match item {
        [STATUS] => {
            let (english, chinese) = status(&live.state);
            toolkit.show(&english, &chinese);
        }
        [LOCK] if live.state.asks_holder() => lock(live, session),
        [LOCK] if toolkit.able(CAN_ASK) => {
            let text = toolkit.say("PIN, to lock with", "输入 PIN 以锁定");
            toolkit.want(Step::AskPin(text));
        }
        [LOCK] => toolkit.show("This telephone cannot ask for a PIN", "此手机不能输入 PIN"),
        [NOT_ME] => alert(live, session, rng)?,
        _ => return Err(Status::WRONG_DATA),
    }
    Ok(Answer::Done)
}

/// What the owner is told: no secret, for anybody who has the telephone may choose it.
fn status(state: &State) -> (String, String) {
    let deed = content(&DEED, state).and_then(|deed| deed.first_chunk::<4>()).map(|d| u32::from_be_bytes(*d));
    let deed = deed.map_or_else(|| "-".to_string(), |deed| format!("{deed:08x}"));
    let asked = state.asks_holder();
    let telephone = content(&TELEPHONES, state).and_then(|all| all.first_chunk::<IMEI_BYTES>());
    let imei = telephone.map_or_else(|| "-".to_string(), |imei| digits(imei));
    (
        format!("Deed {deed}. PIN {}. IMEI {imei}", if asked { "on" } else { "OFF" }),
        format!("权契 {deed}，PIN {}，IMEI {imei}。", if asked { "已启用" } else { "未启用" }),
    )
}

/// An identity's digits: the first half octet is in the upper half of the first (TS 24.008 §10.5.1.4).
fn digits(imei: &[u8]) -> String {
    let halves = imei.iter().flat_map(|b| [b & 0x0f, b >> 4]).skip(1);
    halves.take_while(|d| *d < 10).map(|d| char::from(b'0' + d)).collect()
}

/// Nobody is recognised, and the telephone begins anew, so that it asks for the PIN.
fn lock<M, A>(live: &Live<M, A>, session: &mut Session) {
    for channel in session.channels.open_ones() {
        channel.forget_all();
    }
    session.close_vault(&live.state);
    let toolkit = &mut session.toolkit;
    if toolkit.able(CAN_REFRESH) {
        toolkit.want(Step::Reset);
    } else {
        toolkit.show("Locked", "已锁定");
    }
}

/// An alert is written down as sent, and goes.
fn alert<M: Medium, A: Anchor>(
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
    if toolkit.able(CAN_LOCATE) {
        toolkit.want(Step::Locate);
        return Ok(());
    }
    send(&[], live, session)
}

/// Signs the alert that was written down, and chooses its way.
fn send<M: Medium, A: Anchor>(
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
    let deed = content(&DEED, &live.state).and_then(|deed| deed.first_chunk::<32>()).unwrap_or(&[0; 32]);
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
    let by_packet = toolkit.able(CAN_OPEN_CHANNELS) && toolkit.able(CAN_UDP);
    match (endpoint.filter(|_| by_packet), number) {
        (Some(endpoint), _) => toolkit.want(Step::Open(endpoint)),
        (None, Some(number)) if toolkit.able(CAN_SEND_MESSAGES) => by_message(&number, toolkit),
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

/// What became of a step.
pub(super) fn answered<M: Medium, A: Anchor>(
    step: &Step,
    response: &Response<'_>,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<(), Status> {
    let done = response.is_done();
    match step {
        Step::Events(events) if done => {
            session.toolkit.events.clone_from(events);
            Ok(())
        }
        Step::Imei if done => match response.field(tag::IMEI).and_then(|imei| imei.try_into().ok()) {
            Some(imei) => meet(imei, live, rng),
            None => Ok(()),
        },
        // Where it is makes an alert better; where nobody says, it goes without.
        Step::Locate => {
            let location = response.field(tag::LOCATION_INFORMATION).filter(|_| done).unwrap_or_default();
            send(location, live, session)
        }
        Step::AskPin(_) if done => match response.field(tag::TEXT_STRING) {
            Some([_, digits @ ..]) => lock_with(digits, live, session, rng),
            _ => Ok(()),
        },
        Step::Open(_) if done => {
            // Which channel it is stands in the lowest three bits (TS 102 223 §8.56).
            match response.field(tag::CHANNEL_STATUS).and_then(|status| status.first()) {
                Some(status) => {
                    let message = session.toolkit.alert.message.clone();
                    session.toolkit.want(Step::Send(status & 0x07, message));
                }
                None => failed(response, live, &mut session.toolkit),
            }
            Ok(())
        }
        Step::Send(channel, _) => {
            session.toolkit.want(Step::Close(*channel));
            if done {
                sent(&mut session.toolkit);
            } else {
                failed(response, live, &mut session.toolkit);
            }
            Ok(())
        }
        Step::Message(..) if done => {
            sent(&mut session.toolkit);
            Ok(())
        }
        Step::Open(_) | Step::Message(..) => {
            failed(response, live, &mut session.toolkit);
            Ok(())
        }
        // The rest is as it is, done or not.
        _ => Ok(()),
    }
}

fn sent(toolkit: &mut Toolkit) {
    toolkit.alert = Alert::default();
    toolkit.show("The alert was sent", "警报已发出");
}

/// A way that was closed: the other one, or the same one later, or the owner is told.
fn failed<M, A>(response: &Response<'_>, live: &Live<M, A>, toolkit: &mut Toolkit) {
    let by_packet = [wire::toolkit::command::OPEN_CHANNEL, wire::toolkit::command::SEND_DATA];
    let number = receiver(&live.state).and_then(|receiver| receiver.number);
    if by_packet.contains(&response.kind)
        && toolkit.able(CAN_SEND_MESSAGES)
        && let Some(number) = number
    {
        by_message(&number, toolkit);
    } else if response.is_busy() && toolkit.alert.left > 0 && toolkit.able(CAN_TIME) {
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

/// The PIN that the owner typed: asked for from now on. It costs a try like any other.
fn lock_with<M: Medium, A: Anchor>(
    digits: &[u8],
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<(), Status> {
    let mut block = Zeroizing::new([0xff; 8]);
    block.iter_mut().zip(digits).for_each(|(to, from)| *to = *from);
    let key = live.state.holders_code().octet();
    let command =
        Command { cla: Cla::INTERINDUSTRY, ins: Ins::ENABLE_PIN, p1: 0, p2: key, data: &block[..], le: None };
    let Session { channels, secrets, .. } = &mut *session;
    let channel = channels.get(0).ok_or(Status::TECHNICAL_PROBLEM)?;
    match pin(&command, live, &mut Recognition { channel, secrets }, rng) {
        Ok(_) => lock(live, session),
        Err(Status::MEMORY_PROBLEM) => return Err(Status::MEMORY_PROBLEM),
        Err(Status::BLOCKED) => session.toolkit.show("The PIN is blocked. Not locked", "PIN 已锁死，未锁定"),
        Err(_) => session.toolkit.show("Wrong PIN. Not locked", "PIN 错误，未锁定"),
    }
    Ok(())
}

/// EVENT DOWNLOAD.
pub(super) fn happened<M: Medium, A: Anchor>(
    envelope: &[u8],
    live: &mut Live<M, A>,
    toolkit: &mut Toolkit,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let Some([event]) = find(envelope, tag::EVENT_LIST) else { return Err(Status::WRONG_DATA) };
    if !EVENTS.iter().any(|(known, _)| known == event) {
        return Err(Status::WRONG_DATA);
    }
    // Nobody asked for it, or too often.
    if !toolkit.events.contains(event) || toolkit.seen >= MOST_SEEN {
        return Ok(Answer::Done);
    }
    let mut told = Vec::new();
    for object in wire::toolkit::objects(envelope).map_while(Result::ok) {
        let who = [tag::EVENT_LIST, tag::DEVICE_IDENTITIES].map(u16::from);
        let value = match object.value.get(..AREA_BYTES) {
            Some(area) if object.tag == u16::from(tag::LOCATION_INFORMATION) => area,
            _ => object.value,
        };
        if let (Ok(tag), Ok(len)) = (u8::try_from(object.tag), u8::try_from(value.len()))
            && !who.contains(&object.tag)
        {
            told.extend_from_slice(&[tag, len]);
            told.extend_from_slice(value);
        }
    }
    if see(*event, &told, live, rng)? {
        toolkit.seen += 1;
    }
    Ok(Answer::Done)
}

/// Writes down what was seen, if it is news: what it is, how long what was said of it is, and that, as far as it fits.
fn see<M: Medium, A: Anchor>(
    what: u8,
    said: &[u8],
    live: &mut Live<M, A>,
    rng: &mut impl CryptoRng,
) -> Result<bool, Status> {
    let Some((id, record)) = cyclic(&SEEN, &live.state) else { return Ok(false) };
    let said = said.get(..record.saturating_sub(2)).unwrap_or(said);
    if newest(what, &live.state) == Some(said) {
        return Ok(false);
    }
    let mut new = [&[what, said.len() as u8], said].concat();
    new.resize(record, 0xff);
    live.commit(&[Change::Push(id, new)], rng)?;
    Ok(true)
}

/// Writes down in which telephone it is, if that is another than the last.
fn meet<M: Medium, A: Anchor>(
    imei: &[u8; IMEI_BYTES],
    live: &mut Live<M, A>,
    rng: &mut impl CryptoRng,
) -> Result<(), Status> {
    let Some((id, record)) = cyclic(&TELEPHONES, &live.state) else { return Ok(()) };
    let mut new = imei.to_vec();
    new.resize(record, 0xff);
    if live.state.tree.file(id).is_some_and(|f| f.content.starts_with(&new)) {
        return Ok(());
    }
    live.commit(&[Change::Push(id, new)], rng)
}

/// A cyclic file of ours and the length of its records.
fn cyclic(path: &[u16], state: &State) -> Option<(FileId, usize)> {
    let id = state.tree.at(None, path).filter(|id| state.tree.usable(*id))?;
    match state.tree.file(id)?.structure()? {
        Structure::Cyclic(record) if usize::from(record) >= IMEI_BYTES => Some((id, usize::from(record))),
        _ => None,
    }
}

/// What was said last of this.
fn newest(what: u8, state: &State) -> Option<&[u8]> {
    let (id, record) = cyclic(&SEEN, state)?;
    let mut records = state.tree.file(id)?.content.chunks(record);
    let record = records.find(|record| record.first() == Some(&what))?;
    let mut reader = Reader(record.get(1..)?);
    let len = reader.u8()?;
    reader.take(usize::from(len))
}

/// What is in a file, while it is in use.
fn content<'s>(path: &[u16], state: &'s State) -> Option<&'s [u8]> {
    let id = state.tree.at(None, path).filter(|id| state.tree.usable(*id))?;
    state.tree.file(id).filter(|f| f.life != Life::Deactivated).map(|f| &f.content[..])
}

/// What EF.ALERT says after its length: a number (06), an address (3E) and its port (3C); `None` where it says neither.
fn receiver(state: &State) -> Option<Receiver> {
    let alert = content(&ALERT, state)?;
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
