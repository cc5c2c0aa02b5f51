//! COMPUTE DIGITAL SIGNATURE (ISO/IEC 7816-8, a PERFORM SECURITY OPERATION), by the card's own key.
//!
//! What is signed is decided outside, as with every card: 32 octets, the SHA-256 digest of a statement. The key never
//! leaves, and signs for whoever gave the PIN.

use crate::answer::Answer;
use crate::card::Live;
use crate::key::KeyRef;
use crate::rule::Condition;
use crate::session::Channel;
use wire::apdu::{Command, Status};

/// r ‖ s, 64 octets, over the digest.
pub(crate) fn sign<M, A>(
    command: &Command<'_>,
    live: &Live<M, A>,
    channel: &Channel,
) -> Result<Answer<'static>, Status> {
    if !channel.allows(Condition::key(KeyRef::PIN1), &live.state) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    let key = live.state.card_key.as_ref().ok_or(Status::REFERENCE_NOT_FOUND)?;
    let digest = command.data.try_into().map_err(|_| Status::WRONG_LENGTH)?;
    Ok(Answer::Held(key.sign_digest(digest).to_vec()))
}
