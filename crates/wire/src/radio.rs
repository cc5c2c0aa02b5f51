//! What a phone and a serving network say to each other where there is no radio between them.
//!
//! The frame is our own: length (u16, big-endian) of what follows, type (one octet), fields. What is in the fields are the
//! standards' own octets: RAND, AUTN, RES and AUTS as in TS 24.008 §9.2, and RP messages of TS 24.011 with their TPDUs.
//!
//! ```text
//! phone → network   1 attach     imsi (8: digits, F-filled)  imei (8)  plmn (3)  area (2)
//!                   2 response   RES (4 to 16)
//!                   3 resync     AUTS (14)
//!                   4 unable     status word of the card (2)
//!                   5 relay      RP message
//! network → phone   129 challenge  RAND (16)  AUTN (16)
//!                   130 accept
//!                   131 reject     why (text)
//!                   132 relay      RP message
//!                   133 release    why (text)
//! ```

use crate::sms::{Direction, Relay};
use crate::{Imei, Imsi, Malformed, Plmn};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

/// Longest frame, its length not counted.
pub const MAX_FRAME: usize = 512;
const WHAT: &str = "radio frame";

/// From the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uplink {
    /// A phone wants to be served.
    Attach {
        /// Of its card.
        imsi: Imsi,
        /// Its own.
        imei: Imei,
        /// The network it hears.
        plmn: Plmn,
        /// The tracking area it is in.
        area: u16,
    },
    /// The card's answer to the challenge.
    Response(Vec<u8>),
    /// The card's sequence number is ahead.
    Resync([u8; 14]),
    /// The card gives no answer; its status word.
    Unable(u16),
    /// A short message, or what became of one.
    Relay(Relay),
}

/// To the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Downlink {
    /// A challenge for the card.
    Challenge {
        /// RAND.
        rand: [u8; 16],
        /// AUTN.
        autn: [u8; 16],
    },
    /// The phone is served.
    Accept,
    /// The phone is not served.
    Reject(String),
    /// A short message, or what became of one.
    Relay(Relay),
    /// The phone is served no longer.
    Release(String),
}

/// Decimal digits in eight octets or three, first digit in the low half, the rest F.
fn put_digits(text: &str, octets: usize, out: &mut Vec<u8>) {
    let mut halves = text.bytes().map(|b| b & 0x0f).chain(core::iter::repeat(0x0f));
    for _ in 0..octets {
        let (low, high) = (halves.next().unwrap_or(0x0f), halves.next().unwrap_or(0x0f));
        out.push(high << 4 | low);
    }
}

fn digits(octets: &[u8]) -> String {
    let halves = octets.iter().flat_map(|octet| [octet & 0x0f, octet >> 4]);
    halves.take_while(|half| *half < 10).map(|half| char::from(b'0' + half)).collect()
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len() + 1).unwrap_or(u16::MAX);
    let mut out = len.to_be_bytes().to_vec();
    out.push(kind);
    out.extend_from_slice(body);
    out
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().filter(|b| (0x20..0x7f).contains(*b)).map(|b| char::from(*b)).collect()
}

fn said(why: &str) -> Vec<u8> {
    why.bytes().take(MAX_FRAME / 2).collect()
}

impl Uplink {
    /// Reads a frame without its length.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let short = Malformed::new(WHAT, "cut short");
        let (kind, body) = frame.split_first().ok_or(short)?;
        match (kind, body) {
            (1, body) => {
                let (imsi, rest) = body.split_first_chunk::<8>().ok_or(short)?;
                let (imei, rest) = rest.split_first_chunk::<8>().ok_or(short)?;
                let (plmn, rest) = rest.split_first_chunk::<3>().ok_or(short)?;
                let area = u16::from_be_bytes(rest.try_into().map_err(|_| short)?);
                Ok(Self::Attach {
                    imsi: digits(imsi).parse()?,
                    imei: digits(imei).parse()?,
                    plmn: digits(plmn).parse()?,
                    area,
                })
            }
            (2, res) if (4..=16).contains(&res.len()) => Ok(Self::Response(res.to_vec())),
            (3, auts) => Ok(Self::Resync(auts.try_into().map_err(|_| short)?)),
            (4, status) => Ok(Self::Unable(u16::from_be_bytes(status.try_into().map_err(|_| short)?))),
            (5, relay) => Ok(Self::Relay(Relay::parse(relay, Direction::ToNetwork)?)),
            _ => Err(Malformed::new(WHAT, "of a type that phones do not send")),
        }
    }

    /// The frame with its length.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Malformed> {
        Ok(match self {
            Self::Attach { imsi, imei, plmn, area } => {
                let mut body = Vec::new();
                put_digits(&imsi.to_string(), 8, &mut body);
                put_digits(&imei.to_string(), 8, &mut body);
                put_digits(&plmn.to_string(), 3, &mut body);
                body.extend_from_slice(&area.to_be_bytes());
                framed(1, &body)
            }
            Self::Response(res) => framed(2, res),
            Self::Resync(auts) => framed(3, auts),
            Self::Unable(status) => framed(4, &status.to_be_bytes()),
            Self::Relay(relay) => framed(5, &relay.to_bytes(Direction::ToNetwork)?),
        })
    }
}

impl Downlink {
    /// Reads a frame without its length.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let (kind, body) = frame.split_first().ok_or(Malformed::new(WHAT, "cut short"))?;
        match (kind, body) {
            (129, body) => {
                let (rand, autn) = body.split_first_chunk::<16>().ok_or(Malformed::new(WHAT, "cut short"))?;
                let autn = autn.try_into().map_err(|_| Malformed::new(WHAT, "cut short"))?;
                Ok(Self::Challenge { rand: *rand, autn })
            }
            (130, []) => Ok(Self::Accept),
            (131, why) => Ok(Self::Reject(text(why))),
            (132, relay) => Ok(Self::Relay(Relay::parse(relay, Direction::ToPhone)?)),
            (133, why) => Ok(Self::Release(text(why))),
            _ => Err(Malformed::new(WHAT, "of a type that networks do not send")),
        }
    }

    /// The frame with its length.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Malformed> {
        Ok(match self {
            Self::Challenge { rand, autn } => framed(129, &[*rand, *autn].concat()),
            Self::Accept => framed(130, &[]),
            Self::Reject(why) => framed(131, &said(why)),
            Self::Relay(relay) => framed(132, &relay.to_bytes(Direction::ToPhone)?),
            Self::Release(why) => framed(133, &said(why)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_attach_says_who_with_what_and_where() {
        let attach = Uplink::Attach {
            imsi: "460001234567890".parse().unwrap(),
            imei: "490154203237518".parse().unwrap(),
            plmn: "46000".parse().unwrap(),
            area: 0x1a2b,
        };
        let bytes = attach.to_bytes().unwrap();
        assert_eq!(hex::encode(&bytes), "00160164001032547698f094104502237315f86400f01a2b");
        assert_eq!(Uplink::parse(bytes.get(2..).unwrap()), Ok(attach));
    }

    proptest! {
        #[test]
        fn any_frame_is_a_message_or_malformed(frame in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(message) = Uplink::parse(&frame) {
                let again = message.to_bytes().unwrap();
                prop_assert_eq!(Uplink::parse(again.get(2..).unwrap()), Ok(message));
            }
            if let Ok(message) = Downlink::parse(&frame) {
                let again = message.to_bytes().unwrap();
                prop_assert_eq!(Downlink::parse(again.get(2..).unwrap()), Ok(message));
            }
        }
    }
}
