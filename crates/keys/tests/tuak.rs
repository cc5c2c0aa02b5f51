//! TUAK against the six test sets of TS 35.233 §6.3 to §6.8.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use keys::Secret;
use keys::milenage::{Amf, Sqn};
use keys::tuak::{F2345, Lengths, Tuak, TuakKey};

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn all_six_test_sets_of_ts_35_233() {
    let mut sets = 0;
    for line in include_str!("data/ts35233.txt").lines().filter(|l| !l.starts_with('#')) {
        let f: Vec<&str> = line.split(' ').collect();
        let [set, iterations, k, rand, sqn, amf, top, topc, f1, f1star, f2, f3, f4, f5, f5star] = f[..]
        else {
            panic!("{line}")
        };
        let k = match k.len() {
            32 => TuakKey::Bits128(Secret::new(bytes(k))),
            _ => TuakKey::Bits256(Secret::new(bytes(k))),
        };
        let iterations = iterations.parse().unwrap();
        let derived = Tuak::topc(&k, &Secret::new(bytes(top)), iterations);
        assert!(derived == Secret::new(bytes(topc)), "TOPc, set {set}");
        let lengths =
            Lengths { mac: f1.len() / 2, res: f2.len() / 2, ck: f3.len() / 2, ik: f4.len() / 2, iterations };
        let tuak = Tuak::new(k, derived, lengths);
        let (rand, sqn, amf) = (bytes(rand), Sqn::from_bytes(bytes(sqn)), Amf(bytes(amf)));
        let cut = |value: &[u8], like: &str| hex::encode(&value[..like.len() / 2]);
        assert_eq!(cut(&tuak.f1(&rand, sqn, amf), f1), f1, "f1, set {set}");
        assert_eq!(cut(&tuak.f1_star(&rand, sqn, amf), f1star), f1star, "f1*, set {set}");
        let F2345 { res, ck, ik, ak } = tuak.f2345(&rand);
        assert_eq!(cut(&res, f2), f2, "f2, set {set}");
        assert_eq!(cut(ck.danger_expose(), f3), f3, "f3, set {set}");
        assert_eq!(cut(ik.danger_expose(), f4), f4, "f4, set {set}");
        assert_eq!(ak, bytes(f5), "f5, set {set}");
        assert_eq!(tuak.f5(&rand), ak, "f5 alone, set {set}");
        assert_eq!(tuak.f5_star(&rand), bytes(f5star), "f5*, set {set}");
        sets += 1;
    }
    assert_eq!(sets, 6);
}
