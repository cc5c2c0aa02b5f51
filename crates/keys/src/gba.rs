//! The Generic Bootstrapping Architecture where the UICC knows of it, GBA_U (TS 33.220 §5, Annex B).

use crate::Secret;
use crate::digest::hmac_with;
use sha1::{Digest, Sha1};

/// FC of the derivation (TS 33.220 §B.3).
const FC: u8 = 0x01;

/// Ks = CK ‖ IK.
pub fn ks(ck: &Secret<[u8; 16]>, ik: &Secret<[u8; 16]>) -> Secret<[u8; 32]> {
    let mut ks = [0; 32];
    for (to, from) in ks.iter_mut().zip(ck.open().iter().chain(ik.open())) {
        *to = *from;
    }
    Secret::new(ks)
}

/// MAC ⊕ the first 64 bits of SHA-1(IK): MAC* from MAC, or MAC from MAC* (§5.3.2). A challenge for bootstrapping is thus none for
/// anything else.
pub fn mac_star(mac: [u8; 8], ik: &Secret<[u8; 16]>) -> [u8; 8] {
    let digest = Sha1::digest(ik.open());
    let mut out = mac;
    for (to, from) in out.iter_mut().zip(digest) {
        *to ^= from;
    }
    out
}

/// Who is to have a key that is derived from Ks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// The telephone: Ks_ext_NAF.
    Terminal,
    /// Applications on the card: Ks_int_NAF.
    Card,
}

/// Ks_ext_NAF or Ks_int_NAF for a service: under Ks, from RAND, the private identity and the service's name (§B.3). Names beyond 65,535
/// octets have no length field that fits; theirs is then written as 65,535, which no peer will agree with.
pub fn ks_naf(
    ks: &Secret<[u8; 32]>,
    whose: For,
    rand: &[u8; 16],
    impi: &[u8],
    naf: &[u8],
) -> Secret<[u8; 32]> {
    let p0: &[u8] = match whose {
        For::Terminal => b"gba-me",
        For::Card => b"gba-u",
    };
    let length = |p: &[u8]| u16::try_from(p.len()).unwrap_or(u16::MAX).to_be_bytes();
    let [l0, l1, l2, l3] = [length(p0), length(rand), length(impi), length(naf)];
    Secret::new(hmac_with(ks.open(), &[&[FC], p0, &l0, rand, &l1, impi, &l2, naf, &l3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// CK and IK of TS 35.208 set 1; what follows from them computed with Python's hashlib and hmac, for there are no published
    /// vectors.
    #[test]
    fn the_keys_of_a_service_follow_from_the_annex() {
        let ck = Secret::new(bytes("b40ba9a3c58b2a05bbf0d987b21bf8cb"));
        let ik = Secret::new(bytes("f769bcd751044604127672711c6d3441"));
        assert_eq!(mac_star(bytes("4a9ffac354dfafb3"), &ik), bytes("8c7f3f0d723fb244"));
        assert_eq!(mac_star(bytes("8c7f3f0d723fb244"), &ik), bytes("4a9ffac354dfafb3"));
        let rand = bytes("23553cbe9637a89d218ae64dae47bf35");
        let impi = b"001010123456789@ims.mnc001.mcc001.3gppnetwork.org";
        let naf = [&b"naf.example.com"[..], &[1, 0, 0, 0, 0]].concat();
        let key = |whose| *ks_naf(&ks(&ck, &ik), whose, &rand, impi, &naf).open();
        assert_eq!(
            key(For::Terminal),
            bytes("ff2c5e5ea10c63a46b972550f9d8f8d7ce536b77fc0838fff26a533dee4d7b97")
        );
        assert_eq!(key(For::Card), bytes("0896c077b77aea9bad6b11a666fb67303d82cfd8983c61b124b12a9003b0e709"));
    }
}
