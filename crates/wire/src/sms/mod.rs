//! Short messages: TPDUs (TS 23.040), their alphabets (TS 23.038) and the records of EF_SMS (TS 31.102 §4.2.25).
//!
//! A text becomes one or several [`UserData`] ([`UserData::of_text`]), each goes into a [`Deliver`] (centre to
//! phone) or a [`Submit`] (phone to centre), and a card keeps either as a [`Record`].

mod address;
pub mod alphabet;
mod record;
mod relay;
mod timestamp;
mod tpdu;
mod user_data;

pub use address::Address;
pub(crate) use address::{digits, semi_octets};
pub use record::{Message, RECORD_BYTES, Record, Standing};
pub use relay::{Cause, Direction, Relay};
pub use timestamp::Timestamp;
pub use tpdu::{Deliver, ProtocolIdentifier, Submit, ValidityPeriod};
pub(crate) use user_data::utf16;
pub use user_data::{Concatenation, DataCoding, Element, Payload, USER_DATA_BYTES, UserData, join};

use crate::Malformed;

/// Octets still to be read.
struct Reader<'a>(&'a [u8], &'static str);

impl<'a> Reader<'a> {
    fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[octet]| octet)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed::new(self.1, "too short"))?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(Malformed::new(self.1, "too short"))?;
        self.0 = rest;
        Ok(bytes)
    }
}
