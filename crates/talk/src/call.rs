//! One call: both ends bring a fresh key, and every frame has a key of its own.
//!
//! ```text
//! caller → callee   02 ‖ fresh key ‖ tag              an HPKE context from the caller
//! callee → caller   03 ‖ fresh key ‖ tag              another back, bound to the SHA-256 of the offer
//! either way        04 ‖ n (4, from 0) ‖ sealed ‖ tag
//! ```
//!
//! The call's secret is HKDF of what both contexts export and of what the two fresh keys agree on, over both packets. The
//! fresh keys are gone when the call has begun: nobody opens a recorded call with the cards of both.

use crate::identity::Peer;
use crate::message::purpose;
use crate::packet::{ANSWER, FRAME, Inbox, OFFER, TalkError, parse, put};
use alloc::vec::Vec;
use keys::Secret;
use keys::agree::{Agree, AgreeKey};
use keys::digest::sha256;
use keys::hpke::Context;
use keys::seal::{SealKey, subkey, subkey_of};
use rand_core::CryptoRng;

const OFFER_LABEL: &str = "simward.talk.offer.1";
const ANSWER_LABEL: &str = "simward.talk.answer.1";
const CALL_LABEL: &[u8] = b"simward.talk.call.1";
/// So many frames may be lost in a row: twenty seconds of twenty milliseconds each.
const GAP: u32 = 1000;

/// What the first key of a call is bound to, as [`crate::message::message_purpose`].
pub fn offer_purpose(from: &Peer, to: &Peer) -> Vec<u8> {
    purpose(OFFER_LABEL, from, to)
}

/// A call that nobody has answered yet.
#[derive(Debug)]
pub struct Ringing {
    fresh: AgreeKey,
    offer: Vec<u8>,
    export: Secret<[u8; 32]>,
}

/// Calls `to`.
pub fn call<A: Agree>(
    card: &mut A,
    me: &Peer,
    to: &Peer,
    rng: &mut impl CryptoRng,
) -> Result<Ringing, TalkError<A::Error>> {
    let fresh = AgreeKey::random(rng);
    let context = Context::to(&fresh, card, to.key(), &offer_purpose(me, to)).map_err(TalkError::Agree)?;
    let export = context.export(CALL_LABEL);
    let offer = put(OFFER, &fresh.public(), &context.seal(&[OFFER], b""));
    Ok(Ringing { fresh, offer, export })
}

/// What both contexts have said, in their order.
fn answer_purpose(offer: &[u8], callee: &Peer, caller: &Peer) -> Vec<u8> {
    [purpose(ANSWER_LABEL, callee, caller).as_slice(), &[0], &sha256(&[offer])].concat()
}

/// Answers a call from `from`: the call, and the packet that tells the caller.
pub fn answer<A: Agree>(
    card: &mut A,
    me: &Peer,
    from: &Peer,
    offer: &[u8],
    inbox: &mut Inbox,
    rng: &mut impl CryptoRng,
) -> Result<(Call, Vec<u8>), TalkError<A::Error>>
where
    A::Error: From<keys::agree::NotAPoint>,
{
    let (their_fresh, sealed) = parse(OFFER, offer)?;
    inbox.take(their_fresh, || {
        let context = Context::from(their_fresh, card, from.key(), &offer_purpose(from, me));
        let context = context.map_err(TalkError::Agree)?;
        let first = context.export(CALL_LABEL);
        context.open(&[OFFER], sealed).map_err(|_| TalkError::NotOurs)?;
        let fresh = AgreeKey::random(rng);
        let context = Context::to(&fresh, card, from.key(), &answer_purpose(offer, me, from));
        let context = context.map_err(TalkError::Agree)?;
        let second = context.export(CALL_LABEL);
        let answer = put(ANSWER, &fresh.public(), &context.seal(&[ANSWER], b""));
        let both = fresh.agree(their_fresh).map_err(|e| TalkError::Agree(e.into()))?;
        let secret = subkey_of(&[&first, &second, &both], &sha256(&[offer, &answer]), CALL_LABEL);
        Ok((Call::new(&secret, Side::Callee), answer))
    })
}

impl Ringing {
    /// What goes to the callee.
    pub fn offer(&self) -> &[u8] {
        &self.offer
    }

    /// The callee has answered.
    pub fn answered<A: Agree>(
        self,
        card: &mut A,
        me: &Peer,
        to: &Peer,
        answer: &[u8],
    ) -> Result<Call, TalkError<A::Error>> {
        let (their_fresh, sealed) = parse(ANSWER, answer)?;
        let context = Context::from(their_fresh, card, to.key(), &answer_purpose(&self.offer, to, me));
        let context = context.map_err(TalkError::Agree)?;
        let second = context.export(CALL_LABEL);
        context.open(&[ANSWER], sealed).map_err(|_| TalkError::NotOurs)?;
        let both = self.fresh.agree(their_fresh).map_err(|e| TalkError::Agree(e.into()))?;
        let salt = sha256(&[&self.offer, answer]);
        let secret = subkey_of(&[&self.export, &second, &both], &salt, CALL_LABEL);
        Ok(Call::new(&secret, Side::Caller))
    }
}

#[derive(Clone, Copy)]
enum Side {
    Caller,
    Callee,
}

/// Keys of one direction, each made from the one before and then forgotten.
struct Chain {
    key: Secret<[u8; 32]>,
    next: u32,
}

impl Chain {
    /// The key of the next frame; the chain moves on.
    fn step(&mut self) -> Option<(u32, SealKey)> {
        let number = self.next;
        self.next = number.checked_add(1)?;
        let key = SealKey::new(subkey(&self.key, b"", b"frame"));
        self.key = subkey(&self.key, b"", b"chain");
        Some((number, key))
    }
}

/// A call that goes on.
pub struct Call {
    out: Chain,
    back: Chain,
}

impl core::fmt::Debug for Call {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Call(…)")
    }
}

/// Each frame's key seals one thing.
const NONCE: [u8; 12] = [0; 12];

fn header(number: u32) -> [u8; 5] {
    let [a, b, c, d] = number.to_be_bytes();
    [FRAME, a, b, c, d]
}

impl Call {
    fn new(secret: &Secret<[u8; 32]>, side: Side) -> Self {
        let chain = |from: &[u8]| Chain { key: subkey(secret, b"", from), next: 0 };
        let (caller, callee) = (chain(b"caller"), chain(b"callee"));
        match side {
            Side::Caller => Self { out: caller, back: callee },
            Side::Callee => Self { out: callee, back: caller },
        }
    }

    /// Seals the next frame.
    pub fn seal(&mut self, frame: &[u8]) -> Result<Vec<u8>, TalkError<core::convert::Infallible>> {
        let (number, key) = self.out.step().ok_or(TalkError::Exhausted)?;
        let header = header(number);
        Ok([&header[..], &key.seal(&NONCE, &header, frame)].concat())
    }

    /// Opens a frame. Frames may be lost; one that comes late or twice is not taken, and one that does not open changes
    /// nothing.
    pub fn open(&mut self, packet: &[u8]) -> Result<Vec<u8>, TalkError<core::convert::Infallible>> {
        let (header, sealed) = packet.split_first_chunk::<5>().ok_or(TalkError::Malformed)?;
        let [FRAME, number @ ..] = *header else { return Err(TalkError::Malformed) };
        let number = u32::from_be_bytes(number);
        let missing = number.checked_sub(self.back.next).ok_or(TalkError::Replayed)?;
        if missing > GAP {
            return Err(TalkError::TooFar);
        }
        let mut ahead = Chain { key: self.back.key.clone(), next: self.back.next };
        for _ in 0..missing {
            ahead.step().ok_or(TalkError::Exhausted)?;
        }
        let (_, key) = ahead.step().ok_or(TalkError::Exhausted)?;
        let frame = key.open(&NONCE, header, sealed).map_err(|_| TalkError::NotOurs)?;
        self.back = ahead;
        Ok(frame)
    }
}
