//! The datagram protocol between hostapd's EAP server and an external authentication gateway
//! (`eap_sim_db=unix:…`): one ASCII message per datagram, binary fields in lower-case hexadecimal.

use crate::{Imsi, Malformed};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// The longest request hostapd sends is well below this; a longer one is refused unread.
pub const MAX_REQUEST: usize = 512;

/// A request from the EAP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// `SIM-REQ-AUTH <imsi> <max>`: up to `max` GSM triplets.
    Sim {
        /// Whose.
        imsi: Imsi,
        /// How many at most; hostapd asks for 2 or 3.
        max: u8,
    },
    /// `AKA-REQ-AUTH <imsi>`: one UMTS quintuplet. The message does not say AKA or AKA'.
    Aka {
        /// Whose.
        imsi: Imsi,
    },
    /// `AKA-AUTS <imsi> <auts> <rand>`: the card reported its SQN. Has no answer.
    Resync {
        /// Whose.
        imsi: Imsi,
        /// (SQN_MS ⊕ AK*) ‖ MAC-S, TS 33.102 §6.3.3.
        auts: [u8; 14],
        /// The challenge it answers.
        rand: [u8; 16],
    },
}

/// A GSM triplet as the gateway writes it.
#[derive(Clone, Copy)]
pub struct Triplet {
    /// Challenge.
    pub rand: [u8; 16],
    /// Response.
    pub sres: [u8; 4],
    /// Radio key.
    pub kc: [u8; 8],
}

/// A UMTS quintuplet as the gateway writes it.
#[derive(Clone, Copy)]
pub struct Quintuplet {
    /// Challenge.
    pub rand: [u8; 16],
    /// SQN ⊕ AK ‖ AMF ‖ MAC-A.
    pub autn: [u8; 16],
    /// Integrity key.
    pub ik: [u8; 16],
    /// Cipher key.
    pub ck: [u8; 16],
    /// Response.
    pub res: [u8; 8],
}

impl Request {
    /// Reads one datagram.
    pub fn parse(datagram: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "gateway request";
        if datagram.len() > MAX_REQUEST {
            return Err(Malformed::new(WHAT, "longer than any hostapd sends"));
        }
        let text = core::str::from_utf8(datagram).map_err(|_| Malformed::new(WHAT, "not ASCII"))?;
        let mut words = text.split(' ');
        let mut word = |why| words.next().ok_or(Malformed::new(WHAT, why));
        let verb = word("empty")?;
        let imsi = word("no IMSI")?.parse::<Imsi>();
        let request = match verb {
            "SIM-REQ-AUTH" => {
                let max =
                    word("no count")?.parse().map_err(|_| Malformed::new(WHAT, "count is not a number"))?;
                Self::Sim { imsi: imsi?, max }
            }
            "AKA-REQ-AUTH" => Self::Aka { imsi: imsi? },
            "AKA-AUTS" => {
                let mut auts = [0; 14];
                let mut rand = [0; 16];
                hex::decode_to_slice(word("no AUTS")?, &mut auts)
                    .map_err(|_| Malformed::new(WHAT, "AUTS is not 14 bytes of hexadecimal"))?;
                hex::decode_to_slice(word("no RAND")?, &mut rand)
                    .map_err(|_| Malformed::new(WHAT, "RAND is not 16 bytes of hexadecimal"))?;
                Self::Resync { imsi: imsi?, auts, rand }
            }
            _ => return Err(Malformed::new(WHAT, "unknown verb")),
        };
        if words.next().is_some() {
            return Err(Malformed::new(WHAT, "something after its last field"));
        }
        Ok(request)
    }

    /// Whose authentication it is about.
    pub const fn imsi(&self) -> Imsi {
        match self {
            Self::Sim { imsi, .. } | Self::Aka { imsi } | Self::Resync { imsi, .. } => *imsi,
        }
    }
}

/// `SIM-RESP-AUTH <imsi> Kc:SRES:RAND …`
pub fn sim_response(imsi: Imsi, triplets: &[Triplet]) -> String {
    let mut out = String::new();
    let _ = write!(out, "SIM-RESP-AUTH {imsi}");
    for t in triplets {
        let _ = write!(out, " {}:{}:{}", hex::encode(t.kc), hex::encode(t.sres), hex::encode(t.rand));
    }
    out
}

/// `AKA-RESP-AUTH <imsi> RAND AUTN IK CK RES`
pub fn aka_response(imsi: Imsi, q: &Quintuplet) -> String {
    let fields: Vec<String> = [&q.rand[..], &q.autn, &q.ik, &q.ck, &q.res].iter().map(hex::encode).collect();
    let mut out = String::new();
    let _ = write!(out, "AKA-RESP-AUTH {imsi} {}", fields.join(" "));
    out
}

/// The refusal for `request`; a resynchronisation has no answer at all.
pub fn failure(request: &Request) -> Option<String> {
    let verb = match request {
        Request::Sim { .. } => "SIM-RESP-AUTH",
        Request::Aka { .. } => "AKA-RESP-AUTH",
        Request::Resync { .. } => return None,
    };
    let mut out = String::new();
    let _ = write!(out, "{verb} {} FAILURE", request.imsi());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_requests_of_hostapd_are_read() {
        let imsi: Imsi = "232010000000000".parse().unwrap();
        assert_eq!(Request::parse(b"SIM-REQ-AUTH 232010000000000 3"), Ok(Request::Sim { imsi, max: 3 }));
        assert_eq!(Request::parse(b"AKA-REQ-AUTH 232010000000000"), Ok(Request::Aka { imsi }));
        let auts = "AKA-AUTS 232010000000000 000102030405060708090a0b0c0d 000102030405060708090a0b0c0d0e0f";
        assert!(
            matches!(Request::parse(auts.as_bytes()), Ok(Request::Resync { auts, .. }) if auts[13] == 13)
        );
    }

    #[test]
    fn anything_else_is_malformed_and_never_a_panic() {
        for bad in [
            &b""[..],
            b"AKA-REQ-AUTH",
            b"AKA-REQ-AUTH ",
            b"AKA-REQ-AUTH 232010000000000 ",
            b"AKA-REQ-AUTH 23201000000000a",
            b"SIM-REQ-AUTH 232010000000000 -1",
            b"SIM-REQ-AUTH 232010000000000 999",
            b"AKA-AUTS 232010000000000 00 00",
            b"AKA-AUTS 232010000000000 000102030405060708090a0b0c0d",
            b"aka-req-auth 232010000000000",
            b"\xff\xfe",
            &[b'A'; 600],
        ] {
            assert!(Request::parse(bad).is_err(), "{bad:?}");
        }
    }
}
