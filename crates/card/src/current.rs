//! The EF that a command speaks of: the current one, or one that a short identifier makes current (TS 102 221 §8.4).

use crate::file::{File, FileId, Life, Structure};
use crate::rule::Operation;
use crate::session::{Channel, Chosen};
use crate::state::State;
use core::hint::black_box;
use wire::apdu::Status;

/// The current EF, or the one with this short identifier in the current directory, which becomes current if it has the
/// right structure, may be used so by whoever speaks, and is in a state to be.
pub(crate) fn open<'s>(
    sfi: Option<u8>,
    operation: Operation,
    is_right: impl FnOnce(Structure) -> bool,
    state: &'s State,
    channel: &mut Channel,
) -> Result<(FileId, &'s File), Status> {
    let id = match sfi {
        Some(sfi) => state.tree.by_sfi(channel.dir, sfi).ok_or(Status::FILE_NOT_FOUND)?,
        None => channel.ef.ok_or(Status::NO_EF_SELECTED)?.file,
    };
    let file = state.tree.file(id).ok_or(Status::NO_EF_SELECTED)?;
    if !file.structure().is_some_and(is_right) {
        return Err(Status::WRONG_FILE_STRUCTURE);
    }
    granted(operation, id, state, channel)?;
    let used = matches!(operation, Operation::Read | Operation::Update) && file.used_when_deactivated;
    if file.life == Life::Deactivated && !used || !state.tree.usable(id) {
        return Err(Status::INVALIDATED);
    }
    if sfi.is_some() {
        channel.choose(Chosen { file: id, fid: file.fid });
    }
    Ok((id, file))
}

/// Whether whoever speaks may do this to that file. Every use of a file asks once here and once where the file is at hand: a
/// processor that is made to leave out one instruction gets one of the answers wrong, not both.
#[inline(never)]
pub(crate) fn granted(
    operation: Operation,
    id: FileId,
    state: &State,
    channel: &Channel,
) -> Result<(), Status> {
    // What was found the first time is not taken for the second.
    if black_box(channel).may(black_box(operation), black_box(id), black_box(state)) {
        Ok(())
    } else {
        Err(Status::SECURITY_NOT_SATISFIED)
    }
}
