//! Secured packets for remote management of a card (TS 102 225 §5, TS 31.115 §4).
//!
//! ```text
//! command   CPL 2 ‖ CHL 1 ‖ SPI 2 ‖ KIc 1 ‖ KID 1 ‖ TAR 3 ‖ CNTR 5 ‖ PCNTR 1 ‖ CC 8 ‖ data ‖ padding
//! response  RPL 2 ‖ RHL 1 ‖ TAR 3 ‖ CNTR 5 ‖ PCNTR 1 ‖ status 1 ‖ CC 8 or none ‖ data ‖ padding
//! ```
//!
//! From CNTR on a command is enciphered; a response too, if it was asked for. In a short message a command stands after
//! the header element 70, a response after 71. Nothing here computes: `keys::ota` does.

use crate::Malformed;
use crate::sms::Element;
use alloc::vec::Vec;
use core::fmt;

/// The header element that a command packet follows (TS 31.115 §4.2).
pub const COMMAND_ELEMENT: u8 = 0x70;
/// The header element that a response packet follows.
pub const RESPONSE_ELEMENT: u8 = 0x71;
/// The user data header before a response packet, which its checksum covers too.
pub const RESPONSE_HEADER: [u8; 3] = [0x02, RESPONSE_ELEMENT, 0x00];
/// Octets of a cryptographic checksum.
pub const CHECKSUM_BYTES: usize = 8;
/// Octets from CPL to TAR, never enciphered.
pub const HEAD_BYTES: usize = 10;
/// Octets of CNTR and PCNTR.
pub const COUNTER_BYTES: usize = 6;
/// Octets from RPL to TAR of a response, never enciphered.
pub const RESPONSE_HEAD_BYTES: usize = 6;
/// The largest counter.
pub const MAX_COUNTER: u64 = (1 << 40) - 1;
/// KIc and KID of key set 1 under AES: ciphering in CBC mode, checksum CMAC (TS 102 225 §5.1.2, §5.1.3).
pub const AES_KEY_SET_1: u8 = 0x12;

/// The header element of a command packet.
pub const fn command_element() -> Element {
    Element { id: COMMAND_ELEMENT, data: Vec::new() }
}

/// Security parameter indicator: what was done to the command, and what is wanted of the response (TS 102 225 §5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spi(pub [u8; 2]);

/// When a proof of receipt is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// Never.
    No,
    /// Always.
    Yes,
    /// If something went wrong.
    OnError,
}

impl Spi {
    /// Enciphered, with a cryptographic checksum and a counter that must be higher; a receipt is wanted, and it is to be
    /// enciphered and to have a checksum too.
    pub const FULL: Self = Self([0x16, 0x19]);

    /// Whether the command is enciphered, has a cryptographic checksum, and a counter that must be higher: all of it,
    /// and nothing that has no meaning.
    pub const fn is_full(self) -> bool {
        self.0[0] == Self::FULL.0[0]
    }

    /// Whether a receipt is wanted. The fourth value has no meaning and wants none.
    pub const fn receipt(self) -> Receipt {
        match self.0[1] & 0x03 {
            1 => Receipt::Yes,
            2 => Receipt::OnError,
            _ => Receipt::No,
        }
    }

    /// Whether the receipt is to have a cryptographic checksum.
    pub const fn receipt_is_signed(self) -> bool {
        self.0[1] & 0x0c == 0x08
    }

    /// Whether the receipt is to be enciphered.
    pub const fn receipt_is_enciphered(self) -> bool {
        self.0[1] & 0x10 != 0
    }
}

/// What a command packet says in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What was done and what is wanted.
    pub spi: Spi,
    /// Key set and algorithm of the ciphering.
    pub kic: u8,
    /// Key set and algorithm of the checksum.
    pub kid: u8,
    /// Which application on the card it is for.
    pub tar: [u8; 3],
}

impl Head {
    /// CPL to TAR, for a packet whose part after them, checksum included, has so many octets.
    pub fn to_bytes(&self, rest: usize) -> Result<[u8; HEAD_BYTES], Malformed> {
        let cpl =
            u16::try_from(HEAD_BYTES - 2 + rest).map_err(|_| Malformed::new("secured packet", "too long"))?;
        let [high, low] = cpl.to_be_bytes();
        // CHL counts from SPI to the checksum.
        let chl = (HEAD_BYTES - 3 + COUNTER_BYTES + CHECKSUM_BYTES) as u8;
        let [spi1, spi2] = self.spi.0;
        let [t1, t2, t3] = self.tar;
        Ok([high, low, chl, spi1, spi2, self.kic, self.kid, t1, t2, t3])
    }
}

/// A command packet, its octets borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandPacket<'a> {
    /// What it says in clear.
    pub head: Head,
    /// CHL: octets from SPI to the checksum.
    pub header_len: u8,
    /// CPL to TAR as they came: the checksum covers them.
    pub clear: &'a [u8; HEAD_BYTES],
    /// The rest; enciphered, if the SPI says so.
    pub rest: &'a [u8],
}

impl<'a> CommandPacket<'a> {
    /// Whether the packet that begins so is longer than what is there: it goes on in another message.
    pub fn is_cut(bytes: &[u8]) -> bool {
        bytes.first_chunk::<2>().is_none_or(|cpl| bytes.len() - 2 < usize::from(u16::from_be_bytes(*cpl)))
    }

    /// Reads the packet that is all of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "command packet";
        let (clear, rest) =
            bytes.split_first_chunk::<HEAD_BYTES>().ok_or(Malformed::new(WHAT, "shorter than its header"))?;
        let [high, low, header_len, spi1, spi2, kic, kid, t1, t2, t3] = *clear;
        if bytes.len() - 2 != usize::from(u16::from_be_bytes([high, low])) {
            return Err(Malformed::new(WHAT, "not as long as CPL says"));
        }
        let head = Head { spi: Spi([spi1, spi2]), kic, kid, tar: [t1, t2, t3] };
        Ok(Self { head, header_len, clear, rest })
    }
}

/// The rest of a command packet in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secured<'a> {
    /// The counter.
    pub counter: u64,
    /// Octets of padding at the end.
    pub padding: u8,
    /// The checksum.
    pub checksum: [u8; CHECKSUM_BYTES],
    /// What was secured, padding included: the checksum covers it.
    pub padded: &'a [u8],
}

/// A counter's five octets.
pub const fn counter_bytes(counter: u64) -> [u8; 5] {
    let [_, _, _, a, b, c, d, e] = counter.to_be_bytes();
    [a, b, c, d, e]
}

impl<'a> Secured<'a> {
    /// Reads what was deciphered.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "command packet";
        let short = Malformed::new(WHAT, "shorter than its checksum");
        let ([a, b, c, d, e, padding], rest) = bytes.split_first_chunk::<COUNTER_BYTES>().ok_or(short)?;
        let (checksum, padded) = rest.split_first_chunk::<CHECKSUM_BYTES>().ok_or(short)?;
        let counter = u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]);
        Ok(Self { counter, padding: *padding, checksum: *checksum, padded })
    }

    /// What was secured; `None` if there is less of it than padding.
    pub fn data(&self) -> Option<&'a [u8]> {
        self.padded.get(..self.padded.len().checked_sub(usize::from(self.padding))?)
    }
}

/// The status of a response packet (TS 102 225 §5.2, table 5). One without a name here keeps its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseStatus(pub u8);

impl ResponseStatus {
    /// Proof of receipt.
    pub const OK: Self = Self(0x00);
    /// The checksum is wrong. Never sent by our card, which then says nothing.
    pub const CHECKSUM_FAILED: Self = Self(0x01);
    /// The counter is not higher than the last.
    pub const COUNTER_LOW: Self = Self(0x02);
    /// The counter has come to its end.
    pub const COUNTER_BLOCKED: Self = Self(0x04);
    /// The algorithm, or the key set, is not the card's.
    pub const CIPHERING_ERROR: Self = Self(0x05);
    /// Another failure of security; ours: the key set is locked.
    pub const SECURITY_ERROR: Self = Self(0x06);
    /// No application of this TAR.
    pub const TAR_UNKNOWN: Self = Self(0x09);
    /// The card asks for more: ciphering, checksum and a counter that must be higher.
    pub const INSUFFICIENT_SECURITY_LEVEL: Self = Self(0x0a);
}

impl fmt::Display for ResponseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match *self {
            Self::OK => "received",
            Self::CHECKSUM_FAILED => "wrong checksum",
            Self::COUNTER_LOW => "counter not higher than the last: a replay",
            Self::COUNTER_BLOCKED => "the counter has come to its end",
            Self::CIPHERING_ERROR => {
                "an algorithm or key set that the card does not take (DES, 3DES, another set)"
            }
            Self::SECURITY_ERROR => "the key set is locked",
            Self::TAR_UNKNOWN => "no such application",
            Self::INSUFFICIENT_SECURITY_LEVEL => "insufficient security level",
            _ => "another error",
        };
        write!(f, "{:02X} {words}", self.0)
    }
}

/// What a response packet says, in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The application that answered.
    pub tar: [u8; 3],
    /// The counter of the command; 0 if that is not to be believed.
    pub counter: u64,
    /// What became of it.
    pub status: ResponseStatus,
    /// What the application answered.
    pub data: Vec<u8>,
}

impl Response {
    /// RPL to TAR, for a checksum of so many octets, data and padding.
    pub fn head(tar: [u8; 3], checksum: usize, data: usize) -> Result<[u8; RESPONSE_HEAD_BYTES], Malformed> {
        let long = |_| Malformed::new("response packet", "too long");
        // RHL counts from TAR to the checksum.
        let rhl = u8::try_from(3 + COUNTER_BYTES + 1 + checksum).map_err(long)?;
        let rpl = u16::try_from(1 + usize::from(rhl) + data).map_err(long)?;
        let [high, low] = rpl.to_be_bytes();
        let [t1, t2, t3] = tar;
        Ok([high, low, rhl, t1, t2, t3])
    }

    /// The packet that has no checksum and is not enciphered, with its user data header.
    pub fn plain(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = RESPONSE_HEADER.to_vec();
        out.extend(Self::head(self.tar, 0, self.data.len())?);
        out.extend(counter_bytes(self.counter));
        out.extend([0, self.status.0]);
        out.extend_from_slice(&self.data);
        Ok(out)
    }
}

/// A response packet with its user data header, its octets borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponsePacket<'a> {
    /// The application that answered.
    pub tar: [u8; 3],
    /// Octets of its checksum: 0 or 8.
    pub checksum_len: usize,
    /// RPL to TAR as they came.
    pub clear: &'a [u8; RESPONSE_HEAD_BYTES],
    /// The rest; enciphered, if that was asked for.
    pub rest: &'a [u8],
}

impl<'a> ResponsePacket<'a> {
    /// Reads the packet that is all of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "response packet";
        let packet =
            bytes.strip_prefix(&RESPONSE_HEADER[..]).ok_or(Malformed::new(WHAT, "not after its header"))?;
        let (clear, rest) =
            packet.split_first_chunk::<RESPONSE_HEAD_BYTES>().ok_or(Malformed::new(WHAT, "too short"))?;
        let [high, low, rhl, t1, t2, t3] = *clear;
        if packet.len() - 2 != usize::from(u16::from_be_bytes([high, low])) {
            return Err(Malformed::new(WHAT, "not as long as RPL says"));
        }
        let checksum_len = usize::from(rhl).checked_sub(3 + COUNTER_BYTES + 1);
        let checksum_len = checksum_len.filter(|len| matches!(len, 0 | 8));
        let checksum_len =
            checksum_len.ok_or(Malformed::new(WHAT, "a checksum of neither 0 nor 8 octets"))?;
        Ok(Self { tar: [t1, t2, t3], checksum_len, clear, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn packets_are_read_as_they_stand_in_the_vectors_of_pysim() {
        // osmocom/pysim, tests/unittests/test_ota.py, AES128-SJA5-CIPHERED-CC.
        let command = hex::decode(
            "00281506192222b00011e87cceebb2d93083011ce294f93fc4d8de80da1abae8c37ca3e72ec4432e5058",
        )
        .unwrap();
        let packet = CommandPacket::parse(&command).unwrap();
        let head = Head { spi: Spi([0x06, 0x19]), kic: 0x22, kid: 0x22, tar: [0xb0, 0x00, 0x11] };
        assert_eq!((packet.head, packet.header_len, packet.rest.len()), (head, 0x15, 32));
        assert_eq!(head.to_bytes(32).unwrap(), command[..10]);
        assert!(!head.spi.is_full(), "it has no counter");
        assert!(
            head.spi.receipt() == Receipt::Yes
                && head.spi.receipt_is_signed()
                && head.spi.receipt_is_enciphered()
        );
        let plain = hex::decode("027100000e0ab0001100000000000000016132").unwrap();
        let response = ResponsePacket::parse(&plain).unwrap();
        assert_eq!((response.tar, response.checksum_len, response.rest.len()), ([0xb0, 0, 0x11], 0, 10));
        let written = Response {
            tar: [0xb0, 0, 0x11],
            counter: 0,
            status: ResponseStatus::OK,
            data: vec![0x01, 0x61, 0x32],
        };
        assert_eq!(written.plain().unwrap(), plain);
        let signed = hex::decode("027100001612b000110000000000000055f47118381175fb01612f").unwrap();
        assert_eq!(ResponsePacket::parse(&signed).unwrap().checksum_len, 8);
    }

    #[test]
    fn every_security_level_but_the_full_one_is_less() {
        for first in 0..=255u8 {
            assert_eq!(Spi([first, 0]).is_full(), first == 0x16, "{first:02x}");
        }
        assert_eq!(ResponseStatus(0x05).to_string().get(..2), Some("05"));
    }

    #[test]
    fn packets_cut_or_longer_than_they_say_are_refused() {
        let whole = hex::decode("00121506192222b00011e87cceebb2d93083011c").unwrap();
        assert!(CommandPacket::parse(&whole).is_ok());
        for len in 0..whole.len() {
            assert!(CommandPacket::parse(&whole[..len]).is_err());
            assert!(CommandPacket::is_cut(&whole[..len]));
        }
        assert!(!CommandPacket::is_cut(&whole));
        assert!(CommandPacket::parse(&[&whole[..], &[0]].concat()).is_err());
        assert_eq!(
            Secured::parse(&[0; 13]),
            Err(Malformed::new("command packet", "shorter than its checksum"))
        );
        let padded = Secured { counter: 0, padding: 3, checksum: [0; 8], padded: &[1, 2] };
        assert_eq!(padded.data(), None);
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = CommandPacket::parse(&octets);
            let _ = Secured::parse(&octets).map(|s| s.data().map(<[u8]>::len));
            let _ = ResponsePacket::parse(&octets);
            let _ = crate::envelope::sms_of(&octets);
        }
    }
}
