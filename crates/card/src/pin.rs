//! VERIFY, CHANGE, DISABLE, ENABLE and UNBLOCK PIN (TS 102 221 §11.1.9 to §11.1.13).
//!
//! Every code presented goes through [`present`]: a try is spent in the store, then the code is compared.

use crate::Code;
use crate::answer::Answer;
use crate::card::Live;
use crate::credential::{Check, Which};
use crate::medium::{Anchor, Medium};
use crate::session::Session;
use crate::state::Change;
use alloc::vec::Vec;
use rand_core::CryptoRng;
use wire::apdu::{Command, Ins, Status};

/// Any of the five.
pub(crate) fn pin<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer, Status> {
    if command.p1 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    let which = match command.p2 {
        0x01 => Which::Pin,
        0x0a => Which::Adm,
        _ => return Err(Status::REFERENCE_NOT_FOUND),
    };
    match (command.ins, which) {
        (Ins::VERIFY_PIN, which) => verify(command, which, live, session, rng),
        (Ins::CHANGE_PIN, which) => change(command, which, live, session, rng),
        (Ins::DISABLE_PIN, Which::Pin) => enable(command, false, live, session, rng),
        (Ins::ENABLE_PIN, Which::Pin) => enable(command, true, live, session, rng),
        (Ins::UNBLOCK_PIN, Which::Pin) => unblock(command, live, session, rng),
        // The administrative code is always asked for, and nothing unblocks it.
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
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<(), Status> {
    let left = live.state.credential(which).left.checked_sub(1).ok_or(Status::BLOCKED)?;
    session.verified(which, false);
    live.commit(&[Change::Tries(which, left)], rng)?;
    if !live.state.credential(which).check.is(&live.pepper, which, code) {
        return Err(Status::tries(left));
    }
    let mut changes = success;
    changes.push(Change::Tries(which, which.max_tries()));
    live.commit(&changes, rng)
}

/// No data: how many tries are left.
fn tries(which: Which, live: &Live<impl Medium, impl Anchor>) -> Status {
    Status::tries(live.state.credential(which).left)
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
    which: Which,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer, Status> {
    if command.data.is_empty() {
        return Err(tries(which, live));
    }
    let code = one(command)?;
    if !live.state.credential(which).enabled {
        return Err(Status::INVALIDATED);
    }
    present(which, &code, Vec::new(), live, session, rng)?;
    session.verified(which, true);
    Ok(Answer::Done)
}

fn change<M: Medium, A: Anchor>(
    command: &Command<'_>,
    which: Which,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer, Status> {
    let (old, new) = two(command)?;
    if which == Which::Adm && command.data.last() == Some(&0xff) {
        // An administrative code has eight digits; padding would make it a short one.
        return Err(Status::WRONG_DATA);
    }
    if !live.state.credential(which).enabled {
        return Err(Status::INVALIDATED);
    }
    let check = Check::new(&live.pepper, which, &new, rng);
    present(which, &old, Vec::from([Change::Code(which, check)]), live, session, rng)?;
    session.verified(which, true);
    Ok(Answer::Done)
}

/// Whether the PIN is asked for at all, from now on.
fn enable<M: Medium, A: Anchor>(
    command: &Command<'_>,
    enabled: bool,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer, Status> {
    let code = one(command)?;
    if live.state.credential(Which::Pin).enabled == enabled {
        return Err(Status::INVALIDATED);
    }
    present(Which::Pin, &code, Vec::from([Change::Enabled(enabled)]), live, session, rng)?;
    session.verified(Which::Pin, true);
    Ok(Answer::Done)
}

/// The PUK and a new PIN: new PIN, its tries, its being asked for and the PUK's tries come in one record.
fn unblock<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer, Status> {
    if command.data.is_empty() {
        return Err(tries(Which::Puk, live));
    }
    let (puk, new) = two(command)?;
    let success = Vec::from([
        Change::Code(Which::Pin, Check::new(&live.pepper, Which::Pin, &new, rng)),
        Change::Tries(Which::Pin, Which::Pin.max_tries()),
        Change::Enabled(true),
    ]);
    present(Which::Puk, &puk, success, live, session, rng)?;
    session.verified(Which::Pin, true);
    Ok(Answer::Done)
}
