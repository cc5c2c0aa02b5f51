//! What a verified history amounts to.

use crate::Reason;
use crate::cbor::{Reader, Writer, whole};
use crate::class::Class;
use crate::defence::{Defence, stands};
use crate::event::{MAX_EVENTS, MAX_FACTORS, MAX_SLOTS, MAX_WATCH_KEYS, Source};
use crate::hash::{self, Digest};
use crate::intent::Intent;
use crate::record::{Card, CardId, Factor, FactorId, Place, Tenure};
use crate::wait::MATURE_AFTER;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use keys::Secret;
use wire::Msisdn;

/// Hold bits of format 1.
pub mod bit {
    /// No change of SIM.
    pub const MOVE: u64 = 0;
    /// No port-out.
    pub const PORT_OUT: u64 = 1;
    /// No further card.
    pub const COMPANION: u64 = 2;
    /// No forwarding.
    pub const FORWARDING: u64 = 3;
    /// No roaming.
    pub const ROAMING: u64 = 4;
    /// No 2G.
    pub const TWO_G: u64 = 5;
    /// No application SMS.
    pub const A2P_SMS: u64 = 6;
    /// Suspended (lost).
    pub const SERVICE: u64 = 7;
    /// By order; lifted only by two emergency keys.
    pub const LEGAL: u64 = 8;
}

/// A card in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its number.
    pub number: u64,
    /// The card.
    pub card: Card,
    /// A stand-by card: not served until woken.
    pub dormant: bool,
}

/// A factor and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorState {
    /// The record.
    pub factor: Factor,
    /// Its name.
    pub id: FactorId,
    /// Expiry of the request that added it: it was born no later. 0 for the factors of event 0.
    pub born: u64,
    /// Signature counter of a passkey.
    pub counter: u32,
    /// Last event it signed.
    pub last_seq: u64,
    /// Its consent no longer counts.
    pub silenced_consent: bool,
    /// Its objections no longer count.
    pub silenced_objections: bool,
    /// A recovery sheet that a commit has counted.
    pub spent: bool,
}

impl FactorState {
    /// A factor as it enters the deed.
    pub(crate) fn new(factor: Factor, born: u64, counter: u32, last_seq: u64) -> Self {
        let id = factor.id();
        Self {
            factor,
            id,
            born,
            counter,
            last_seq,
            silenced_consent: false,
            silenced_objections: false,
            spent: false,
        }
    }

    /// Whether its consent is worth anything, age apart.
    pub const fn may_consent(&self) -> bool {
        self.factor.consents() && !self.silenced_consent && !self.spent
    }

    /// Whether it was old enough at a witnessed time.
    pub const fn mature_at(&self, time: u64) -> bool {
        self.born == 0 || time >= self.born.saturating_add(MATURE_AFTER)
    }
}

/// Who consented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consenter {
    /// A factor.
    Factor(FactorId),
    /// A desk of an office.
    Desk {
        /// Which office.
        office: u64,
    },
    /// An emergency key of an office.
    BreakGlass {
        /// Which office.
        office: u64,
    },
    /// The sleeping card that is to wake.
    SleepingCard,
}

/// The one request that may be live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Its head, which consents and objections name.
    pub head: Digest,
    /// Its place in the chain.
    pub seq: u64,
    /// What it would do.
    pub intent: Intent,
    /// How strongly it was asked for.
    pub rank: u64,
    /// Consents, with the event that carries each.
    pub consents: Vec<(Consenter, u64)>,
    /// First event that says the owner was told.
    pub notified: Option<u64>,
    /// The factors to come that have proved possession, with the signature counters they showed.
    pub possession: Vec<(FactorId, u32)>,
}

/// What the last change of SIM left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Witnessed time of the change.
    pub ready: u64,
    /// How it was authorised.
    pub class: Class,
    /// Which slot.
    pub slot: u64,
    /// The card it replaced, while it is in reserve.
    pub reserved: Option<Card>,
}

/// The end of a deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Witnessed time.
    pub ready: u64,
    /// The operator that the number left for; without one, it was given up.
    pub recipient: Option<String>,
}

/// The state of a deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The deed's name.
    pub deed_id: Digest,
    /// Under which manifest.
    pub manifest: Digest,
    /// The number.
    pub number: Msisdn,
    /// How often it had been issued before.
    pub generation: u64,
    /// Where it came from.
    pub source: Source,
    /// Whose kind of number it is.
    pub tenure: Tenure,
    /// Makes the tags of the events to come.
    pub watch_key: Secret<[u8; 32]>,
    /// Made the tags before, each up to an event.
    pub former_watch_keys: Vec<(u64, Secret<[u8; 32]>)>,
    /// Head of every event.
    pub heads: Vec<Digest>,
    /// Its cards.
    pub slots: Vec<Slot>,
    /// Its owner's keys.
    pub factors: Vec<FactorState>,
    /// How many of the trusted people speak together; 0 where there are none.
    pub people_needed: u64,
    /// For each hold bit, the places that set it, as bits.
    pub holds: [u8; 9],
    /// For each hold bit, the last event that lifted it; 0 for none.
    pub lifted: [u64; 9],
    /// For each place, the last event with a veto or hold from there; 0 for none.
    pub objected: [u64; 5],
    /// The live request.
    pub live: Option<Live>,
    /// The last change of SIM.
    pub moved: Option<Moved>,
    /// The latest time that a commit's witnesses have proved.
    pub proved_time: u64,
    /// Where nothing more may follow.
    pub closed: Option<Closed>,
}

impl State {
    /// The newest event's place in the chain.
    pub fn seq(&self) -> u64 {
        (self.heads.len() as u64).saturating_sub(1)
    }

    /// The newest head.
    pub fn head(&self) -> Digest {
        self.heads.last().copied().unwrap_or_default()
    }

    /// The head at a place in the chain.
    pub fn head_at(&self, seq: u64) -> Option<Digest> {
        self.heads.get(usize::try_from(seq).ok()?).copied()
    }

    /// The tag of event `seq` ≥ 1.
    pub fn tag(&self, seq: u64) -> Digest {
        hash::tag(self.watch_key_at(seq), seq)
    }

    /// The watch key that makes the tag of event `seq`.
    pub fn watch_key_at(&self, seq: u64) -> &Secret<[u8; 32]> {
        self.former_watch_keys.iter().find(|(until, _)| seq <= *until).map_or(&self.watch_key, |(_, key)| key)
    }

    /// The card of a slot.
    pub fn slot(&self, number: u64) -> Option<&Slot> {
        self.slots.iter().find(|s| s.number == number)
    }

    /// The card that answers for the number.
    pub fn card(&self) -> Option<&Card> {
        self.slot(0).map(|s| &s.card)
    }

    /// A factor by its name.
    pub fn factor(&self, id: &FactorId) -> Option<&FactorState> {
        self.factors.iter().find(|f| f.id == *id)
    }

    /// Whether somebody other than `over` has set a hold bit.
    pub fn held(&self, bit: u64, over: Option<Place>) -> bool {
        let ignored = over.map_or(0, Place::bit);
        usize::try_from(bit).ok().and_then(|b| self.holds.get(b)).is_some_and(|set| set & !ignored != 0)
    }

    /// Whether a suspension stands against the phone alone: it does whoever set it. Only where the owner has no key elsewhere
    /// that could still agree does a request over the operator get past what the operator alone has set: a desk must not
    /// darken a line for good.
    pub(crate) fn suspended_against_phone(&self, over: Option<Place>) -> bool {
        let stuck = over == Some(Place::Operator) && !self.able(Place::Elsewhere, &[]);
        self.held(bit::SERVICE, over.filter(|_| stuck)) && stands(Defence::PhoneAloneResumesNothing)
    }

    /// Whether the owner has a factor in a place that may consent, apart from these.
    pub(crate) fn able(&self, place: Place, but: &[FactorId]) -> bool {
        let able = |f: &FactorState| f.factor.place == place && f.may_consent() && !but.contains(&f.id);
        self.factors.iter().any(able)
    }

    /// Whether a hold bit stands from a place.
    pub fn held_from(&self, bit: u64, place: Place) -> bool {
        usize::try_from(bit).ok().and_then(|b| self.holds.get(b)).is_some_and(|set| set & place.bit() != 0)
    }

    /// The hold bits that stand.
    pub fn standing_holds(&self) -> Vec<u64> {
        (0..9).filter(|bit| self.held(*bit, None)).collect()
    }
}

/// The hold bit that forbids a kind of intent, beside 7 and 8.
pub const fn forbidding_bit(kind: u64) -> Option<u64> {
    match kind {
        1 | 11 | 13 => Some(bit::MOVE),
        8 => Some(bit::PORT_OUT),
        2 => Some(bit::COMPANION),
        _ => None,
    }
}

// A pin stores the state under a MAC; the form is the enforcement point's own and no part of format 1.

const STATE_VERSION: u64 = 2;

impl State {
    /// Its bytes, for a pin.
    pub fn encode(&self) -> Vec<u8> {
        let source = match self.source {
            Source::New => 1,
            Source::Ported => 2,
            Source::Claimed => 3,
        };
        let w = Writer::new()
            .array(18)
            .uint(STATE_VERSION)
            .bytes(&self.deed_id)
            .bytes(&self.manifest)
            .text(self.number.as_str())
            .uint(self.generation)
            .uint(source)
            .uint(self.tenure.number())
            .bytes(self.watch_key.danger_expose())
            .list(&self.former_watch_keys, |w, (until, key)| {
                w.array(2).uint(*until).bytes(key.danger_expose())
            })
            .list(&self.heads, |w, head| w.bytes(head))
            .list(&self.slots, |w, s| {
                w.array(3).uint(s.number).raw(&s.card.encode()).uint(u64::from(s.dormant))
            })
            .list(&self.factors, |w, f| {
                let flags = u64::from(f.silenced_consent)
                    | u64::from(f.silenced_objections) << 1
                    | u64::from(f.spent) << 2;
                w.array(5)
                    .raw(&f.factor.encode())
                    .uint(f.born)
                    .uint(u64::from(f.counter))
                    .uint(f.last_seq)
                    .uint(flags)
            })
            .uint(self.people_needed)
            .array(23);
        let w = self.lifted.iter().fold(w, |w, seq| w.uint(*seq));
        let w = self.holds.iter().fold(w, |w, set| w.uint(u64::from(*set)));
        let w = self.objected.iter().fold(w, |w, seq| w.uint(*seq));
        let w = match &self.live {
            None => w.array(0),
            Some(live) => live.write(w.array(7)),
        };
        let w = match &self.moved {
            None => w.array(0),
            Some(m) => w
                .array(4)
                .uint(m.ready)
                .uint(m.class.number())
                .uint(m.slot)
                .bytes(&m.reserved.as_ref().map(Card::encode).unwrap_or_default()),
        }
        .uint(self.proved_time);
        match &self.closed {
            None => w.array(0),
            Some(c) => w.array(2).uint(c.ready).text(c.recipient.as_deref().unwrap_or_default()),
        }
        .done()
    }

    /// From its bytes, which a MAC has already vouched for.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, |r| {
            r.array(18)?;
            if r.uint()? != STATE_VERSION {
                return Err(Reason::Unknown("pin version"));
            }
            let (deed_id, manifest) = (r.array_of()?, r.array_of()?);
            let number = r.text()?.parse().map_err(|_| Reason::Encoding("number"))?;
            let generation = r.uint()?;
            let source = match r.uint()? {
                1 => Source::New,
                2 => Source::Ported,
                _ => Source::Claimed,
            };
            let tenure = Tenure::from_number(r.uint()?)?;
            let watch_key = Secret::new(r.array_of()?);
            let mut former_watch_keys = Vec::new();
            for _ in 0..r.list(MAX_WATCH_KEYS, "number of watch keys")? {
                r.array(2)?;
                former_watch_keys.push((r.uint()?, Secret::new(r.array_of()?)));
            }
            let n = r.list(MAX_EVENTS, "number of events")?;
            let heads = (0..n).map(|_| r.array_of()).collect::<Result<_, _>>()?;
            let mut slots = Vec::new();
            for _ in 0..r.list(MAX_SLOTS, "number of card slots")? {
                r.array(3)?;
                slots.push(Slot { number: r.uint()?, card: Card::read(r)?, dormant: r.uint()? == 1 });
            }
            let mut factors = Vec::new();
            for _ in 0..r.list(MAX_FACTORS, "number of factors")? {
                factors.push(read_factor(r)?);
            }
            let people_needed = r.uint()?;
            r.array(23)?;
            let mut lifted = [0; 9];
            for seq in &mut lifted {
                *seq = r.uint()?;
            }
            let mut holds = [0; 9];
            for set in &mut holds {
                *set = u8::try_from(r.uint()?).map_err(|_| Reason::Encoding("holds"))?;
            }
            let mut objected = [0; 5];
            for seq in &mut objected {
                *seq = r.uint()?;
            }
            let live = match r.list(7, "live request")? {
                0 => None,
                _ => Some(Live::read(r)?),
            };
            let moved = match r.list(4, "last change")? {
                0 => None,
                _ => Some(read_moved(r)?),
            };
            let proved_time = r.uint()?;
            let closed = match r.list(2, "end")? {
                0 => None,
                _ => Some(read_closed(r)?),
            };
            Ok(Self {
                deed_id,
                manifest,
                number,
                generation,
                source,
                tenure,
                watch_key,
                former_watch_keys,
                heads,
                slots,
                factors,
                people_needed,
                holds,
                lifted,
                objected,
                live,
                moved,
                proved_time,
                closed,
            })
        })
    }
}

fn read_factor(r: &mut Reader<'_>) -> Result<FactorState, Reason> {
    r.array(5)?;
    let factor = Factor::read(r)?;
    let born = r.uint()?;
    let counter = u32::try_from(r.uint()?).map_err(|_| Reason::Encoding("counter"))?;
    let mut state = FactorState::new(factor, born, counter, r.uint()?);
    let flags = r.uint()?;
    state.silenced_consent = flags & 1 != 0;
    state.silenced_objections = flags & 2 != 0;
    state.spent = flags & 4 != 0;
    Ok(state)
}

fn read_moved(r: &mut Reader<'_>) -> Result<Moved, Reason> {
    let ready = r.uint()?;
    let class = Class::from_number(r.uint()?).ok_or(Reason::Encoding("class"))?;
    let slot = r.uint()?;
    let reserved = match r.bytes()? {
        [] => None,
        bytes => Some(Card::decode(bytes)?),
    };
    Ok(Moved { ready, class, slot, reserved })
}

fn read_closed(r: &mut Reader<'_>) -> Result<Closed, Reason> {
    let ready = r.uint()?;
    let recipient = Some(r.text()?.to_string()).filter(|name| !name.is_empty());
    Ok(Closed { ready, recipient })
}

impl Live {
    fn write(&self, w: Writer) -> Writer {
        w.bytes(&self.head)
            .uint(self.seq)
            .raw(&self.intent.encode())
            .uint(self.rank)
            .list(&self.consents, |w, (who, seq)| {
                let (tag, id, office): (u64, &[u8], u64) = match who {
                    Consenter::Factor(id) => (0, &id.0, 0),
                    Consenter::Desk { office } => (1, &[], *office),
                    Consenter::BreakGlass { office } => (2, &[], *office),
                    Consenter::SleepingCard => (3, &[], 0),
                };
                w.array(4).uint(tag).bytes(id).uint(office).uint(*seq)
            })
            .uint(self.notified.map_or(0, |seq| seq + 1))
            .list(&self.possession, |w, (id, counter)| w.array(2).bytes(&id.0).uint(u64::from(*counter)))
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
        let (head, seq, intent, rank) = (r.array_of()?, r.uint()?, Intent::read(r)?, r.uint()?);
        let mut consents = Vec::new();
        for _ in 0..r.list(MAX_EVENTS, "number of consents")? {
            r.array(4)?;
            let tag = r.uint()?;
            let id = r.bytes()?;
            let office = r.uint()?;
            let who = match tag {
                0 => Consenter::Factor(FactorId(id.try_into().map_err(|_| Reason::Encoding("factor id"))?)),
                1 => Consenter::Desk { office },
                2 => Consenter::BreakGlass { office },
                _ => Consenter::SleepingCard,
            };
            consents.push((who, r.uint()?));
        }
        let notified = r.uint()?.checked_sub(1);
        let mut possession = Vec::new();
        for _ in 0..r.list(MAX_FACTORS, "number of factors")? {
            r.array(2)?;
            let id = FactorId(r.array_of()?);
            possession.push((id, u32::try_from(r.uint()?).map_err(|_| Reason::Encoding("counter"))?));
        }
        Ok(Self { head, seq, intent, rank, consents, notified, possession })
    }
}

/// The card with an id among a deed's cards.
pub(crate) fn has_card(state: &State, id: &CardId) -> bool {
    state.slots.iter().any(|s| s.card.id() == *id)
}
