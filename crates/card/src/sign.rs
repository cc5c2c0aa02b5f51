//! COMPUTE DIGITAL SIGNATURE (ISO/IEC 7816-8, a PERFORM SECURITY OPERATION), by the card's own key.
//!
//! What is signed is decided outside, as with every card: 32 octets, the SHA-256 digest of a statement. The key never
//! leaves, and signs for whoever gave the PIN.

use crate::answer::Answer;
use crate::card::Live;
use crate::session::{Channel, secrets};
use crate::vault::Secrets;
use wire::apdu::{Command, Status};

/// r ‖ s, 64 octets, over the digest.
pub(crate) fn sign<M, A>(
    command: &Command<'_>,
    live: &Live<M, A>,
    channel: &Channel,
    open: &mut Option<Secrets>,
) -> Result<Answer<'static>, Status> {
    let secrets = secrets(live, channel, open)?;
    let key = secrets.card_key.as_ref().ok_or(Status::REFERENCE_NOT_FOUND)?;
    let digest = command.data.try_into().map_err(|_| Status::WRONG_LENGTH)?;
    Ok(Answer::Held(key.sign_digest(digest).to_vec()))
}
