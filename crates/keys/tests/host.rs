//! The host's verifier gives the answers of the portable one, whatever it is asked.
#![cfg(feature = "host")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use keys::Secret;
use keys::sign::{Ed25519Key, Es256Key, Host, Portable, Verifier};

/// Order of P-256 (SP 800-186 §3.2.1.3).
const N: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn both_es256(key: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> bool {
    let answer = Portable.es256(key, message, signature);
    assert_eq!(Host.es256(key, message, signature), answer, "{}", hex::encode(signature));
    answer
}

/// n − s.
fn mirrored(signature: &[u8; 64]) -> [u8; 64] {
    let n = hex::decode(N).unwrap();
    let mut out = *signature;
    let mut borrow = 0i16;
    for at in (0..32).rev() {
        let digit = i16::from(n[at]) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(digit < 0);
        out[32 + at] = digit.rem_euclid(256) as u8;
    }
    out
}

#[test]
fn good_signatures_are_good_to_both_and_so_are_their_mirror_images() {
    for n in 1..=50u8 {
        let key = Es256Key::from_scalar(&Secret::new([n; 32])).unwrap();
        let message = vec![n; usize::from(n)];
        let signature = key.sign(&message);
        assert!(both_es256(&key.public(), &message, &signature));
        assert!(both_es256(&key.public(), &message, &mirrored(&signature)));
        assert!(!both_es256(&key.public(), b"another", &signature));
    }
}

#[test]
fn every_bit_changed_is_refused_by_both() {
    let key = Es256Key::from_scalar(&Secret::new([7; 32])).unwrap();
    let (public, signature) = (key.public(), key.sign(b"message"));
    for bit in 0..64 * 8 {
        let mut bad = signature;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(!both_es256(&public, b"message", &bad), "bit {bit} of the signature");
    }
    for bit in 0..65 * 8 {
        let mut bad = public;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(!both_es256(&bad, b"message", &signature), "bit {bit} of the key");
    }
}

#[test]
fn what_is_no_number_and_no_point_is_refused_by_both() {
    let key = Es256Key::from_scalar(&Secret::new([7; 32])).unwrap();
    let signature = key.sign(b"message");
    let n = hex::decode(N).unwrap();
    let number = |r: &[u8], s: &[u8]| <[u8; 64]>::try_from([r, s].concat()).unwrap();
    let (zero, r, s) = ([0; 32], &signature[..32], &signature[32..]);
    for bad in
        [number(&zero, s), number(r, &zero), number(&n, s), number(r, &n), number(&[0xff; 32], s), [0; 64]]
    {
        assert!(!both_es256(&key.public(), b"message", &bad));
    }
    let mut compressed = [0; 65];
    compressed[0] = 2;
    for point in [[0; 65], [4; 65], compressed] {
        assert!(!both_es256(&point, b"message", &signature));
    }
}

#[test]
fn ed25519_is_as_strict() {
    let key = Ed25519Key::from_seed(&Secret::new([5; 32]));
    let signature = key.sign(b"message");
    assert!(Host.ed25519(&key.public(), b"message", &signature));
    // A small-order key, which signs everything.
    let mut small = [0; 32];
    small[0] = 1;
    let mut zeros = [0; 64];
    zeros[0] = 1;
    assert!(!Host.ed25519(&small, b"message", &zeros));
}
