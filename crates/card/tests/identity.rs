//! GET IDENTITY: the home network finds the subscriber in what the card says, and nobody else finds anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use card::medium::{Counter, Memory};
use card::{Card, Concealment, Profile, RoutingIndicator};
use common::*;
use keys::Secret;
use keys::suci::{HomeKey, PrivateKey, Scheme};
use std::collections::BTreeSet;

/// Private keys of TS 33.501 §C.4.3 and §C.4.4.
fn home(scheme: Scheme) -> PrivateKey {
    let scalar = match scheme {
        Scheme::A => "c53c22208b61860b06c62e5406a7b330c2b577aa5558981510d128247d38bd1d",
        Scheme::B => "f1ab1074477ebcc7f554ea1c5fc368b1616730155e0041ac447d6301975fecda",
    };
    PrivateKey::from_scalar(scheme, &Secret::new(bytes(scalar))).unwrap()
}

fn with(schemes: &[Scheme], by_card: bool) -> Terminal {
    let keys = schemes
        .iter()
        .zip(27..)
        .map(|(scheme, id)| (id, HomeKey::new(*scheme, &home(*scheme).public()).unwrap()));
    let concealment = Concealment {
        routing_indicator: RoutingIndicator::new("678").unwrap(),
        keys: keys.collect(),
        by_card,
    };
    let profile = Profile { concealment: Some(concealment), ..profile() };
    let mut rng = rng(8);
    let card =
        Card::personalise(Memory::new(), Counter::default(), device_key(), &profile, &mut rng).unwrap();
    Terminal { card, rng }
}

#[test]
fn the_home_network_reveals_what_the_card_concealed() {
    for (scheme, len) in [(Scheme::A, 32), (Scheme::B, 33)] {
        let mut terminal = with(&[scheme], true);
        terminal.ready();
        let mut seen = BTreeSet::new();
        for _ in 0..20 {
            let answer = terminal.send("8078000100");
            let suci = hex::decode(answer.strip_suffix("9000").unwrap()).unwrap();
            // A1, length; an IMSI concealed, 460 00, 678, the scheme, key 27.
            let head = [0xa1, suci.len() as u8 - 2, 0x01, 0x64, 0xf0, 0x00, 0x76, 0xf8, scheme as u8, 27];
            assert_eq!(suci[..10], head, "{answer}");
            assert_eq!(suci.len(), 10 + len + 5 + 8);
            // The MSIN, 1234567890, is in it for the home network alone.
            assert_eq!(home(scheme).reveal(&suci[10..]).unwrap(), [0x21, 0x43, 0x65, 0x87, 0x09]);
            assert!(!suci.windows(5).any(|w| w == [0x21, 0x43, 0x65, 0x87, 0x09]));
            assert!(seen.insert(suci[10..].to_vec()), "said before");
        }
    }
}

#[test]
fn nobody_is_told_who_did_not_give_the_pin_or_stands_elsewhere() {
    let mut terminal = with(&[Scheme::A], true);
    assert_eq!(terminal.raw("8078000100"), "6985", "no application");
    terminal.send(USIM);
    assert_eq!(terminal.raw("8078000100"), "6982");
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    assert!(terminal.raw("8078000100").starts_with("61"));
    assert!(terminal.raw("8078008100").starts_with("61"));
    assert_eq!(terminal.raw("8078000200"), "6a88", "offload");
    assert_eq!(terminal.raw("8078000300"), "6a86");
    assert_eq!(terminal.raw("8078010100"), "6a86");
    assert_eq!(terminal.raw("8078000101aa"), "6700");
    assert_eq!(terminal.raw("0078000100"), "6d00");
    // The keys are the operator's business.
    assert_eq!(terminal.raw("00a4080c067fff5fd04f01"), "9000");
    assert_eq!(terminal.raw("00b0000001"), "6982");
}

/// Attack case 22.
#[test]
fn there_is_no_answer_that_conceals_nothing() {
    let mut terminal = with(&[Scheme::B], true);
    terminal.ready();
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    assert_eq!(terminal.raw("00a4080c067fff5fd04f01"), "9000");
    // The scheme's number becomes 0, the null scheme; then one that is none; then a key that is no point.
    for (offset, octet) in [("02", "00"), ("02", "03"), ("02", "01"), ("03", "02"), ("0b", "05")] {
        let was = terminal.raw(&format!("00b000{offset}01"));
        assert_eq!(terminal.raw(&format!("00d600{offset}01{octet}")), "9000");
        assert_eq!(terminal.raw("8078000100"), "6985", "{offset} {octet}");
        assert_eq!(terminal.raw(&format!("00d600{offset}01{}", &was[..2])), "9000");
        assert!(terminal.raw("8078000100").starts_with("61"));
    }
    assert_eq!(terminal.raw("00040000"), "9000");
    assert!(
        terminal.raw("8078000100").starts_with("61"),
        "whether it can be read from outside is another matter"
    );
}

#[test]
fn where_the_telephone_conceals_it_finds_what_it_needs_and_the_card_does_not() {
    let mut terminal = with(&[Scheme::B, Scheme::A], false);
    terminal.ready();
    assert_eq!(terminal.raw("8078000100"), "6a81");
    assert_eq!(terminal.raw("00a4080c067fff5fc04f07"), "9000");
    let info = terminal.send("00b0000000");
    let (b, a) = (hex::encode(home(Scheme::B).public()), hex::encode(home(Scheme::A).public()));
    assert_eq!(info, format!("a00402010102a14b80011b8121{b}80011c8120{a}9000"));
    assert_eq!(terminal.raw("00a4080c067fff5fc04f0a"), "9000");
    assert_eq!(terminal.raw("00b0000004"), "76f8ffff9000");
    // Services 122 to 124, and not 125 (TS 31.102 §4.2.8).
    assert_eq!(terminal.raw("00a4080c047fff6f38"), "9000");
    assert_eq!(terminal.raw("00b0000f01"), "0e9000");
}

#[test]
fn a_card_without_keys_for_it_says_so() {
    let mut terminal = Terminal::new();
    terminal.ready();
    assert_eq!(terminal.raw("8078000100"), "6a81");
    assert_eq!(terminal.raw("00a4080c067fff5fc04f07"), "6a82");
    assert_eq!(terminal.raw("00a4080c067fff5fc04f0a"), "9000");
    assert_eq!(terminal.raw("00b0000004"), "f0ffffff9000");
    for bad in ["", "12345", "1a", "１"] {
        assert!(RoutingIndicator::new(bad).is_err(), "{bad}");
    }
}
