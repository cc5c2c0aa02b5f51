//! The enforcement point: every number's pin, and the answers that come from pins alone.
//!
//! A change is prepared, stored in the enforcement point's own file, and only then installed: [`Pins::accept`],
//! [`Pins::object`] and [`Pins::close`] return a [`PinChange`] whose writes the caller commits before
//! [`Pins::install`].

mod row;
mod set_hash;

use self::row::Wrapped;
use self::set_hash::SetHash;
use crate::Refusal;
use crate::store::{CardRow, Changes, Key, Row, Write};
use deed::cbor::Writer;
use deed::log::proof::TlogProof;
use deed::manifest::Manifests;
use deed::pin::{NotServed, Objected, Pin, Serve, new_cards};
use deed::record::Card;
use deed::{Digest, State};
use keys::Secret;
use keys::milenage::Milenage;
use keys::seal::SealKey;
use keys::sign::Host;
use keys::subscriber::SubscriberKeys;
use std::collections::{HashMap, HashSet};
use wire::{Imsi, Msisdn, UnixTime};

/// The name of the row that says what the pins add up to.
pub const META: &str = "pins";

/// The name of the row that keeps objections while pins are rebuilt.
pub const OBJECTIONS: &str = "objections";

/// The keys that only the enforcement point has.
#[derive(Debug)]
pub struct EnforcementKeys {
    /// Authenticates pin rows.
    pub mac: Secret<[u8; 32]>,
    /// Wraps K.
    pub kek: SealKey,
    /// Makes the tags of first events.
    pub roll: Secret<[u8; 32]>,
}

/// The newest tree that the pins have followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// Leaves.
    pub size: u64,
    /// Their root.
    pub root: Digest,
    /// Witnessed time.
    pub time: u64,
}

/// A number as it is held in memory.
struct Held {
    pin: Pin,
    /// Wrapped keys of the cards the number occupies.
    wrapped: Vec<Wrapped>,
    /// MILENAGE, keyed, for each card in a slot.
    lines: Vec<(Imsi, Milenage)>,
    row_hash: SetHash,
}

/// A prepared change: store its writes, then install it.
pub struct PinChange {
    number: Msisdn,
    held: Held,
    set: SetHash,
    /// What the enforcement point's store must hold first.
    pub changes: Changes,
}

impl PinChange {
    /// Whose.
    pub const fn number(&self) -> Msisdn {
        self.number
    }

    /// The state after it.
    pub const fn state(&self) -> &State {
        &self.held.pin.state
    }
}

/// A line in service.
pub struct Line<'a> {
    /// MILENAGE, keyed.
    pub milenage: &'a Milenage,
    /// Codes by SMS are held until then.
    pub sms_held_until: Option<UnixTime>,
    state: &'a State,
}

impl Line<'_> {
    /// Whether a hold bit stands.
    pub fn held(&self, bit: u64) -> bool {
        self.state.held(bit, None)
    }
}

/// The answer to a network that asks for an IMSI.
pub enum Served<'a> {
    /// This card is a number's.
    Line(Line<'a>),
    /// Suspended: emergency calls only.
    EmergencyOnly,
    /// Not served.
    Refused {
        /// A short name that never changes.
        code: &'static str,
        /// In words.
        why: String,
    },
}

/// Every pin.
pub struct Pins {
    keys: EnforcementKeys,
    manifests: Manifests,
    held: HashMap<Msisdn, Held>,
    imsis: HashMap<Imsi, Msisdn>,
    commits: HashMap<Digest, Msisdn>,
    deeds: HashMap<Digest, Msisdn>,
    set: SetHash,
    followed: Option<Followed>,
    /// Numbers whose newest events are not here.
    behind: HashSet<Msisdn>,
    /// Whether the pins are known to be as new as the witnesses' log.
    current: bool,
}

/// What loading found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// All rows are there and add up.
    Whole,
    /// They do not add up: somebody removed, restored or changed rows. Nothing of them is believed.
    Tampered {
        /// What does not.
        why: String,
        /// Objections that stood in rows with a good MAC: signed, so they need no belief and can be handed in again.
        objections: Vec<Vec<u8>>,
    },
}

impl Pins {
    /// No pins yet.
    pub fn new(keys: EnforcementKeys, manifests: Manifests) -> Self {
        Self {
            keys,
            manifests,
            held: HashMap::new(),
            imsis: HashMap::new(),
            commits: HashMap::new(),
            deeds: HashMap::new(),
            set: SetHash::default(),
            followed: None,
            behind: HashSet::new(),
            current: false,
        }
    }

    /// From the enforcement point's own store. What does not add up is not believed at all; the pins are then rebuilt
    /// from the witnessed log.
    pub fn load(
        keys: EnforcementKeys,
        manifests: Manifests,
        rows: &[(Msisdn, Vec<u8>)],
        meta: Option<&[u8]>,
    ) -> (Self, Loaded) {
        let mut pins = Self::new(keys, manifests);
        match pins.read(rows, meta) {
            Ok(()) => (pins, Loaded::Whole),
            Err(why) => {
                let objections = pins.standing_objections(rows);
                let Self { keys, manifests, .. } = pins;
                (Self::new(keys, manifests), Loaded::Tampered { why, objections })
            }
        }
    }

    fn standing_objections(&self, rows: &[(Msisdn, Vec<u8>)]) -> Vec<Vec<u8>> {
        let pins = rows
            .iter()
            .filter_map(|(number, row)| row::decode_row(row::unmac(&self.keys.mac, row, number.as_str())?));
        pins.flat_map(|(pin, _)| pin.standing).map(|standing| standing.bytes).collect()
    }

    /// Objections as one row, to be kept while the pins they stood in are rebuilt.
    pub fn keep_objections(&self, objections: &[Vec<u8>]) -> Changes {
        let body = Writer::new().list(objections, |w, o| w.bytes(o)).done();
        let row = row::mac(&self.keys.mac, &body, OBJECTIONS);
        Changes(vec![Write::Put(Key::Meta(OBJECTIONS), Row::Bytes(row))])
    }

    /// And back; what does not read was not ours.
    pub fn kept_objections(&self, row: &[u8]) -> Vec<Vec<u8>> {
        let body = row::unmac(&self.keys.mac, row, OBJECTIONS).unwrap_or_default();
        row::decode_objections(body).unwrap_or_default()
    }

    fn read(&mut self, rows: &[(Msisdn, Vec<u8>)], meta: Option<&[u8]>) -> Result<(), String> {
        for (number, row) in rows {
            let body =
                row::unmac(&self.keys.mac, row, number.as_str()).ok_or("a pin's MAC does not verify")?;
            let (pin, wrapped) = row::decode_row(body).ok_or("a pin does not decode")?;
            if pin.state.number != *number {
                return Err("a pin stands under another number".into());
            }
            let held = self.hold(pin, wrapped, row).map_err(|e| e.to_string())?;
            self.set = self.set.combine(held.row_hash, false);
            self.index(*number, held);
        }
        let Some(meta) = meta else {
            return if rows.is_empty() { Ok(()) } else { Err("pins without their sum".into()) };
        };
        let body = row::unmac(&self.keys.mac, meta, META)
            .ok_or("the MAC over the sum of the pins does not verify")?;
        let (followed, set) = row::decode_meta(body).ok_or("the sum of the pins does not decode")?;
        if set != self.set.bytes() {
            return Err("the pins do not add up: rows are missing, doubled or older than the newest".into());
        }
        self.followed = Some(followed);
        Ok(())
    }

    /// The key-encryption key, for whoever prepares new cards in the same process.
    pub const fn keys(&self) -> &EnforcementKeys {
        &self.keys
    }

    /// Under which manifests.
    pub const fn manifests(&self) -> &Manifests {
        &self.manifests
    }

    /// From now on under these: the same ones, and later ones of the same root.
    pub fn go_on_under(&mut self, manifests: Manifests) {
        self.manifests = manifests;
    }

    /// A number's pin.
    pub fn pin(&self, number: &Msisdn) -> Option<&Pin> {
        self.held.get(number).map(|h| &h.pin)
    }

    /// The pin of a deed.
    pub fn by_deed(&self, deed_id: &Digest) -> Option<&Pin> {
        self.pin(self.deeds.get(deed_id)?)
    }

    /// All numbers.
    pub fn numbers(&self) -> impl Iterator<Item = &Msisdn> {
        self.held.keys()
    }

    /// The newest tree followed.
    pub const fn followed(&self) -> Option<Followed> {
        self.followed
    }

    /// Whether the pins are known to be as new as the witnesses' log.
    pub const fn current(&self) -> bool {
        self.current
    }

    /// Says that they are, or that this cannot be known.
    pub const fn set_current(&mut self, current: bool) {
        self.current = current;
    }

    /// A number whose newest event is in the log but not here is not served until the event appears.
    pub fn set_behind(&mut self, number: Msisdn) {
        self.behind.insert(number);
    }

    /// The newest event has appeared.
    pub fn caught_up(&mut self, number: &Msisdn) {
        self.behind.remove(number);
    }

    /// How a card is served at `now`.
    pub fn serve(&self, imsi: &Imsi, now: UnixTime) -> Served<'_> {
        let refused = |code, why: &str| Served::Refused { code, why: why.to_string() };
        if !self.current {
            return refused("replay", "this node does not know yet whether its pins are the newest");
        }
        let Some((number, held)) = self.imsis.get(imsi).and_then(|n| Some((n, self.held.get(n)?))) else {
            return refused("unknown", &NotServed::Unknown.to_string());
        };
        if self.behind.contains(number) {
            return refused("replay", "the log has a newer event of this number than this node");
        }
        match held.pin.serve(imsi, now) {
            Serve::EmergencyOnly => Served::EmergencyOnly,
            Serve::Refuse(why) => {
                let code = match why {
                    NotServed::Unknown => "unknown",
                    NotServed::Replaced => "replaced",
                    NotServed::Sleeping => "sleeping",
                    NotServed::Closed => "closed",
                };
                refused(code, &why.to_string())
            }
            Serve::Serve { sms_held_until } => match held.lines.iter().find(|(i, _)| i == imsi) {
                Some((_, milenage)) => {
                    Served::Line(Line { milenage, sms_held_until, state: &held.pin.state })
                }
                None => refused("key", "the card's key is not here"),
            },
        }
    }

    /// The IMSI that answers for a number at `now`.
    pub fn resolve(&self, number: &Msisdn, now: UnixTime) -> Option<Imsi> {
        self.up_to_date(number).then(|| self.pin(number)?.resolve(now))?
    }

    /// Whether nothing newer of a number is known to exist elsewhere.
    fn up_to_date(&self, number: &Msisdn) -> bool {
        self.current && !self.behind.contains(number)
    }

    /// The number an IMSI answers for at `now`.
    pub fn number_of(&self, imsi: &Imsi, now: UnixTime) -> Option<Msisdn> {
        let number = self.imsis.get(imsi)?;
        let pin = self.up_to_date(number).then(|| self.pin(number))??;
        pin.answers(imsi, now).then_some(*number)
    }

    /// The number whose pin knows an IMSI: of a card in a slot, asleep, or in reserve. For the record, never for service.
    pub fn number_knowing(&self, imsi: &Imsi) -> Option<Msisdn> {
        self.imsis.get(imsi).copied()
    }

    /// Prepares the pin after one more event. `card_row` finds the wrapped keys of a card that is new.
    pub fn accept(
        &self,
        event: &[u8],
        proof: Option<&TlogProof>,
        card_row: &dyn Fn(&Imsi) -> Option<CardRow>,
        now: UnixTime,
    ) -> Result<PinChange, Refusal> {
        let decoded = deed::event::Event::decode(event)?;
        let number = match &decoded.body {
            deed::event::Body::Issued(issued) => issued.number,
            _ => self.number_of_deed(&decoded.deed_id)?,
        };
        let held = self.held.get(&number);
        let pin = held.map(|h| h.pin.clone());
        let after = Pin::accept(&Host, &self.manifests, &self.keys.roll, pin, event, proof)?;
        // A next generation takes over nothing of the one before.
        let before = held.filter(|h| h.pin.state.deed_id == after.state.deed_id);
        let mut wrapped = before.map(|h| h.wrapped.clone()).unwrap_or_default();
        let mut opened = Vec::new();
        for card in new_cards(before.map(|h| &h.pin.state), &after.state) {
            self.free(card, &number)?;
            if !wrapped.iter().any(|(commitment, _)| *commitment == card.key_commit) {
                wrapped.push((card.key_commit, self.matching_keys(card, card_row)?));
            }
            opened.push(Write::Sqn { imsi: card.imsi, next: 1 });
        }
        let occupied: Vec<Digest> = after.occupied(now).iter().map(|c| c.key_commit).collect();
        wrapped.retain(|(commitment, _)| occupied.contains(commitment));
        self.prepare(number, after, wrapped, opened)
    }

    /// Takes an objection that came directly: prepares the pin that remembers it, and says whether it was in time.
    pub fn object(&self, objection: &[u8], now: UnixTime) -> Result<(PinChange, Objected), Refusal> {
        let deed_id = deed::objection::Objection::decode(objection)?.deed_id;
        let number = self.number_of_deed(&deed_id)?;
        let held = self.held.get(&number).ok_or(deed::Reason::OtherDeed)?;
        let mut pin = held.pin.clone();
        let outcome = pin.object(&Host, &self.manifests, objection, now)?;
        Ok((self.prepare(number, pin, held.wrapped.clone(), Vec::new())?, outcome))
    }

    /// Prepares to let a commit be logged: objections before this win.
    pub fn close(
        &self,
        commit: &[u8],
        card_row: &dyn Fn(&Imsi) -> Option<CardRow>,
        now: UnixTime,
    ) -> Result<PinChange, Refusal> {
        if !self.current {
            return Err(Refusal::refused(
                "replay",
                "this node changes nothing before it knows its pins are the newest",
            ));
        }
        let event = deed::event::Event::decode(commit)?;
        let number = self.number_of_deed(&event.deed_id)?;
        let held = self.held.get(&number).ok_or(deed::Reason::OtherDeed)?;
        let mut pin = held.pin.clone();
        let after = pin.close(&Host, &self.manifests, commit, now)?;
        // The new card's keys are taken into custody now: what the database does to them later stops nothing.
        let mut wrapped = held.wrapped.clone();
        for card in new_cards(Some(&held.pin.state), &after) {
            self.free(card, &number)?;
            if !wrapped.iter().any(|(commitment, _)| *commitment == card.key_commit) {
                wrapped.push((card.key_commit, self.matching_keys(card, card_row)?));
            }
        }
        self.prepare(number, pin, wrapped, Vec::new())
    }

    /// Makes a prepared change visible, once its writes are durable.
    pub fn install(&mut self, change: PinChange) {
        if let Some(old) = self.held.remove(&change.number) {
            self.deeds.remove(&old.pin.state.deed_id);
            for card in known_cards(&old.pin) {
                self.imsis.remove(&card.imsi);
                self.commits.remove(&card.key_commit);
            }
        }
        self.set = change.set;
        self.index(change.number, change.held);
    }

    /// What to store to remember that the log was followed up to here; nothing if that is known already.
    pub fn follow(&self, followed: Followed) -> Option<Changes> {
        let known = self.followed.is_some_and(|f| f.size == followed.size && f.root == followed.root);
        (!known).then(|| Changes(vec![self.meta(self.set, Some(followed))]))
    }

    /// It is stored.
    pub const fn followed_to(&mut self, followed: Followed) {
        self.followed = Some(followed);
    }

    /// Whether a card may come to a number: its IMSI and key are no other number's, and this row holds its key.
    pub fn admit(&self, card: &Card, number: &Msisdn, row: &CardRow) -> Result<(), Refusal> {
        self.free(card, number)?;
        self.matching_keys(card, &|_| Some(row.clone())).map(drop)
    }

    /// The number of a deed.
    pub fn number_of_deed(&self, deed_id: &Digest) -> Result<Msisdn, Refusal> {
        self.deeds.get(deed_id).copied().ok_or_else(|| deed::Reason::OtherDeed.into())
    }

    /// A card may come to a number only if its IMSI and key are no other number's.
    fn free(&self, card: &Card, number: &Msisdn) -> Result<(), Refusal> {
        let taken = |by: Option<&Msisdn>| by.is_some_and(|by| by != number);
        if taken(self.imsis.get(&card.imsi)) || taken(self.commits.get(&card.key_commit)) {
            return Err(deed::Reason::CardTaken.into());
        }
        Ok(())
    }

    /// The wrapped keys of a card, if they open and are the ones its commitment names.
    fn matching_keys(
        &self,
        card: &Card,
        card_row: &dyn Fn(&Imsi) -> Option<CardRow>,
    ) -> Result<Vec<u8>, Refusal> {
        let row = card_row(&card.imsi).ok_or(deed::Reason::KeyMismatch)?;
        let keys = SubscriberKeys::unwrap(&self.keys.kek, &card.imsi, &card.iccid, &row.keys)
            .map_err(|_| deed::Reason::KeyMismatch)?;
        if keys.commitment(&card.imsi, &card.iccid) != card.key_commit {
            return Err(deed::Reason::KeyMismatch.into());
        }
        Ok(row.keys)
    }

    fn prepare(
        &self,
        number: Msisdn,
        pin: Pin,
        wrapped: Vec<Wrapped>,
        mut writes: Vec<Write>,
    ) -> Result<PinChange, Refusal> {
        let row = row::mac(&self.keys.mac, &row::encode_row(&pin, &wrapped), number.as_str());
        let held = self.hold(pin, wrapped, &row)?;
        let without = match self.held.get(&number) {
            Some(old) => self.set.combine(old.row_hash, true),
            None => self.set,
        };
        let set = without.combine(held.row_hash, false);
        writes.push(Write::Pin { number, row });
        writes.push(self.meta(set, self.followed));
        Ok(PinChange { number, held, set, changes: Changes(writes) })
    }

    /// Keys the lines of a pin's cards, each checked against its commitment.
    fn hold(&self, pin: Pin, wrapped: Vec<Wrapped>, row: &[u8]) -> Result<Held, Refusal> {
        let mut lines = Vec::new();
        // A number that was given up keeps no key, and needs none.
        let given_up = pin.state.closed.as_ref().is_some_and(|closed| closed.recipient.is_none());
        for slot in pin.state.slots.iter().filter(|_| !given_up) {
            let named = |(commitment, _): &&Wrapped| *commitment == slot.card.key_commit;
            let (_, keys) = wrapped.iter().find(named).ok_or(deed::Reason::KeyMismatch)?;
            let keys = SubscriberKeys::unwrap(&self.keys.kek, &slot.card.imsi, &slot.card.iccid, keys)
                .map_err(|_| deed::Reason::KeyMismatch)?;
            if keys.commitment(&slot.card.imsi, &slot.card.iccid) != slot.card.key_commit {
                return Err(deed::Reason::KeyMismatch.into());
            }
            lines.push((slot.card.imsi, keys.milenage()));
        }
        Ok(Held { pin, wrapped, lines, row_hash: SetHash::of(&self.keys.mac, row) })
    }

    fn index(&mut self, number: Msisdn, held: Held) {
        for card in known_cards(&held.pin) {
            self.imsis.insert(card.imsi, number);
            self.commits.insert(card.key_commit, number);
        }
        self.deeds.insert(held.pin.state.deed_id, number);
        self.held.insert(number, held);
    }

    fn meta(&self, set: SetHash, followed: Option<Followed>) -> Write {
        let followed = followed.unwrap_or(Followed { size: 0, root: [0; 32], time: 0 });
        let body = Writer::new()
            .array(4)
            .uint(followed.size)
            .bytes(&followed.root)
            .uint(followed.time)
            .bytes(&set.bytes())
            .done();
        Write::Put(Key::Meta(META), Row::Bytes(row::mac(&self.keys.mac, &body, META)))
    }
}

/// The cards a pin knows: those in its slots and the one it may go back to.
fn known_cards(pin: &Pin) -> impl Iterator<Item = &Card> {
    let reserved = pin.state.moved.as_ref().and_then(|m| m.reserved.as_ref());
    pin.state.slots.iter().map(|s| &s.card).chain(reserved)
}
