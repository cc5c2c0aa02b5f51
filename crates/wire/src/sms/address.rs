//! Addresses of short messages (TS 23.040 §9.1.2.5).

use super::{Reader, alphabet};
use crate::{Malformed, Msisdn};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

/// Half octets of an address value, at most.
const SEMI_OCTETS: usize = 20;
/// Type of number 5, alphanumeric; no numbering plan.
const ALPHANUMERIC: u8 = 0xd0;
/// Type of number 1, international; the telephone numbering plan.
const INTERNATIONAL: u8 = 0x91;

/// Who sent a message or whom it is for: length, type, up to 10 octets of value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A number.
    Digits {
        /// Type of number and numbering plan, as one octet.
        kind: u8,
        /// `0` to `9`, `*`, `#`, `a`, `b`, `c`; up to 20 of them.
        digits: String,
    },
    /// A name, of up to 11 characters of the GSM 7 bit default alphabet.
    Name(String),
}

impl From<&Msisdn> for Address {
    fn from(number: &Msisdn) -> Self {
        Self::Digits { kind: INTERNATIONAL, digits: number.to_string() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits { kind, digits } if kind & 0x70 == 0x10 => write!(f, "+{digits}"),
            Self::Digits { digits, .. } => f.write_str(digits),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Digits two to an octet, the first in the low half, filled with F (§9.1.2.3). `None` of other characters.
pub(crate) fn semi_octets(digits: &str) -> Option<Vec<u8>> {
    let half = |c: u8| match c {
        b'0'..=b'9' => Some(c & 0x0f),
        b'*' => Some(0x0a),
        b'#' => Some(0x0b),
        b'a'..=b'c' => Some(c - b'a' + 0x0c),
        _ => None,
    };
    let pair = |pair: &[u8]| match pair {
        [low, high] => Some(half(*high)? << 4 | half(*low)?),
        [low] => Some(0xf0 | half(*low)?),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

/// What [`semi_octets`] wrote: `len` digits, or as many as come before the first F. `None` if there are fewer.
pub(crate) fn digits(octets: &[u8], len: Option<usize>) -> Option<String> {
    const NAMES: [char; 15] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'a', 'b', 'c'];
    let halves = octets.iter().flat_map(|b| [b & 0x0f, b >> 4]);
    let out: String =
        halves.map_while(|h| NAMES.get(usize::from(h))).take(len.unwrap_or(usize::MAX)).collect();
    len.is_none_or(|len| out.len() == len).then_some(out)
}

impl Address {
    /// Reads one as TPDUs carry it: its length counts half octets.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        const WHAT: &str = "address of a short message";
        let len = usize::from(reader.u8()?);
        let kind = reader.u8()?;
        if len > SEMI_OCTETS {
            return Err(Malformed::new(WHAT, "longer than ten octets"));
        }
        let value = reader.take(len.div_ceil(2))?;
        if kind & 0x70 == ALPHANUMERIC & 0x70 {
            let septets = alphabet::unpack(value, 0, len * 4 / 7);
            return Ok(Self::Name(alphabet::decode(&septets.unwrap_or_default())));
        }
        let digits =
            digits(value, Some(len)).ok_or(Malformed::new(WHAT, "a filler where a digit should be"))?;
        Ok(Self::Digits { kind, digits })
    }

    /// Appends it as TPDUs carry it.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        const WHAT: &str = "address of a short message";
        let (len, kind, value) = match self {
            Self::Digits { kind, digits } => {
                let value = semi_octets(digits)
                    .ok_or(Malformed::new(WHAT, "something other than 0-9, *, #, a, b, c"))?;
                if kind & 0x70 == ALPHANUMERIC & 0x70 {
                    return Err(Malformed::new(WHAT, "digits under the type of a name"));
                }
                (digits.len(), *kind, value)
            }
            Self::Name(name) => {
                let septets = alphabet::encode(name)
                    .ok_or(Malformed::new(WHAT, "a name outside the GSM 7 bit default alphabet"))?;
                ((septets.len() * 7).div_ceil(4), ALPHANUMERIC, alphabet::pack(&septets, 0))
            }
        };
        if len > SEMI_OCTETS {
            return Err(Malformed::new(WHAT, "longer than ten octets"));
        }
        out.extend([len as u8, kind]);
        out.extend_from_slice(&value);
        Ok(())
    }

    /// Reads a service centre's address as EF_SMS keeps it: its length counts octets, type included
    /// (TS 24.011 §8.2.5.2). None if the length is 0 or the place is unused.
    pub(super) fn read_centre(reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        const WHAT: &str = "address of a service centre";
        let len = reader.u8()?;
        if matches!(len, 0 | 0xff) {
            return Ok(None);
        }
        if usize::from(len) > SEMI_OCTETS / 2 + 1 {
            return Err(Malformed::new(WHAT, "longer than eleven octets"));
        }
        let kind = reader.u8()?;
        let value = reader.take(usize::from(len) - 1)?;
        let digits = digits(value, None).unwrap_or_default();
        Ok(Some(Self::Digits { kind, digits }))
    }

    /// Appends it as EF_SMS keeps it.
    pub(super) fn write_centre(centre: Option<&Self>, out: &mut Vec<u8>) -> Result<(), Malformed> {
        const WHAT: &str = "address of a service centre";
        let Some(Self::Digits { kind, digits }) = centre else {
            out.push(0);
            return centre.map_or(Ok(()), |_| Err(Malformed::new(WHAT, "a name")));
        };
        let value = semi_octets(digits).filter(|value| value.len() <= SEMI_OCTETS / 2);
        let value = value.ok_or(Malformed::new(WHAT, "not up to 20 digits"))?;
        out.extend([value.len() as u8 + 1, *kind]);
        out.extend_from_slice(&value);
        Ok(())
    }
}
