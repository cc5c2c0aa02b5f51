//! ACTIVATE and DEACTIVATE FILE, TERMINATE EF, DF and CARD USAGE (TS 102 221 §11.1.14, §11.1.15; TS 102 222 §6.5 to §6.9).

use crate::change::Change;
use crate::file::{FileId, Life};
use crate::rule::Operation;
use crate::select::{by_fid, by_path};
use crate::session::Channel;
use crate::state::State;
use wire::apdu::{Command, Ins, Status};

/// The change that has to be made durable.
pub(crate) fn live(command: &Command<'_>, state: &State, channel: &Channel) -> Result<Change, Status> {
    if command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    let id = target(command, state, channel)?;
    let file = state.tree.file(id).ok_or(Status::FILE_NOT_FOUND)?;
    let (operation, to, of_dirs) = match command.ins {
        Ins::ACTIVATE_FILE => (Operation::Activate, Life::Activated, false),
        Ins::DEACTIVATE_FILE => (Operation::Deactivate, Life::Deactivated, false),
        Ins::TERMINATE_EF => (Operation::Terminate, Life::Terminated, false),
        Ins::TERMINATE_DF => (Operation::Terminate, Life::Terminated, true),
        _ => return Err(Status::INS_NOT_SUPPORTED),
    };
    if file.is_dir() != of_dirs {
        return Err(Status::WRONG_FILE_STRUCTURE);
    }
    if !channel.may(operation, id, state) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    // What is terminated stays so, and what is in it (TS 102 222 §5).
    if !state.tree.usable(id) {
        return Err(Status::CONDITIONS_NOT_SATISFIED);
    }
    Ok(Change::Life(id, to))
}

/// TERMINATE CARD USAGE, which no rule of a card made here allows: what ends a card is its host
/// ([`Card::terminated`](crate::Card::terminated)).
pub(crate) fn terminate_card(command: &Command<'_>, state: &State, channel: &Channel) -> Status {
    if command.p1 != 0 || command.p2 != 0 {
        return Status::WRONG_P1_P2;
    }
    if channel.may(Operation::Terminate, FileId::MF, state) {
        return Status::FUNCTION_NOT_SUPPORTED;
    }
    Status::SECURITY_NOT_SATISFIED
}

/// The file that P1 and the data name: by identifier or path, or, with no data, the current one.
fn target(command: &Command<'_>, state: &State, channel: &Channel) -> Result<FileId, Status> {
    let tree = &state.tree;
    let found = match (command.p1, command.data) {
        (0x00, []) if command.ins == Ins::TERMINATE_DF => channel.dir,
        (0x00, []) => channel.ef.ok_or(Status::NO_EF_SELECTED)?.file,
        (0x00, [high, low]) => by_fid(u16::from_be_bytes([*high, *low]), tree, channel)?,
        (0x08, path) => by_path(FileId::MF, path, tree, channel)?,
        (0x09, path) => by_path(channel.dir, path, tree, channel)?,
        (0x00, _) => return Err(Status::WRONG_LENGTH),
        _ => return Err(Status::WRONG_P1_P2),
    };
    Ok(tree.follow(found))
}
