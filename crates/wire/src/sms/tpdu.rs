//! The two TPDUs that carry text and data (TS 23.040 §9.2.2.1, §9.2.2.2).

use super::{Address, DataCoding, Reader, Timestamp, UserData};
use crate::Malformed;
use alloc::vec::Vec;

/// Bits of a TPDU's first octet (§9.2.3).
mod bits {
    pub(super) const MESSAGE_TYPE: u8 = 0x03;
    pub(super) const DELIVER: u8 = 0x00;
    pub(super) const SUBMIT: u8 = 0x01;
    /// In a DELIVER: nothing more waits.
    pub(super) const NO_MORE: u8 = 0x04;
    /// In a SUBMIT: a duplicate is to be rejected.
    pub(super) const REJECT_DUPLICATES: u8 = 0x04;
    pub(super) const STATUS_REPORT: u8 = 0x20;
    pub(super) const HEADER: u8 = 0x40;
    pub(super) const REPLY_PATH: u8 = 0x80;
}

/// TP-PID, the protocol identifier (§9.2.3.9). One without a name here keeps its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtocolIdentifier(pub u8);

impl ProtocolIdentifier {
    /// A short message and nothing else.
    pub const PLAIN: Self = Self(0x00);
    /// (U)SIM data download.
    pub const DATA_DOWNLOAD: Self = Self(0x7f);
}

/// SMS-DELIVER, from the service centre to the phone (§9.2.2.1): flags, TP-OA, TP-PID, TP-DCS, TP-SCTS, TP-UD; up
/// to 163 octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliver {
    /// More messages wait at the centre.
    pub more_messages: bool,
    /// A status report goes back to the sender.
    pub status_report: bool,
    /// A reply may take the same centre.
    pub reply_path: bool,
    /// Who sent it.
    pub originator: Address,
    /// Its protocol.
    pub protocol: ProtocolIdentifier,
    /// When the centre received it.
    pub timestamp: Timestamp,
    /// What it says.
    pub user_data: UserData,
}

impl Deliver {
    /// A message that asks for nothing, of [`ProtocolIdentifier::PLAIN`].
    pub const fn new(originator: Address, timestamp: Timestamp, user_data: UserData) -> Self {
        Self {
            more_messages: false,
            status_report: false,
            reply_path: false,
            originator,
            protocol: ProtocolIdentifier::PLAIN,
            timestamp,
            user_data,
        }
    }

    /// Reads the TPDU that is all of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        whole(Self::parse_first(bytes)?)
    }

    /// Reads the TPDU that `bytes` begin with, and what follows it.
    pub fn parse_first(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let mut reader = Reader(bytes, "SMS-DELIVER");
        let first = reader.u8()?;
        if first & bits::MESSAGE_TYPE != bits::DELIVER {
            return Err(Malformed::new("SMS-DELIVER", "another type of message"));
        }
        let originator = Address::read(&mut reader)?;
        let protocol = ProtocolIdentifier(reader.u8()?);
        let coding = DataCoding(reader.u8()?);
        let timestamp = Timestamp(reader.array()?);
        let user_data = UserData::read(&mut reader, coding, first & bits::HEADER != 0)?;
        let deliver = Self {
            more_messages: first & bits::NO_MORE == 0,
            status_report: first & bits::STATUS_REPORT != 0,
            reply_path: first & bits::REPLY_PATH != 0,
            originator,
            protocol,
            timestamp,
            user_data,
        };
        Ok((deliver, reader.0))
    }

    /// Its octets; refused if a part of it has no coding.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::from([bits::DELIVER
            | set(bits::NO_MORE, !self.more_messages)
            | set(bits::STATUS_REPORT, self.status_report)
            | set(bits::HEADER, !self.user_data.header.is_empty())
            | set(bits::REPLY_PATH, self.reply_path)]);
        self.originator.write(&mut out)?;
        out.extend([self.protocol.0, self.user_data.coding.0]);
        out.extend_from_slice(&self.timestamp.0);
        self.user_data.write(&mut out)?;
        Ok(out)
    }
}

/// TP-VP, how long the centre may keep trying (§9.2.3.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValidityPeriod {
    /// As the centre likes.
    Unsaid,
    /// From submission on, coded as §9.2.3.12.1 says.
    Relative(u8),
    /// In the enhanced form, whose octets are kept as they are (§9.2.3.12.3).
    Enhanced([u8; 7]),
    /// Until this moment.
    Absolute(Timestamp),
}

/// SMS-SUBMIT, from the phone to the service centre (§9.2.2.2): flags, TP-MR, TP-DA, TP-PID, TP-DCS, TP-VP, TP-UD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submit {
    /// The centre is to reject a message it has already.
    pub reject_duplicates: bool,
    /// A status report is asked for.
    pub status_report: bool,
    /// A reply may take the same centre.
    pub reply_path: bool,
    /// The phone's number of the message.
    pub reference: u8,
    /// Whom it is for.
    pub destination: Address,
    /// Its protocol.
    pub protocol: ProtocolIdentifier,
    /// How long it is worth delivering.
    pub validity: ValidityPeriod,
    /// What it says.
    pub user_data: UserData,
}

impl Submit {
    /// A message that asks for nothing, of [`ProtocolIdentifier::PLAIN`].
    pub const fn new(reference: u8, destination: Address, user_data: UserData) -> Self {
        Self {
            reject_duplicates: false,
            status_report: false,
            reply_path: false,
            reference,
            destination,
            protocol: ProtocolIdentifier::PLAIN,
            validity: ValidityPeriod::Unsaid,
            user_data,
        }
    }

    /// Reads the TPDU that is all of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        whole(Self::parse_first(bytes)?)
    }

    /// Reads the TPDU that `bytes` begin with, and what follows it.
    pub fn parse_first(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let mut reader = Reader(bytes, "SMS-SUBMIT");
        let first = reader.u8()?;
        if first & bits::MESSAGE_TYPE != bits::SUBMIT {
            return Err(Malformed::new("SMS-SUBMIT", "another type of message"));
        }
        let reference = reader.u8()?;
        let destination = Address::read(&mut reader)?;
        let protocol = ProtocolIdentifier(reader.u8()?);
        let coding = DataCoding(reader.u8()?);
        let validity = match first >> 3 & 0x03 {
            0 => ValidityPeriod::Unsaid,
            1 => ValidityPeriod::Enhanced(reader.array()?),
            2 => ValidityPeriod::Relative(reader.u8()?),
            _ => ValidityPeriod::Absolute(Timestamp(reader.array()?)),
        };
        let user_data = UserData::read(&mut reader, coding, first & bits::HEADER != 0)?;
        let submit = Self {
            reject_duplicates: first & bits::REJECT_DUPLICATES != 0,
            status_report: first & bits::STATUS_REPORT != 0,
            reply_path: first & bits::REPLY_PATH != 0,
            reference,
            destination,
            protocol,
            validity,
            user_data,
        };
        Ok((submit, reader.0))
    }

    /// Its octets; refused if a part of it has no coding.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Malformed> {
        let format = match self.validity {
            ValidityPeriod::Unsaid => 0,
            ValidityPeriod::Enhanced(_) => 1,
            ValidityPeriod::Relative(_) => 2,
            ValidityPeriod::Absolute(_) => 3,
        };
        let first = bits::SUBMIT
            | format << 3
            | set(bits::REJECT_DUPLICATES, self.reject_duplicates)
            | set(bits::STATUS_REPORT, self.status_report)
            | set(bits::HEADER, !self.user_data.header.is_empty())
            | set(bits::REPLY_PATH, self.reply_path);
        let mut out = Vec::from([first, self.reference]);
        self.destination.write(&mut out)?;
        out.extend([self.protocol.0, self.user_data.coding.0]);
        match self.validity {
            ValidityPeriod::Unsaid => {}
            ValidityPeriod::Relative(octet) => out.push(octet),
            ValidityPeriod::Enhanced(octets) | ValidityPeriod::Absolute(Timestamp(octets)) => {
                out.extend(octets)
            }
        }
        self.user_data.write(&mut out)?;
        Ok(out)
    }
}

const fn set(bit: u8, on: bool) -> u8 {
    if on { bit } else { 0 }
}

fn whole<T>((value, rest): (T, &[u8])) -> Result<T, Malformed> {
    if rest.is_empty() { Ok(value) } else { Err(Malformed::new("TPDU", "longer than its user data")) }
}
