//! A record of EF_SMS (TS 31.102 §4.2.25, TS 51.011 §10.5.3).

use super::{Address, Deliver, Reader, Submit};
use crate::Malformed;
use alloc::vec::Vec;

/// Octets of a record.
pub const RECORD_BYTES: usize = 176;

/// Where a stored message stands: the low three bits of the record's first octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Received and read.
    Read,
    /// Received, and to be read.
    Unread,
    /// Sent; the octet also says how a status report fared, and is kept.
    Sent(u8),
    /// To be sent.
    ToBeSent,
}

/// What a record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// One received.
    Deliver(Deliver),
    /// One sent, or to be.
    Submit(Submit),
}

/// A record in use: status, address of the service centre, TPDU, FF to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where the message stands.
    pub standing: Standing,
    /// The service centre it came from or goes to.
    pub centre: Option<Address>,
    /// The message.
    pub message: Message,
}

impl Record {
    /// A record that is free.
    pub const FREE: [u8; RECORD_BYTES] = {
        let mut free = [0xff; RECORD_BYTES];
        free[0] = 0;
        free
    };

    /// A message just received.
    pub const fn unread(centre: Option<Address>, deliver: Deliver) -> Self {
        Self { standing: Standing::Unread, centre, message: Message::Deliver(deliver) }
    }

    /// Whether these octets are a record that holds nothing.
    pub fn is_free(record: &[u8]) -> bool {
        record.first().is_none_or(|status| status & 0x01 == 0)
    }

    /// Reads a record; `None` if it is free, whatever its other octets still say.
    pub fn parse(record: &[u8]) -> Result<Option<Self>, Malformed> {
        if Self::is_free(record) {
            return Ok(None);
        }
        let mut reader = Reader(record, "record of EF_SMS");
        let status = reader.u8()?;
        let standing = match status & 0x07 {
            0x01 => Standing::Read,
            0x03 => Standing::Unread,
            0x05 => Standing::Sent(status),
            _ => Standing::ToBeSent,
        };
        let centre = Address::read_centre(&mut reader)?;
        let message = match standing {
            Standing::Read | Standing::Unread => Message::Deliver(Deliver::parse_first(reader.0)?.0),
            Standing::Sent(_) | Standing::ToBeSent => Message::Submit(Submit::parse_first(reader.0)?.0),
        };
        Ok(Some(Self { standing, centre, message }))
    }

    /// Its 176 octets.
    pub fn to_bytes(&self) -> Result<[u8; RECORD_BYTES], Malformed> {
        let mut octets = Vec::from([match self.standing {
            Standing::Read => 0x01,
            Standing::Unread => 0x03,
            Standing::Sent(status) => status & 0x18 | 0x05,
            Standing::ToBeSent => 0x07,
        }]);
        Address::write_centre(self.centre.as_ref(), &mut octets)?;
        let (received, tpdu) = match &self.message {
            Message::Deliver(deliver) => (true, deliver.to_bytes()?),
            Message::Submit(submit) => (false, submit.to_bytes()?),
        };
        if received != matches!(self.standing, Standing::Read | Standing::Unread) {
            return Err(Malformed::new("record of EF_SMS", "received and sent at once"));
        }
        octets.extend(tpdu);
        octets.resize(octets.len().max(RECORD_BYTES), 0xff);
        octets.try_into().map_err(|_| Malformed::new("record of EF_SMS", "longer than 176 octets"))
    }
}
