//! SELECT and STATUS (TS 102 221 §11.1.1, §11.1.2).

use crate::answer::Answer;
use crate::fcp;
use crate::files::{Dir, Ef, Entry, FILES, USIM_AID};
use crate::session::Session;
use crate::state::State;
use alloc::vec::Vec;
use wire::apdu::{Command, Status};
use wire::tlv::tlv;

/// The directories below each other, for lookup by file identifier.
const DIRS: [Dir; 4] = [Dir::Mf, Dir::Telecom, Dir::Usim, Dir::GsmAccess];

/// The directories of this card: one made before there were contacts has no DF.TELECOM.
fn dirs(state: &State) -> impl Iterator<Item = Dir> {
    let contacts = state.file(Ef::Adn).is_some();
    DIRS.into_iter().filter(move |dir| *dir != Dir::Telecom || contacts)
}

/// A file that a selection can end at.
#[derive(Clone, Copy)]
enum Found {
    Dir(Dir),
    Ef(&'static Entry),
}

/// SELECT. The current file changes only if the whole command can be carried out.
pub(crate) fn select(command: &Command<'_>, state: &State, session: &mut Session) -> Result<Answer, Status> {
    let found = match (command.p1, command.data) {
        (0x00, []) => Found::Dir(Dir::Mf),
        (0x00, [high, low]) => by_fid(u16::from_be_bytes([*high, *low]), state, session)?,
        (0x01, [high, low]) => match child(session.dir, u16::from_be_bytes([*high, *low]), state, session)? {
            Found::Dir(dir) => Found::Dir(dir),
            Found::Ef(_) => return Err(Status::FILE_NOT_FOUND),
        },
        (0x03, []) => Found::Dir(session.dir.parent()),
        (0x04, name) => by_name(name, command.p2)?,
        (0x08, path) => by_path(Dir::Mf, path, state, session)?,
        (0x09, path) => by_path(session.dir, path, state, session)?,
        (0x00 | 0x01 | 0x03, _) => return Err(Status::WRONG_LENGTH),
        _ => return Err(Status::WRONG_P1_P2),
    };
    // P2: b7 b6 what happens to the application, b5 to b3 what is returned (table 11.2). Tools older than the UICC
    // ask for file control information with 00 and take the FCP for it.
    let terminate = match (command.p1, command.p2 & 0xe0) {
        (0x04, 0x40) => true,
        (0x04, 0x00) => false,
        (0x04, _) | (_, 0x80..) => return Err(Status::WRONG_P1_P2),
        // They mean something with selection by name alone.
        _ => false,
    };
    let wanted = match command.p2 & 0x1c {
        0x00 | 0x04 => true,
        0x0c => false,
        _ => return Err(Status::WRONG_P1_P2),
    };
    let fcp = match found {
        Found::Dir(dir) => fcp::dir(dir, state),
        Found::Ef(entry) => fcp::ef(entry, state.file(entry.ef).ok_or(Status::FILE_NOT_FOUND)?.len(), state),
    };
    match found {
        Found::Dir(_) if terminate => session.terminate(),
        Found::Dir(dir) => {
            session.application |= dir == Dir::Usim;
            session.enter(dir);
        }
        Found::Ef(entry) => {
            session.enter(entry.dir);
            session.choose(entry.ef);
        }
    }
    Ok(if wanted { Answer::Held(fcp) } else { Answer::Done })
}

/// By application identifier, which may be cut short on the right. There is one application, so the next
/// occurrence, like the previous, is not there.
fn by_name(name: &[u8], p2: u8) -> Result<Found, Status> {
    const SHORTEST: usize = 5;
    let only = matches!(p2 & 0x03, 0x00 | 0x01);
    if name.len() >= SHORTEST && USIM_AID.starts_with(name) && only {
        Ok(Found::Dir(Dir::Usim))
    } else {
        Err(Status::FILE_NOT_FOUND)
    }
}

/// By file identifier, in the order of §8.4.1: the MF, the current application, a child of the current directory,
/// the directory itself, its parent, its siblings.
fn by_fid(fid: u16, state: &State, session: &Session) -> Result<Found, Status> {
    let here = session.dir;
    if fid == Dir::Mf.fid() {
        return Ok(Found::Dir(Dir::Mf));
    }
    if fid == Dir::Usim.fid() && session.application {
        return Ok(Found::Dir(Dir::Usim));
    }
    child(here, fid, state, session).or_else(|not_found| {
        let near = dirs(state).filter(|d| *d == here || *d == here.parent() || d.parent() == here.parent());
        let found = near.filter(|d| *d != Dir::Usim).find(|d| d.fid() == fid);
        found.map(Found::Dir).ok_or(not_found)
    })
}

/// An immediate child of `dir`. The application is one of the MF once it has been selected.
fn child(dir: Dir, fid: u16, state: &State, session: &Session) -> Result<Found, Status> {
    let below = dirs(state).filter(|d| *d != Dir::Mf && d.parent() == dir);
    let mut below = below.filter(|d| *d != Dir::Usim || session.application);
    if let Some(dir) = below.find(|d| d.fid() == fid) {
        return Ok(Found::Dir(dir));
    }
    let entry = FILES.iter().find(|e| e.dir == dir && e.fid == fid && state.file(e.ef).is_some());
    entry.map(Found::Ef).ok_or(Status::FILE_NOT_FOUND)
}

/// By path: file identifiers from `start` down.
fn by_path(start: Dir, path: &[u8], state: &State, session: &Session) -> Result<Found, Status> {
    let (steps, []) = path.as_chunks::<2>() else { return Err(Status::WRONG_LENGTH) };
    if steps.is_empty() {
        return Err(Status::WRONG_LENGTH);
    }
    steps.iter().try_fold(Found::Dir(start), |at, step| match at {
        Found::Dir(dir) => child(dir, u16::from_be_bytes(*step), state, session),
        Found::Ef(_) => Err(Status::FILE_NOT_FOUND),
    })
}

/// STATUS: the current directory's FCP, the current application's name, or nothing.
pub(crate) fn status(command: &Command<'_>, state: &State, session: &Session) -> Result<Answer, Status> {
    if command.p1 > 0x02 {
        return Err(Status::WRONG_P1_P2);
    }
    match command.p2 {
        0x00 => exactly(command, fcp::dir(session.dir, state)),
        0x01 if session.application => exactly(command, tlv(0x84, &USIM_AID)),
        0x01 => Err(Status::CONDITIONS_NOT_SATISFIED),
        0x0c => Ok(Answer::Done),
        _ => Err(Status::WRONG_P1_P2),
    }
}

/// Data of a case 2 command: with another Le over T=0 the card names the right one (§7.3.1.1.5).
fn exactly(command: &Command<'_>, data: Vec<u8>) -> Result<Answer, Status> {
    if command.le.is_some_and(|le| usize::from(le) == data.len()) {
        Ok(Answer::Data(data))
    } else {
        Err(Status::exact(data.len()))
    }
}
