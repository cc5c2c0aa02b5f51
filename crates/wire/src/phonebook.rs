//! Records of the phone book: EF_ADN and its like (TS 31.102 §4.4.2.3, TS 51.011 §10.5.1), and names as such files
//! code them (TS 102 221 Annex A).

use crate::Malformed;
use crate::sms::{Address, alphabet, digits, semi_octets, utf16};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// Octets after the name: length, type, 10 of number, capability, extension.
const NUMBER_BYTES: usize = 14;
/// Octets of digits, two in each.
const DIGIT_BYTES: usize = 10;
const INTERNATIONAL: u8 = 0x91;
const UNKNOWN: u8 = 0x81;

/// A number as people write it: a `+` if it is international, then up to 20 of `0`-`9`, `*`, `#`, `a`, `b`, `c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiallingNumber {
    /// Type of number and numbering plan, as one octet.
    pub kind: u8,
    /// The digits.
    pub digits: String,
}

impl FromStr for DiallingNumber {
    type Err = Malformed;

    /// Spaces and hyphens between the digits are left out.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (kind, digits) = match text.trim().strip_prefix('+') {
            Some(digits) => (INTERNATIONAL, digits),
            None => (UNKNOWN, text),
        };
        let digits: String = digits.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        if digits.is_empty() || digits.len() > 2 * DIGIT_BYTES {
            return Err(Malformed::new("number", "not 1 to 20 digits"));
        }
        semi_octets(&digits).ok_or(Malformed::new("number", "something other than +, 0-9, *, #"))?;
        Ok(Self { kind, digits })
    }
}

impl fmt::Display for DiallingNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Address::Digits { kind: self.kind, digits: self.digits.clone() }.fmt(f)
    }
}

/// One entry: a name and a number, either of which may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The name; empty if there is none.
    pub name: String,
    /// The number.
    pub number: Option<DiallingNumber>,
}

impl Contact {
    /// Reads a record of any length from 14 octets up; `None` if it is free. A number that goes on in an extension
    /// record ends here.
    pub fn parse(record: &[u8]) -> Result<Option<Self>, Malformed> {
        const WHAT: &str = "record of EF_ADN";
        let split = record.len().checked_sub(NUMBER_BYTES).ok_or(Malformed::new(WHAT, "too short"))?;
        let (name, number) = record.split_at_checked(split).ok_or(Malformed::new(WHAT, "too short"))?;
        let ([len, kind], value) =
            number.split_first_chunk::<2>().ok_or(Malformed::new(WHAT, "too short"))?;
        let number = match len {
            0 | 0xff => None,
            // The type of number counts.
            len => {
                let value = value.get(..usize::from(*len) - 1).filter(|v| v.len() <= DIGIT_BYTES);
                let value = value.ok_or(Malformed::new(WHAT, "a number of more than ten octets"))?;
                let digits = digits(value, None).unwrap_or_default();
                (!digits.is_empty()).then_some(DiallingNumber { kind: *kind, digits })
            }
        };
        let name = read_name(name);
        Ok((!name.is_empty() || number.is_some()).then_some(Self { name, number }))
    }

    /// A record of `len` octets, filled with FF.
    pub fn to_record(&self, len: usize) -> Result<Vec<u8>, Malformed> {
        const WHAT: &str = "contact";
        let room = len.checked_sub(NUMBER_BYTES).ok_or(Malformed::new(WHAT, "in too short a record"))?;
        let mut record = write_name(&self.name);
        if record.len() > room {
            return Err(Malformed::new(WHAT, "a name longer than the card's records have room for"));
        }
        record.resize(room, 0xff);
        let mut tail = vec![0xff; NUMBER_BYTES];
        if let Some(number) = &self.number {
            let value = semi_octets(&number.digits).filter(|value| value.len() <= DIGIT_BYTES);
            let value = value.ok_or(Malformed::new(WHAT, "a number that is not up to 20 digits"))?;
            let coded = [value.len() as u8 + 1, number.kind].into_iter().chain(value);
            for (to, from) in tail.iter_mut().zip(coded) {
                *to = from;
            }
        }
        record.extend(tail);
        Ok(record)
    }
}

/// A name in the GSM 7 bit default alphabet, an octet a septet, if that has all of its characters; else 80 and UCS2.
pub fn write_name(name: &str) -> Vec<u8> {
    match alphabet::encode(name) {
        Some(septets) => septets,
        None => [0x80].into_iter().chain(name.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
    }
}

/// A name in any of the four codings, up to its filler.
pub fn read_name(octets: &[u8]) -> String {
    let short = |coded: &[u8], len: u8, base: u32| {
        let character = |octet: &u8| match octet {
            0..=0x7f => alphabet::decode(&[*octet]),
            // UCS2 ends at FFFF.
            _ => char::from_u32(base + u32::from(octet & 0x7f))
                .filter(|c| u32::from(*c) <= 0xffff)
                .unwrap_or(char::REPLACEMENT_CHARACTER)
                .into(),
        };
        coded.iter().take(usize::from(len)).map(character).collect()
    };
    match octets {
        [0x80, rest @ ..] => {
            let (units, _) = rest.as_chunks::<2>();
            let used: Vec<u8> = units.iter().take_while(|u| **u != [0xff; 2]).flatten().copied().collect();
            utf16(&used)
        }
        [0x81, len, base, rest @ ..] => short(rest, *len, u32::from(*base) << 7),
        [0x82, len, high, low, rest @ ..] => short(rest, *len, u32::from(u16::from_be_bytes([*high, *low]))),
        _ => {
            let used: Vec<u8> = octets.iter().take_while(|b| **b < 0x80).copied().collect();
            alphabet::decode(&used)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;
    use proptest::prelude::*;

    fn contact(name: &str, number: &str) -> Contact {
        Contact { name: name.into(), number: Some(number.parse().unwrap()) }
    }

    #[test]
    fn records_are_coded_as_the_standard_lays_them_out() {
        // TS 51.011 §10.5.1 by hand: name, FF; 7 octets follow, international, swapped digits, F; FF to the end.
        let record = contact("Ada", "+31641600986").to_record(34).unwrap();
        let expect = "416461ffffffffffffffffffffffffffffffffff0791134661008 9f6ffffffffffff".replace(' ', "");
        assert_eq!(hex::encode(&record), expect);
        assert_eq!(Contact::parse(&record).unwrap().unwrap(), contact("Ada", "+31641600986"));
        // UCS2 of TS 102 221 Annex A: 80, then two octets each.
        let record = contact("张三", "10086").to_record(34).unwrap();
        assert_eq!(hex::encode(&record[..6]), "805f204e09ff");
        assert_eq!(hex::encode(&record[20..]), "04810180f6ffffffffffffffffff");
        assert_eq!(Contact::parse(&record).unwrap().unwrap().number.unwrap().to_string(), "10086");
    }

    #[test]
    fn the_short_forms_of_annex_a_are_read() {
        // Base 08 << 7 is U+0400; 82 gives its base whole. GSM characters stand among them.
        assert_eq!(read_name(&[0x81, 3, 0x08, 0xb0, b'-', 0xb1, 0xff]), "\u{430}-\u{431}");
        assert_eq!(read_name(&[0x82, 2, 0x05, 0x30, 0x82, 0x53]), "\u{532}S");
        assert_eq!(read_name(&[0x81]), "");
        assert_eq!(read_name(&[0x82, 9, 0xff, 0xff, 0x81]), "\u{fffd}");
    }

    #[test]
    fn a_free_record_is_no_contact_and_what_does_not_fit_is_refused() {
        assert_eq!(Contact::parse(&[0xff; 34]).unwrap(), None);
        assert!(Contact::parse(&[0xff; 13]).is_err());
        let mut long = [0xff; 34];
        long[20] = 12;
        assert!(Contact::parse(&long).is_err());
        for (name, fits) in [("a", 20), ("€", 10), ("号", 9), ("😀", 4)] {
            assert!(contact(&name.repeat(fits), "1").to_record(34).is_ok(), "{name}");
            assert!(contact(&name.repeat(fits + 1), "1").to_record(34).is_err(), "{name}");
        }
        for number in ["", "+", "12x", "123456789012345678901", "++1", "1+1"] {
            assert!(number.parse::<DiallingNumber>().is_err(), "{number}");
        }
        assert_eq!("+86 138-0013 8000".parse::<DiallingNumber>().unwrap().to_string(), "+8613800138000");
    }

    proptest! {
        #[test]
        fn any_contact_comes_back(name in "[a-zA-Z€守]{0,6}", number in "\\+?[0-9*#]{1,20}") {
            let contact = contact(&name, &number);
            prop_assert_eq!(Contact::parse(&contact.to_record(34).unwrap()).unwrap().unwrap(), contact);
        }

        #[test]
        fn any_record_is_read_or_refused(record in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(Some(contact)) = Contact::parse(&record) {
                let _ = contact.to_record(record.len());
            }
        }
    }
}
