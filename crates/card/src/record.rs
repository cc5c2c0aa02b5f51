//! READ, UPDATE and SEARCH RECORD, INCREASE (TS 102 221 §11.1.5 to §11.1.8): files of records, linear fixed and cyclic.

use crate::answer::Answer;
use crate::change::Change;
use crate::current::{granted, open};
use crate::file::{File, FileId, Structure};
use crate::rule::Operation;
use crate::session::Channel;
use crate::state::State;
use alloc::vec::Vec;
use wire::apdu::{Command, Status};

/// A file of records that may be used as was asked.
struct Records<'s> {
    id: FileId,
    content: &'s [u8],
    len: usize,
    cyclic: bool,
}

impl<'s> Records<'s> {
    fn open(
        sfi: Option<u8>,
        operation: Operation,
        state: &'s State,
        channel: &mut Channel,
    ) -> Result<Self, Status> {
        let has_records = |structure: Structure| structure.record().is_some_and(|len| len > 0);
        let (id, file) = open(sfi, operation, has_records, state, channel)?;
        Self::of(id, file).ok_or(Status::WRONG_FILE_STRUCTURE)
    }

    fn of(id: FileId, file: &'s File) -> Option<Self> {
        let (len, cyclic) = match file.structure()? {
            Structure::Linear(len) => (len, false),
            Structure::Cyclic(len) => (len, true),
            Structure::Transparent | Structure::Objects(_) => return None,
        };
        (len > 0).then_some(Self { id, content: &file.content, len: usize::from(len), cyclic })
    }

    fn count(&self) -> u8 {
        u8::try_from(self.content.len() / self.len).unwrap_or(u8::MAX)
    }

    /// A record, counted from 1.
    fn get(&self, number: u8) -> Result<&'s [u8], Status> {
        let start = usize::from(number).checked_sub(1).ok_or(Status::RECORD_NOT_FOUND)? * self.len;
        self.content.get(start..start + self.len).ok_or(Status::RECORD_NOT_FOUND)
    }

    /// Which record P1 and the lowest bits of P2 speak of, and where the record pointer goes if the command succeeds:
    /// next and previous move it, a record named by its number does not (§11.1.5.1). A cyclic file has no end.
    fn number(&self, command: &Command<'_>, pointer: u8) -> Result<(u8, Option<u8>), Status> {
        let count = self.count();
        let number = match (command.p2 & 0x07, command.p1) {
            (0x02, _) if self.cyclic && pointer == count => 1,
            (0x02, _) => pointer.saturating_add(1),
            (0x03, _) if pointer == 0 || self.cyclic && pointer == 1 => count,
            (0x03, _) => pointer - 1,
            (0x04, 0) => pointer,
            (0x04, number) => number,
            _ => return Err(Status::WRONG_P1_P2),
        };
        Ok((number, (command.p2 & 0x07 != 0x04).then_some(number)))
    }
}

/// The short identifier in the upper bits of P2, if there is one.
const fn sfi(p2: u8) -> Result<Option<u8>, Status> {
    match p2 >> 3 {
        0 => Ok(None),
        0x1f => Err(Status::WRONG_P1_P2),
        sfi => Ok(Some(sfi)),
    }
}

/// READ RECORD.
pub(crate) fn read_record<'s>(
    command: &Command<'_>,
    state: &'s State,
    channel: &mut Channel,
) -> Result<Answer<'s>, Status> {
    let records = Records::open(sfi(command.p2)?, Operation::Read, state, channel)?;
    granted(Operation::Read, records.id, state, channel)?;
    let (number, pointer) = records.number(command, channel.record)?;
    let record = records.get(number)?;
    // Over T=0 a wrong length is answered with the right one, and the pointer stays where it was.
    if command.le.is_some_and(|le| le == record.len()) {
        channel.record = pointer.unwrap_or(channel.record);
    }
    Ok(Answer::Whole(record))
}

/// UPDATE RECORD: the change that has to be made durable, and where the record pointer goes once it is.
///
/// Of a cyclic file the oldest record is the one before the first; it becomes the first (§8.3.3).
pub(crate) fn update_record(
    command: &Command<'_>,
    state: &State,
    channel: &mut Channel,
) -> Result<(Change, Option<u8>), Status> {
    let records = Records::open(sfi(command.p2)?, Operation::Update, state, channel)?;
    granted(Operation::Update, records.id, state, channel)?;
    if records.cyclic {
        if command.p2 & 0x07 != 0x03 || command.p1 != 0 {
            return Err(Status::WRONG_P1_P2);
        }
        if command.data.len() != records.len {
            return Err(Status::WRONG_LENGTH);
        }
        return Ok((Change::Push(records.id, command.data.to_vec()), Some(1)));
    }
    let (number, pointer) = records.number(command, channel.record)?;
    let record = records.get(number)?;
    if command.data.len() != record.len() {
        return Err(Status::WRONG_LENGTH);
    }
    let offset = u16::try_from((usize::from(number) - 1) * records.len).map_err(|_| Status::OUT_OF_RANGE)?;
    Ok((Change::Write(records.id, offset, command.data.to_vec()), pointer))
}

/// Where in a record a pattern is looked for.
#[derive(Clone, Copy)]
enum From {
    Offset(usize),
    /// Right after this octet, where it first stands.
    Octet(u8),
}

impl From {
    fn matches(self, record: &[u8], pattern: &[u8]) -> bool {
        let start = match self {
            Self::Offset(offset) => offset,
            Self::Octet(octet) => match record.iter().position(|b| *b == octet) {
                Some(place) => place + 1,
                None => return false,
            },
        };
        record.get(start..).is_some_and(|rest| rest.windows(pattern.len()).any(|window| window == pattern))
    }
}

/// SEARCH RECORD: the numbers of the records with the pattern in them. The first becomes the current record.
pub(crate) fn search_record(
    command: &Command<'_>,
    state: &State,
    channel: &mut Channel,
) -> Result<Answer<'static>, Status> {
    let records = Records::open(sfi(command.p2)?, Operation::Read, state, channel)?;
    granted(Operation::Read, records.id, state, channel)?;
    let count = records.count();
    let (forward, start, from, pattern) = match (command.p2 & 0x07, command.data) {
        // P1 names the record to begin with; 00 stands for the current one.
        (mode @ (0x04 | 0x05), pattern) => {
            let start = if command.p1 == 0 { channel.record } else { command.p1 };
            (mode == 0x04, start, From::Offset(0), pattern)
        }
        (0x06, [indication, value, pattern @ ..]) => {
            let from = match indication & 0xf8 {
                0x00 => From::Offset(usize::from(*value)),
                0x08 => From::Octet(*value),
                _ => return Err(Status::WRONG_DATA),
            };
            let at = if command.p1 == 0 { channel.record } else { command.p1 };
            // From the record on, or from the one after or before the current one.
            let (forward, start) = match indication & 0x07 {
                0x04 => (true, at),
                0x05 => (false, at),
                0x06 => (true, channel.record.saturating_add(1)),
                0x07 => (false, channel.record.checked_sub(1).unwrap_or(count)),
                _ => return Err(Status::WRONG_DATA),
            };
            (forward, start, from, pattern)
        }
        (0x06, _) => return Err(Status::WRONG_LENGTH),
        _ => return Err(Status::WRONG_P1_P2),
    };
    if pattern.is_empty() || pattern.len() > records.len {
        return Err(Status::WRONG_LENGTH);
    }
    if start == 0 || start > count {
        return Err(Status::RECORD_NOT_FOUND);
    }
    let has = |number: &u8| records.get(*number).is_ok_and(|record| from.matches(record, pattern));
    let hits: Vec<u8> =
        if forward { (start..=count).filter(has).collect() } else { (1..=start).rev().filter(has).collect() };
    let first = *hits.first().ok_or(Status::END_REACHED)?;
    channel.record = first;
    Ok(Answer::Held(hits))
}

/// SEEK of GSM (TS 51.011 §8.7): the first record that begins with the pattern, from the beginning or the end, or from the
/// one after or before the current. Type 2 tells its number.
pub(crate) fn seek(
    command: &Command<'_>,
    state: &State,
    channel: &mut Channel,
) -> Result<Answer<'static>, Status> {
    let records = Records::open(None, Operation::Read, state, channel)?;
    granted(Operation::Read, records.id, state, channel)?;
    let (count, at) = (records.count(), channel.record);
    let (forward, start) = match command.p2 & 0x0f {
        0x00 => (true, 1),
        0x01 => (false, count),
        0x02 => (true, at.saturating_add(1)),
        0x03 => (false, if at == 0 { count } else { at - 1 }),
        _ => return Err(Status::WRONG_P1_P2),
    };
    let tells = match (command.p1, command.p2 & 0xf0) {
        (0x00, 0x00) => false,
        (0x00, 0x10) => true,
        _ => return Err(Status::WRONG_P1_P2),
    };
    if command.data.is_empty() || command.data.len() > 16.min(records.len) {
        return Err(Status::WRONG_LENGTH);
    }
    let begins = |number: &u8| records.get(*number).is_ok_and(|record| record.starts_with(command.data));
    let found = if forward { (start..=count).find(begins) } else { (1..=start).rev().find(begins) };
    let found = found.ok_or(Status::END_REACHED)?;
    channel.record = found;
    Ok(if tells { Answer::Held(Vec::from([found])) } else { Answer::Done })
}

/// INCREASE: the last value plus this one becomes a new record. The change that has to be made durable, and the answer:
/// the new value, then what was added.
pub(crate) fn increase(
    command: &Command<'_>,
    state: &State,
    channel: &mut Channel,
) -> Result<(Change, Vec<u8>), Status> {
    let sfi = match (command.p1, command.p2) {
        (0x00, 0x00) => None,
        (p1, 0x00) if p1 & 0xe0 == 0x80 => Some(p1 & 0x1f),
        _ => return Err(Status::WRONG_P1_P2),
    };
    let records = Records::open(sfi, Operation::Increase, state, channel)?;
    granted(Operation::Increase, records.id, state, channel)?;
    if !records.cyclic {
        return Err(Status::WRONG_FILE_STRUCTURE);
    }
    let added = command.data;
    if added.is_empty() || added.len() > records.len || added.len() > 127 {
        return Err(Status::WRONG_LENGTH);
    }
    let mut value = records.get(1)?.to_vec();
    let mut carry = 0;
    let mut low = added.iter().rev();
    for octet in value.iter_mut().rev() {
        let sum = u16::from(*octet) + u16::from(low.next().copied().unwrap_or(0)) + carry;
        *octet = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    if carry > 0 {
        return Err(Status::MAXIMUM_REACHED);
    }
    let answer = [&value[..], added].concat();
    Ok((Change::Push(records.id, value), answer))
}
