//! What the packets have in common: their first octet, the fresh key in front, and that each is taken once.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use keys::hpke::ENC_BYTES;

/// 01: a message.
pub(crate) const MESSAGE: u8 = 1;
/// 02: somebody calls.
pub(crate) const OFFER: u8 = 2;
/// 03: and is answered.
pub(crate) const ANSWER: u8 = 3;
/// 04: a frame of the call.
pub(crate) const FRAME: u8 = 4;

/// Why a packet was not opened, or none was made. `E` is why the card did not do its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TalkError<E> {
    /// The card, or the key, did not agree.
    #[error("the card did not agree on a key: {0}")]
    Agree(E),
    /// It is no packet of this kind.
    #[error("not a packet of this kind")]
    Malformed,
    /// Somebody else's, from somebody else, or changed on the way.
    #[error("it does not open: it is from somebody else, for somebody else, or was changed on the way")]
    NotOurs,
    /// It was here before.
    #[error("it came before; it is not taken twice")]
    Replayed,
    /// So many frames cannot be missing.
    #[error("too many frames of the call are missing before this one")]
    TooFar,
    /// Four thousand million frames of one call.
    #[error("the call is too long; call again")]
    Exhausted,
}

/// Kind ‖ fresh key ‖ sealed.
pub(crate) fn put(kind: u8, fresh: &[u8; ENC_BYTES], sealed: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + ENC_BYTES + sealed.len());
    out.push(kind);
    out.extend_from_slice(fresh);
    out.extend_from_slice(sealed);
    out
}

/// The fresh key and what is sealed.
pub(crate) fn parse<E>(kind: u8, packet: &[u8]) -> Result<(&[u8; ENC_BYTES], &[u8]), TalkError<E>> {
    let rest = match packet.split_first() {
        Some((first, rest)) if *first == kind => rest,
        _ => return Err(TalkError::Malformed),
    };
    rest.split_first_chunk().ok_or(TalkError::Malformed)
}

/// What came to one card, so that nothing is taken twice: the fresh keys of the packets.
#[derive(Debug, Clone, Default)]
pub struct Inbox(BTreeSet<[u8; ENC_BYTES]>);

impl Inbox {
    /// Takes a packet with this fresh key, if `open` finds it good.
    pub(crate) fn take<T, E>(
        &mut self,
        fresh: &[u8; ENC_BYTES],
        open: impl FnOnce() -> Result<T, TalkError<E>>,
    ) -> Result<T, TalkError<E>> {
        if self.0.contains(fresh) {
            return Err(TalkError::Replayed);
        }
        let opened = open()?;
        // Only what opened is remembered: junk costs no memory.
        self.0.insert(*fresh);
        Ok(opened)
    }
}
