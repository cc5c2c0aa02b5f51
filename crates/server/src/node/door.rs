//! What the doors keep and tell: their own sealed rows, records of what happened, objections at an owner's word.

use super::Node;
use super::deeds::Stated;
use deed::defence::{Defence, stands};
use deed::event::{AsOf, Body};
use deed::intent::{Change, Intent};
use deed::state::bit;
use operator::Refusal;
use operator::store::{Changes, Key, Outcome, RecordRow, Row, Stream, Write};
use operator::timeline::Actor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;
use wire::{Msisdn, UnixTime};

/// How long a request from the portal stays open.
const OPEN_FOR: u64 = 20 * 86_400;
/// Why a line was suspended, as event 6 writes it.
const LOST: u64 = 1;
/// Why a signed-in owner's objection was made, as event 4 writes it.
const NOT_ME: u64 = 1;

/// What a row is sealed for: it opens nowhere else.
fn sealed_for(place: &str) -> &[u8] {
    if stands(Defence::RowsKnowTheirName) { place.as_bytes() } else { b"anywhere" }
}

impl Node {
    /// This machine's time: for what the doors count, never for waits.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Where to hear of numbers that something happened to.
    pub fn news(&self) -> broadcast::Receiver<Msisdn> {
        self.news.subscribe()
    }

    /// Tells whoever listens. Nobody need listen.
    pub(super) fn tell(&self, number: Msisdn) {
        let _ = self.news.send(number);
    }

    /// A door's own row. One that does not open was not written here, and is no row.
    pub fn door_row<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(Row::Bytes(sealed)) = self.database.load(&[Key::Door(name.into())])?.pop().flatten() else {
            return Ok(None);
        };
        let plain = self.door_key.open_random(sealed_for(name), &sealed);
        Ok(plain.ok().and_then(|plain| serde_json::from_slice(&plain).ok()))
    }

    /// A door's own row, sealed, ready to be written.
    pub fn door_put(&mut self, name: &str, row: &impl Serialize) -> Write {
        let sealed = self.seal(name, row);
        Write::Put(Key::Door(name.into()), Row::Bytes(sealed))
    }

    /// A record of now, sealed, ready to be written.
    pub fn record(&mut self, stream: Stream, number: Msisdn, what: &impl Serialize) -> Write {
        let bytes = self.seal(&record_place(stream, &number), what);
        Write::Record(RecordRow { stream, number, at: self.clock.now(), bytes })
    }

    fn seal(&mut self, place: &str, what: &impl Serialize) -> Vec<u8> {
        // What the doors keep are plain structs, which JSON always holds.
        let plain = serde_json::to_vec(what).unwrap_or_default();
        self.door_key.seal_random(&mut self.rng, sealed_for(place), &plain)
    }

    /// Writes a door's rows and records, all or none. False if something that can be used once is used already.
    pub fn write_door(&mut self, writes: Vec<Write>) -> Result<bool, Refusal> {
        let about: Vec<Msisdn> = writes
            .iter()
            .filter_map(|w| if let Write::Record(record) = w { Some(record.number) } else { None })
            .collect();
        let done = self.database.commit(&[Changes(writes)])?.pop() == Some(Outcome::Done);
        for number in about {
            self.weigh_again(&number);
            self.tell(number);
        }
        Ok(done)
    }

    /// The newest records about a number, oldest first, each with its name and time. What does not open is left out.
    pub fn records<T: DeserializeOwned>(
        &mut self,
        stream: Stream,
        number: &Msisdn,
        most: usize,
    ) -> Result<Vec<(u64, UnixTime, T)>, Refusal> {
        let place = record_place(stream, number);
        let rows = self.database.records(stream, number, most)?;
        let open = |(id, row): (u64, RecordRow)| {
            let plain = self.door_key.open_random(sealed_for(&place), &row.bytes).ok()?;
            Some((id, row.at, serde_json::from_slice(&plain).ok()?))
        };
        Ok(rows.into_iter().filter_map(open).collect())
    }

    /// A signed-in owner says of a request: not me. The owner's desk objects for him; it can only strengthen.
    pub fn stop(&mut self, number: &Msisdn, request: deed::Digest) -> Result<Stated, Refusal> {
        self.by_desk(number, &Body::Vetoed { request, reason: NOT_ME })
    }

    /// A signed-in owner suspends the line (挂失): the owner's desk holds it for him.
    pub fn suspend(&mut self, number: &Msisdn) -> Result<Stated, Refusal> {
        let held = Body::Held { bits: vec![bit::SERVICE], silenced: Vec::new(), reason: LOST };
        self.by_desk(number, &held)
    }

    /// A signed-in owner asks to resume (解挂). It is only asked for: the owner's keys agree on the move page, and a wait
    /// follows.
    pub fn ask_to_resume(&mut self, number: &Msisdn) -> Result<(), Refusal> {
        let (number, now) = (*number, self.witnessed.0);
        let change = Change::ClearHolds { bits: vec![bit::SERVICE] };
        let intent = Intent { change, number, not_before: now, expiry: now + OPEN_FOR, over: None };
        self.request_by(&number, intent, Actor::Owner).map(drop)
    }

    fn by_desk(&mut self, number: &Msisdn, body: &Body) -> Result<Stated, Refusal> {
        let state = &self.pin(number)?.state;
        let as_of = AsOf { seq: state.seq(), head: state.head() };
        let proof = self.desk.proof(&state.deed_id, as_of, body);
        self.statement(number, body.kind(), body.encode(), vec![proof])
    }

    /// The witnessed time before which a live request is not done, once that is known.
    pub fn ready_at(&self, request: &deed::Digest) -> Option<UnixTime> {
        self.not_before.get(request).copied()
    }
}

pub(crate) fn record_place(stream: Stream, number: &Msisdn) -> String {
    format!("record/{}/{number}", stream as u8)
}
