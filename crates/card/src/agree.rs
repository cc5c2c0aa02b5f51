//! The key by which a card agrees with others on secrets: its public half, and one agreement (ECDH on P-256).
//!
//! Made in the card when the card is made; in nobody's profile, in no operator's file. The commands are those of the
//! OpenPGP application (its specification 3.4, §7.2.11 and §7.2.14), which took them from ISO/IEC 7816-8.

use crate::answer::Answer;
use crate::card::Live;
use crate::session::{Channel, secrets};
use crate::vault::Secrets;
use wire::apdu::{Command, Status};
use wire::tlv::{find, tlv};

/// P1 of GENERATE ASYMMETRIC KEY PAIR: only read the public key.
const READ: u8 = 0x81;
/// The control reference template that names a key for confidentiality.
const CONFIDENTIALITY: &[u8] = &[0xb8, 0x00];
/// Tags: a cipher, a public key, the point in it.
const CIPHER: u32 = 0xa6;
const PUBLIC_KEY: u32 = 0x7f49;
const POINT: u32 = 0x86;

/// GENERATE ASYMMETRIC KEY PAIR, reading: 7F49 { 86 { 04 ‖ X ‖ Y } }. Anybody may.
pub(crate) fn public_key<M, A>(command: &Command<'_>, live: &Live<M, A>) -> Result<Answer<'static>, Status> {
    if (command.p1, command.p2) != (READ, 0) {
        return Err(Status::WRONG_P1_P2);
    }
    if command.data != CONFIDENTIALITY {
        return Err(Status::REFERENCE_NOT_FOUND);
    }
    let key = live.state.extras.agree_public.as_ref().ok_or(Status::REFERENCE_NOT_FOUND)?;
    Ok(Answer::Held(tlv(PUBLIC_KEY, &tlv(POINT, key))))
}

/// DECIPHER (a PERFORM SECURITY OPERATION) with A6 { 7F49 { 86 { 04 ‖ X ‖ Y } } }: the x coordinate, 32 octets.
pub(crate) fn agree<M, A>(
    command: &Command<'_>,
    live: &Live<M, A>,
    channel: &Channel,
    open: &mut Option<Secrets>,
) -> Result<Answer<'static>, Status> {
    let secrets = secrets(live, channel, open)?;
    let key = secrets.agree_key.as_ref().ok_or(Status::REFERENCE_NOT_FOUND)?;
    let point = find(command.data, CIPHER)
        .and_then(|cipher| find(cipher, PUBLIC_KEY))
        .and_then(|key| find(key, POINT))
        .and_then(|point| point.try_into().ok())
        .ok_or(Status::WRONG_DATA)?;
    let secret = key.agree(point).map_err(|_| Status::WRONG_DATA)?;
    Ok(Answer::Held(secret.danger_expose().to_vec()))
}
