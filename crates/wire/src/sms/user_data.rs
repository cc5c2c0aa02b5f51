//! User data: the data coding scheme, the header and what follows it (TS 23.040 §9.2.3.16, §9.2.3.24, TS 23.038 §4).

use super::{Reader, alphabet};
use crate::Malformed;
use alloc::string::String;
use alloc::vec::Vec;

const WHAT: &str = "user data of a short message";

/// Octets of user data in one TPDU, header included.
pub const USER_DATA_BYTES: usize = 140;
/// Septets in as many octets.
const SEPTETS: usize = 160;

/// TP-DCS, the data coding scheme (TS 23.038 §4). One without a name here keeps its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataCoding(pub u8);

/// What the octets after the header are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Septets,
    Octets,
    Ucs2,
}

impl DataCoding {
    /// The GSM 7 bit default alphabet, no class.
    pub const GSM7: Self = Self(0x00);
    /// Octets, no class.
    pub const OCTETS: Self = Self(0x04);
    /// UCS2, no class.
    pub const UCS2: Self = Self(0x08);
    /// Octets of class 2, for the (U)SIM.
    pub const FOR_THE_CARD: Self = Self(0xf6);

    /// The message class, 0 to 3, where one is given. 2 is for the (U)SIM.
    pub const fn class(self) -> Option<u8> {
        match self.0 {
            0x10..=0x1f | 0x30..=0x3f | 0x50..=0x5f | 0x70..=0x7f | 0xf0..=0xff => Some(self.0 & 0x03),
            _ => None,
        }
    }

    /// Reserved codings are read as the default alphabet; compressed text (§4, never seen) as octets.
    const fn alphabet(self) -> Alphabet {
        match self.0 {
            0x20..=0x3f | 0x60..=0x7f => Alphabet::Octets,
            0x00..=0x7f => match self.0 >> 2 & 3 {
                1 => Alphabet::Octets,
                2 => Alphabet::Ucs2,
                _ => Alphabet::Septets,
            },
            0xe0..=0xef => Alphabet::Ucs2,
            0xf0..=0xff if self.0 & 0x04 != 0 => Alphabet::Octets,
            _ => Alphabet::Septets,
        }
    }
}

/// An information element of the header (TS 23.040 §9.2.3.24): identifier, length, data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its identifier.
    pub id: u8,
    /// Its data.
    pub data: Vec<u8>,
}

/// Which part of a longer message this is (§9.2.3.24.1, §9.2.3.24.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concatenation {
    /// Common to all parts of one message.
    pub reference: u16,
    /// How many parts there are.
    pub parts: u8,
    /// Which one this is, from 1.
    pub part: u8,
}

impl Concatenation {
    /// With a reference of one octet.
    const ID_8: u8 = 0x00;
    /// With a reference of two octets.
    const ID_16: u8 = 0x08;

    /// The element of a part, in the form whose reference has one octet.
    pub fn element(reference: u8, parts: u8, part: u8) -> Element {
        Element { id: Self::ID_8, data: Vec::from([reference, parts, part]) }
    }

    /// `None` of any other element; one that counts nonsense is to be ignored.
    fn of(element: &Element) -> Option<Self> {
        let (reference, parts, part) = match (element.id, element.data.as_slice()) {
            (Self::ID_8, [reference, parts, part]) => (u16::from(*reference), *parts, *part),
            (Self::ID_16, [high, low, parts, part]) => (u16::from_be_bytes([*high, *low]), *parts, *part),
            _ => return None,
        };
        (part > 0 && part <= parts).then_some(Self { reference, parts, part })
    }
}

/// What follows the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Septets of the GSM 7 bit default alphabet, one an octet.
    Septets(Vec<u8>),
    /// Octets.
    Octets(Vec<u8>),
    /// UCS2 octets, big-endian. Surrogates are taken for what they mean in UTF-16, as every phone does.
    Ucs2(Vec<u8>),
}

/// TP-DCS and TP-UD of one TPDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserData {
    /// How the payload is coded.
    pub coding: DataCoding,
    /// The header's elements; none, no header.
    pub header: Vec<Element>,
    /// The rest.
    pub payload: Payload,
}

fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// The text of UTF-16 octets; what does not pair up is U+FFFD.
pub(crate) fn utf16(octets: &[u8]) -> String {
    let (units, _) = octets.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

impl UserData {
    /// A text as the fewest parts that carry it: in the default alphabet if that has all of its characters, else in
    /// UCS2. Several parts are marked with `reference`. Neither an escape nor a surrogate is parted from what
    /// belongs to it. More than 255 parts are refused.
    pub fn of_text(text: &str, reference: u8) -> Result<Vec<Self>, Malformed> {
        // An element of five octets and its length: seven septets, or six octets.
        let (coding, whole, limit) = match alphabet::encode(text) {
            Some(_) => (DataCoding::GSM7, SEPTETS, SEPTETS - 7),
            None => (DataCoding::UCS2, USER_DATA_BYTES, USER_DATA_BYTES - 6),
        };
        let units = |c: char| -> Vec<u8> {
            match coding {
                DataCoding::GSM7 => alphabet::septets_of(c).into_iter().flatten().collect(),
                _ => ucs2(c.encode_utf8(&mut [0; 4])),
            }
        };
        let payload = |units| match coding {
            DataCoding::GSM7 => Payload::Septets(units),
            _ => Payload::Ucs2(units),
        };
        let all: Vec<u8> = text.chars().flat_map(units).collect();
        if all.len() <= whole {
            return Ok(Vec::from([Self { coding, header: Vec::new(), payload: payload(all) }]));
        }
        let mut pieces = Vec::from([Vec::new()]);
        for character in text.chars() {
            let units = units(character);
            match pieces.last_mut() {
                Some(last) if last.len() + units.len() <= limit => last.extend(units),
                _ => pieces.push(units),
            }
        }
        let parts = u8::try_from(pieces.len()).map_err(|_| Malformed::new("text", "more than 255 parts"))?;
        let part = |(part, units)| Self {
            coding,
            header: Vec::from([Concatenation::element(reference, parts, part)]),
            payload: payload(units),
        };
        Ok((1..=parts).zip(pieces).map(part).collect())
    }

    /// Octets with a header.
    pub const fn octets(coding: DataCoding, header: Vec<Element>, octets: Vec<u8>) -> Self {
        Self { coding, header, payload: Payload::Octets(octets) }
    }

    /// Which part of a longer message this is, if it is one.
    pub fn concatenation(&self) -> Option<Concatenation> {
        // Of several such elements the last counts.
        self.header.iter().rev().find_map(Concatenation::of)
    }

    /// The header's element with this identifier.
    pub fn element(&self, id: u8) -> Option<&[u8]> {
        self.header.iter().rev().find(|e| e.id == id).map(|e| e.data.as_slice())
    }

    /// Its text; `None` of octets.
    pub fn text(&self) -> Option<String> {
        match &self.payload {
            Payload::Septets(septets) => Some(alphabet::decode(septets)),
            Payload::Ucs2(octets) => Some(utf16(octets)),
            Payload::Octets(_) => None,
        }
    }

    /// UDHL and the elements.
    fn header_octets(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::new();
        if self.header.is_empty() {
            return Ok(out);
        }
        out.push(0);
        for element in &self.header {
            let len = u8::try_from(element.data.len()).map_err(|_| Malformed::new(WHAT, "a long element"))?;
            out.extend([element.id, len]);
            out.extend_from_slice(&element.data);
        }
        let len = u8::try_from(out.len() - 1).map_err(|_| Malformed::new(WHAT, "a long header"))?;
        if let Some(first) = out.first_mut() {
            *first = len;
        }
        Ok(out)
    }

    /// Appends TP-UDL and TP-UD.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let mut octets = self.header_octets()?;
        let len = match (&self.payload, self.coding.alphabet()) {
            (Payload::Septets(septets), Alphabet::Septets) => {
                // The text begins at the next septet after the header.
                let offset = (octets.len() * 8).div_ceil(7) * 7;
                let packed = alphabet::pack(septets, offset);
                octets.extend(packed.iter().skip(octets.len()));
                offset / 7 + septets.len()
            }
            (Payload::Octets(payload), Alphabet::Octets) | (Payload::Ucs2(payload), Alphabet::Ucs2) => {
                octets.extend_from_slice(payload);
                octets.len()
            }
            _ => return Err(Malformed::new(WHAT, "coded otherwise than it says")),
        };
        if octets.len() > USER_DATA_BYTES || len > SEPTETS {
            return Err(Malformed::new(WHAT, "longer than 140 octets"));
        }
        out.push(len as u8);
        out.extend_from_slice(&octets);
        Ok(())
    }

    /// Reads TP-UDL and TP-UD.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        coding: DataCoding,
        has_header: bool,
    ) -> Result<Self, Malformed> {
        let len = usize::from(reader.u8()?);
        let alphabet = coding.alphabet();
        let octets = if alphabet == Alphabet::Septets { (len * 7).div_ceil(8) } else { len };
        if octets > USER_DATA_BYTES {
            return Err(Malformed::new(WHAT, "longer than 140 octets"));
        }
        let octets = reader.take(octets)?;
        let mut rest = Reader(octets, "header of a short message");
        let (mut header, mut header_len) = (Vec::new(), 0);
        if has_header {
            let elements = rest.u8()?;
            header_len = usize::from(elements) + 1;
            header = elements_of(rest.take(usize::from(elements))?).unwrap_or_default();
        }
        let payload = match alphabet {
            Alphabet::Septets => {
                let offset = (header_len * 8).div_ceil(7);
                let count = len.checked_sub(offset).ok_or(Malformed::new(WHAT, "shorter than its header"))?;
                let septets = alphabet::unpack(octets, offset * 7, count);
                Payload::Septets(septets.ok_or(Malformed::new(WHAT, "shorter than its header"))?)
            }
            Alphabet::Octets => Payload::Octets(rest.0.to_vec()),
            Alphabet::Ucs2 => Payload::Ucs2(rest.0.to_vec()),
        };
        Ok(Self { coding, header, payload })
    }
}

/// The elements of a header; `None` if they do not add up to it, and then the whole header is to be ignored.
fn elements_of(octets: &[u8]) -> Option<Vec<Element>> {
    let mut reader = Reader(octets, "");
    let mut out = Vec::new();
    while !reader.0.is_empty() {
        let (id, len) = (reader.u8().ok()?, reader.u8().ok()?);
        out.push(Element { id, data: reader.take(usize::from(len)).ok()?.to_vec() });
    }
    Some(out)
}

/// The text of a message from all its parts, in any order; `None` while one is missing, or if one is of another
/// message or no text.
pub fn join(parts: &[UserData]) -> Option<String> {
    if let [whole] = parts
        && whole.concatenation().is_none()
    {
        return whole.text();
    }
    let first = parts.first()?.concatenation()?;
    let mut found = Vec::with_capacity(parts.len());
    for part in parts {
        let its = part.concatenation()?;
        if (its.reference, its.parts) != (first.reference, first.parts) {
            return None;
        }
        found.push((its.part, part.text()?));
    }
    found.sort_by_key(|(part, _)| *part);
    let complete = found.iter().map(|(part, _)| *part).eq(1..=first.parts);
    complete.then(|| found.into_iter().map(|(_, text)| text).collect())
}
