//! The owner's key behind IoT SAFE, as a client of it and as an attacker meet it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use keys::agree::AgreeKey;
use keys::sign::{Portable, Verifier};

const SAFE: &str = "00a4040007a0000005590010";
const READ: &str = "00cd000003850101";
const GENERATE: &str = "00b9000003840101";
const INIT_TEXT: &str = "002a00010d840101a1010191020001920104";
const INIT_DIGEST: &str = "002a00010d840101a1010391020001920104";
const MESSAGE: &[u8] = b"a statement of the deed";

/// The point in 34 { 49 { 86 { … } } }, which ends the answer.
fn point(answer: &str) -> [u8; 65] {
    let answer = hex::decode(answer.strip_suffix("9000").unwrap()).unwrap();
    let key = answer[answer.len() - 71..].to_vec();
    assert_eq!(key[..6], [0x34, 0x45, 0x49, 0x43, 0x86, 0x41]);
    key[6..].try_into().unwrap()
}

fn signature(answer: &str) -> [u8; 64] {
    let answer = hex::decode(answer.strip_suffix("9000").unwrap()).unwrap();
    assert_eq!(answer[..2], [0x33, 0x40]);
    answer[2..].try_into().unwrap()
}

fn digest_apdu() -> String {
    format!("002b8001229e20{}", hex::encode(keys::digest::sha256(&[MESSAGE])))
}

fn open() -> Terminal {
    let mut terminal = Terminal::new();
    terminal.raw(SAFE);
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    terminal
}

#[test]
fn it_signs_a_text_or_its_digest_in_one_block_or_several() {
    let mut terminal = open();
    let key = point(&terminal.send(READ));
    assert_eq!(terminal.raw(INIT_DIGEST), "9000");
    assert!(Portable.es256(&key, MESSAGE, &signature(&terminal.send(&digest_apdu()))));
    let whole = wire::tlv::tlv(0x9b, MESSAGE);
    // In one object cut anywhere, or in an object to a block; in class 8X as well.
    for cut in 0..whole.len() {
        let (a, b) = whole.split_at(cut);
        assert_eq!(terminal.raw(&INIT_TEXT.replacen("00", "80", 1)), "9000");
        assert_eq!(terminal.raw(&format!("002b0001{:02x}{}", a.len(), hex::encode(a))), "9000");
        let signed = terminal.send(&format!("002b8001{:02x}{}", b.len(), hex::encode(b)));
        assert!(Portable.es256(&key, MESSAGE, &signature(&signed)), "cut at {cut}");
    }
    let (a, b) = MESSAGE.split_at(7);
    assert_eq!(terminal.raw(INIT_TEXT), "9000");
    for (p1, part) in [(0x00, a), (0x80, b)] {
        let block = wire::tlv::tlv(0x9b, part);
        let answer = terminal.send(&format!("002b{p1:02x}01{:02x}{}", block.len(), hex::encode(&block)));
        assert!(p1 == 0 && answer == "9000" || Portable.es256(&key, MESSAGE, &signature(&answer)));
    }
}

#[test]
fn without_the_pin_it_signs_and_agrees_on_no_channel() {
    let mut terminal = open();
    assert_eq!(terminal.raw(INIT_DIGEST), "9000");
    // Whoever is known on this channel is not on that one.
    assert_eq!(terminal.raw("0070000001"), "019000");
    terminal.raw(&SAFE.replacen("00", "01", 1));
    assert_eq!(terminal.raw(&INIT_DIGEST.replacen("00", "01", 1)), "6982");
    assert_eq!(
        terminal.raw(&digest_apdu().replacen("00", "01", 1)),
        "6985",
        "nor does its session go on there"
    );
    assert_eq!(terminal.raw(&GENERATE.replacen("00", "01", 1)), "6982");
    // Begun with the PIN and ended without: a wrong one takes it back.
    assert_eq!(terminal.raw(&verify_apdu(WRONG)), "63c2");
    assert_eq!(terminal.raw(&digest_apdu()), "6982");
    assert_eq!(terminal.raw(&digest_apdu()), "6985");
    // What anybody may know: the public half.
    assert!(terminal.send(READ).ends_with("9000"));
    terminal.card.reset();
    assert_eq!(terminal.raw(READ), "6d00", "and that where the application is active");
}

#[test]
fn a_new_key_takes_the_place_of_the_old_one_and_lasts() {
    let mut terminal = open();
    let first = point(&terminal.send(READ));
    let second = point(&terminal.send(GENERATE));
    assert_ne!(first, second);
    let mut terminal = reopen_locked(terminal);
    terminal.raw(SAFE);
    assert_eq!(point(&terminal.send(READ)), second);
    assert_eq!(terminal.raw(INIT_DIGEST), "6982");
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    assert_eq!(terminal.raw(INIT_DIGEST), "9000");
    let signed = signature(&terminal.send(&digest_apdu()));
    assert!(Portable.es256(&second, MESSAGE, &signed) && !Portable.es256(&first, MESSAGE, &signed));
    // The statement that the deed takes from the old card is signed by it too.
    let digest = hex::encode(keys::digest::sha256(&[MESSAGE]));
    let raw = hex::decode(terminal.send(&format!("002a9e9a20{digest}"))).unwrap();
    assert!(Portable.es256(&second, MESSAGE, &raw[..64].try_into().unwrap()));
    // A changed PIN leaves it as it is.
    assert_eq!(terminal.raw(&change_apdu(PIN, "4321")), "9000");
    assert_eq!(terminal.raw(INIT_DIGEST), "9000");
    assert!(Portable.es256(&second, MESSAGE, &signature(&terminal.send(&digest_apdu()))));
}

#[test]
fn a_telephone_that_asks_for_no_pin_signs_and_replaces_no_key() {
    let mut terminal = open();
    assert_eq!(terminal.raw(&disable_apdu(PIN)), "9000");
    terminal.card.reset();
    terminal.raw(SAFE);
    assert_eq!(terminal.raw(GENERATE), "6985");
    assert_eq!(terminal.raw(INIT_DIGEST), "9000");
    // An EF chosen while the application is active is read as any is.
    terminal.raw("00a4000c023f00");
    terminal.raw("00a4000c022fe2");
    assert_eq!(terminal.raw("80cb008001 80".replace(' ', "").as_str()), "6981");
}

#[test]
fn two_cards_that_were_given_no_key_make_their_own() {
    let make = |seed| {
        let profile = card::Profile { card_key: None, ..profile() };
        let (medium, anchor) = Default::default();
        let mut rng = rng(seed);
        let card: card::Card<card::medium::Memory, card::medium::Counter> =
            card::Card::personalise(medium, anchor, device_key(), &profile, &mut rng).unwrap();
        let mut terminal = Terminal { card, rng };
        terminal.raw(SAFE);
        point(&terminal.send(READ))
    };
    assert_ne!(make(1), make(2));
}

#[test]
fn a_passing_key_agrees_and_is_gone_with_the_channel() {
    let mut terminal = open();
    let ours = point(&terminal.send("00b9000003840102"));
    let theirs = AgreeKey::random(&mut rng(3));
    assert_eq!(terminal.raw("0024000103850103"), "9000");
    let put = format!("00d8800147344549438641{}", hex::encode(theirs.public()));
    assert_eq!(terminal.raw(&put), "9000");
    let secret = hex::encode(theirs.agree(&ours).unwrap().danger_expose());
    assert_eq!(terminal.send("0046000006840102850103"), format!("{secret}9000"));
    terminal.send(USIM);
    terminal.raw(SAFE);
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    assert_eq!(terminal.raw("0046000006840102850103"), "6985");
    assert_eq!(terminal.raw("00cd000003850102"), "6a82");
}

#[test]
fn the_usims_commands_are_not_its_own_and_its_are_not_the_usims() {
    let mut terminal = open();
    assert_eq!(terminal.raw(&authenticate_apdu(challenge([1; 16], 1, 0))), "6985");
    let random = terminal.raw("0084000010");
    assert_eq!(random.len(), 2 * 16 + 4);
    assert_eq!(terminal.raw("8084000010").len(), 2 * 16 + 4);
    // A PIN is changed here as anywhere.
    assert_eq!(terminal.raw(&change_apdu(PIN, "4321")), "9000");
    terminal.send(USIM);
    for apdu in [READ, GENERATE, "00cb010000"] {
        assert_eq!(terminal.raw(apdu), "6d00");
    }
}
