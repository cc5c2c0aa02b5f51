//! READ and UPDATE, BINARY and RECORD (TS 102 221 §11.1.3 to §11.1.6).

use crate::answer::Answer;
use crate::files::{Access, Entry, FILES, Shape};
use crate::session::Session;
use crate::state::{Change, State};
use wire::apdu::{Command, Status};

/// The file and the place in it that a command speaks of. Made only where access was granted.
struct Place<'a> {
    entry: &'static Entry,
    offset: usize,
    /// What lies there, to the end of the file or of the record.
    bytes: &'a [u8],
    /// Where the record pointer goes if the command succeeds; a record named by its number does not move it.
    pointer: Option<u8>,
}

/// READ BINARY.
pub(crate) fn read_binary(
    command: &Command<'_>,
    state: &State,
    session: &mut Session,
) -> Result<Answer, Status> {
    let place = binary(command, state, session, |e| e.rule.read())?;
    let le = usize::from(command.le.unwrap_or(256));
    // Over T=0 a wrong length is answered with the right one.
    let bytes = place.bytes.get(..le).ok_or(Status::exact(place.bytes.len()))?;
    Ok(Answer::Data(bytes.to_vec()))
}

/// UPDATE BINARY: the change that has to be made durable.
pub(crate) fn update_binary(
    command: &Command<'_>,
    state: &State,
    session: &mut Session,
) -> Result<Change, Status> {
    let place = binary(command, state, session, |e| e.rule.update())?;
    if command.data.is_empty() || command.data.len() > place.bytes.len() {
        return Err(Status::WRONG_LENGTH);
    }
    place.change(command.data)
}

/// READ RECORD.
pub(crate) fn read_record(
    command: &Command<'_>,
    state: &State,
    session: &mut Session,
) -> Result<Answer, Status> {
    let place = record(command, state, session, |e| e.rule.read())?;
    if command.le.is_none_or(|le| usize::from(le) != place.bytes.len()) {
        return Err(Status::exact(place.bytes.len()));
    }
    session.record = place.pointer.unwrap_or(session.record);
    Ok(Answer::Data(place.bytes.to_vec()))
}

/// UPDATE RECORD: the change that has to be made durable, and where the record pointer goes once it is.
pub(crate) fn update_record(
    command: &Command<'_>,
    state: &State,
    session: &mut Session,
) -> Result<(Change, Option<u8>), Status> {
    let place = record(command, state, session, |e| e.rule.update())?;
    if command.data.len() != place.bytes.len() {
        return Err(Status::WRONG_LENGTH);
    }
    Ok((place.change(command.data)?, place.pointer))
}

impl Place<'_> {
    fn change(&self, data: &[u8]) -> Result<Change, Status> {
        let offset = u16::try_from(self.offset).map_err(|_| Status::OUT_OF_RANGE)?;
        Ok(Change::File(self.entry.ef, offset, data.to_vec()))
    }
}

/// The current EF, or the one with this short identifier in the current directory, which then becomes current.
fn file(sfi: Option<u8>, state: &State, session: &mut Session) -> Result<&'static Entry, Status> {
    if let Some(sfi) = sfi {
        let here = FILES.iter().find(|e| e.dir == session.dir && e.sfi == sfi && sfi != 0);
        let entry = here.filter(|e| state.file(e.ef).is_some()).ok_or(Status::FILE_NOT_FOUND)?;
        session.choose(entry.ef);
        return Ok(entry);
    }
    session.ef.and_then(|ef| ef.entry()).ok_or(Status::NO_EF_SELECTED)
}

fn binary<'a>(
    command: &Command<'_>,
    state: &'a State,
    session: &mut Session,
    takes: impl FnOnce(&Entry) -> Access,
) -> Result<Place<'a>, Status> {
    let (sfi, offset) = match command.p1 {
        p1 if p1 & 0x80 == 0 => (None, usize::from(u16::from_be_bytes([p1, command.p2]))),
        p1 if p1 & 0x60 == 0 => (Some(p1 & 0x1f), usize::from(command.p2)),
        _ => return Err(Status::WRONG_P1_P2),
    };
    let entry = file(sfi, state, session)?;
    if entry.shape != Shape::Transparent {
        return Err(Status::WRONG_FILE_STRUCTURE);
    }
    if !session.allows(takes(entry), state) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    let content = state.file(entry.ef).ok_or(Status::FILE_NOT_FOUND)?;
    match content.get(offset..) {
        None | Some([]) => Err(Status::OUT_OF_RANGE),
        Some(bytes) => Ok(Place { entry, offset, bytes, pointer: None }),
    }
}

fn record<'a>(
    command: &Command<'_>,
    state: &'a State,
    session: &mut Session,
    takes: impl FnOnce(&Entry) -> Access,
) -> Result<Place<'a>, Status> {
    let sfi = match command.p2 >> 3 {
        0 => None,
        0x1f => return Err(Status::WRONG_P1_P2),
        sfi => Some(sfi),
    };
    let entry = file(sfi, state, session)?;
    let Shape::Linear(len) = entry.shape else { return Err(Status::WRONG_FILE_STRUCTURE) };
    if !session.allows(takes(entry), state) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    let content = state.file(entry.ef).ok_or(Status::FILE_NOT_FOUND)?;
    let len = usize::from(len);
    let count = u8::try_from(content.len() / len.max(1)).unwrap_or(u8::MAX);
    // Next and previous move the record pointer; a record named by its number does not (§11.1.5.1).
    let number = match (command.p2 & 0x07, command.p1) {
        (0x02, _) => session.record.saturating_add(1),
        (0x03, _) if session.record == 0 => count,
        (0x03, _) => session.record - 1,
        (0x04, 0) => session.record,
        (0x04, number) => number,
        _ => return Err(Status::WRONG_P1_P2),
    };
    if number == 0 || number > count {
        return Err(Status::RECORD_NOT_FOUND);
    }
    let pointer = (command.p2 & 0x07 != 0x04).then_some(number);
    let offset = (usize::from(number) - 1) * len;
    let bytes = content.get(offset..offset + len).ok_or(Status::RECORD_NOT_FOUND)?;
    Ok(Place { entry, offset, bytes, pointer })
}
