//! READ BINARY and UPDATE BINARY (TS 102 221 §11.1.3, §11.1.4).

use crate::answer::Answer;
use crate::change::Change;
use crate::current::{granted, open};
use crate::file::{FileId, Structure};
use crate::rule::Operation;
use crate::session::Channel;
use crate::state::State;
use wire::apdu::{Command, Status};

/// READ BINARY.
pub(crate) fn read_binary<'s>(
    command: &Command<'_>,
    state: &'s State,
    channel: &mut Channel,
) -> Result<Answer<'s>, Status> {
    let (id, _, bytes) = place(command, Operation::Read, state, channel)?;
    granted(Operation::Read, id, state, channel)?;
    Ok(Answer::Part(bytes))
}

/// UPDATE BINARY: the change that has to be made durable.
pub(crate) fn update_binary(
    command: &Command<'_>,
    state: &State,
    channel: &mut Channel,
) -> Result<Change, Status> {
    let (id, offset, bytes) = place(command, Operation::Update, state, channel)?;
    granted(Operation::Update, id, state, channel)?;
    if command.data.is_empty() || command.data.len() > bytes.len() {
        return Err(Status::WRONG_LENGTH);
    }
    Ok(Change::Write(id, offset, command.data.to_vec()))
}

/// The file, the offset and what lies there, to the end of the file. Only where access was granted; whoever calls asks again, and
/// names the operation anew: an argument that was not handed over is wrong in both answers.
fn place<'s>(
    command: &Command<'_>,
    operation: Operation,
    state: &'s State,
    channel: &mut Channel,
) -> Result<(FileId, u16, &'s [u8]), Status> {
    let (sfi, offset) = match command.p1 {
        p1 if p1 & 0x80 == 0 => (None, u16::from_be_bytes([p1, command.p2])),
        p1 if p1 & 0x60 == 0 => (Some(p1 & 0x1f), u16::from(command.p2)),
        _ => return Err(Status::WRONG_P1_P2),
    };
    let (id, file) = open(sfi, operation, |s| s == Structure::Transparent, state, channel)?;
    match file.content.get(usize::from(offset)..) {
        None | Some([]) => Err(Status::OUT_OF_RANGE),
        Some(bytes) => Ok((id, offset, bytes)),
    }
}
