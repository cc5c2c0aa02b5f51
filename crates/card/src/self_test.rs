//! Known answers, asked before a card is trusted with its keys.

use keys::Secret;
use keys::digest::hmac_sha256;
use keys::milenage::{Amf, Milenage, Sqn};
use keys::seal::SealKey;

/// A primitive computes something else than it should: this build, or this machine, is broken or was made so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} does not give its known answer on this machine")]
pub struct SelfTestFailed(&'static str);

/// What the primitives must give.
struct Known {
    /// TS 35.208 §4, test set 1: MAC-A and RES.
    milenage: ([u8; 8], [u8; 8]),
    /// The GCM specification's test case 14: 16 zeros under 32 zeros, and their tag.
    gcm: [u8; 32],
    /// HMAC-SHA-256 of "Hi There" under 32 octets 0B, as Python's `hmac` gives it.
    hmac: [u8; 32],
}

const KNOWN: Known = Known {
    milenage: (
        [0x4a, 0x9f, 0xfa, 0xc3, 0x54, 0xdf, 0xaf, 0xb3],
        [0xa5, 0x42, 0x11, 0xd5, 0xe3, 0xba, 0x50, 0xbf],
    ),
    gcm: [
        0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18, 0xd0,
        0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19,
    ],
    hmac: [
        0x19, 0x8a, 0x60, 0x7e, 0xb4, 0x4b, 0xfb, 0xc6, 0x99, 0x03, 0xa0, 0xf1, 0xcf, 0x2b, 0xbd, 0xc5, 0xba,
        0x0a, 0xa3, 0xf3, 0xd9, 0xae, 0x3c, 0x1c, 0x7a, 0x3b, 0x16, 0x96, 0xa0, 0xb6, 0x8c, 0xf7,
    ],
};

/// Asks each primitive once.
pub fn self_test() -> Result<(), SelfTestFailed> {
    against(&KNOWN)
}

fn against(known: &Known) -> Result<(), SelfTestFailed> {
    let k = [0x46, 0x5b, 0x5c, 0xe8, 0xb1, 0x99, 0xb4, 0x9f, 0xaa, 0x5f, 0x0a, 0x2e, 0xe2, 0x38, 0xa6, 0xbc];
    let opc =
        [0xcd, 0x63, 0xcb, 0x71, 0x95, 0x4a, 0x9f, 0x4e, 0x48, 0xa5, 0x99, 0x4e, 0x37, 0xa0, 0x2b, 0xaf];
    let rand =
        [0x23, 0x55, 0x3c, 0xbe, 0x96, 0x37, 0xa8, 0x9d, 0x21, 0x8a, 0xe6, 0x4d, 0xae, 0x47, 0xbf, 0x35];
    let sqn = Sqn::from_bytes([0xff, 0x9b, 0xb4, 0xd0, 0xb6, 0x07]);
    let vector = Milenage::new(&Secret::new(k), &Secret::new(opc)).vector(&rand, sqn, Amf([0xb9, 0xb9]));
    if (vector.mac_a, vector.res) != known.milenage {
        return Err(SelfTestFailed("MILENAGE"));
    }
    let key = SealKey::new(Secret::new([0; 32]));
    let opened = key.open(&[0; 12], &[], &known.gcm);
    if key.seal(&[0; 12], &[], &[0; 16]) != known.gcm || !opened.is_ok_and(|plain| plain == [0; 16]) {
        return Err(SelfTestFailed("AES-256-GCM"));
    }
    if hmac_sha256(&Secret::new([0x0b; 32]), &[b"Hi There"]) != known.hmac {
        return Err(SelfTestFailed("HMAC-SHA-256"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_are_known_and_another_one_is_noticed() {
        assert_eq!(self_test(), Ok(()));
        let (mut mac, mut res) = KNOWN.milenage;
        mac[7] ^= 1;
        let failed = |known| against(&known).unwrap_err().0;
        assert_eq!(failed(Known { milenage: (mac, res), ..KNOWN }), "MILENAGE");
        res[0] ^= 0x80;
        assert_eq!(failed(Known { milenage: (KNOWN.milenage.0, res), ..KNOWN }), "MILENAGE");
        let mut gcm = KNOWN.gcm;
        gcm[31] ^= 1;
        assert_eq!(failed(Known { gcm, ..KNOWN }), "AES-256-GCM");
        let mut hmac = KNOWN.hmac;
        hmac[0] ^= 1;
        assert_eq!(failed(Known { hmac, ..KNOWN }), "HMAC-SHA-256");
    }
}
