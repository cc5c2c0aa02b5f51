//! The card's own two keys: it signs digests with one and agrees on secrets with the other, for whoever gave the PIN.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use card::medium::Memory;
use common::*;
use keys::Secret;
use keys::agree::AgreeKey;
use keys::sign::{Es256Key, Portable, Verifier};

const PUBLIC: &str = "0047810002b800";

/// A6 { 7F49 { 86 { point } } }
fn decipher(point: &[u8; 65]) -> String {
    format!("002a808648a6467f49438641{}", hex::encode(point))
}

/// The point in the card's answer.
fn public(card: &mut Terminal) -> [u8; 65] {
    let answer = hex::decode(card.send(PUBLIC)).unwrap();
    assert_eq!(answer[..5], [0x7f, 0x49, 0x43, 0x86, 0x41]);
    assert_eq!(answer[70..], [0x90, 0x00]);
    answer[5..70].try_into().unwrap()
}

#[test]
fn two_cards_worth_of_secret_and_none_without_the_pin() {
    let mut card = Terminal::new();
    let point = public(&mut card);
    let friend = AgreeKey::from_scalar(&Secret::new([5; 32])).unwrap();
    assert_eq!(card.send(&decipher(&friend.public())), "6982");
    card.ready();
    let shared = hex::encode(friend.agree(&point).unwrap().danger_expose());
    assert_eq!(card.send(&decipher(&friend.public())), format!("{shared}9000"));
    // A reset, and the PIN is wanted again; the key is the same.
    card.card.reset();
    assert_eq!(card.send(&decipher(&friend.public())), "6982");
    assert_eq!(public(&mut card), point);
}

#[test]
fn the_key_outlives_the_power_and_is_another_on_every_card() {
    let mut card = Terminal::new();
    let point = public(&mut card);
    let (medium, anchor) = card.card.into_parts();
    let mut card = Terminal::open(medium, anchor);
    assert_eq!(public(&mut card), point);
    let mut rng = rng(99);
    let other = card::Card::personalise(
        Memory::new(),
        card::medium::Counter::default(),
        device_key(),
        &profile(),
        &mut rng,
    );
    let mut other = Terminal { card: other.unwrap(), rng };
    // The same profile: so the key is in no profile.
    assert_ne!(public(&mut other), point);
}

#[test]
fn points_off_the_curve_and_other_shapes_are_refused() {
    let mut card = Terminal::new();
    card.ready();
    let mut off = AgreeKey::from_scalar(&Secret::new([5; 32])).unwrap().public();
    off[64] ^= 1;
    assert_eq!(card.send(&decipher(&off)), "6a80");
    assert_eq!(card.send(&decipher(&[0; 65])), "6a80");
    assert_eq!(card.send("002a808602a600"), "6a80");
    assert_eq!(card.send("002a80860100"), "6a80");
    assert_eq!(card.send("002a8084"), "6a86");
    // It makes no new key, and knows no other.
    assert_eq!(card.send("0047800002b800"), "6a86");
    assert_eq!(card.send("0047810002b600"), "6a88");
}

#[test]
fn a_digest_is_signed_after_the_pin_alone() {
    let mut card = Terminal::new();
    let message = b"what is signed";
    let digest = hex::encode(keys::digest::sha256(&[message]));
    let sign = format!("002a9e9a20{digest}");
    assert_eq!(card.send(&sign), "6982");
    card.ready();
    let answer = hex::decode(card.send(&sign)).unwrap();
    assert_eq!(answer[64..], [0x90, 0x00]);
    let key = Es256Key::from_scalar(&Secret::new([33; 32])).unwrap().public();
    assert!(Portable.es256(&key, message, &answer[..64].try_into().unwrap()));
    assert_eq!(card.send(&format!("002a9e9a1f{}", &digest[..62])), "6700");
}
