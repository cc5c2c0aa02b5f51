//! What the card has seen. Events go into EF.SEEN and telephones' identities into EF.TELEPHONES, the newest first, where they are news:
//! another area, not another cell, another cause, another telephone. Only what the card asked for is written down, and so much in a
//! session.

use super::Toolkit;
use super::abilities::Ability;
use super::command::Step;
use crate::answer::Answer;
use crate::card::Live;
use crate::change::Change;
use crate::codec::Reader;
use crate::file::{FileId, Structure};
use crate::medium::{Anchor, Medium};
use crate::reference::{SEEN, TELEPHONES};
use crate::state::State;
use alloc::vec::Vec;
use rand_core::CryptoRng;
use wire::apdu::Status;
use wire::toolkit::{find, objects, tag};

/// Events (TS 102 223 §8.25), and what a terminal that can tell of them says.
const LOCATION_STATUS: u8 = 0x03;
const ACCESS_TECHNOLOGY: u8 = 0x0b;
const NETWORK_REJECTION: u8 = 0x12;
const EVENTS: [(u8, &[Ability]); 3] = [
    (LOCATION_STATUS, &[Ability::LOCATION_STATUS]),
    (ACCESS_TECHNOLOGY, &[Ability::ACCESS_TECHNOLOGY]),
    (NETWORK_REJECTION, &Ability::NETWORK_REJECTION),
];
/// Events written down in a session, at most.
const MOST_SEEN: u16 = 100;
/// Octets of a telephone's identity (TS 102 223 §8.20).
const IMEI_BYTES: usize = 8;
/// Octets of a location that say in which area it is: network and area code, without the cell.
const AREA_BYTES: usize = 5;

/// SET UP EVENT LIST of what the terminal can tell of, and its identity.
pub(super) fn ask(toolkit: &mut Toolkit) {
    let told = |abilities: &[Ability]| abilities.iter().any(|ability| toolkit.can(*ability));
    let events: Vec<u8> = EVENTS.iter().filter(|(_, how)| told(how)).map(|(event, _)| *event).collect();
    if toolkit.can(Ability::SET_UP_EVENT_LIST) && !events.is_empty() {
        toolkit.want(Step::Events(events));
    }
    if toolkit.can(Ability::LOCAL_INFORMATION) {
        toolkit.want(Step::Imei);
    }
}

/// The telephone that it was in last.
pub(super) fn telephone(state: &State) -> Option<&[u8; IMEI_BYTES]> {
    state.content(&TELEPHONES)?.first_chunk()
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
    if !toolkit.events.contains(event) || toolkit.written >= MOST_SEEN {
        return Ok(Answer::Done);
    }
    let mut told = Vec::new();
    for object in objects(envelope).map_while(Result::ok) {
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
        toolkit.written += 1;
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
pub(super) fn meet<M: Medium, A: Anchor>(
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
