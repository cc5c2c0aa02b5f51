//! MILENAGE against all twenty test sets of TS 35.208, and the derivations built on it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use keys::milenage::{Amf, Milenage, Sqn, gsm};
use keys::{Secret, kdf};

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn all_twenty_test_sets_of_ts_35_208() {
    let mut sets = 0;
    for line in include_str!("data/ts35208.txt").lines().filter(|l| !l.starts_with('#')) {
        let f: Vec<&str> = line.split(' ').collect();
        let [set, k, rand, sqn, amf, op, opc, f1, f1star, f2, f3, f4, f5, f5star] = f[..] else {
            panic!("{line}")
        };
        let k = Secret::new(bytes(k));
        let derived = Milenage::opc_from_op(&k, &Secret::new(bytes(op)));
        assert!(derived == Secret::new(bytes(opc)), "OPc, set {set}");
        let milenage = Milenage::new(&k, &derived);
        let (rand, sqn, amf) = (bytes(rand), Sqn::from_bytes(bytes(sqn)), Amf(bytes(amf)));
        let vector = milenage.vector(&rand, sqn, amf);
        assert_eq!(vector.mac_a, bytes(f1), "f1, set {set}");
        assert_eq!(vector.res, bytes(f2), "f2, set {set}");
        assert_eq!(vector.ck.danger_expose(), &bytes(f3), "f3, set {set}");
        assert_eq!(vector.ik.danger_expose(), &bytes(f4), "f4, set {set}");
        assert_eq!(vector.ak, bytes(f5), "f5, set {set}");
        assert_eq!(milenage.f5(&rand), vector.ak, "f5 alone, set {set}");
        assert_eq!(milenage.f1_star(&rand, sqn, amf), bytes(f1star), "f1*, set {set}");
        assert_eq!(milenage.f5_star(&rand), bytes(f5star), "f5*, set {set}");
        sets += 1;
    }
    assert_eq!(sets, 20);
}

/// Set 1: K, OPc, RAND of TS 35.208; SRES and Kc of TS 55.205; AUTN as four implementations agree.
fn set_one() -> (Milenage, [u8; 16]) {
    let k = Secret::new(bytes("465b5ce8b199b49faa5f0a2ee238a6bc"));
    let opc = Secret::new(bytes("cd63cb71954a9f4e48a5994e37a02baf"));
    (Milenage::new(&k, &opc), bytes("23553cbe9637a89d218ae64dae47bf35"))
}

#[test]
fn autn_and_the_gsm_conversion_of_set_one() {
    let (milenage, rand) = set_one();
    let (sqn, amf) = (Sqn::from_bytes(bytes("ff9bb4d0b607")), Amf(bytes("b9b9")));
    let vector = milenage.vector(&rand, sqn, amf);
    assert_eq!(Milenage::autn(&vector, sqn, amf), bytes("55f328b43577b9b94a9ffac354dfafb3"));
    assert_eq!(gsm(&vector), (bytes("46f8416a"), bytes("eae4be823af9a08b")));
}

#[test]
fn an_auts_opens_for_its_own_challenge_only() {
    let (milenage, rand) = set_one();
    let sqn = Sqn::from_parts(77, 3).unwrap();
    let auts = milenage.auts(&rand, sqn);
    assert_eq!(milenage.open_auts(&rand, &auts), Some(sqn));
    for bit in 0..14 * 8 {
        let mut bad = auts;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(milenage.open_auts(&rand, &bad), None);
    }
    assert_eq!(milenage.open_auts(&[0; 16], &auts), None);
}

/// RFC 9048 Appendix D, case 1 (the MILENAGE and access network name of RFC 5448 Appendix C).
#[test]
fn ck_and_ik_prime_of_rfc_5448_case_1() {
    let ck = Secret::new(bytes("5349fbe098649f948f5d2e973a81c00f"));
    let ik = Secret::new(bytes("9744871ad32bf9bbd1dd5ce54e3e2e5a"));
    let autn: [u8; 16] = bytes("bb52e91c747ac3ab2a5c23d15ee351d5");
    let sqn_xor_ak: [u8; 6] = autn[..6].try_into().unwrap();
    let (ck_prime, ik_prime) = kdf::ck_ik_prime(&ck, &ik, b"WLAN", sqn_xor_ak);
    assert_eq!(hex::encode(ck_prime.danger_expose()), "0093962d0dd84aa5684b045c9edffa04");
    assert_eq!(hex::encode(ik_prime.danger_expose()), "ccfc230ca74fcc96c0a5d61164f5a76c");
}
