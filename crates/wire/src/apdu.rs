//! Command and response APDUs of a UICC (TS 102 221 §10, ISO/IEC 7816-4 §5), with short and extended lengths.

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

    /// The logical channel the class names: 0 to 3 in the first coding, 4 to 19 in the further one. Bit 5 says that a
    /// command goes on (ISO/IEC 7816-4 §5.4.1).
    pub const fn channel(self) -> u8 {
        match self.0 & 0xf0 {
            0x00 | 0x10 | 0x80 | 0xa0 => self.0 & 0x03,
            _ => 4 + (self.0 & 0x0f),
        }
    }
}

/// The instruction byte (TS 102 221 §10.1.2). One without a name here keeps its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ins(pub u8);

#[expect(missing_docs, reason = "each is the standard's own name for its command")]
impl Ins {
    pub const DEACTIVATE_FILE: Self = Self(0x04);
    pub const TERMINAL_PROFILE: Self = Self(0x10);
    pub const FETCH: Self = Self(0x12);
    pub const TERMINAL_RESPONSE: Self = Self(0x14);
    pub const VERIFY_PIN: Self = Self(0x20);
    pub const CHANGE_PIN: Self = Self(0x24);
    pub const DISABLE_PIN: Self = Self(0x26);
    pub const ENABLE_PIN: Self = Self(0x28);
    /// COMPUTE SIGNATURE INIT of IoT SAFE too.
    pub const PERFORM_SECURITY_OPERATION: Self = Self(0x2a);
    pub const COMPUTE_SIGNATURE: Self = Self(0x2b);
    pub const UNBLOCK_PIN: Self = Self(0x2c);
    pub const INCREASE: Self = Self(0x32);
    pub const ACTIVATE_FILE: Self = Self(0x44);
    pub const COMPUTE_DH: Self = Self(0x46);
    pub const GENERATE_ASYMMETRIC_KEY_PAIR: Self = Self(0x47);
    pub const MANAGE_CHANNEL: Self = Self(0x70);
    pub const SUSPEND_UICC: Self = Self(0x76);
    pub const GET_IDENTITY: Self = Self(0x78);
    pub const GET_CHALLENGE: Self = Self(0x84);
    pub const AUTHENTICATE: Self = Self(0x88);
    /// AUTHENTICATE with data objects, block by block.
    pub const AUTHENTICATE_BLOCKS: Self = Self(0x89);
    pub const SEARCH_RECORD: Self = Self(0xa2);
    pub const SELECT: Self = Self(0xa4);
    pub const TERMINAL_CAPABILITY: Self = Self(0xaa);
    pub const READ_BINARY: Self = Self(0xb0);
    pub const READ_RECORD: Self = Self(0xb2);
    pub const GENERATE_KEY_PAIR: Self = Self(0xb9);
    pub const GET_RESPONSE: Self = Self(0xc0);
    pub const ENVELOPE: Self = Self(0xc2);
    pub const RETRIEVE_DATA: Self = Self(0xcb);
    /// The same instruction in class 0X.
    pub const GET_DATA: Self = Self(0xcb);
    pub const READ_PUBLIC_KEY: Self = Self(0xcd);
    pub const RESIZE_FILE: Self = Self(0xd4);
    pub const UPDATE_BINARY: Self = Self(0xd6);
    pub const PUT_PUBLIC_KEY: Self = Self(0xd8);
    pub const SET_DATA: Self = Self(0xdb);
    pub const UPDATE_RECORD: Self = Self(0xdc);
    pub const CREATE_FILE: Self = Self(0xe0);
    pub const DELETE_FILE: Self = Self(0xe4);
    pub const TERMINATE_DF: Self = Self(0xe6);
    pub const TERMINATE_EF: Self = Self(0xe8);
    pub const STATUS: Self = Self(0xf2);
    pub const TERMINATE_CARD_USAGE: Self = Self(0xfe);
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
    /// Octets expected back, 1 to 65,536, where the command names a number (cases 2 and 4).
    pub le: Option<usize>,
}

/// What a length field of 00 stands for, short and extended.
const SHORT_MAX: usize = 256;
const EXTENDED_MAX: usize = 65_536;

impl<'a> Command<'a> {
    /// Reads one command. Over T=0 a case 1 command comes with P3 = 00 and is read as case 2; whoever
    /// expects no data sees none in either.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let ([cla, ins, p1, p2], rest) =
            bytes.split_first_chunk::<4>().ok_or(Malformed::new("APDU", "shorter than its header"))?;
        let (data, le) = match rest {
            [] => (rest, None),
            [le] => (&[][..], Some(if *le == 0 { SHORT_MAX } else { usize::from(*le) })),
            [0, body @ ..] => Self::extended(body)?,
            [lc, body @ ..] => {
                let (data, tail) = Self::data(body, usize::from(*lc))?;
                match tail {
                    [] => (data, None),
                    [0] => (data, Some(SHORT_MAX)),
                    [le] => (data, Some(usize::from(*le))),
                    _ => return Err(Malformed::new("APDU", "more data than Lc says")),
                }
            }
        };
        Ok(Self { cla: Cla(*cla), ins: Ins(*ins), p1: *p1, p2: *p2, data, le })
    }

    /// What follows the 00 that announces extended lengths.
    fn extended(body: &'a [u8]) -> Result<(&'a [u8], Option<usize>), Malformed> {
        let long = |high: u8, low: u8| usize::from(u16::from_be_bytes([high, low]));
        let octets = |le| if le == 0 { EXTENDED_MAX } else { le };
        match body {
            [high, low] => Ok((&[], Some(octets(long(*high, *low))))),
            [0, 0, ..] => Err(Malformed::new("APDU", "an extended Lc of 0")),
            [high, low, body @ ..] => match Self::data(body, long(*high, *low))? {
                (data, []) => Ok((data, None)),
                (data, [high, low]) => Ok((data, Some(octets(long(*high, *low))))),
                _ => Err(Malformed::new("APDU", "more data than Lc says")),
            },
            _ => Err(Malformed::new("APDU", "ends inside an extended length")),
        }
    }

    fn data(body: &'a [u8], lc: usize) -> Result<(&'a [u8], &'a [u8]), Malformed> {
        body.split_at_checked(lc).ok_or(Malformed::new("APDU", "less data than Lc says"))
    }

    /// The command's bytes, with short lengths where they do. More than 65,535 octets of data fit nowhere.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Malformed> {
        let lc = u16::try_from(self.data.len())
            .map_err(|_| Malformed::new("APDU", "data beyond 65,535 octets"))?;
        let extended = lc > 255 || self.le.is_some_and(|le| le > SHORT_MAX);
        let mut out = Vec::from([self.cla.0, self.ins.0, self.p1, self.p2]);
        if extended {
            out.push(0);
        }
        // The highest length is written as zeros.
        let length = |out: &mut Vec<u8>, value: usize| {
            let [.., high, low] = value.to_be_bytes();
            if extended {
                out.push(high);
            }
            out.push(low);
        };
        if lc > 0 {
            length(&mut out, self.data.len());
            out.extend_from_slice(self.data);
        }
        if let Some(le) = self.le {
            length(&mut out, le);
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
    pub const MORE_DATA_WAITS: Self = Self(0x62f1);
    pub const RESPONSE_WAITS: Self = Self(0x62f3);
    pub const END_REACHED: Self = Self(0x6282);
    pub const SELECTED_IS_DEACTIVATED: Self = Self(0x6283);
    pub const SELECTED_IS_TERMINATED: Self = Self(0x6285);
    pub const MORE_DATA_EXPECTED: Self = Self(0x63f1);
    pub const MEMORY_PROBLEM: Self = Self(0x6581);
    pub const WRONG_LENGTH: Self = Self(0x6700);
    pub const CHANNEL_NOT_SUPPORTED: Self = Self(0x6881);
    pub const SECURE_MESSAGING_NOT_SUPPORTED: Self = Self(0x6882);
    pub const LAST_OF_CHAIN_EXPECTED: Self = Self(0x6883);
    pub const CHAINING_NOT_SUPPORTED: Self = Self(0x6884);
    pub const WRONG_FILE_STRUCTURE: Self = Self(0x6981);
    pub const SECURITY_NOT_SATISFIED: Self = Self(0x6982);
    pub const BLOCKED: Self = Self(0x6983);
    pub const INVALIDATED: Self = Self(0x6984);
    pub const CONDITIONS_NOT_SATISFIED: Self = Self(0x6985);
    pub const NO_EF_SELECTED: Self = Self(0x6986);
    pub const WRONG_DATA: Self = Self(0x6a80);
    pub const FUNCTION_NOT_SUPPORTED: Self = Self(0x6a81);
    pub const FILE_NOT_FOUND: Self = Self(0x6a82);
    pub const RECORD_NOT_FOUND: Self = Self(0x6a83);
    pub const NOT_ENOUGH_MEMORY: Self = Self(0x6a84);
    pub const WRONG_P1_P2: Self = Self(0x6a86);
    pub const REFERENCE_NOT_FOUND: Self = Self(0x6a88);
    pub const FILE_EXISTS: Self = Self(0x6a89);
    pub const NAME_EXISTS: Self = Self(0x6a8a);
    pub const OUT_OF_RANGE: Self = Self(0x6b00);
    pub const INS_NOT_SUPPORTED: Self = Self(0x6d00);
    pub const CLA_NOT_SUPPORTED: Self = Self(0x6e00);
    pub const TECHNICAL_PROBLEM: Self = Self(0x6f00);
    pub const MAXIMUM_REACHED: Self = Self(0x9850);
    pub const AUTHENTICATION_INCORRECT_MAC: Self = Self(0x9862);
    /// TS 31.102 §7.3: a security context that this application does not have.
    pub const SECURITY_CONTEXT_NOT_SUPPORTED: Self = Self(0x9864);

    /// 61xx: so many octets wait for GET RESPONSE (00 stands for 256).
    pub const fn more(octets: usize) -> Self {
        Self(0x6100 | low_byte(octets))
    }

    /// 91xx: a proactive command of so many octets waits for FETCH (00 stands for 256).
    pub const fn proactive(octets: usize) -> Self {
        Self(0x9100 | low_byte(octets))
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
        assert_eq!(read(&[0, 0xb0, 0, 0, 0, 0, 0]), Ok((&[][..], Some(65_536))));
        assert_eq!(read(&[0, 0xb0, 0, 0, 0, 1, 2]), Ok((&[][..], Some(258))));
        assert_eq!(read(&[0, 0xd6, 0, 0, 0, 0, 1, 7]), Ok((&[7][..], None)));
        assert_eq!(read(&[0, 0xa4, 0, 4, 0, 0, 2, 0x3f, 0, 1, 0]), Ok((&[0x3f, 0][..], Some(256))));
        for bad in [
            &[][..],
            &[0],
            &[0, 0xa4, 0],
            &[0, 0xa4, 0, 4, 2, 0x3f],
            &[0, 0xa4, 0, 4, 1, 2, 3, 4],
            &[0, 0xa4, 0, 4, 0, 1],
            &[0, 0xa4, 0, 4, 0, 0, 0, 1],
            &[0, 0xa4, 0, 4, 0, 0, 2, 0x3f],
            &[0, 0xa4, 0, 4, 0, 0, 1, 0x3f, 1],
        ] {
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
            &[0, 0xb0, 0, 0, 0, 1, 1],
            &[0, 0xb0, 0, 0, 0, 0, 0],
            &[&[0, 0xd6, 0, 0, 0, 1, 4][..], &[9; 260]].concat(),
            &[&[0, 0xcb, 0, 0, 0, 1, 0][..], &[9; 256], &[1, 0]].concat(),
        ] {
            assert_eq!(Command::parse(bytes).unwrap().to_bytes().unwrap(), bytes);
        }
        let long = [0; 65_536];
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
        for (cla, channel) in [
            (0x00, 0),
            (0x03, 3),
            (0x12, 2),
            (0x5f, 19),
            (0x80, 0),
            (0x82, 2),
            (0x40, 4),
            (0x4f, 19),
            (0xc1, 5),
        ] {
            assert_eq!(Cla(cla).channel(), channel, "{cla:02x}");
        }
    }
}
