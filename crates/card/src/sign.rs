//! COMPUTE DIGITAL SIGNATURE (ISO/IEC 7816-8, a PERFORM SECURITY OPERATION), by the owner's key.
//!
//! What is signed is decided outside, as with every card: 32 octets, the SHA-256 digest of a statement. The key never
//! leaves, and signs for whoever gave the PIN.

use crate::answer::Answer;
use crate::card::Live;
use crate::owner_key;
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
    let digest = command.data.try_into().map_err(|_| Status::WRONG_LENGTH)?;
    let signature = owner_key::sign(live.state.extras.owner.as_ref(), secrets, digest);
    Ok(Answer::Held(signature.ok_or(Status::REFERENCE_NOT_FOUND)?.to_vec()))
}
