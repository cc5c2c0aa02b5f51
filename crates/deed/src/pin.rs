//! The pin: what the enforcement point remembers of a number, and the only thing it serves from.
//!
//! A pin changes by [`Pin::accept`], [`Pin::object`] and [`Pin::close`], each of which takes bytes from anybody and
//! believes none of them.

use crate::cbor::{Reader, Writer, whole};
use crate::defence::{Defence, stands};
use crate::event::{Body, Event, Issued, Proof};
use crate::log::Leaf;
use crate::log::proof::{LoggedLeaf, TlogProof};
use crate::manifest::Manifests;
use crate::objection::Objection;
use crate::record::{Card, FactorId, Place};
use crate::rules::{ends, objector, signed_since_lifted};
use crate::state::{Consenter, State, bit, forbidding_bit};
use crate::verify::{check, step};
use crate::wait::{CLOSING, FREEZE, LATEST_COMMIT, PORTING, RESERVE};
use crate::{Digest, Reason, Refusal, hash};
use alloc::string::ToString;
use alloc::vec::Vec;
use keys::Secret;
use keys::sign::Verifier;
use wire::{Imsi, UnixTime};

/// An objection that is not in the chain yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// As it came.
    pub bytes: Vec<u8>,
    /// From where.
    pub place: Place,
    /// The vetoed request, or the held bits.
    pub against: Against,
}

/// What an objection is against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// One request.
    Request(Digest),
    /// Whatever these bits forbid.
    Bits(Vec<u64>),
}

/// A commit that is being written: objections from now on are too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Head of the request.
    pub request: Digest,
    /// Head of the commit.
    pub head: Digest,
    /// Witnessed time when it was written.
    pub at: UnixTime,
}

/// A number as the enforcement point knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The verified state.
    pub state: State,
    /// Place in the log of the newest leaf accepted.
    pub last_index: u64,
    /// Objections handed in directly.
    pub standing: Vec<Standing>,
    /// The commit being written, if any.
    pub closing: Option<Closing>,
    /// Places whose objection came too late: no further change of SIM until cleared, as bits.
    pub late: u8,
}

/// The answer to a network that asks for an IMSI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serve {
    /// This card is the number's.
    Serve {
        /// Codes sent by SMS are held until then.
        sms_held_until: Option<UnixTime>,
    },
    /// Suspended: emergency calls only. A refused authentication could stop those too, so it is not refused.
    EmergencyOnly,
    /// No pin names this card as one to serve.
    Refuse(NotServed),
}

/// Why a card is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotServed {
    /// No pin names it.
    #[error("no number's deed names this card")]
    Unknown,
    /// It was replaced.
    #[error("the number has moved to another card")]
    Replaced,
    /// It is a stand-by card.
    #[error("a stand-by card that nobody has woken")]
    Sleeping,
    /// The number has left, or was given up.
    #[error("the number's deed is closed")]
    Closed,
}

/// What became of an objection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objected {
    /// It stands: whatever it is against is stopped.
    InTime,
    /// The change was already being written; the objection is kept as a hold on the next one.
    TooLate,
}

impl Pin {
    /// The pin after one more event of the chain, or, where the number was closed and has rested long enough, after the
    /// first event of its next generation.
    ///
    /// `proof` shows the event's leaf in the witnessed log; only objections may come without. What the caller must
    /// still see to, because it needs other pins and K: a new card's IMSI and key belong to no other number, and the
    /// key it unwraps matches its commitment ([`new_cards`]).
    pub fn accept(
        verifier: &impl Verifier,
        manifests: &Manifests,
        roll_key: &Secret<[u8; 32]>,
        pin: Option<Self>,
        event: &[u8],
        proof: Option<&TlogProof>,
    ) -> Result<Self, Refusal> {
        let next = pin.as_ref().map_or(0, |p| p.state.heads.len() as u64);
        let decoded = Event::decode(event).map_err(|r| r.at(next))?;
        let (pin, former) = match &decoded.body {
            Body::Issued(issued) => (None, pin.map(|former| (former, issued))),
            _ => (pin, None),
        };
        let seq = pin.as_ref().map_or(0, |p| p.state.heads.len() as u64);
        let before = pin.as_ref().map(|p| p.state.clone());
        let state = step(verifier, manifests, before, event)?;
        let logged = logged(verifier, manifests, roll_key, &state, seq, proof).map_err(|r| r.at(seq))?;
        if decoded.seq == 0 {
            follows(former.as_ref().map(|(pin, issued)| (pin, *issued)), &state, logged.as_ref())
                .map_err(|r| r.at(0))?;
        }
        Self::accepted(pin, state, &decoded, logged).map_err(|r| r.at(seq))
    }

    fn accepted(
        pin: Option<Self>,
        state: State,
        event: &Event,
        logged: Option<LoggedLeaf>,
    ) -> Result<Self, Reason> {
        let objection = matches!(event.body, Body::Vetoed { .. } | Body::Held { .. });
        if logged.is_none() && !objection {
            return Err(Reason::Log("its leaf is not in the log".into()));
        }
        let Some(pin) = pin else {
            let last_index = logged.map_or(0, |l| l.index);
            return Ok(Self { state, last_index, standing: Vec::new(), closing: None, late: 0 });
        };
        if logged.as_ref().is_some_and(|l| l.index <= pin.last_index) {
            return Err(Reason::Log("its leaf is not after the leaf before".into()));
        }
        let mut next = pin;
        if let (Body::Committed { request, .. }, Some(logged)) = (&event.body, &logged) {
            next.may_commit(request, logged)?;
            next.closing = None;
            next.lift_cleared(&state);
        }
        next.last_index = logged.map_or(next.last_index, |l| l.index);
        next.state = state;
        next.drop_settled(event);
        Ok(next)
    }

    /// Whether its card is not served any more: the number was given up, or has left and had the time that its new
    /// operator needs for routing it.
    fn gone(&self, now: UnixTime) -> bool {
        self.state
            .closed
            .as_ref()
            .is_some_and(|closed| closed.recipient.is_none() || now >= UnixTime(closed.ready).after(PORTING))
    }

    /// Whether nothing handed in here stands against committing the live request.
    fn unopposed(&self, request: &Digest) -> Result<(), Reason> {
        let live = self.state.live.as_ref().filter(|l| l.head == *request).ok_or(Reason::NoRequest)?;
        let over = live.intent.over;
        let forbidding = forbidding_bit(live.intent.change.kind());
        let stops = |standing: &Standing| {
            (Some(standing.place) != over || !stands(Defence::OverIsOver))
                && match &standing.against {
                    Against::Request(vetoed) => vetoed == request,
                    Against::Bits(bits) => {
                        bits.iter().any(|b| Some(*b) == forbidding || matches!(*b, bit::SERVICE | bit::LEGAL))
                    }
                }
        };
        // What came too late for the commit that is being written stops the next one, not this one.
        let written = self.closing.is_some_and(|c| c.request == *request);
        let late = self.late & !over.map_or(0, Place::bit) & !self.consenting_places() != 0;
        let late = late && forbidding == Some(bit::MOVE) && !written;
        if (late || self.standing.iter().any(stops)) && stands(Defence::ObjectionsStop) {
            Err(Reason::Objected)
        } else {
            Ok(())
        }
    }

    /// Places whose factors have agreed to the live request: whoever came too late to stop the last change may undo it.
    fn consenting_places(&self) -> u8 {
        let consents = self.state.live.iter().flat_map(|live| &live.consents);
        let places = consents.filter_map(|(who, _)| match who {
            Consenter::Factor(id) => self.state.factor(id).map(|f| f.factor.place.bit()),
            _ => None,
        });
        places.fold(0, |all, place| all | place)
    }

    fn may_commit(&self, request: &Digest, logged: &LoggedLeaf) -> Result<(), Reason> {
        self.unopposed(request)?;
        let seen_by = logged.witnessed.seen_by;
        let expiry = self.state.live.as_ref().map_or(0, |l| l.intent.expiry);
        if seen_by > expiry.saturating_add(LATEST_COMMIT) {
            return Err(Reason::Log("logged long after the request had expired".into()));
        }
        // A closing that has run out is no reason by itself: whoever objected since stands in the way above, and while
        // nobody could object, as when the node was down, nobody was told anything.
        Ok(())
    }

    /// A commit that lifts holds lifts what stands for them here too.
    fn lift_cleared(&mut self, after: &State) {
        let cleared: Vec<u64> =
            (0..9).filter(|b| self.state.held(*b, None) && !after.held(*b, None)).collect();
        if cleared.contains(&bit::MOVE) {
            self.late = 0;
        }
        self.standing.retain(|s| match &s.against {
            Against::Bits(bits) => !bits.iter().all(|b| cleared.contains(b)),
            Against::Request(_) => true,
        });
    }

    /// Objections that the chain now carries, or whose request is gone, need no memory of their own.
    fn drop_settled(&mut self, event: &Event) {
        let live = self.state.live.as_ref().map(|l| l.head);
        self.standing.retain(|s| match &s.against {
            Against::Request(request) => Some(*request) == live,
            // An event that holds the same from the same place stands in for it, whoever signed which bytes.
            Against::Bits(bits) => !holds_for(&self.state, event, bits, s.place),
        });
        if self.closing.is_some_and(|c| Some(c.request) != live) {
            self.closing = None;
        }
    }

    /// Takes an objection that came directly. Needs no log: it acts at once.
    pub fn object(
        &mut self,
        verifier: &impl Verifier,
        manifests: &Manifests,
        bytes: &[u8],
        now: UnixTime,
    ) -> Result<Objected, Refusal> {
        let seq = self.state.heads.len() as u64;
        self.objected(verifier, manifests, bytes, now).map_err(|r| r.at(seq))
    }

    fn objected(
        &mut self,
        verifier: &impl Verifier,
        manifests: &Manifests,
        bytes: &[u8],
        now: UnixTime,
    ) -> Result<Objected, Reason> {
        let objection = Objection::decode(bytes)?;
        if objection.deed_id != self.state.deed_id {
            return Err(Reason::OtherDeed);
        }
        if self.state.closed.is_some() {
            return Err(Reason::Closed);
        }
        let (manifest, _) = manifests.get(&self.state.manifest)?;
        let Objection { body, body_bytes, proof, .. } = &objection;
        let signer = check(verifier, manifest, Some(&self.state), body.kind(), body, body_bytes, proof)?;
        let who = objector(&self.state, &signer, proof)?;
        let (against, stops_closing) = match body {
            Body::Vetoed { request, .. } => {
                let live =
                    self.state.live.as_ref().filter(|l| l.head == *request).ok_or(Reason::NoRequest)?;
                who.may_veto(live.intent.over)?;
                (Against::Request(*request), true)
            }
            Body::Held { bits, .. } => {
                who.may_hold(bits)?;
                signed_since_lifted(&self.state, proof, bits)?;
                (Against::Bits(bits.clone()), ends(&self.state, bits, who.place))
            }
            _ => return Err(Reason::Role("only a veto or a hold is an objection")),
        };
        let closing = self.closing.is_some_and(|c| now <= c.at.after(CLOSING));
        if closing && stops_closing && stands(Defence::ClosingDecides) {
            self.late |= who.place.bit();
            return Ok(Objected::TooLate);
        }
        // A hold whose bits stand already can still end the live request, and is remembered against that alone.
        let live = self.state.live.as_ref().map(|l| l.head);
        let against = match live {
            Some(request) if stops_closing && self.adds_nothing(&against, who.place) => {
                Against::Request(request)
            }
            _ => against,
        };
        // Only what adds something for its place is remembered, so that nobody can fill the memory and lock others out:
        // at most nine bits and one veto for each place.
        if self.adds_nothing(&against, who.place) {
            return Ok(Objected::InTime);
        }
        self.standing.push(Standing { bytes: bytes.to_vec(), place: who.place, against });
        Ok(Objected::InTime)
    }

    /// Whether all that an objection is against already stands, from the same place.
    fn adds_nothing(&self, against: &Against, place: Place) -> bool {
        let mine = || self.standing.iter().filter(|s| s.place == place).map(|s| &s.against);
        match against {
            Against::Request(_) => mine().any(|a| a == against),
            Against::Bits(bits) => bits.iter().all(|bit| {
                self.state.held_from(*bit, place)
                    || mine().any(|a| matches!(a, Against::Bits(standing) if standing.contains(bit)))
            }),
        }
    }

    /// Writes that this commit is about to be logged. An objection before this wins; one after it is too late.
    pub fn close(
        &mut self,
        verifier: &impl Verifier,
        manifests: &Manifests,
        commit: &[u8],
        now: UnixTime,
    ) -> Result<State, Refusal> {
        let seq = self.state.heads.len() as u64;
        let after = step(verifier, manifests, Some(self.state.clone()), commit)?;
        let event = Event::decode(commit).map_err(|r| r.at(seq))?;
        let Body::Committed { request, .. } = &event.body else {
            return Err(Reason::Role("only a commit is closed").at(seq));
        };
        self.unopposed(request).map_err(|r| r.at(seq))?;
        // A commit written anew after a crash closes again, but its time runs from the first: objections are not kept
        // out for longer than that.
        let at = self.closing.filter(|c| c.request == *request).map_or(now, |c| c.at);
        if now > at.after(CLOSING) {
            return Err(Reason::Log("not logged within 15 minutes of being written".into()).at(seq));
        }
        self.closing = Some(Closing { request: *request, head: event.head, at });
        Ok(after)
    }

    /// Whether the commit that was being written was not logged in time: its request is to be ended.
    pub fn closing_expired(&self, now: UnixTime) -> bool {
        self.closing.is_some_and(|c| now > c.at.after(CLOSING))
    }

    fn suspended(&self) -> bool {
        let standing = |wanted: u64| {
            self.standing.iter().any(|s| matches!(&s.against, Against::Bits(bits) if bits.contains(&wanted)))
        };
        [bit::SERVICE, bit::LEGAL].iter().any(|b| self.state.held(*b, None) || standing(*b))
    }

    /// How the number's card with this IMSI is to be served at `now`.
    pub fn serve(&self, imsi: &Imsi, now: UnixTime) -> Serve {
        if self.gone(now) {
            return Serve::Refuse(NotServed::Closed);
        }
        let Some(slot) = self.state.slots.iter().find(|s| s.card.imsi == *imsi) else {
            let reserved = self.state.moved.as_ref().and_then(|m| m.reserved.as_ref());
            let was_ours = reserved.is_some_and(|c| c.imsi == *imsi);
            return Serve::Refuse(if was_ours { NotServed::Replaced } else { NotServed::Unknown });
        };
        if slot.dormant {
            return Serve::Refuse(NotServed::Sleeping);
        }
        if self.suspended() {
            return Serve::EmergencyOnly;
        }
        let held = self.state.moved.as_ref().map(|m| UnixTime(m.ready).after(m.class.sms_hold()));
        Serve::Serve { sms_held_until: held.filter(|until| *until > now) }
    }

    /// Whether this first event may follow the deed here, were it logged at `now`: asked before it is written, too, since
    /// what is logged once keeps its tag for good.
    pub fn may_be_followed(&self, issued: &Issued, now: UnixTime) -> Result<(), Reason> {
        let closed = self.state.closed.as_ref().ok_or(Reason::LivingDeed)?;
        if self.state.number != issued.number || issued.generation != self.state.generation + 1 {
            return Err(Reason::Generation("it is not the next generation of this number"));
        }
        if issued.previous != Some(self.state.head()) {
            return Err(Reason::Generation("it names another end than the last deed had"));
        }
        if now.0 < closed.ready.saturating_add(FREEZE) && stands(Defence::FreezeBeforeReissue) {
            return Err(Reason::Generation("the number has not rested for ninety witnessed days"));
        }
        Ok(())
    }

    /// The IMSI that answers for the number at `now`.
    pub fn resolve(&self, now: UnixTime) -> Option<Imsi> {
        if self.gone(now) { None } else { self.state.card().map(|c| c.imsi) }
    }

    /// Whether an IMSI answers for the number at `now`: a card's in a slot, awake.
    pub fn answers(&self, imsi: &Imsi, now: UnixTime) -> bool {
        !self.gone(now) && self.state.slots.iter().any(|s| s.card.imsi == *imsi && !s.dormant)
    }

    /// Every card whose IMSI and key this number occupies: served, sleeping, or in reserve at `now`.
    pub fn occupied(&self, now: UnixTime) -> Vec<&Card> {
        if self.gone(now) {
            return Vec::new();
        }
        let reserved = self.state.moved.as_ref().filter(|m| now < UnixTime(m.ready).after(RESERVE));
        let reserved = reserved.and_then(|m| m.reserved.as_ref());
        self.state.slots.iter().map(|s| &s.card).chain(reserved).collect()
    }
}

/// Whether a first event may begin here: there is no deed of the number, or the last one is closed, has rested, and is the
/// one that the new one names.
fn follows(
    former: Option<(&Pin, &Issued)>,
    state: &State,
    logged: Option<&LoggedLeaf>,
) -> Result<(), Reason> {
    let Some((former, issued)) = former else {
        return match state.generation {
            0 => Ok(()),
            _ => Err(Reason::Generation("no deed of this number was closed here")),
        };
    };
    former.may_be_followed(issued, UnixTime(logged.map_or(u64::MAX, |leaf| leaf.witnessed.still_at)))?;
    if logged.is_none() {
        return Err(Reason::Log("its leaf is not in the log".into()));
    }
    Ok(())
}

fn logged(
    verifier: &impl Verifier,
    manifests: &Manifests,
    roll_key: &Secret<[u8; 32]>,
    state: &State,
    seq: u64,
    proof: Option<&TlogProof>,
) -> Result<Option<LoggedLeaf>, Reason> {
    let Some(proof) = proof else { return Ok(None) };
    let (_, policy) = manifests.get(&state.manifest)?;
    let leaf = leaf(roll_key, state, seq).ok_or(Reason::Sequence)?;
    proof.check(verifier, policy, &leaf).map(Some).map_err(|e| Reason::Log(e.to_string()))
}

/// Whether an event sets all these bits from this place.
fn holds_for(state: &State, event: &Event, bits: &[u64], place: Place) -> bool {
    let Body::Held { bits: held, .. } = &event.body else { return false };
    let from =
        |proof: &Proof| state.factor(&FactorId(proof.signer)).map_or(Place::Operator, |f| f.factor.place);
    bits.iter().all(|bit| held.contains(bit)) && event.proofs.iter().any(|proof| from(proof) == place)
}

/// The leaf of event `seq` of a deed.
pub fn leaf(roll_key: &Secret<[u8; 32]>, state: &State, seq: u64) -> Option<Leaf> {
    let tag =
        if seq == 0 { hash::roll_tag(roll_key, state.generation, &state.number) } else { state.tag(seq) };
    Some(Leaf { tag, head: state.head_at(seq)? })
}

/// The cards that `after` has and `before` had not.
pub fn new_cards<'a>(before: Option<&State>, after: &'a State) -> Vec<&'a Card> {
    let old = |card: &Card| before.is_some_and(|b| b.slots.iter().any(|s| s.card == *card));
    after.slots.iter().map(|s| &s.card).filter(|c| !old(c)).collect()
}

// A pin's bytes are the enforcement point's own form, stored under its MAC; no part of format 1.

impl Pin {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let w = Writer::new().array(5).bytes(&self.state.encode()).uint(self.last_index);
        let w = w.list(&self.standing, |w, s| {
            let w = w.array(3).bytes(&s.bytes).uint(s.place.number());
            match &s.against {
                Against::Request(request) => w.bytes(request),
                Against::Bits(bits) => w.bytes(&Writer::new().list(bits, |w, b| w.uint(*b)).done()),
            }
        });
        match &self.closing {
            None => w.array(0),
            Some(c) => w.array(3).bytes(&c.request).bytes(&c.head).uint(c.at.0),
        }
        .uint(u64::from(self.late))
        .done()
    }

    /// From its bytes, which a MAC has already vouched for.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        whole(bytes, |r| {
            r.array(5)?;
            let state = State::decode(r.bytes()?)?;
            let last_index = r.uint()?;
            let mut standing = Vec::new();
            for _ in 0..r.list(64, "number of standing objections")? {
                standing.push(read_standing(r)?);
            }
            let closing = match r.list(3, "closing")? {
                0 => None,
                _ => Some(Closing { request: r.array_of()?, head: r.array_of()?, at: UnixTime(r.uint()?) }),
            };
            let late = u8::try_from(r.uint()?).map_err(|_| Reason::Encoding("late objections"))?;
            Ok(Self { state, last_index, standing, closing, late })
        })
    }
}

fn read_standing(r: &mut Reader<'_>) -> Result<Standing, Reason> {
    r.array(3)?;
    let bytes = r.bytes()?.to_vec();
    let place = Place::from_number(r.uint()?).ok_or(Reason::Unknown("place"))?;
    let against = r.bytes()?;
    let against = match against.try_into() {
        Ok(request) => Against::Request(request),
        Err(_) => Against::Bits(whole(against, crate::record::read_bits)?),
    };
    Ok(Standing { bytes, place, against })
}
