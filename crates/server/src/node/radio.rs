//! Who is attached, and the messages on their way to them.
//!
//! A message is stored before anything is done with it and forgotten when the phone has said that it is stored there.
//! Whose phone it goes to is asked of the pins each time it is tried.

use super::heard::Heard;
use super::{Node, entries};
use deed::defence::{Defence, stands};
use operator::Refusal;
use operator::message::{KEPT, Queued, Route, route, tpdus};
use operator::pins::Served;
use operator::presence::{Away, Seen, alarms};
use operator::store::{Stream, Write};
use operator::timeline::{Actor, Entry, Happened, Kind};
use rand_core::Rng as _;
use std::collections::{HashMap, HashSet};
use tokio::sync::mpsc;
use wire::radio::Downlink;
use wire::sms::{Address, Payload, Relay, Submit};
use wire::{Imsi, Msisdn, UnixTime};

/// Messages tried in one go for one number.
const IN_ONE_GO: usize = 32;
/// Codes kept for one number, and texts of persons; one more is refused.
const KEPT_CODES: usize = 100;
const KEPT_TEXTS: usize = 100;
/// Texts kept for one number of one sender: nobody alone fills the room of all.
const KEPT_OF_ONE_SENDER: usize = 20;
const KEPT_FOR_ONE: usize = KEPT_CODES + KEPT_TEXTS;
/// How long a phone is left alone with a message that it could not store.
const AGAIN: u64 = 60;

/// A phone that is being served.
struct Attached {
    /// Which attach this was: whatever is left of an earlier one must not undo it.
    token: u64,
    seen: Seen,
    link: mpsc::Sender<Downlink>,
    /// The next RP reference.
    reference: u8,
    /// Parts on their way: the record each is of, and which part.
    on_the_way: HashMap<u8, (u64, usize)>,
    /// Messages of which something was sent.
    begun: HashMap<u64, Begun>,
}

/// How far a message has come.
#[derive(Default)]
struct Begun {
    parts: usize,
    stored: HashSet<usize>,
    /// Who sent it, if it is a code.
    code: Option<String>,
    /// Not before then, if the phone could not store a part.
    again: UnixTime,
}

/// Phones, and numbers with messages that wait.
#[derive(Default)]
pub(super) struct Attachments {
    phones: HashMap<Imsi, Attached>,
    waiting: HashSet<Msisdn>,
    tokens: u64,
}

/// What became of a message that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// On its way to the phone that is attached with the number's card.
    Sent,
    /// Kept until the number's card attaches.
    Waiting,
    /// Codes are held, until then if a time is known.
    Held(Option<UnixTime>),
}

impl Node {
    /// Writes down that a card came and got nothing, if it is or was somebody's.
    pub fn turned_away(&mut self, seen: &Seen, away: &Away) -> Result<(), Refusal> {
        let Some(number) = self.pins.number_knowing(&seen.imsi) else { return Ok(()) };
        // Whoever knows an IMSI can have it turned away; that must not fill the record.
        let now = self.clock.now();
        if self.heard.too_often(&number, &Heard::TURNED_AWAY, now) {
            return Ok(());
        }
        self.heard.count(&number, &Heard::TURNED_AWAY, now);
        let entry = self.entry(number, &away.entry(seen));
        self.write_door(vec![entry]).map(drop)
    }

    /// A card that has proved itself is served; the phone that was served before with the same card is not any more.
    pub fn attach(&mut self, seen: Seen, link: mpsc::Sender<Downlink>) -> Result<u64, Refusal> {
        // Asked once more: between the challenge and here the line may have been suspended, or moved.
        match self.pins.serve(&seen.imsi, self.witnessed) {
            Served::Line(_) => {}
            Served::EmergencyOnly => {
                return Err(Refusal::refused("suspended", "the line is suspended: emergency calls only"));
            }
            Served::Refused { code, why } => return Err(Refusal::refused(code, why)),
        }
        let number = self.pins.number_of(&seen.imsi, self.witnessed).ok_or_else(super::deeds::unknown)?;
        let here = self.attachments.phones.get(&seen.imsi).filter(|p| !p.link.is_closed());
        let here = here.map(|p| p.seen.clone());
        // The database holds up no call: without it there is no record and no comparison, and service all the same.
        let before = here.clone().or_else(|| self.last_seen(&number).unwrap_or_default());
        for alarm in alarms(&number, before.as_ref(), here.is_some(), &seen) {
            self.alarm_about(&number, &alarm);
        }
        let told = entries::attached(before.as_ref(), &seen);
        let told = told.iter().map(|entry| self.entry(number, entry)).collect();
        if let Err(refusal) = self.write_door(told) {
            tracing::error!(%refusal, "an attach is not in the record");
        }
        self.attachments.tokens += 1;
        let token = self.attachments.tokens;
        let reference = self.rng.next_u32().to_be_bytes()[0];
        let imsi = seen.imsi;
        let (on_the_way, begun) = (HashMap::new(), HashMap::new());
        let attached = Attached { token, seen, link, reference, on_the_way, begun };
        if let Some(old) = self.attachments.phones.insert(imsi, attached) {
            let _ = old.link.try_send(Downlink::Release("the card has attached elsewhere".into()));
        }
        Ok(token)
    }

    /// The phone has the network's word that it is served: now it gets what waits.
    pub fn attached(&mut self, imsi: &Imsi) -> Result<(), Refusal> {
        match self.pins.number_of(imsi, self.witnessed) {
            Some(number) => self.try_messages(&number),
            None => Ok(()),
        }
    }

    /// A phone has gone.
    pub fn detach(&mut self, imsi: &Imsi, token: u64) {
        if self.attachments.phones.get(imsi).is_some_and(|p| p.token == token) {
            self.attachments.phones.remove(imsi);
            if let Some(number) = self.pins.number_knowing(imsi) {
                self.jot(number, Entry::new(Actor::Network, Happened::Detached { imsi: *imsi }));
            }
        }
    }

    /// After a pin has changed: a phone whose card is served no longer is told, and cut off.
    pub(super) fn release_unserved(&mut self, number: &Msisdn) {
        let (pins, now) = (&self.pins, self.witnessed);
        self.attachments.phones.retain(|imsi, phone| {
            if pins.number_knowing(imsi).is_some_and(|n| n != *number) {
                return true;
            }
            let why = match pins.serve(imsi, now) {
                Served::Line(_) => return true,
                Served::EmergencyOnly => "the line is suspended: emergency calls only".to_string(),
                Served::Refused { why, .. } => why,
            };
            let _ = phone.link.try_send(Downlink::Release(why));
            false
        });
        self.attachments.waiting.insert(*number);
    }

    /// Where a number's card was last seen.
    pub fn last_seen(&mut self, number: &Msisdn) -> Result<Option<Seen>, Refusal> {
        let Some(line) = self.newest_of(number, &[Kind::Attached])? else { return Ok(None) };
        let Happened::Attached { imsi, imei, plmn, area } = line.entry.what else { return Ok(None) };
        Ok(Some(Seen { imsi, imei, plmn, area: u16::try_from(area).unwrap_or_default(), at: line.at }))
    }

    /// Whether the number's card is attached now.
    pub fn is_attached(&self, number: &Msisdn) -> bool {
        let imsi = self.pins.resolve(number, self.witnessed);
        imsi.and_then(|imsi| self.attachments.phones.get(&imsi)).is_some_and(|p| !p.link.is_closed())
    }

    /// Takes a message to a number: stored first, then tried.
    pub fn post(&mut self, number: &Msisdn, message: &Queued) -> Result<Posted, Refusal> {
        let now = self.clock.now();
        // Whatever cannot be coded is refused here, and not when nobody is left to be told.
        tpdus(message, now, 0)?;
        let posted = match self.route(number, message.application()) {
            Route::Nowhere => return Err(super::deeds::unknown()),
            Route::HeldUntil(until) => Posted::Held(Some(until)),
            Route::Held => Posted::Held(None),
            Route::Card(_) if self.is_attached(number) => Posted::Sent,
            Route::Card(_) => Posted::Waiting,
        };
        let kept: Vec<(u64, UnixTime, Queued)> = self.records(Stream::Message, number, KEPT_FOR_ONE)?;
        let alike = |other: &&(u64, UnixTime, Queued)| other.2.application() == message.application();
        let most = if message.application() { KEPT_CODES } else { KEPT_TEXTS };
        let of_sender = kept.iter().filter(alike).filter(|other| other.2.sender() == message.sender());
        if kept.iter().filter(alike).count() >= most
            || !message.application() && of_sender.count() >= KEPT_OF_ONE_SENDER
        {
            return Err(Refusal::refused("rate", "too many messages wait for this number"));
        }
        let mut writes = vec![self.record(Stream::Message, *number, message)];
        if message.application() {
            let from = message.sender().to_string();
            let mut told = vec![Entry::new(Actor::Unknown, Happened::CodePosted { from: from.clone() })];
            if let Posted::Held(until) = posted {
                told.push(Entry::new(Actor::Operator, Happened::CodeHeld { from, until }));
            }
            writes.extend(told.iter().map(|entry| self.entry(*number, entry)));
        }
        self.answer_posted(&crate::bank::PostedView::of(posted));
        self.write_door(writes)?;
        self.try_messages(number)?;
        Ok(posted)
    }

    fn route(&mut self, number: &Msisdn, application: bool) -> Route {
        if !stands(Defence::ResolveFromPins) {
            return self.resolve(number).map_or(Route::Nowhere, Route::Card);
        }
        let route = route(&self.pins, number, application, self.witnessed);
        match route {
            Route::Card(_) | Route::HeldUntil(_) if application => {
                route.later(self.cautious_hold(number), self.clock.now())
            }
            route => route,
        }
    }

    /// Tries what waits for a number: gone too long is forgotten, held stays, the rest goes to the card the pins name.
    pub(super) fn try_messages(&mut self, number: &Msisdn) -> Result<(), Refusal> {
        let now = self.clock.now();
        let mut queued: Vec<(u64, UnixTime, Queued)> = self.records(Stream::Message, number, KEPT_FOR_ONE)?;
        // Codes first: whoever sends many texts holds up none of them.
        queued.sort_by_key(|(_, _, message)| !message.application());
        let (mut left, mut gone) = (false, Vec::new());
        for (id, at, message) in queued {
            if now.since(at) > KEPT {
                gone.push(Write::Forget(id));
                if message.application() {
                    let forgotten = Happened::CodeForgotten { from: message.sender().into() };
                    gone.push(self.entry(*number, &Entry::new(Actor::Operator, forgotten)));
                }
                continue;
            }
            left = true;
            let Route::Card(imsi) = self.route(number, message.application()) else {
                continue;
            };
            let Some(phone) = self.attachments.phones.get_mut(&imsi) else { continue };
            let busy = phone.on_the_way.values().any(|(on_the_way, _)| *on_the_way == id);
            let early = phone.begun.get(&id).is_some_and(|begun| now < begun.again);
            if busy || early || phone.on_the_way.len() >= IN_ONE_GO {
                continue;
            }
            if matches!(&message, Queued::Card { imsi: only, .. } if *only != imsi.to_string()) {
                // The number has another card now; what was sealed for the old one is of no use to it.
                gone.push(Write::Forget(id));
                continue;
            }
            let parts = tpdus(&message, at, id.to_be_bytes()[7])?;
            let begun = phone.begun.entry(id).or_default();
            begun.parts = parts.len();
            begun.code = message.application().then(|| message.sender().to_string());
            for (part, tpdu) in parts.into_iter().enumerate() {
                if begun.stored.contains(&part) {
                    continue;
                }
                phone.reference = phone.reference.wrapping_add(1);
                let data = Relay::Data {
                    reference: phone.reference,
                    originator: Some(centre()),
                    destination: None,
                    tpdu,
                };
                if phone.link.try_send(Downlink::Relay(data)).is_ok() {
                    phone.on_the_way.insert(phone.reference, (id, part));
                }
            }
        }
        if left {
            self.attachments.waiting.insert(*number);
        } else {
            self.attachments.waiting.remove(number);
        }
        if !gone.is_empty() {
            self.write_door(gone)?;
        }
        Ok(())
    }

    /// Every number with messages that wait, tried again.
    pub(super) fn try_all_messages(&mut self) {
        for number in self.attachments.waiting.iter().copied().collect::<Vec<_>>() {
            if let Err(refusal) = self.try_messages(&number) {
                tracing::error!(%refusal, "messages could not be tried");
            }
        }
    }

    /// The phone of this attach has stored a part, or has not; a message is forgotten when all its parts are stored.
    pub fn delivered(
        &mut self,
        (imsi, token): (&Imsi, u64),
        reference: u8,
        stored: bool,
    ) -> Result<(), Refusal> {
        let again = self.clock.now().after(AGAIN);
        let phone = self.attachments.phones.get_mut(imsi).filter(|phone| phone.token == token);
        let Some(phone) = phone else { return Ok(()) };
        let Some((id, part)) = phone.on_the_way.remove(&reference) else { return Ok(()) };
        let rest = phone.on_the_way.is_empty();
        let Some(begun) = phone.begun.get_mut(&id) else { return Ok(()) };
        if !stored {
            begun.again = again;
            return Ok(());
        }
        begun.stored.insert(part);
        if begun.stored.len() == begun.parts {
            let code = begun.code.clone();
            phone.begun.remove(&id);
            let mut writes = vec![Write::Forget(id)];
            if let (Some(from), Some(number)) = (code, self.pins.number_knowing(imsi)) {
                let delivered = Entry::new(Actor::Network, Happened::CodeDelivered { from });
                writes.push(self.entry(number, &delivered));
            }
            self.write_door(writes)?;
            if rest {
                return self.attached(imsi);
            }
        }
        Ok(())
    }

    /// A phone sends a message. Who sends it, the pins say: the phone names no sender, and could name none.
    /// An alert of a card to the service centre is taken here and goes nowhere.
    pub fn submit(&mut self, (imsi, token): (&Imsi, u64), tpdu: &[u8]) -> Result<Posted, Refusal> {
        // What a phone said before it was cut off may still lie in the buffer: it is nobody's word any more.
        let current = self.attachments.phones.get(imsi).is_some_and(|phone| phone.token == token);
        if !current || !matches!(self.pins.serve(imsi, self.witnessed), Served::Line(_)) {
            return Err(Refusal::refused("not-served", "this phone is not served any more"));
        }
        let from = self.pins.number_of(imsi, self.witnessed).ok_or_else(super::deeds::unknown)?;
        let submit = Submit::parse(tpdu)?;
        let Address::Digits { digits, .. } = &submit.destination else {
            return Err(Refusal::Malformed("a message to a name".into()));
        };
        if let Payload::Octets(octets) = &submit.user_data.payload
            && super::alert::is_alert(octets)
            && submit.destination == centre()
        {
            self.alert(octets)?;
            return Ok(Posted::Sent);
        }
        let to: Msisdn = digits.parse()?;
        let text = submit.user_data.text().ok_or(Refusal::Malformed("a message that is no text".into()))?;
        self.post(&to, &Queued::Text { from: format!("+{from}"), text, application: false })
    }
}

/// The service centre's own address.
fn centre() -> Address {
    Address::Digits { kind: 0x91, digits: "999700000000".into() }
}
