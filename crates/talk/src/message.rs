//! One message: 01 ‖ fresh key (65) ‖ ciphertext ‖ tag (16), a context of HPKE for each (RFC 9180, mode Auth).

use crate::identity::Peer;
use crate::packet::{Inbox, MESSAGE, TalkError, parse, put};
use alloc::vec::Vec;
use keys::agree::{Agree, AgreeKey};
use keys::hpke::Context;
use rand_core::CryptoRng;

/// Texts are filled up to a multiple of so many octets: the length says little.
const BLOCK: usize = 64;
/// First octet of the filling (ISO/IEC 7816-4 §5.2, padding: one 80, then zeros).
const FILL: u8 = 0x80;

/// What a key is for, and between whom: label ‖ 00 ‖ from ‖ 00 ‖ to.
pub(crate) fn purpose(label: &str, from: &Peer, to: &Peer) -> Vec<u8> {
    [label.as_bytes(), &[0], from.number().as_str().as_bytes(), &[0], to.number().as_str().as_bytes()]
        .concat()
}

const LABEL: &str = "simward.talk.message.1";

/// What the keys of messages from `from` to `to` are bound to: known to everybody, as everything about a good cipher but
/// its keys.
pub fn message_purpose(from: &Peer, to: &Peer) -> Vec<u8> {
    purpose(LABEL, from, to)
}

/// Seals a text from `me`, whose card this is, to `to`.
pub fn seal<A: Agree>(
    card: &mut A,
    me: &Peer,
    to: &Peer,
    text: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, TalkError<A::Error>> {
    let fresh = AgreeKey::random(rng);
    let context = Context::to(&fresh, card, to.key(), &message_purpose(me, to)).map_err(TalkError::Agree)?;
    let mut filled = Vec::with_capacity(text.len() + BLOCK);
    filled.extend_from_slice(text);
    filled.push(FILL);
    filled.resize(filled.len().next_multiple_of(BLOCK), 0);
    Ok(put(MESSAGE, &fresh.public(), &context.seal(&[MESSAGE], &filled)))
}

/// Opens a message from `from` to `me`, whose card this is. Each is taken once.
pub fn open<A: Agree>(
    card: &mut A,
    me: &Peer,
    from: &Peer,
    packet: &[u8],
    inbox: &mut Inbox,
) -> Result<Vec<u8>, TalkError<A::Error>> {
    let (fresh, sealed) = parse(MESSAGE, packet)?;
    inbox.take(fresh, || {
        let context = Context::from(fresh, card, from.key(), &message_purpose(from, me));
        let filled = context.map_err(TalkError::Agree)?.open(&[MESSAGE], sealed);
        let mut text = filled.map_err(|_| TalkError::NotOurs)?;
        let end = text.iter().rposition(|octet| *octet != 0);
        let end = end.filter(|at| text.get(*at) == Some(&FILL)).ok_or(TalkError::Malformed)?;
        text.truncate(end);
        Ok(text)
    })
}
