//! The test algorithm (TS 34.108 §8.1.2.1): everything is K ⊕ RAND, so it keeps no secret. For test equipment, and for cards of test
//! networks alone.

use crate::Secret;
use crate::milenage::{Amf, Sqn, Vector};
use core::fmt;

/// The test algorithm, keyed. Whoever hears one answer knows K.
pub struct Xor(Secret<[u8; 16]>);

impl fmt::Debug for Xor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Xor(…)")
    }
}

/// The first `N` octets of XDOUT from octet `from` on, going round.
fn octets<const N: usize>(xdout: u128, from: u32) -> [u8; N] {
    let mut out = [0; N];
    for (to, octet) in out.iter_mut().zip(xdout.rotate_left(8 * from).to_be_bytes()) {
        *to = octet;
    }
    out
}

impl Xor {
    /// Keyed with K.
    pub const fn new(k: Secret<[u8; 16]>) -> Self {
        Self(k)
    }

    /// XDOUT = K ⊕ RAND.
    fn xdout(&self, rand: &[u8; 16]) -> u128 {
        u128::from_be_bytes(*self.0.open()) ^ u128::from_be_bytes(*rand)
    }

    /// f1: the first 64 bits of XDOUT ⊕ (SQN ‖ AMF). f1* is the same.
    pub(crate) fn f1(&self, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> [u8; 8] {
        let cdout = sqn.value() << 16 | u64::from(u16::from_be_bytes(amf.0));
        (u64::from_be_bytes(octets(self.xdout(rand), 0)) ^ cdout).to_be_bytes()
    }

    /// f5: bits 24 to 71 of XDOUT. f5* is the same.
    pub(crate) fn f5(&self, rand: &[u8; 16]) -> [u8; 6] {
        octets(self.xdout(rand), 3)
    }

    /// f1 to f5; of f2's up to 128 bits the first 64, as MILENAGE has.
    pub(crate) fn vector(&self, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> Vector {
        let xdout = self.xdout(rand);
        Vector {
            mac_a: self.f1(rand, sqn, amf),
            res: octets(xdout, 0),
            ck: Secret::new(octets(xdout, 1)),
            ik: Secret::new(octets(xdout, 2)),
            ak: self.f5(rand),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aka::AkaKeys;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// K, RAND, SQN, AMF; RES, CK, IK, AK, MAC: srsRAN's `test_f12345` (set "xor own set 1") and pfk-milenage's expected output.
    const VECTORS: [[&str; 9]; 2] = [
        [
            "00112233445566778899aabbccddeeff",
            "f96ae36e2d65fa8464c498ffc830380f",
            "0000000012d9",
            "9001",
            "f97bc15d69309cf3",
            "7bc15d69309cf3ec5d324404edd6f0f9",
            "c15d69309cf3ec5d324404edd6f0f97b",
            "5d69309cf3ec",
            "f97bc15d7be90cf2",
        ],
        [
            "000102030405060708090a0b0c0d0e0f",
            "f87a8a8cd94de52eb4d960ea52f664de",
            "000000005a82",
            "8000",
            "f87b888fdd48e329",
            "7b888fdd48e329bcd06ae15efb6ad1f8",
            "888fdd48e329bcd06ae15efb6ad1f87b",
            "8fdd48e329bc",
            "f87b888f87ca6329",
        ],
    ];

    #[test]
    fn it_gives_what_two_others_give() {
        for [k, rand, sqn, amf, res, ck, ik, ak, mac] in VECTORS {
            let xor = Xor::new(Secret::new(bytes(k)));
            let vector = xor.vector(&bytes(rand), Sqn::from_bytes(bytes(sqn)), Amf(bytes(amf)));
            assert_eq!((vector.res, vector.ak, vector.mac_a), (bytes(res), bytes(ak), bytes(mac)));
            assert_eq!((vector.ck.open(), vector.ik.open()), (&bytes(ck), &bytes(ik)));
        }
        // pfk-milenage: AUTS for the SQN of the second one.
        let [k, rand, sqn, ..] = VECTORS[1];
        let aka = AkaKeys::Xor { k: Secret::new(bytes(k)) }.keyed();
        let (rand, sqn) = (bytes(rand), Sqn::from_bytes(bytes(sqn)));
        let auts = aka.auts(&rand, sqn);
        assert_eq!(auts, bytes("8fdd48e3733ef87b888f87cae329"));
        assert_eq!(aka.open_auts(&rand, &auts), Some(sqn));
    }
}
