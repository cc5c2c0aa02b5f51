//! VERIFY, CHANGE, DISABLE, ENABLE and UNBLOCK PIN (TS 102 221 §11.1.9 to §11.1.13).
//!
//! Every code presented goes through [`present`]: a try is spent in the store, then the code is compared. Either is asked twice, so
//! that a processor that is made to leave out one instruction gives nothing away.

use crate::Code;
use crate::answer::Answer;
use crate::card::Live;
use crate::change::Change;
use crate::credential::{Asked, Check, Credential, Presented, Which};
use crate::key::KeyRef;
use crate::medium::{Anchor, Medium};
use crate::session::Channel;
use crate::vault::{Held, Secrets, VaultKey};
use alloc::vec::Vec;
use core::hint::black_box;
use keys::Secret;
use rand_core::CryptoRng;
use wire::apdu::{Command, Ins, Status};

/// Whom a code makes known, and what they may use then.
pub(crate) struct Recognition<'a> {
    pub(crate) channel: &'a mut Channel,
    pub(crate) secrets: &'a mut Option<Secrets>,
}

/// Any of the five.
pub(crate) fn pin<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    who: &mut Recognition<'_>,
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
    if black_box(credential.key) != key {
        return Err(Status::TECHNICAL_PROBLEM);
    }
    let holders = !key.is_administrative();
    match command.ins {
        Ins::VERIFY_PIN => verify(command, &credential, live, who, rng),
        Ins::CHANGE_PIN => change(command, &credential, live, who, rng),
        // Administrative codes are always asked for; the second PIN too (TS 31.102 §6.4).
        Ins::DISABLE_PIN if holders && !key.is_local() => ask(command, replaced, &credential, live, who, rng),
        Ins::ENABLE_PIN if holders && !key.is_local() => {
            ask(command, Asked::Yes, &credential, live, who, rng)
        }
        Ins::UNBLOCK_PIN if credential.unblock.is_some() => unblock(command, key, live, who, rng),
        _ => Err(Status::REFERENCE_NOT_FOUND),
    }
}

/// The one way a code is compared. The try is durable before the comparison; what success brings, the full count
/// among it, happens in one record after. Whoever was recognised before is so no more until it succeeds.
///
/// `success` is told what the code opened, and may wrap it anew.
fn present<M: Medium, A: Anchor, R: CryptoRng>(
    which: Which,
    code: &Code,
    success: impl FnOnce(Option<&VaultKey>, &Secret<[u8; 32]>, &mut R) -> Vec<Change>,
    live: &mut Live<M, A>,
    who: &mut Recognition<'_>,
    rng: &mut R,
) -> Result<(), Status> {
    let before = tries(black_box(which), black_box(live))?;
    let kept = *live.state.kept(which).ok_or(Status::REFERENCE_NOT_FOUND)?;
    let left = kept.left.checked_sub(1).ok_or(Status::BLOCKED)?;
    who.channel.forget(which.key());
    live.commit(&[Change::Tries(which, left)], rng)?;
    is_spent(black_box(which), black_box(before), black_box(live))?;
    let opened = compare(&kept.check, which, code, live).ok_or(Status::tries(left))?;
    compare(black_box(&kept.check), black_box(which), black_box(code), black_box(live))
        .ok_or(Status::tries(left))?;
    let mut changes = success(opened.as_ref(), &live.pepper, rng);
    changes.push(Change::Tries(which, which.max_tries()));
    live.commit(&changes, rng)?;
    if let Some(key) = opened {
        *who.secrets = Some(live.state.open(&key).ok_or(Status::TECHNICAL_PROBLEM)?);
    }
    who.channel.recognise(which.key());
    Ok(())
}

/// Tries that are left.
#[inline(never)]
fn tries<M, A>(which: Which, live: &Live<M, A>) -> Result<u8, Status> {
    live.state.kept(which).map(|kept| kept.left).ok_or(Status::REFERENCE_NOT_FOUND)
}

/// Whether the medium itself says that fewer tries are left than there were.
#[inline(never)]
fn is_spent<M: Medium, A: Anchor>(which: Which, before: u8, live: &Live<M, A>) -> Result<(), Status> {
    let last = live.last_record()?;
    let spent = match Change::read_all(&last).as_deref() {
        Some([Change::Tries(spent, left)]) => *spent == which && *left < before,
        _ => false,
    };
    if spent && live.state.kept(which).is_some_and(|kept| kept.left < before) {
        Ok(())
    } else {
        Err(Status::MEMORY_PROBLEM)
    }
}

/// What the right code opens, if anything; `None` of a wrong one.
#[inline(never)]
fn compare<M: Medium, A: Anchor>(
    check: &Check,
    which: Which,
    code: &Code,
    live: &Live<M, A>,
) -> Option<Option<VaultKey>> {
    match check.present(&live.pepper, which, code) {
        Presented::Wrong => None,
        Presented::Right if Credential::opens_vault(which.key()) => Some(live.state.held(&live.pepper)),
        Presented::Right => Some(None),
        Presented::Opens(key) => Some(Some(key)),
    }
}

/// Nothing but the tries.
fn no_more<R>(_: Option<&VaultKey>, _: &Secret<[u8; 32]>, _: &mut R) -> Vec<Change> {
    Vec::new()
}

/// A code is asked for, or not; if nobody is asked for any then, the vault's key is held without. A card of the first version
/// holds it in any case.
struct Asking {
    key: KeyRef,
    asked: Asked,
    free: bool,
    wraps: bool,
}

impl Asking {
    fn new<M, A>(key: KeyRef, asked: Asked, live: &Live<M, A>) -> Self {
        Self { key, asked, free: live.state.is_free(key, asked), wraps: live.state.wraps() }
    }

    fn changes(
        &self,
        opened: Option<&VaultKey>,
        pepper: &Secret<[u8; 32]>,
        rng: &mut impl CryptoRng,
    ) -> Vec<Change> {
        let mut changes = Vec::from([Change::Asked(self.key, self.asked)]);
        if Credential::opens_vault(self.key) && self.wraps {
            let held = opened.filter(|_| self.free).map(|opened| Held::new(pepper, opened, rng));
            changes.push(Change::Held(held));
        }
        changes
    }
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
    who: &mut Recognition<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    if command.data.is_empty() {
        return Err(Status::tries(credential.code.left));
    }
    let code = one(command)?;
    if credential.asked != Asked::Yes {
        return Err(Status::INVALIDATED);
    }
    present(Which::Code(credential.key), &code, no_more, live, who, rng)?;
    Ok(Answer::Done)
}

fn change<M: Medium, A: Anchor, R: CryptoRng>(
    command: &Command<'_>,
    credential: &Credential,
    live: &mut Live<M, A>,
    who: &mut Recognition<'_>,
    rng: &mut R,
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
    let anew = |opened: Option<&VaultKey>, pepper: &Secret<[u8; 32]>, rng: &mut R| {
        Vec::from([Change::Code(which, Check::new(pepper, which, &new, opened, rng))])
    };
    present(which, &old, anew, live, who, rng)?;
    Ok(Answer::Done)
}

/// Whether the PIN is asked for at all, from now on.
fn ask<M: Medium, A: Anchor, R: CryptoRng>(
    command: &Command<'_>,
    asked: Asked,
    credential: &Credential,
    live: &mut Live<M, A>,
    who: &mut Recognition<'_>,
    rng: &mut R,
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
    let asking = Asking::new(key, asked, live);
    let ask = |opened: Option<&VaultKey>, pepper: &Secret<[u8; 32]>, rng: &mut R| {
        asking.changes(opened, pepper, rng)
    };
    present(Which::Code(key), &code, ask, live, who, rng)?;
    Ok(Answer::Done)
}

/// The unblocking code and a new PIN: new PIN, its tries, its being asked for and the tries of the former come in one
/// record.
fn unblock<M: Medium, A: Anchor, R: CryptoRng>(
    command: &Command<'_>,
    key: KeyRef,
    live: &mut Live<M, A>,
    who: &mut Recognition<'_>,
    rng: &mut R,
) -> Result<Answer<'static>, Status> {
    let (which, pin) = (Which::Unblock(key), Which::Code(key));
    if command.data.is_empty() {
        return Err(Status::tries(live.state.kept(which).ok_or(Status::REFERENCE_NOT_FOUND)?.left));
    }
    let (puk, new) = two(command)?;
    let asking = Asking::new(key, Asked::Yes, live);
    let anew = |opened: Option<&VaultKey>, pepper: &Secret<[u8; 32]>, rng: &mut R| {
        let mut changes = asking.changes(opened, pepper, rng);
        changes.push(Change::Code(pin, Check::new(pepper, pin, &new, opened, rng)));
        changes.push(Change::Tries(pin, pin.max_tries()));
        changes
    };
    present(which, &puk, anew, live, who, rng)?;
    Ok(Answer::Done)
}
