//! The transmission protocols, as far as commands see them (TS 102 221 §7.3): how data gets to whoever asked for it.

use crate::answer::Answer;
use crate::plain::Plain;
use crate::session::Pending;
use alloc::vec::Vec;
use wire::apdu::{Command, Status};

/// Answer to reset. Card capabilities 73: SELECT by whole and partial name, path, identifier and short identifier (F6), data
/// coding (21), then chaining, eight channels or more, chosen by card or terminal (9F), and over T=1 extended lengths (DF). TA1 96 allows fast clocks, TA3 C7 any voltage and a stopped clock; the historical bytes say what
/// SELECT can do and who made it (ISO/IEC 7816-3 §8, ISO/IEC 7816-4 §12.1.1, TS 102 221 §6.3).
const ATR_T0: [u8; 22] = [
    0x3b, 0x9f, 0x96, 0x80, 0x1f, 0xc7, // TS, T0, TA1, TD1 (T=0), TD2 (T=15), TA3
    0x80, 0x31, 0xe0, 0x73, 0xf6, 0x21, 0x9f, 0x67, b'S', b'i', b'm', b'w', b'a', b'r', b'd',
    0x0b, // TCK: everything from T0 on comes to zero
];
const ATR_T1: [u8; 25] = [
    // TS, T0, TA1, TD1 (T=1), TD2 (T=1), TA3: blocks of 254 octets, TB3: waiting times, TD3 (T=15), TA4
    0x3b, 0x9f, 0x96, 0x81, 0xb1, 0xfe, 0x45, 0x1f, 0xc7, // and the same historical bytes
    0x80, 0x31, 0xe0, 0x73, 0xf6, 0x21, 0xdf, 0x67, b'S', b'i', b'm', b'w', b'a', b'r', b'd',
    0x40, // TCK
];

/// How a reader and the card speak. A card speaks one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Octet by octet: a command carries data one way, and what goes back waits for GET RESPONSE.
    #[default]
    T0,
    /// In blocks: a command carries data both ways, in lengths up to 65,535 octets.
    T1,
}

impl Protocol {
    pub(crate) const fn atr(self) -> &'static [u8] {
        match self {
            Self::T0 => &ATR_T0,
            Self::T1 => &ATR_T1,
        }
    }

    /// Whether a command of these lengths can be said.
    pub(crate) const fn carries(self, command: &Command<'_>) -> bool {
        let long = command.data.len() > 255 || matches!(command.le, Some(257..));
        matches!(self, Self::T1) || !long
    }

    /// Puts an answer's data into `out` or where it waits. The status that ends the response.
    pub(crate) fn deliver(
        self,
        answer: Answer<'_>,
        command: &Command<'_>,
        number: u8,
        pending: &mut Pending,
        out: &mut Vec<u8>,
    ) -> Status {
        let (data, part) = match &answer {
            Answer::Done => return Status::OK,
            Answer::Held(data) => return self.hold(data, Status::OK, command, number, pending, out),
            Answer::Warned(data, status) => {
                return self.hold(data, *status, command, number, pending, out);
            }
            Answer::Part(data) => (*data, true),
            Answer::Whole(data) => (*data, false),
            Answer::Made(data) => (data.as_slice(), false),
        };
        match self {
            // Another length than there is is answered with the right one (§7.3.1.1.5).
            Self::T0 => match data.get(..command.le.unwrap_or(256)) {
                Some(wanted) if part || wanted.len() == data.len() => {
                    out.extend_from_slice(wanted);
                    Status::OK
                }
                _ => Status::exact(data.len()),
            },
            Self::T1 => match command.le {
                None => Status::WRONG_LENGTH,
                Some(le) if le < data.len() && !part => Status::exact(data.len()),
                Some(le) => {
                    out.extend(data.iter().take(le));
                    // Less than was asked for; asking for all there is is no such thing.
                    let all = matches!(le, 256 | 65_536);
                    if le > data.len() && part && !all { Status::END_REACHED } else { Status::OK }
                }
            },
        }
    }

    /// Data of a command that carried some itself.
    fn hold(
        self,
        data: &[u8],
        status: Status,
        command: &Command<'_>,
        number: u8,
        pending: &mut Pending,
        out: &mut Vec<u8>,
    ) -> Status {
        if self == Self::T1 {
            out.extend(data.iter().take(command.le.unwrap_or(0)));
            return status;
        }
        *pending = Pending { channel: number, data: Plain::new(data.to_vec()) };
        if status == Status::OK && !data.is_empty() { Status::more(data.len()) } else { status }
    }
}

/// GET RESPONSE (ISO/IEC 7816-4 §7.6.1): what the last command left, in one piece or several.
pub(crate) fn get_response(
    command: &Command<'_>,
    number: u8,
    mut left: Pending,
    pending: &mut Pending,
    out: &mut Vec<u8>,
) -> Status {
    if command.p1 != 0 || command.p2 != 0 {
        return Status::WRONG_P1_P2;
    }
    if left.data.is_empty() || left.channel != number {
        return Status::CONDITIONS_NOT_SATISFIED;
    }
    let le = command.le.unwrap_or(256);
    // More than there is, 00 apart, which asks for all of it: name the right length, and keep the data for it.
    if le > left.data.len() && le != 256 {
        let exact = Status::exact(left.data.len());
        *pending = left;
        return exact;
    }
    let given = le.min(left.data.len());
    let rest = left.data.split_off(given);
    out.extend_from_slice(&left.data);
    left.data = Plain::new(rest);
    let more = left.data.len();
    *pending = left;
    if more > 0 { Status::more(more) } else { Status::OK }
}
