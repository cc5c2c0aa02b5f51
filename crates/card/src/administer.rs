//! CREATE, DELETE and RESIZE FILE (TS 102 222 §6.3, §6.4, §6.10).
//!
//! A new file is as safe as the rule it names: one that names no rule that exists can be used by nobody.

use crate::change::Change;
use crate::fcp::{CYCLIC, LINEAR, OBJECTS, TRANSPARENT};
use crate::file::{File, FileId, Kind, Life, RuleRef, Structure};
use crate::rule::Operation;
use crate::session::{Channel, Chosen};
use crate::state::State;
use crate::tree::Tree;
use alloc::vec;
use alloc::vec::Vec;
use wire::apdu::{Command, Status};
use wire::tlv::{find, objects};

const FCP: u32 = 0x62;
const DESCRIPTOR: u32 = 0x82;
const IDENTIFIER: u32 = 0x83;
const NAME: u32 = 0x84;
const SFI: u32 = 0x88;
const LIFE: u32 = 0x8a;
const RULE: u32 = 0x8b;
const SIZE: u32 = 0x80;
const PROPRIETARY: u32 = 0xa5;
const MAXIMUM_SIZE: u32 = 0x86;
const SPECIAL: u32 = 0xc0;
const FILLING: u32 = 0xc1;
const REPEAT: u32 = 0xc2;
/// Bit of the special file information: readable and updatable when deactivated (TS 102 222 table 5).
const USED_WHEN_DEACTIVATED: u8 = 0x40;
/// Identifiers that no file may have: the MF, the current directory, the current application, and the one that is not
/// used (TS 102 221 §8.6).
const RESERVED: [u16; 4] = [0x3f00, 0x3fff, 0x7fff, 0xffff];

/// Directories within each other.
const DEEPEST: usize = 8;

/// The parameters of a command: one template, and nothing else.
fn template<'c>(command: &Command<'c>) -> Result<&'c [u8], Status> {
    let mut all = objects(command.data);
    match (all.next(), all.next()) {
        (Some(Ok(object)), None) if object.tag == FCP && objects(object.value).all(|o| o.is_ok()) => {
            Ok(object.value)
        }
        _ => Err(Status::WRONG_DATA),
    }
}

fn number(value: &[u8]) -> Option<u16> {
    match value {
        [low] => Some(u16::from(*low)),
        [high, low] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

/// CREATE FILE in the current directory: the change that has to be made durable. The new file becomes current.
pub(crate) fn create(command: &Command<'_>, state: &State, channel: &Channel) -> Result<Change, Status> {
    if command.p1 != 0 || command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    let dir = channel.dir;
    let fcp = template(command)?;
    let file = new(fcp, dir).ok_or(Status::WRONG_DATA)?;
    let operation = if file.is_dir() { Operation::CreateDir } else { Operation::CREATE_FILE };
    if !channel.may(operation, dir, state) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    let above = state.tree.file(dir).ok_or(Status::FILE_NOT_FOUND)?;
    if !state.tree.usable(dir) {
        return Err(Status::CONDITIONS_NOT_SATISFIED);
    }
    // Rules are an operator's, and nobody loosens one by putting another in its place.
    let by_operator = state.tree.takes(dir, operation).is_administrative();
    if file.is_arr() && (!by_operator || state.tree.would_govern(dir, file.fid)) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    fits(file, above, &state.tree).map(Change::Create)
}

/// A file of these parameters; `None` if they are none that this card can make.
fn new(fcp: &[u8], dir: FileId) -> Option<File> {
    let proprietary = find(fcp, PROPRIETARY).unwrap_or_default();
    let fid = number(find(fcp, IDENTIFIER).filter(|v| v.len() == 2)?)?;
    let rule = match find(fcp, RULE)? {
        [high, low, record] => RuleRef { arr: u16::from_be_bytes([*high, *low]), record: *record },
        _ => return None,
    };
    let size = || find(fcp, SIZE).and_then(number);
    let records = |len: u8| {
        let size = size().filter(|size| len > 0 && size % u16::from(len) == 0)?;
        (1..=254).contains(&(size / u16::from(len))).then_some(size)
    };
    let (kind, size) = match find(fcp, DESCRIPTOR)? {
        // Shareable or not: every file is.
        [0x38 | 0x78, _] => match find(fcp, NAME) {
            None => (Kind::Dir, 0),
            Some(name) if (5..=16).contains(&name.len()) && dir == FileId::MF => {
                (Kind::Application(name.to_vec()), 0)
            }
            Some(_) => return None,
        },
        [descriptor, rest @ ..] => match (descriptor | 0x40, rest) {
            (TRANSPARENT, [_]) => (Kind::Ef(Structure::Transparent), size().filter(|size| *size > 0)?),
            (LINEAR, [_, 0, len] | [_, 0, len, _]) => (Kind::Ef(Structure::Linear(*len)), records(*len)?),
            (CYCLIC, [_, 0, len] | [_, 0, len, _]) => (Kind::Ef(Structure::Cyclic(*len)), records(*len)?),
            (OBJECTS, [_]) => {
                let most = find(proprietary, MAXIMUM_SIZE).and_then(number).or_else(size);
                (Kind::Ef(Structure::Objects(most.filter(|most| *most > 0)?)), 0)
            }
            _ => return None,
        },
        [] => return None,
    };
    let is_ef = matches!(kind, Kind::Ef(_));
    let sfi = match find(fcp, SFI) {
        _ if !is_ef => 0,
        // 31 is none.
        None if fid & 0x1f == 0x1f => 0,
        None => (fid & 0x1f) as u8,
        Some([]) => 0,
        Some([sfi]) if sfi & 0x07 == 0 && sfi >> 3 != 0x1f => sfi >> 3,
        Some(_) => return None,
    };
    let unit = match kind {
        Kind::Ef(structure) => structure.record().map_or(size, u16::from),
        _ => 0,
    };
    let content = filled(proprietary, usize::from(size), usize::from(unit));
    let life = match find(fcp, LIFE)? {
        // A directory is not deactivated.
        [octet] => Life::from_u8(*octet).filter(|life| {
            matches!(life, Life::Activated | Life::Initialisation) || *life == Life::Deactivated && is_ef
        })?,
        _ => return None,
    };
    let special = find(proprietary, SPECIAL).and_then(|v| v.first()).copied().unwrap_or(0);
    let mut file = File::new(dir, fid, sfi, kind, rule, content);
    file.life = life;
    file.used_when_deactivated = special & USED_WHEN_DEACTIVATED != 0;
    file.understand();
    Some(file)
}

/// The first content: a filling pattern, whose last octet goes on; a pattern that is repeated; or FF. In a file of records
/// it begins anew with each.
fn filled(proprietary: &[u8], size: usize, unit: usize) -> Vec<u8> {
    let mut content = vec![0xff; size];
    let filling = find(proprietary, FILLING).filter(|p| !p.is_empty());
    let repeat = find(proprietary, REPEAT).filter(|p| !p.is_empty());
    for piece in content.chunks_mut(unit.max(1)) {
        match (filling, repeat) {
            (Some(pattern), _) => {
                let rest = core::iter::repeat(pattern.last().copied().unwrap_or(0xff));
                piece.iter_mut().zip(pattern.iter().copied().chain(rest)).for_each(|(to, from)| *to = from);
            }
            (None, Some(pattern)) => {
                piece.iter_mut().zip(pattern.iter().cycle()).for_each(|(to, from)| *to = *from);
            }
            (None, None) => {}
        }
    }
    content
}

/// The file, if there is room for it and its names are free.
fn fits(mut file: File, above: &File, tree: &Tree) -> Result<File, Status> {
    let dir = file.parent;
    let is_application = matches!(file.kind, Kind::Application(_));
    if !is_application {
        if RESERVED.contains(&file.fid) {
            return Err(Status::WRONG_DATA);
        }
        if tree.children(dir).any(|(_, f)| f.fid == file.fid) || above.fid == file.fid {
            return Err(Status::FILE_EXISTS);
        }
    }
    if let Kind::Application(name) = &file.kind
        && tree.applications(&[]).any(
            |id| matches!(tree.file(id).map(|f| &f.kind), Some(Kind::Application(other)) if other == name),
        )
    {
        return Err(Status::NAME_EXISTS);
    }
    if tree.by_sfi(dir, file.sfi).is_some() {
        // One that follows from the identifier gives way.
        if file.sfi != (file.fid & 0x1f) as u8 {
            return Err(Status::FILE_EXISTS);
        }
        file.sfi = 0;
    }
    let takes = match file.structure() {
        Some(Structure::Objects(most)) => usize::from(most),
        _ => file.content.len(),
    };
    if takes > tree.free() || tree.next().is_none() || tree.depth(dir) >= DEEPEST {
        return Err(Status::NOT_ENOUGH_MEMORY);
    }
    Ok(file)
}

/// What CREATE FILE made becomes current.
pub(crate) fn created(file: &File, id: FileId, channel: &mut Channel) {
    if file.is_dir() {
        if matches!(file.kind, Kind::Application(_)) {
            channel.begin(id);
        }
        channel.enter(id);
    } else {
        channel.choose(Chosen { file: id, fid: file.fid });
    }
}

/// DELETE FILE of the current directory, or the directory itself: the change that has to be made durable.
pub(crate) fn delete(command: &Command<'_>, state: &State, channel: &Channel) -> Result<FileId, Status> {
    if command.p1 != 0 || command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    let [high, low] = command.data else { return Err(Status::WRONG_LENGTH) };
    let fid = u16::from_be_bytes([*high, *low]);
    let tree = &state.tree;
    let here = tree.file(channel.dir).is_some_and(|f| f.fid == fid).then_some(channel.dir);
    let id = tree.child(channel.dir, fid).or(here).ok_or(Status::FILE_NOT_FOUND)?;
    if id == FileId::MF || !channel.may(Operation::Delete, id, state) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    // Nor by taking it away: another above it would hold. A directory takes its rules with it.
    if tree.governs(id) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    Ok(id)
}

/// RESIZE FILE of the current directory: the changes that have to be made durable. What is new is filled.
pub(crate) fn resize(command: &Command<'_>, state: &State, channel: &Channel) -> Result<Vec<Change>, Status> {
    if command.p1 > 1 || command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    let fcp = template(command)?;
    let fid = find(fcp, IDENTIFIER).filter(|v| v.len() == 2).and_then(number).ok_or(Status::WRONG_DATA)?;
    let id = state.tree.child(channel.dir, fid).ok_or(Status::FILE_NOT_FOUND)?;
    let file = state.tree.file(id).ok_or(Status::FILE_NOT_FOUND)?;
    if !channel.may(Operation::Resize, id, state) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    if !state.tree.usable(id) {
        return Err(Status::CONDITIONS_NOT_SATISFIED);
    }
    let proprietary = find(fcp, PROPRIETARY).unwrap_or_default();
    let size = find(fcp, SIZE).and_then(number);
    let room = |old: usize, new: u16| {
        if usize::from(new).saturating_sub(old) > state.tree.free() {
            return Err(Status::NOT_ENOUGH_MEMORY);
        }
        Ok(())
    };
    match file.structure().ok_or(Status::WRONG_FILE_STRUCTURE)? {
        structure @ (Structure::Transparent | Structure::Linear(_)) => {
            let unit = structure.record().map_or(1, u16::from).max(1);
            let size = size.filter(|size| *size > 0 && size % unit == 0).ok_or(Status::WRONG_DATA)?;
            if structure != Structure::Transparent && size / unit > 254 {
                return Err(Status::WRONG_DATA);
            }
            room(file.content.len(), size)?;
            let mut content = filled(proprietary, usize::from(size), usize::from(unit));
            content.iter_mut().zip(&file.content).for_each(|(to, from)| *to = *from);
            Ok(Vec::from([Change::Replace(id, content)]))
        }
        Structure::Objects(old) => {
            let most = find(proprietary, MAXIMUM_SIZE).and_then(number).or(size);
            let most = most.filter(|most| *most > 0).ok_or(Status::WRONG_DATA)?;
            room(usize::from(old), most)?;
            // What does not fit any more is kept from being lost in mode 0, and deleted in mode 1 (TS 102 222 §6.10.2).
            match (usize::from(most) >= file.content.len(), command.p1) {
                (true, _) => Ok(Vec::from([Change::Allow(id, most)])),
                (false, 1) => Ok(Vec::from([Change::Replace(id, Vec::new()), Change::Allow(id, most)])),
                (false, _) => Err(Status::CONDITIONS_NOT_SATISFIED),
            }
        }
        Structure::Cyclic(_) => Err(Status::WRONG_FILE_STRUCTURE),
    }
}
