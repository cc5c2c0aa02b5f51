//! SELECT and STATUS (TS 102 221 §11.1.1, §11.1.2).

use crate::answer::Answer;
use crate::fcp;
use crate::file::{FileId, Kind, Life};
use crate::session::{Channel, Chosen};
use crate::state::State;
use crate::tree::Tree;
use alloc::vec::Vec;
use wire::apdu::{Command, Status};
use wire::tlv::tlv;

/// The master file, the current directory and the current application, wherever one stands.
const MASTER_FILE: u16 = 0x3f00;
const CURRENT_APPLICATION: u16 = 0x7fff;

/// SELECT. The current file changes only if the whole command can be carried out.
pub(crate) fn select(
    command: &Command<'_>,
    state: &State,
    channel: &mut Channel,
) -> Result<Answer<'static>, Status> {
    let tree = &state.tree;
    let found = match (command.p1, command.data) {
        (0x00, []) => FileId::MF,
        (0x00, [high, low]) => by_fid(u16::from_be_bytes([*high, *low]), tree, channel)?,
        (0x01, [high, low]) => {
            let found = child(channel.dir, u16::from_be_bytes([*high, *low]), tree, channel)?;
            if !tree.file(found).is_some_and(|f| f.is_dir()) {
                return Err(Status::FILE_NOT_FOUND);
            }
            found
        }
        (0x03, []) => tree.file(channel.dir).ok_or(Status::FILE_NOT_FOUND)?.parent,
        (0x04, name) => by_name(name, command.p2, tree, channel)?,
        (0x08, path) => by_path(FileId::MF, path, tree, channel)?,
        (0x09, path) => by_path(channel.dir, path, tree, channel)?,
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
    let chosen = Chosen { file: tree.follow(found), fid: tree.file(found).map_or(0, |f| f.fid) };
    let file = tree.file(chosen.file).ok_or(Status::FILE_NOT_FOUND)?;
    let fcp = if file.is_dir() { fcp::dir(chosen.file, state) } else { fcp::ef(chosen, state) };
    let fcp = fcp.ok_or(Status::FILE_NOT_FOUND)?;
    if !file.is_dir() {
        // A link's directory is its own, not that of the file it leads to.
        channel.enter(tree.file(found).map_or(FileId::MF, |f| f.parent));
        channel.choose(chosen);
    } else if terminate {
        channel.terminate();
    } else {
        if let Some(application) = tree.application_of(found) {
            channel.begin(application);
        }
        channel.enter(found);
    }
    let warning = match file.life {
        Life::Deactivated => Some(Status::SELECTED_IS_DEACTIVATED),
        Life::Terminated => Some(Status::SELECTED_IS_TERMINATED),
        Life::Activated | Life::Initialisation => None,
    };
    match (warning, wanted) {
        (None, true) => Ok(Answer::Held(fcp)),
        (None, false) => Ok(Answer::Done),
        (Some(warning), true) => Ok(Answer::Warned(fcp, warning)),
        (Some(warning), false) => Ok(Answer::Warned(Vec::new(), warning)),
    }
}

/// By application identifier, which may be cut short on the right: the first with that name, the last, the next after
/// the active one or the one before it (table 11.2).
fn by_name(name: &[u8], p2: u8, tree: &Tree, channel: &Channel) -> Result<FileId, Status> {
    const SHORTEST: usize = 5;
    if name.len() < SHORTEST {
        return Err(Status::FILE_NOT_FOUND);
    }
    let mut named = tree.applications(name);
    let active = channel.application;
    let found = match p2 & 0x03 {
        0x00 => named.next(),
        0x01 => named.next_back(),
        0x02 => named.find(|id| active.is_none_or(|active| *id > active)),
        _ => named.rfind(|id| active.is_none_or(|active| *id < active)),
    };
    found.ok_or(Status::FILE_NOT_FOUND)
}

/// By file identifier, in the order of §8.4.1: the MF, the current application, a child of the current directory,
/// the directory itself, its parent, its siblings.
pub(crate) fn by_fid(fid: u16, tree: &Tree, channel: &Channel) -> Result<FileId, Status> {
    let here = channel.dir;
    if fid == MASTER_FILE {
        return Ok(FileId::MF);
    }
    child(here, fid, tree, channel).or_else(|not_found| {
        let is = |id| tree.file(id).is_some_and(|f| f.fid == fid && matches!(f.kind, Kind::Dir));
        let parent = tree.file(here).map_or(FileId::MF, |f| f.parent);
        if is(here) {
            return Ok(here);
        }
        if is(parent) {
            return Ok(parent);
        }
        tree.child(parent, fid).filter(|id| is(*id)).ok_or(not_found)
    })
}

/// An immediate child of `dir`, or the active application.
pub(crate) fn child(dir: FileId, fid: u16, tree: &Tree, channel: &Channel) -> Result<FileId, Status> {
    if fid == CURRENT_APPLICATION {
        return channel.application.ok_or(Status::FILE_NOT_FOUND);
    }
    tree.child(dir, fid).ok_or(Status::FILE_NOT_FOUND)
}

/// By path: file identifiers from `start` down.
pub(crate) fn by_path(start: FileId, path: &[u8], tree: &Tree, channel: &Channel) -> Result<FileId, Status> {
    let (steps, []) = path.as_chunks::<2>() else { return Err(Status::WRONG_LENGTH) };
    if steps.is_empty() {
        return Err(Status::WRONG_LENGTH);
    }
    steps.iter().try_fold(start, |at, step| {
        if tree.file(at).is_some_and(|f| f.is_dir()) {
            child(at, u16::from_be_bytes(*step), tree, channel)
        } else {
            Err(Status::FILE_NOT_FOUND)
        }
    })
}

/// STATUS: the current directory's FCP, the active application's name, or nothing.
pub(crate) fn status(
    command: &Command<'_>,
    state: &State,
    channel: &Channel,
) -> Result<Answer<'static>, Status> {
    if command.p1 > 0x02 {
        return Err(Status::WRONG_P1_P2);
    }
    match command.p2 {
        0x00 => fcp::dir(channel.dir, state).map(Answer::Made).ok_or(Status::FILE_NOT_FOUND),
        0x01 => {
            let application = channel.application.and_then(|id| state.tree.file(id));
            match application.map(|f| &f.kind) {
                Some(Kind::Application(name)) => Ok(Answer::Made(tlv(0x84, name))),
                _ => Err(Status::CONDITIONS_NOT_SATISFIED),
            }
        }
        0x0c => Ok(Answer::Done),
        _ => Err(Status::WRONG_P1_P2),
    }
}
