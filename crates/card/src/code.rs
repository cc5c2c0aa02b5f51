//! A PIN, PUK or administrative code as it crosses the wire: eight octets (TS 102 221 §9.5.1).

use core::fmt;
use keys::Secret;
use wire::Malformed;

/// Four to eight ASCII digits, the rest FF. Never prints.
#[derive(Clone)]
pub struct Code(Secret<[u8; 8]>);

impl Code {
    /// Octets of a code on the wire.
    pub const BYTES: usize = 8;

    /// A PIN: four to eight digits.
    pub fn pin(digits: &str) -> Result<Self, Malformed> {
        Self::digits("PIN", digits, 4)
    }

    /// A PUK or an administrative code: eight digits.
    pub fn eight(digits: &str) -> Result<Self, Malformed> {
        Self::digits("eight-digit code", digits, Self::BYTES)
    }

    fn digits(what: &'static str, digits: &str, at_least: usize) -> Result<Self, Malformed> {
        if digits.len() < at_least || digits.len() > Self::BYTES {
            return Err(Malformed::new(what, "wrong number of digits"));
        }
        let mut block = [0xff; Self::BYTES];
        for (to, from) in block.iter_mut().zip(digits.bytes()) {
            *to = from;
        }
        Self::settable(&block).ok_or(Malformed::new(what, "something other than the digits 0-9"))
    }

    /// What somebody presents, right or wrong: any eight octets.
    pub(crate) const fn presented(block: &[u8; 8]) -> Self {
        Self(Secret::new(*block))
    }

    /// A code that may be set: four to eight digits, then nothing but FF.
    pub(crate) fn settable(block: &[u8; 8]) -> Option<Self> {
        let digits = block.iter().take_while(|b| b.is_ascii_digit()).count();
        let filled = block.iter().skip(digits).all(|b| *b == 0xff);
        (digits >= 4 && filled).then(|| Self::presented(block))
    }

    /// The block, to be hashed here or written into a new card's profile. Never for logs, errors or comparisons.
    pub const fn danger_expose(&self) -> &[u8; 8] {
        self.0.danger_expose()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_pin_is_four_to_eight_digits_and_never_prints() {
        assert_eq!(format!("{:?}", Code::pin("1234").unwrap()), "Code(…)");
        assert_eq!(Code::pin("12345").unwrap().danger_expose(), b"12345\xff\xff\xff");
        for bad in ["", "123", "123456789", "12a4", "12 4", "1234\u{ff}"] {
            assert!(Code::pin(bad).is_err(), "{bad}");
        }
        assert!(Code::eight("1234567").is_err());
        assert!(Code::settable(b"1234\xff5\xff\xff").is_none());
        assert!(Code::settable(b"123\xff\xff\xff\xff\xff").is_none());
    }
}
