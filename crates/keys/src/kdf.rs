//! Key derivation of TS 33.220 Annex B: HMAC-SHA-256(key, FC ‖ P0 ‖ L0 ‖ P1 ‖ L1 …).

use crate::Secret;
use crate::digest::hmac_with;

/// FC of the KASME derivation (TS 33.401 §A.2).
const FC_KASME: u8 = 0x10;
/// FC of the CK', IK' derivation (TS 33.402 §A.2).
const FC_CK_IK_PRIME: u8 = 0x20;

/// FC ‖ P0 ‖ L0 ‖ P1 ‖ L1 under CK ‖ IK. A parameter longer than 65,535 octets has no length field that fits; its
/// length is then written as 65,535, which no peer will agree with.
fn derive(ck: &Secret<[u8; 16]>, ik: &Secret<[u8; 16]>, fc: u8, p0: &[u8], p1: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(ck.open().iter().chain(ik.open())) {
        *to = *from;
    }
    let length = |p: &[u8]| u16::try_from(p.len()).unwrap_or(u16::MAX).to_be_bytes();
    let out = hmac_with(&key, &[&[fc], p0, &length(p0), p1, &length(p1)]);
    zeroize::Zeroize::zeroize(&mut key);
    out
}

/// KASME from CK, IK, the serving network's PLMN (three octets as TS 24.301 §9.9.3.32 codes it) and SQN ⊕ AK.
pub fn kasme(
    ck: &Secret<[u8; 16]>,
    ik: &Secret<[u8; 16]>,
    serving_network: [u8; 3],
    sqn_xor_ak: [u8; 6],
) -> Secret<[u8; 32]> {
    Secret::new(derive(ck, ik, FC_KASME, &serving_network, &sqn_xor_ak))
}

/// CK' and IK' of EAP-AKA' from CK, IK, the access network name and SQN ⊕ AK.
pub fn ck_ik_prime(
    ck: &Secret<[u8; 16]>,
    ik: &Secret<[u8; 16]>,
    access_network: &[u8],
    sqn_xor_ak: [u8; 6],
) -> (Secret<[u8; 16]>, Secret<[u8; 16]>) {
    let out = derive(ck, ik, FC_CK_IK_PRIME, access_network, &sqn_xor_ak);
    let mut ck_prime = [0; 16];
    let mut ik_prime = [0; 16];
    for (i, byte) in out.into_iter().enumerate() {
        if let Some(to) = ck_prime.get_mut(i) {
            *to = byte;
        } else if let Some(to) = ik_prime.get_mut(i.wrapping_sub(16)) {
            *to = byte;
        }
    }
    (Secret::new(ck_prime), Secret::new(ik_prime))
}
