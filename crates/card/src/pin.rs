//! VERIFY, CHANGE, DISABLE, ENABLE and UNBLOCK PIN (TS 102 221 §11.1.9 to §11.1.13).
//!
//! Every code presented goes through [`present`]: a try is spent in the store, then the code is compared.

use crate::Code;
use crate::answer::Answer;
use crate::card::Live;
use crate::credential::{Asked, Check, Credential, Which};
use crate::key::KeyRef;
use crate::medium::{Anchor, Medium};
use crate::session::Channel;
use crate::state::Change;
use alloc::vec::Vec;
use rand_core::CryptoRng;
use wire::apdu::{Command, Ins, Status};

/// Any of the five.
pub(crate) fn pin<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    channel: &mut Channel,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let replaced = match (command.ins, command.p1) {
        (_, 0x00) => Asked::No,
        // The universal PIN is to be asked for instead (§11.1.11.2).
        (Ins::DISABLE_PIN, p1) if p1 == 0x80 | KeyRef::UNIVERSAL.octet() => Asked::Universal,
        _ => return Err(Status::WRONG_P1_P2),
    };
    let key = KeyRef::new(command.p2).ok_or(Status::REFERENCE_NOT_FOUND)?;
    let credential = *live.state.credential(key).ok_or(Status::REFERENCE_NOT_FOUND)?;
    let holders = !key.is_administrative();
    match command.ins {
        Ins::VERIFY_PIN => verify(command, &credential, live, channel, rng),
        Ins::CHANGE_PIN => change(command, &credential, live, channel, rng),
        // Administrative codes are always asked for; the second PIN too (TS 31.102 §6.4).
        Ins::DISABLE_PIN if holders && !key.is_local() => {
            ask(command, replaced, &credential, live, channel, rng)
        }
        Ins::ENABLE_PIN if holders && !key.is_local() => {
            ask(command, Asked::Yes, &credential, live, channel, rng)
        }
        Ins::UNBLOCK_PIN if credential.unblock.is_some() => unblock(command, key, live, channel, rng),
        _ => Err(Status::REFERENCE_NOT_FOUND),
    }
}

/// The one way a code is compared. The try is durable before the comparison; what success brings, the full count
/// among it, happens in one record after. Whoever was recognised before is so no more until it succeeds.
fn present<M: Medium, A: Anchor>(
    which: Which,
    code: &Code,
    success: Vec<Change>,
    live: &mut Live<M, A>,
    channel: &mut Channel,
    rng: &mut impl CryptoRng,
) -> Result<(), Status> {
    let kept = *live.state.kept(which).ok_or(Status::REFERENCE_NOT_FOUND)?;
    let left = kept.left.checked_sub(1).ok_or(Status::BLOCKED)?;
    channel.verified(which.key(), false);
    live.commit(&[Change::Tries(which, left)], rng)?;
    if !kept.check.is(&live.pepper, which, code) {
        return Err(Status::tries(left));
    }
    let mut changes = success;
    changes.push(Change::Tries(which, which.max_tries()));
    live.commit(&changes, rng)?;
    channel.verified(which.key(), true);
    Ok(())
}

/// One code. Another length spends nothing.
fn one(command: &Command<'_>) -> Result<Code, Status> {
    let block = command.data.try_into().map_err(|_| Status::WRONG_LENGTH)?;
    Ok(Code::presented(block))
}

/// A code presented and a PIN to be set, in eight octets each. A PIN that may not be set spends nothing.
fn two(command: &Command<'_>) -> Result<(Code, Code), Status> {
    let (old, rest) = command.data.split_first_chunk::<8>().ok_or(Status::WRONG_LENGTH)?;
    let new = rest.try_into().map_err(|_| Status::WRONG_LENGTH)?;
    Ok((Code::presented(old), Code::settable(new).ok_or(Status::WRONG_DATA)?))
}

fn verify<M: Medium, A: Anchor>(
    command: &Command<'_>,
    credential: &Credential,
    live: &mut Live<M, A>,
    channel: &mut Channel,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    if command.data.is_empty() {
        return Err(Status::tries(credential.code.left));
    }
    let code = one(command)?;
    if credential.asked != Asked::Yes {
        return Err(Status::INVALIDATED);
    }
    present(Which::Code(credential.key), &code, Vec::new(), live, channel, rng)?;
    Ok(Answer::Done)
}

fn change<M: Medium, A: Anchor>(
    command: &Command<'_>,
    credential: &Credential,
    live: &mut Live<M, A>,
    channel: &mut Channel,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let (old, new) = two(command)?;
    if credential.key.is_administrative() && command.data.last() == Some(&0xff) {
        // An administrative code has eight digits; padding would make it a short one.
        return Err(Status::WRONG_DATA);
    }
    if credential.asked != Asked::Yes {
        return Err(Status::INVALIDATED);
    }
    let which = Which::Code(credential.key);
    let check = Check::new(&live.pepper, which, &new, rng);
    present(which, &old, Vec::from([Change::Code(which, check)]), live, channel, rng)?;
    Ok(Answer::Done)
}

/// Whether the PIN is asked for at all, from now on.
fn ask<M: Medium, A: Anchor>(
    command: &Command<'_>,
    asked: Asked,
    credential: &Credential,
    live: &mut Live<M, A>,
    channel: &mut Channel,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let code = one(command)?;
    let key = credential.key;
    if (credential.asked == Asked::Yes) == (asked == Asked::Yes) {
        return Err(Status::INVALIDATED);
    }
    // Nothing stands in for the universal PIN, least of all itself, nor does what this card does not have.
    if asked == Asked::Universal
        && (key == KeyRef::UNIVERSAL || live.state.credential(KeyRef::UNIVERSAL).is_none())
    {
        return Err(Status::REFERENCE_NOT_FOUND);
    }
    present(Which::Code(key), &code, Vec::from([Change::Asked(key, asked)]), live, channel, rng)?;
    Ok(Answer::Done)
}

/// The unblocking code and a new PIN: new PIN, its tries, its being asked for and the tries of the former come in one
/// record.
fn unblock<M: Medium, A: Anchor>(
    command: &Command<'_>,
    key: KeyRef,
    live: &mut Live<M, A>,
    channel: &mut Channel,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let (which, pin) = (Which::Unblock(key), Which::Code(key));
    if command.data.is_empty() {
        return Err(Status::tries(live.state.kept(which).ok_or(Status::REFERENCE_NOT_FOUND)?.left));
    }
    let (puk, new) = two(command)?;
    let success = Vec::from([
        Change::Code(pin, Check::new(&live.pepper, pin, &new, rng)),
        Change::Tries(pin, pin.max_tries()),
        Change::Asked(key, Asked::Yes),
    ]);
    present(which, &puk, success, live, channel, rng)?;
    Ok(Answer::Done)
}
