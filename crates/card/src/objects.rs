//! RETRIEVE DATA and SET DATA (TS 102 221 §11.3): files of data objects, read and written an object at a time, in blocks.

use crate::answer::Answer;
use crate::change::Change;
use crate::current;
use crate::file::{FileId, Structure};
use crate::rule::Operation;
use crate::session::{Channel, Transfer};
use crate::state::State;
use alloc::vec::Vec;
use wire::apdu::{Command, Status};
use wire::tlv::objects;

/// P2: which block of an object this is (tables 11.28 and 11.31).
const FIRST: u8 = 0x80;
const NEXT: u8 = 0x00;
const AGAIN: u8 = 0xc0;
/// Octets in a block going out.
const BLOCK: usize = 255;

/// The EF of data objects that P1 speaks of, if it may be used so.
fn open<'s>(
    command: &Command<'_>,
    operation: Operation,
    state: &'s State,
    channel: &mut Channel,
) -> Result<(FileId, &'s [u8], u16), Status> {
    let sfi = match command.p1 {
        0 => None,
        sfi @ 1..=0x1e => Some(sfi),
        _ => return Err(Status::WRONG_P1_P2),
    };
    let has_objects = |structure| matches!(structure, Structure::Objects(_));
    let (id, file) = current::open(sfi, operation, has_objects, state, channel)?;
    let Some(Structure::Objects(most)) = file.structure() else { return Err(Status::WRONG_FILE_STRUCTURE) };
    Ok((id, &file.content, most))
}

/// RETRIEVE DATA: the object with this tag, tag and length included.
pub(crate) fn retrieve(
    command: &Command<'_>,
    state: &State,
    channel: &mut Channel,
) -> Result<Answer<'static>, Status> {
    let under_way = channel.transfer.take();
    // For every block: whoever was allowed the first may have stopped being so.
    let (id, content, _) = open(command, Operation::Read, state, channel)?;
    current::granted(Operation::Read, id, state, channel)?;
    let (whole, start) = match (command.p2, under_way) {
        (FIRST, _) => (find(content, command.data)?.to_vec(), 0),
        (NEXT | AGAIN, Some(Transfer::Out { file, whole, given, last }))
            if command.data.is_empty() && file == id =>
        {
            (whole, if command.p2 == NEXT { given } else { last })
        }
        (NEXT | AGAIN, _) => return Err(Status::CONDITIONS_NOT_SATISFIED),
        _ => return Err(Status::WRONG_P1_P2),
    };
    let end = whole.len().min(start + BLOCK);
    let block = whole.get(start..end).filter(|b| !b.is_empty()).ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
    let answer = block.to_vec();
    let more = end < whole.len();
    channel.transfer = Some(Transfer::Out { file: id, whole, given: end, last: start });
    Ok(if more { Answer::Warned(answer, Status::MORE_DATA_WAITS) } else { Answer::Held(answer) })
}

/// SET DATA: what to make durable once an object is whole; before that, that more is expected. A tag with nothing after
/// it deletes the object.
pub(crate) fn set(command: &Command<'_>, state: &State, channel: &mut Channel) -> Result<Change, Status> {
    let under_way = channel.transfer.take();
    let (id, content, most) = open(command, Operation::Update, state, channel)?;
    current::granted(Operation::Update, id, state, channel)?;
    let so_far = match (command.p2, under_way) {
        (FIRST, _) => command.data.to_vec(),
        (NEXT, Some(Transfer::In { file, so_far })) if file == id => [&so_far[..], command.data].concat(),
        (NEXT, _) => return Err(Status::CONDITIONS_NOT_SATISFIED),
        _ => return Err(Status::WRONG_P1_P2),
    };
    let (tag, after) = tag(&so_far).ok_or(Status::WRONG_DATA)?;
    let others = || {
        let others = pieces(content).filter(|(t, _)| *t != tag);
        others.flat_map(|(_, whole)| whole.iter().copied()).collect::<Vec<u8>>()
    };
    if after.is_empty() && command.p2 == FIRST {
        if !pieces(content).any(|(t, _)| t == tag) {
            return Err(Status::REFERENCE_NOT_FOUND);
        }
        return Ok(Change::Replace(id, others()));
    }
    match expected(&so_far) {
        Some(all) if so_far.len() == all => {
            let mut new = others();
            if new.len() + all > usize::from(most) {
                return Err(Status::NOT_ENOUGH_MEMORY);
            }
            new.extend_from_slice(&so_far);
            Ok(Change::Replace(id, new))
        }
        Some(all) if so_far.len() > all => Err(Status::WRONG_DATA),
        Some(all) if all > usize::from(most) => Err(Status::NOT_ENOUGH_MEMORY),
        // Its length, too, may be still to come, but not for long.
        None if so_far.len() > 7 => Err(Status::WRONG_DATA),
        Some(_) | None => {
            channel.transfer = Some(Transfer::In { file: id, so_far });
            Err(Status::MORE_DATA_EXPECTED)
        }
    }
}

/// A tag of one to three octets, and what follows it.
fn tag(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = bytes.first()?;
    let mut len = 1;
    if first & 0x1f == 0x1f {
        while bytes.get(len)? & 0x80 != 0 {
            len += 1;
        }
        len += 1;
    }
    (len <= 3).then(|| bytes.split_at_checked(len)).flatten()
}

/// Octets of an object whose beginning this is; `None` while its length is not there.
pub(crate) fn expected(bytes: &[u8]) -> Option<usize> {
    let (tag, after) = tag(bytes)?;
    let (octets, len) = match *after.first()? {
        short @ 0..=0x7f => (1, usize::from(short)),
        0x81 => (2, usize::from(*after.get(1)?)),
        0x82 => (3, usize::from(u16::from_be_bytes([*after.get(1)?, *after.get(2)?]))),
        // Longer than any file.
        _ => (1, usize::MAX / 2),
    };
    Some(tag.len() + octets + len)
}

/// The objects of a file: tag, and the whole of it.
fn pieces(content: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = content;
    core::iter::from_fn(move || {
        let (tag, _) = tag(rest)?;
        let (whole, after) = rest.split_at_checked(expected(rest)?)?;
        rest = after;
        Some((tag, whole))
    })
}

/// The object with this tag, which is all the command's data.
fn find<'s>(content: &'s [u8], data: &[u8]) -> Result<&'s [u8], Status> {
    let (wanted, []) = tag(data).ok_or(Status::WRONG_DATA)? else { return Err(Status::WRONG_DATA) };
    debug_assert!(objects(content).all(|o| o.is_ok()), "only whole objects are written");
    pieces(content).find(|(tag, _)| *tag == wanted).map(|(_, whole)| whole).ok_or(Status::REFERENCE_NOT_FOUND)
}
