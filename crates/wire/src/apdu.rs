//! Command and response APDUs of a UICC (TS 102 221 §10, ISO/IEC 7816-4 §5): short lengths only.

use crate::Malformed;
use alloc::vec::Vec;
use core::fmt;

/// The class byte (TS 102 221 §10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cla(pub u8);

impl Cla {
    /// Interindustry commands on the basic channel.
    pub const INTERINDUSTRY: Self = Self(0x00);
    /// The UICC's own commands (STATUS, TERMINAL PROFILE, …) on the basic channel.
    pub const UICC: Self = Self(0x80);
    /// GSM 11.11, before there were UICCs.
    pub const GSM: Self = Self(0xa0);

    /// The logical channel the class names: 0 to 3 in the first coding, 4 to 19 in the further one.
    pub const fn channel(self) -> u8 {
        match self.0 & 0xf0 {
            0x00 | 0x80 | 0xa0 => self.0 & 0x03,
            _ => 4 + (self.0 & 0x0f),
        }
    }
}

/// The instruction byte (TS 102 221 §10.1.2). One without a name here keeps its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ins(pub u8);

#[expect(missing_docs, reason = "each is the standard's own name for its command")]
impl Ins {
    pub const TERMINAL_PROFILE: Self = Self(0x10);
    pub const VERIFY_PIN: Self = Self(0x20);
    pub const CHANGE_PIN: Self = Self(0x24);
    pub const DISABLE_PIN: Self = Self(0x26);
    pub const ENABLE_PIN: Self = Self(0x28);
    pub const PERFORM_SECURITY_OPERATION: Self = Self(0x2a);
    pub const UNBLOCK_PIN: Self = Self(0x2c);
    pub const GENERATE_ASYMMETRIC_KEY_PAIR: Self = Self(0x47);
    pub const MANAGE_CHANNEL: Self = Self(0x70);
    pub const AUTHENTICATE: Self = Self(0x88);
    pub const SELECT: Self = Self(0xa4);
    pub const TERMINAL_CAPABILITY: Self = Self(0xaa);
    pub const READ_BINARY: Self = Self(0xb0);
    pub const READ_RECORD: Self = Self(0xb2);
    pub const GET_RESPONSE: Self = Self(0xc0);
    pub const UPDATE_BINARY: Self = Self(0xd6);
    pub const UPDATE_RECORD: Self = Self(0xdc);
    pub const ENVELOPE: Self = Self(0xc2);
    pub const STATUS: Self = Self(0xf2);
}

/// A command APDU, its bytes borrowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// Class.
    pub cla: Cla,
    /// Instruction.
    pub ins: Ins,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// The command's data; empty in cases 1 and 2.
    pub data: &'a [u8],
    /// Octets expected back, 1 to 256, where the command names a number (cases 2 and 4).
    pub le: Option<u16>,
}

impl<'a> Command<'a> {
    /// Reads one command. Over T=0 a case 1 command comes with P3 = 00 and is read as case 2; whoever
    /// expects no data sees none in either.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "APDU";
        let ([cla, ins, p1, p2], rest) =
            bytes.split_first_chunk::<4>().ok_or(Malformed::new(WHAT, "shorter than its header"))?;
        let (data, le) = match rest.split_first() {
            None => (rest, None),
            Some((le, [])) => (rest.get(..0).unwrap_or_default(), Some(*le)),
            Some((lc, body)) => {
                let (data, tail) = body
                    .split_at_checked(usize::from(*lc))
                    .ok_or(Malformed::new(WHAT, "less data than Lc says"))?;
                match tail {
                    [] => (data, None),
                    [le] => (data, Some(*le)),
                    _ => return Err(Malformed::new(WHAT, "more data than Lc says")),
                }
            }
        };
        let le = le.map(|le| if le == 0 { 256 } else { u16::from(le) });
        Ok(Self { cla: Cla(*cla), ins: Ins(*ins), p1: *p1, p2: *p2, data, le })
    }

    /// The command's bytes. Data beyond 255 octets does not fit a short APDU and is refused.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Malformed> {
        let lc =
            u8::try_from(self.data.len()).map_err(|_| Malformed::new("APDU", "data beyond 255 octets"))?;
        let mut out = Vec::from([self.cla.0, self.ins.0, self.p1, self.p2]);
        if lc > 0 {
            out.push(lc);
            out.extend_from_slice(self.data);
        }
        if let Some(le) = self.le {
            // 256 is written 00.
            out.push((le & 0xff) as u8);
        }
        Ok(out)
    }
}

/// Data may be a PIN: only its length prints.
impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X} {:02X} {:02X}{:02X}", self.cla.0, self.ins.0, self.p1, self.p2)?;
        write!(f, " ({} octets of data, Le {:?})", self.data.len(), self.le)
    }
}

/// Status bytes SW1 SW2 (TS 102 221 §10.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

#[expect(missing_docs, reason = "each is the standard's own meaning of its two bytes")]
impl Status {
    pub const OK: Self = Self(0x9000);
    pub const MEMORY_PROBLEM: Self = Self(0x6581);
    pub const WRONG_LENGTH: Self = Self(0x6700);
    pub const CHANNEL_NOT_SUPPORTED: Self = Self(0x6881);
    pub const SECURE_MESSAGING_NOT_SUPPORTED: Self = Self(0x6882);
    pub const WRONG_FILE_STRUCTURE: Self = Self(0x6981);
    pub const SECURITY_NOT_SATISFIED: Self = Self(0x6982);
    pub const BLOCKED: Self = Self(0x6983);
    pub const INVALIDATED: Self = Self(0x6984);
    pub const CONDITIONS_NOT_SATISFIED: Self = Self(0x6985);
    pub const NO_EF_SELECTED: Self = Self(0x6986);
    pub const WRONG_DATA: Self = Self(0x6a80);
    pub const FILE_NOT_FOUND: Self = Self(0x6a82);
    pub const RECORD_NOT_FOUND: Self = Self(0x6a83);
    pub const WRONG_P1_P2: Self = Self(0x6a86);
    pub const REFERENCE_NOT_FOUND: Self = Self(0x6a88);
    pub const OUT_OF_RANGE: Self = Self(0x6b00);
    pub const INS_NOT_SUPPORTED: Self = Self(0x6d00);
    pub const CLA_NOT_SUPPORTED: Self = Self(0x6e00);
    pub const TECHNICAL_PROBLEM: Self = Self(0x6f00);
    pub const AUTHENTICATION_INCORRECT_MAC: Self = Self(0x9862);
    /// TS 31.102 §7.3: a security context that this application does not have.
    pub const SECURITY_CONTEXT_NOT_SUPPORTED: Self = Self(0x9864);

    /// 61xx: so many octets wait for GET RESPONSE (00 stands for 256).
    pub const fn more(octets: usize) -> Self {
        Self(0x6100 | low_byte(octets))
    }

    /// 6Cxx: ask again with this Le (00 stands for 256).
    pub const fn exact(octets: usize) -> Self {
        Self(0x6c00 | low_byte(octets))
    }

    /// 63CX: so many tries left.
    pub const fn tries(left: u8) -> Self {
        Self(0x63c0 | (if left < 15 { left } else { 15 }) as u16)
    }

    /// SW1, SW2.
    pub const fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

const fn low_byte(octets: usize) -> u16 {
    if octets > 255 { 0 } else { octets as u16 }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

/// A response APDU taken apart into data and status.
pub fn response(bytes: &[u8]) -> Result<(&[u8], Status), Malformed> {
    let (data, sw) =
        bytes.split_last_chunk::<2>().ok_or(Malformed::new("response APDU", "shorter than its status"))?;
    Ok((data, Status(u16::from_be_bytes(*sw))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn the_four_cases_and_nothing_else() {
        let read = |b: &'static [u8]| Command::parse(b).map(|c| (c.data, c.le));
        assert_eq!(read(&[0, 0xf2, 0, 0]), Ok((&[][..], None)));
        assert_eq!(read(&[0, 0xb0, 0, 0, 0]), Ok((&[][..], Some(256))));
        assert_eq!(read(&[0, 0xb0, 0, 0, 9]), Ok((&[][..], Some(9))));
        assert_eq!(read(&[0, 0xa4, 0, 4, 2, 0x3f, 0]), Ok((&[0x3f, 0][..], None)));
        assert_eq!(read(&[0, 0xa4, 0, 4, 2, 0x3f, 0, 0]), Ok((&[0x3f, 0][..], Some(256))));
        for bad in [&[][..], &[0], &[0, 0xa4, 0], &[0, 0xa4, 0, 4, 2, 0x3f], &[0, 0xa4, 0, 4, 1, 2, 3, 4]] {
            assert!(Command::parse(bad).is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn a_command_reads_back_as_it_was_written() {
        for bytes in [
            &[0x80, 0xf2, 0, 0x0c][..],
            &[0, 0xb0, 0, 0, 0],
            &[0, 0xd6, 0, 0, 1, 7],
            &[0, 0x88, 0, 0x80, 1, 7, 3],
        ] {
            assert_eq!(Command::parse(bytes).unwrap().to_bytes().unwrap(), bytes);
        }
        let long = [0; 256];
        let command = Command { cla: Cla(0), ins: Ins::UPDATE_BINARY, p1: 0, p2: 0, data: &long, le: None };
        assert!(command.to_bytes().is_err());
    }

    #[test]
    fn a_command_prints_no_pin() {
        let bytes = [0, 0x20, 0, 1, 8, 0x31, 0x32, 0x33, 0x34, 0xff, 0xff, 0xff, 0xff];
        let shown = format!("{:?}", Command::parse(&bytes).unwrap());
        assert_eq!(shown, "00 20 0001 (8 octets of data, Le None)");
    }

    #[test]
    fn classes_name_their_channels() {
        for (cla, channel) in [(0x00, 0), (0x03, 3), (0x80, 0), (0x82, 2), (0x40, 4), (0x4f, 19), (0xc1, 5)] {
            assert_eq!(Cla(cla).channel(), channel, "{cla:02x}");
        }
    }
}
