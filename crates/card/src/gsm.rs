//! The SIM's class, A0 (TS 51.011 §9): the same files, PINs and keys, asked for in the words of GSM.
//!
//! What a command does is what its successor of class 00 or 80 does; here is only what is said differently: identifiers
//! of two octets and no paths, key references 1 and 2, what SELECT answers, and the status words.

use crate::answer::Answer;
use crate::card::Live;
use crate::change::Change;
use crate::credential::{Asked, Which};
use crate::file::{FileId, Kind, Life, Structure};
use crate::key::{KeyRef, KeySet};
use crate::record::seek;
use crate::reference::{ADN, PBC};
use crate::rule::{Condition, Operation};
use crate::select::by_fid;
use crate::session::{Channel, Chosen, secrets};
use crate::state::State;
use crate::tree::Tree;
use crate::vault::Secrets;
use alloc::vec::Vec;
use keys::milenage::{Amf, Sqn, gsm};
use wire::apdu::{Cla, Command, Ins, Status};

/// The instruction that AUTHENTICATE took over. SEEK has that of SEARCH RECORD.
const RUN_GSM_ALGORITHM: Ins = Ins(0x88);

/// The SIM's directory.
const DF_GSM: u16 = 0x7f20;
/// 9FXX: so many octets wait.
const WAITS: u16 = 0x9f00;

/// What a SIM says where a UICC says this (TS 51.011 §9.4).
pub(crate) const fn status(status: Status, ins: Ins) -> Status {
    let of_a_code = matches!(
        ins,
        Ins::VERIFY_PIN | Ins::CHANGE_PIN | Ins::DISABLE_PIN | Ins::ENABLE_PIN | Ins::UNBLOCK_PIN
    );
    Status(match status.0 {
        0x6100..=0x61ff => WAITS | status.0 & 0xff,
        0x6c00..=0x6cff => 0x6700 | status.0 & 0xff,
        // No try left; a wrong PIN, or nobody recognised.
        0x63c0 | 0x6983 => 0x9840,
        0x63c1..=0x63cf | 0x6982 => 0x9804,
        // The PIN, or the file, is not in a state to have this done.
        0x6984 if of_a_code => 0x9808,
        0x6984 => 0x9810,
        0x6985 => 0x6f00,
        0x6581 => 0x9240,
        0x6981 => 0x9408,
        0x6986 => 0x9400,
        0x6a82 | 0x6a88 | 0x6282 => 0x9404,
        0x6a83 => 0x9402,
        0x6a86 => 0x6b00,
        0x6283 | 0x6285 => 0x9000,
        other => other,
    })
}

/// A command in today's words; `None` for those that are answered here.
pub(crate) fn translate<'c>(
    command: &Command<'c>,
    state: &State,
    channel: &Channel,
) -> Result<Option<Command<'c>>, Status> {
    let mut today = *command;
    let life = channel.ef.and_then(|ef| state.tree.file(ef.file)).map(|f| f.life);
    today.cla = Cla::INTERINDUSTRY;
    match command.ins {
        Ins::SELECT | Ins::STATUS | Ins::SEARCH_RECORD | RUN_GSM_ALGORITHM => return Ok(None),
        Ins::READ_BINARY | Ins::UPDATE_BINARY => {
            if command.p1 & 0x80 != 0 {
                return Err(Status::OUT_OF_RANGE);
            }
        }
        Ins::READ_RECORD | Ins::UPDATE_RECORD => {
            if command.p2 & 0xf8 != 0 {
                return Err(Status::WRONG_P1_P2);
            }
        }
        Ins::INCREASE => today.cla = Cla::UICC,
        Ins::VERIFY_PIN | Ins::CHANGE_PIN => today.p2 = key(command.p2)?,
        Ins::DISABLE_PIN | Ins::ENABLE_PIN => {
            if command.p2 != 1 {
                return Err(Status::OUT_OF_RANGE);
            }
        }
        // 00 stands for the first.
        Ins::UNBLOCK_PIN => today.p2 = key(if command.p2 == 0 { 1 } else { command.p2 })?,
        // A contradiction with the file's status is an error here.
        Ins::DEACTIVATE_FILE if life == Some(Life::Deactivated) => return Err(Status::INVALIDATED),
        Ins::ACTIVATE_FILE if life == Some(Life::Activated) => return Err(Status::INVALIDATED),
        Ins::DEACTIVATE_FILE | Ins::ACTIVATE_FILE => {}
        Ins::TERMINAL_PROFILE | Ins::ENVELOPE | Ins::FETCH | Ins::TERMINAL_RESPONSE => today.cla = Cla::UICC,
        _ => return Err(Status::INS_NOT_SUPPORTED),
    }
    Ok(Some(today))
}

const fn key(number: u8) -> Result<u8, Status> {
    match number {
        1 => Ok(KeyRef::PIN1.octet()),
        2 => Ok(KeyRef::PIN2.octet()),
        _ => Err(Status::OUT_OF_RANGE),
    }
}

/// The commands that have no successor to be translated into.
pub(crate) fn run<M, A>(
    command: &Command<'_>,
    live: &Live<M, A>,
    channel: &mut Channel,
    open: &mut Option<Secrets>,
) -> Result<Answer<'static>, Status> {
    let state = &live.state;
    match command.ins {
        Ins::SELECT => select(command, state, channel),
        Ins::STATUS => current(command, state, channel),
        Ins::SEARCH_RECORD => seek(command, state, channel),
        _ => run_algorithm(command, live, channel, open),
    }
}

/// A contact that is changed in the words of GSM, whose terminals know nothing of what else belongs to it: its control record says
/// so (TS 31.102 §4.4.2.5).
pub(crate) fn mark(change: &Change, tree: &Tree) -> Option<Change> {
    const CHANGED: u8 = 0x01;
    const PBC_RECORD: u16 = 2;
    let Change::Write(file, offset, _) = change else { return None };
    if tree.at(None, &ADN) != Some(*file) {
        return None;
    }
    let record = u16::from(tree.file(*file)?.structure()?.record()?);
    let (pbc, place) = (tree.at(None, &PBC)?, offset.checked_div(record)?.checked_mul(PBC_RECORD)?);
    let control = *tree.file(pbc)?.content.get(usize::from(place))?;
    Some(Change::Write(pbc, place, Vec::from([control | CHANGED])))
}

/// SELECT: what the SIM says of the file waits.
fn select(command: &Command<'_>, state: &State, channel: &mut Channel) -> Result<Answer<'static>, Status> {
    if command.p1 != 0 || command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    let [high, low] = command.data else { return Err(Status::WRONG_LENGTH) };
    let tree = &state.tree;
    let found = by_fid(u16::from_be_bytes([*high, *low]), tree, channel)?;
    let chosen = Chosen { file: tree.follow(found), fid: tree.file(found).map_or(0, |f| f.fid) };
    let file = tree.file(chosen.file).ok_or(Status::FILE_NOT_FOUND)?;
    let answer = if file.is_dir() { dir(found, state) } else { ef(chosen, state) };
    if file.is_dir() {
        channel.enter(found);
    } else {
        channel.enter(tree.file(found).map_or(FileId::MF, |f| f.parent));
        channel.choose(chosen);
    }
    answer.map(Answer::Held).ok_or(Status::FILE_NOT_FOUND)
}

/// STATUS: what SELECT says of the current directory, as much as is asked for.
fn current(command: &Command<'_>, state: &State, channel: &Channel) -> Result<Answer<'static>, Status> {
    if command.p1 != 0 || command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    let mut answer = dir(channel.dir, state).ok_or(Status::FILE_NOT_FOUND)?;
    let le = command.le.unwrap_or(256);
    if le > answer.len() {
        return Err(Status::exact(answer.len()));
    }
    answer.truncate(le);
    Ok(Answer::Made(answer))
}

/// RUN GSM ALGORITHM (§9.2.16): SRES, 4 octets, and Kc, 8, for whoever gave the PIN, inside DF.GSM.
fn run_algorithm<M, A>(
    command: &Command<'_>,
    live: &Live<M, A>,
    channel: &Channel,
    open: &mut Option<Secrets>,
) -> Result<Answer<'static>, Status> {
    if command.p1 != 0 || command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    let rand = command.data.try_into().map_err(|_| Status::WRONG_LENGTH)?;
    let tree = &live.state.tree;
    if !tree.at(None, &[DF_GSM]).is_some_and(|gsm| tree.is_within(channel.dir, gsm)) {
        return Err(Status::FILE_NOT_FOUND);
    }
    let secrets = secrets(live, channel, open)?;
    if !live.state.gsm {
        return Err(Status::INS_NOT_SUPPORTED);
    }
    // SRES and Kc depend on f2 to f4 alone, so SQN and AMF may be anything.
    let (sres, kc) = gsm(&secrets.aka.vector(rand, Sqn::default(), Amf::ZERO));
    Ok(Answer::Held([&sres[..], &kc].concat()))
}

/// Of the MF or a DF, 22 octets (§9.2.1).
fn dir(id: FileId, state: &State) -> Option<Vec<u8>> {
    let tree = &state.tree;
    let file = tree.file(id).filter(|f| f.is_dir())?;
    let children = || tree.children(id);
    let count = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
    let free = u16::try_from(tree.free()).unwrap_or(u16::MAX).to_be_bytes();
    let [f0, f1] = file.fid.to_be_bytes();
    let kind = if id == FileId::MF { 0x01 } else { 0x02 };
    let left = |which| state.kept(which).map_or(0, |kept| 0x80 | kept.left.min(15));
    let (pin1, pin2) = (KeyRef::PIN1, KeyRef::PIN2);
    // The clock may stop, at either level; bit 8: CHV1 is disabled.
    let asked = state.credential(pin1).is_some_and(|c| c.asked == Asked::Yes);
    let characteristics = if asked { 0x0d } else { 0x8d };
    let mut out = Vec::from([0, 0, free[0], free[1], f0, f1, kind, 0, 0, 0, 0, 0, 9]);
    out.extend_from_slice(&[
        characteristics,
        count(children().filter(|(_, f)| f.kind == Kind::Dir).count()),
        count(children().filter(|(_, f)| !f.is_dir()).count()),
        count(2 * state.credentials().iter().filter(|c| [pin1, pin2].contains(&c.key)).count()),
        0,
        left(Which::Code(pin1)),
        left(Which::Unblock(pin1)),
        left(Which::Code(pin2)),
        left(Which::Unblock(pin2)),
    ]);
    Some(out)
}

/// Of an EF, 15 octets (§9.2.1).
fn ef(chosen: Chosen, state: &State) -> Option<Vec<u8>> {
    let file = state.tree.file(chosen.file)?;
    let (structure, len) = match file.structure()? {
        Structure::Transparent => (0x00, 0),
        Structure::Linear(len) => (0x01, len),
        Structure::Cyclic(len) => (0x03, len),
        // GSM knows nothing of the kind.
        Structure::Objects(_) => return None,
    };
    let [s0, s1] = u16::try_from(file.content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let [f0, f1] = chosen.fid.to_be_bytes();
    let takes = |operation| nibble(state.tree.takes(chosen.file, operation));
    let increase = if structure == 0x03 { 0x40 } else { 0 };
    let read_update = takes(Operation::Read) << 4 | takes(Operation::Update);
    let switch = takes(Operation::Activate) << 4 | takes(Operation::Deactivate);
    let valid = u8::from(file.life != Life::Deactivated) | if file.used_when_deactivated { 4 } else { 0 };
    Some(Vec::from([
        0,
        0,
        s0,
        s1,
        f0,
        f1,
        0x04,
        increase,
        read_update,
        takes(Operation::Increase) << 4 | 0x0f,
        switch,
        valid,
        2,
        structure,
        len,
    ]))
}

/// An access condition in half an octet (§9.3): 0 always, 1 and 2 the PINs, 4 administrative, F never.
fn nibble(takes: Condition) -> u8 {
    let shown = |key| takes.allows(KeySet::of(key));
    match () {
        () if takes.allows(KeySet::EMPTY) => 0x0,
        () if shown(KeyRef::PIN1) => 0x1,
        () if shown(KeyRef::PIN2) => 0x2,
        () if takes == Condition::NEVER => 0xf,
        () => 0x4,
    }
}
