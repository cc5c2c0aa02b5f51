//! The identifiers of the telephone world. Each is its own type: two strings can be swapped, two types cannot.

use crate::Malformed;
use core::fmt;
use core::str::FromStr;

/// Up to `N` decimal digits, held as ASCII.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Digits<const N: usize> {
    len: u8,
    ascii: [u8; N],
}

impl<const N: usize> Digits<N> {
    fn parse(text: &str, min: usize, what: &'static str) -> Result<Self, Malformed> {
        let bytes = text.as_bytes();
        if bytes.len() < min || bytes.len() > N {
            return Err(Malformed::new(what, "wrong number of digits"));
        }
        if !bytes.iter().all(u8::is_ascii_digit) {
            return Err(Malformed::new(what, "something other than the digits 0-9"));
        }
        let mut ascii = [0; N];
        for (to, from) in ascii.iter_mut().zip(bytes) {
            *to = *from;
        }
        // At most N, and no identifier here is longer than 32 digits.
        Ok(Self { len: bytes.len() as u8, ascii })
    }

    fn as_str(&self) -> &str {
        self.ascii.get(..usize::from(self.len)).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("")
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $min:literal..=$max:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Digits<$max>);

        impl $name {
            /// The digits.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
    };
}

identifier! {
    /// A telephone number: E.164 digits with country code, no `+`, 5 to 15 of them, the first not 0.
    Msisdn, 5..=15, "number"
}
identifier! {
    /// The card's serial number (ITU-T E.118): 18 to 20 digits, no filler.
    Iccid, 18..=20, "ICCID"
}
identifier! {
    /// International Mobile Subscriber Identity (TS 23.003 §2.2): 14 or 15 digits.
    Imsi, 14..=15, "IMSI"
}
identifier! {
    /// The eUICC's identifier (SGP.02 §2.2.2): 32 digits.
    Eid, 32..=32, "EID"
}

identifier! {
    /// International Mobile Equipment Identity (TS 23.003 §6.2.1): type code, serial number, check digit; 15 digits.
    Imei, 15..=15, "IMEI"
}
identifier! {
    /// A network: mobile country code and mobile network code (TS 23.003 §2.2), 5 or 6 digits.
    Plmn, 5..=6, "PLMN"
}

impl Plmn {
    /// The mobile country code: three digits.
    pub fn country(&self) -> &str {
        self.as_str().get(..3).unwrap_or_default()
    }
}

impl FromStr for Imei {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Digits::parse(text, 15, "IMEI").map(Self)
    }
}

impl FromStr for Plmn {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Digits::parse(text, 5, "PLMN").map(Self)
    }
}

impl FromStr for Msisdn {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.starts_with('0') {
            return Err(Malformed::new("number", "starts with 0; write it with its country code, without +"));
        }
        Digits::parse(text, 5, "number").map(Self)
    }
}

impl FromStr for Iccid {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Digits::parse(text, 18, "ICCID").map(Self)
    }
}

impl FromStr for Imsi {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Digits::parse(text, 14, "IMSI").map(Self)
    }
}

impl FromStr for Eid {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Digits::parse(text, 32, "EID").map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn identifiers_take_their_own_form_and_no_other() {
        assert_eq!("8613800138000".parse::<Msisdn>().unwrap().to_string(), "8613800138000");
        for bad in [
            "",
            "1234",
            "013800138000",
            "+8613800138000",
            "1234567890123456",
            "86138 0013800",
            "８６138001380",
        ] {
            assert!(bad.parse::<Msisdn>().is_err(), "{bad}");
        }
        assert!("46000123456789".parse::<Imsi>().is_ok());
        assert!("4600012345678901".parse::<Imsi>().is_err());
        assert!("8986001200000000017".parse::<Iccid>().is_ok());
        assert!("898600120000000001F".parse::<Iccid>().is_err());
        assert!("89049032000000000000000000000001".parse::<Eid>().is_ok());
        assert!("8904903200000000000000000000001".parse::<Eid>().is_err());
    }
}
