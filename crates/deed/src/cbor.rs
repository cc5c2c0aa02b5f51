//! The deed's CBOR: RFC 8949 §4.2.1, reduced to unsigned integers up to 2^53 − 1, byte strings, ASCII text and arrays
//! of definite length. Shortest heads only, no trailing bytes, every array of the exact length its record has.
//!
//! A reader that enforces this is injective: two different byte strings never read as the same value.

use crate::Reason;
use alloc::vec::Vec;

/// The largest integer of format 1.
pub const MAX_UINT: u64 = (1 << 53) - 1;

const UINT: u8 = 0;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;

/// Reads items one after the other.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

const fn bad(why: &'static str) -> Reason {
    Reason::Encoding(why)
}

impl<'a> Reader<'a> {
    /// Over one whole item.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Nothing may follow.
    pub const fn end(&self) -> Result<(), Reason> {
        if self.rest.is_empty() { Ok(()) } else { Err(bad("bytes after the end")) }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Reason> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(bad("ends too early"))?;
        self.rest = rest;
        Ok(head)
    }

    fn head(&mut self, major: u8) -> Result<u64, Reason> {
        let first = *self.take(1)?.first().ok_or(bad("ends too early"))?;
        if first >> 5 != major {
            return Err(bad("an item of another type than the record has here"));
        }
        let (width, least) = match first & 0x1f {
            short @ 0..=23 => return Ok(u64::from(short)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return Err(bad("indefinite or reserved length")),
        };
        let value = self.take(width)?.iter().fold(0u64, |v, b| v << 8 | u64::from(*b));
        if value < least {
            return Err(bad("a head longer than it needs to be"));
        }
        if value > MAX_UINT {
            return Err(bad("a number over 2^53 - 1"));
        }
        Ok(value)
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, Reason> {
        self.head(UINT)
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], Reason> {
        let n = self.head(BYTES)?;
        self.take(usize::try_from(n).map_err(|_| bad("ends too early"))?)
    }

    /// A byte string of exactly `N` bytes.
    pub fn array_of<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        self.bytes()?.try_into().map_err(|_| bad("a byte string of another length than the record has"))
    }

    /// A text string of ASCII 0x20 to 0x7E.
    pub fn text(&mut self) -> Result<&'a str, Reason> {
        let n = self.head(TEXT)?;
        let bytes = self.take(usize::try_from(n).map_err(|_| bad("ends too early"))?)?;
        if !bytes.iter().all(|b| (0x20..=0x7e).contains(b)) {
            return Err(bad("text outside ASCII 0x20-0x7E"));
        }
        core::str::from_utf8(bytes).map_err(|_| bad("text outside ASCII 0x20-0x7E"))
    }

    /// The head of an array of exactly `n` items.
    pub fn array(&mut self, n: u64) -> Result<(), Reason> {
        if self.head(ARRAY)? == n {
            Ok(())
        } else {
            Err(bad("an array of another length than the record has"))
        }
    }

    /// The head of a list of at most `max` items.
    pub fn list(&mut self, max: u64, what: &'static str) -> Result<u64, Reason> {
        let n = self.head(ARRAY)?;
        if n <= max { Ok(n) } else { Err(Reason::Limit(what)) }
    }

    /// What `read` reads, and the very bytes it came from.
    pub fn spanned<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Reason>,
    ) -> Result<(T, &'a [u8]), Reason> {
        let before = self.rest;
        let value = read(self)?;
        let span = before.get(..before.len() - self.rest.len()).unwrap_or_default();
        Ok((value, span))
    }
}

/// Reads one whole item with `read`: nothing may follow it.
pub fn whole<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Reason>,
) -> Result<T, Reason> {
    let mut reader = Reader::new(bytes);
    let value = read(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Writes items one after the other.
#[derive(Debug, Clone, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// What was written.
    pub fn done(self) -> Vec<u8> {
        self.0
    }

    fn head(mut self, major: u8, value: u64) -> Self {
        let major = major << 5;
        let [.., b3, b2, b1, b0] = value.to_be_bytes();
        match value {
            0..=23 => self.0.push(major | b0),
            24..=0xff => self.0.extend_from_slice(&[major | 24, b0]),
            0x100..=0xffff => self.0.extend_from_slice(&[major | 25, b1, b0]),
            0x1_0000..=0xffff_ffff => self.0.extend_from_slice(&[major | 26, b3, b2, b1, b0]),
            _ => {
                self.0.push(major | 27);
                self.0.extend_from_slice(&value.to_be_bytes());
            }
        }
        self
    }

    /// An unsigned integer.
    #[must_use]
    pub fn uint(self, value: u64) -> Self {
        self.head(UINT, value)
    }

    /// A byte string.
    #[must_use]
    pub fn bytes(self, value: &[u8]) -> Self {
        let mut out = self.head(BYTES, value.len() as u64);
        out.0.extend_from_slice(value);
        out
    }

    /// A text string; the caller has ASCII.
    #[must_use]
    pub fn text(self, value: &str) -> Self {
        let mut out = self.head(TEXT, value.len() as u64);
        out.0.extend_from_slice(value.as_bytes());
        out
    }

    /// The head of an array of `n` items, which follow.
    #[must_use]
    pub fn array(self, n: usize) -> Self {
        self.head(ARRAY, n as u64)
    }

    /// An item already encoded.
    #[must_use]
    pub fn raw(mut self, item: &[u8]) -> Self {
        self.0.extend_from_slice(item);
        self
    }

    /// A list: its head, then `write` for each.
    #[must_use]
    pub fn list<T>(self, items: &[T], write: impl Fn(Self, &T) -> Self) -> Self {
        items.iter().fold(self.array(items.len()), write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_head_has_one_form_only() {
        for (bytes, what) in [
            (&[0x18, 0x17][..], "23 in two bytes"),
            (&[0x19, 0x00, 0xff], "255 in three"),
            (&[0x1a, 0, 0, 0xff, 0xff], "65535 in five"),
            (&[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], "2^32-1 in nine"),
            (&[0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0], "2^53"),
            (&[0x1c], "reserved"),
            (&[0x1f], "indefinite"),
            (&[0x20], "negative"),
            (&[0xf5], "true"),
            (&[0xc0, 0x00], "tag"),
            (&[0x00, 0x00], "trailing"),
            (&[], "nothing"),
        ] {
            assert!(whole(bytes, Reader::uint).is_err(), "{what}");
        }
        for value in [0, 23, 24, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, MAX_UINT] {
            assert_eq!(whole(&Writer::new().uint(value).done(), Reader::uint), Ok(value));
        }
    }

    #[test]
    fn text_is_printable_ascii() {
        assert!(whole(&[0x61, 0x0a], Reader::text).is_err());
        assert!(whole(&[0x62, 0xc3, 0xa9], Reader::text).is_err());
        assert_eq!(whole(&[0x61, 0x7e], Reader::text), Ok("~"));
        assert!(whole(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Reader::bytes).is_err());
    }
}
