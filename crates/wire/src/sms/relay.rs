//! The relay layer between phone and network, which carries a TPDU and says what became of it (TS 24.011 §7.3).

use super::{Address, Reader};
use crate::Malformed;
use alloc::vec::Vec;

const WHAT: &str = "RP message";

/// Which way a message goes: the low bit of its type (TS 24.011 §8.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the phone.
    ToNetwork = 0,
    /// To the phone.
    ToPhone = 1,
}

/// RP-Cause (TS 24.011 §8.2.5.4). One without a name here keeps its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause(pub u8);

impl Cause {
    /// Unassigned number.
    pub const UNASSIGNED_NUMBER: Self = Self(1);
    /// Short message transfer rejected.
    pub const REJECTED: Self = Self(21);
    /// Memory capacity exceeded.
    pub const MEMORY_EXCEEDED: Self = Self(22);
    /// Semantically incorrect message.
    pub const INCORRECT: Self = Self(95);
    /// Protocol error, unspecified.
    pub const PROTOCOL_ERROR: Self = Self(111);
}

/// An RP message: type and reference, then what belongs to the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relay {
    /// RP-DATA (§7.3.1): addresses of service centres, and a TPDU of up to 232 octets.
    Data {
        /// Repeated in the answer.
        reference: u8,
        /// Where it comes from; towards the phone, the service centre.
        originator: Option<Address>,
        /// Where it goes; towards the network, the service centre.
        destination: Option<Address>,
        /// The TPDU.
        tpdu: Vec<u8>,
    },
    /// RP-ACK (§7.3.3): it has arrived.
    Ack {
        /// Of the message that arrived.
        reference: u8,
    },
    /// RP-ERROR (§7.3.4): it has not.
    Error {
        /// Of the message that did not.
        reference: u8,
        /// Why.
        cause: Cause,
    },
}

/// Longest TPDU in RP-User data (§8.2.5.3).
const TPDU: usize = 232;

impl Relay {
    /// Reads a message that goes this way.
    pub fn parse(bytes: &[u8], direction: Direction) -> Result<Self, Malformed> {
        let mut reader = Reader(bytes, WHAT);
        let (kind, reference) = (reader.u8()? & 0x07, reader.u8()?);
        if kind & 1 != direction as u8 {
            return Err(Malformed::new(WHAT, "of the other direction"));
        }
        let message = match kind >> 1 {
            0 => {
                let originator = Address::read_centre(&mut reader)?;
                let destination = Address::read_centre(&mut reader)?;
                let len = reader.u8()?;
                let tpdu = reader.take(usize::from(len))?.to_vec();
                if tpdu.len() > TPDU {
                    return Err(Malformed::new(WHAT, "more user data than there can be"));
                }
                Self::Data { reference, originator, destination, tpdu }
            }
            // User data of an acknowledgement says nothing we ask for.
            1 => return Ok(Self::Ack { reference }),
            2 => {
                let len = reader.u8()?;
                let cause = reader.take(usize::from(len))?.first().ok_or(Malformed::new(WHAT, "no cause"))?;
                return Ok(Self::Error { reference, cause: Cause(cause & 0x7f) });
            }
            _ => return Err(Malformed::new(WHAT, "of a type that is not known")),
        };
        if reader.0.is_empty() { Ok(message) } else { Err(Malformed::new(WHAT, "something after the end")) }
    }

    /// Its octets, on this way.
    pub fn to_bytes(&self, direction: Direction) -> Result<Vec<u8>, Malformed> {
        let way = direction as u8;
        match self {
            Self::Data { reference, originator, destination, tpdu } => {
                let mut out = Vec::from([way, *reference]);
                Address::write_centre(originator.as_ref(), &mut out)?;
                Address::write_centre(destination.as_ref(), &mut out)?;
                let len = u8::try_from(tpdu.len()).ok().filter(|len| usize::from(*len) <= TPDU);
                out.push(len.ok_or(Malformed::new(WHAT, "more user data than there can be"))?);
                out.extend_from_slice(tpdu);
                Ok(out)
            }
            Self::Ack { reference } => Ok(Vec::from([0x02 | way, *reference])),
            Self::Error { reference, cause } => Ok(Vec::from([0x04 | way, *reference, 1, cause.0 & 0x7f])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_message_has_its_octets() {
        let centre = Address::Digits { kind: 0x91, digits: "8613800100500".into() };
        let data =
            Relay::Data { reference: 7, originator: Some(centre), destination: None, tpdu: [1, 2].to_vec() };
        let bytes = data.to_bytes(Direction::ToPhone).unwrap();
        assert_eq!(hex::encode(&bytes), "01070891683108100005f000020102");
        assert_eq!(Relay::parse(&bytes, Direction::ToPhone), Ok(data));
        assert!(Relay::parse(&bytes, Direction::ToNetwork).is_err(), "of the other direction");
        let ack = Relay::Ack { reference: 7 };
        assert_eq!(ack.to_bytes(Direction::ToNetwork).unwrap(), [2, 7]);
        assert_eq!(ack.to_bytes(Direction::ToPhone).unwrap(), [3, 7]);
        let error = Relay::Error { reference: 7, cause: Cause::MEMORY_EXCEEDED };
        assert_eq!(error.to_bytes(Direction::ToNetwork).unwrap(), [4, 7, 1, 22]);
        assert_eq!(
            Relay::parse(&[5, 7, 1, 0x80 | 21], Direction::ToPhone),
            Ok(Relay::Error { reference: 7, cause: Cause::REJECTED })
        );
    }

    proptest! {
        #[test]
        fn any_octets_are_a_message_or_malformed(bytes in prop::collection::vec(any::<u8>(), 0..260)) {
            for direction in [Direction::ToNetwork, Direction::ToPhone] {
                if let Ok(message) = Relay::parse(&bytes, direction) {
                    let again = message.to_bytes(direction).unwrap();
                    prop_assert_eq!(Relay::parse(&again, direction), Ok(message));
                }
            }
        }
    }
}
