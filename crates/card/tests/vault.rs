//! What hangs on the PIN: a thief with the whole state and the device key finds neither K nor the card's own keys in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use card::medium::{Bank, Counter, Memory};
use card::{Code, Pin, Profile};
use common::*;
use keys::seal::SealKey;

/// Every plain record of a bank, as whoever has the device key reads it (`log.rs` says how).
fn records(mut medium: Memory, bank: Bank) -> Vec<Vec<u8>> {
    let bytes = medium.bank_mut(bank).clone();
    let Some((header, mut rest)) = bytes.split_at_checked(60) else { return Vec::new() };
    let key = SealKey::derive(&device_key(), &header[28..], b"simward.card.bank.1");
    let mut out = Vec::new();
    let mut tag = [0; 16];
    while rest.len() > 2 {
        let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let (number, sealed) = rest[2..2 + len].split_at(8);
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&(out.len() as u64).to_be_bytes());
        let place =
            [b"simward.card.log.1\0", header, &(out.len() as u64).to_be_bytes(), number, &tag].concat();
        out.push(key.open(&nonce, &place, sealed).expect("the device key opens every record"));
        tag = *sealed.last_chunk().unwrap();
        rest = &rest[2 + len..];
    }
    out
}

fn all(medium: &Memory) -> Vec<Vec<u8>> {
    [Bank::A, Bank::B].into_iter().flat_map(|bank| records(medium.clone(), bank)).collect()
}

fn secrets() -> [Vec<u8>; 3] {
    [hex::decode(K).unwrap(), hex::decode(OPC).unwrap(), vec![33; 32]]
}

fn assert_nothing_is_readable(terminal: Terminal) -> Terminal {
    let (medium, anchor) = terminal.card.into_parts();
    let records = all(&medium);
    assert!(!records.is_empty());
    for secret in secrets() {
        for record in &records {
            assert!(!record.windows(secret.len()).any(|window| window == secret), "a key in the clear");
            assert!(!record.windows(8).any(|window| window == b"1234\xff\xff\xff\xff"), "a PIN in the clear");
        }
    }
    Terminal::open(medium, anchor)
}

fn aka(terminal: &mut Terminal, seq: u64) -> String {
    terminal.send(&authenticate_apdu(challenge([9; 16], seq, 0)))
}

#[test]
fn the_whole_state_and_the_device_key_show_no_key_while_the_pin_is_asked_for() {
    let mut terminal = assert_nothing_is_readable(Terminal::new());
    terminal.ready();
    assert!(aka(&mut terminal, 1).starts_with("db08"));
    let mut terminal = assert_nothing_is_readable(terminal);
    assert_eq!(terminal.raw(&verify_apdu(WRONG)), "63c2");
    terminal.ready();
    assert_eq!(terminal.raw(&change_apdu(PIN, "2468")), "9000");
    let mut terminal = assert_nothing_is_readable(terminal);
    terminal.send(USIM);
    assert_eq!(terminal.raw(&verify_apdu("2468")), "9000");
    assert!(aka(&mut terminal, 2).starts_with("db08"), "the new PIN opens what the old one did");
    terminal.card.reset();
    assert_eq!(terminal.raw(&unblock_apdu(PUK, "1357")), "9000");
    let mut terminal = assert_nothing_is_readable(terminal);
    terminal.send(USIM);
    assert_eq!(terminal.raw(&verify_apdu("1357")), "9000");
    assert!(aka(&mut terminal, 3).starts_with("db08"), "and so does the one that the PUK set");
}

#[test]
fn without_a_pin_to_ask_for_the_card_works_and_asks_nobody() {
    let mut terminal = Terminal::new();
    assert_eq!(terminal.raw(&disable_apdu(PIN)), "9000");
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    terminal.send(USIM);
    assert!(aka(&mut terminal, 1).starts_with("db08"));
    assert_eq!(terminal.raw(&enable_apdu(PIN)), "9000");
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    terminal.send(USIM);
    assert_eq!(aka(&mut terminal, 2), "6982");
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    assert!(aka(&mut terminal, 2).starts_with("db08"));
}

#[test]
fn what_opened_the_vault_before_is_not_in_the_log_any_more() {
    type Ends = fn(&mut Terminal);
    let ways: [(&str, Ends); 3] = [
        ("a new PIN", |t| assert_eq!(t.raw(&change_apdu(PIN, "2468")), "9000")),
        ("the PUK", |t| assert_eq!(t.raw(&unblock_apdu(PUK, "2468")), "9000")),
        ("the PIN is asked for again", |t| {
            assert_eq!(t.raw(&disable_apdu(PIN)), "9000");
            assert_eq!(t.raw(&enable_apdu(PIN)), "9000");
        }),
    ];
    for (name, ends) in ways {
        let mut terminal = Terminal::new();
        terminal.ready();
        assert!(aka(&mut terminal, 1).starts_with("db08"));
        ends(&mut terminal);
        let (medium, _) = terminal.card.into_parts();
        assert_eq!(all(&medium).len(), 1, "{name}: one snapshot, and nothing of before");
    }
}

#[test]
fn a_reset_a_wrong_pin_and_the_end_of_the_application_close_the_vault() {
    type Forget = fn(&mut Terminal);
    let ways: [(&str, Forget); 4] = [
        ("reset", |t| t.card.reset()),
        ("wrong PIN", |t| assert_eq!(t.raw(&verify_apdu(WRONG)), "63c2")),
        ("termination", |t| assert_eq!(t.raw("00a4044c10a0000000871002ffffffff8907090000"), "9000")),
        ("the channel closes", |t| {
            assert_eq!(t.raw(&verify_apdu(WRONG)), "63c2");
            assert_eq!(t.raw("00700001"), "9000");
            assert_eq!(t.raw(&verify_apdu(PIN).replacen("00", "01", 1)), "9000");
            assert_eq!(t.raw("00708001"), "9000");
        }),
    ];
    for (name, forget) in ways {
        let mut terminal = Terminal::new();
        terminal.ready();
        assert!(aka(&mut terminal, 1).starts_with("db08"));
        forget(&mut terminal);
        terminal.send(USIM);
        assert_eq!(aka(&mut terminal, 2), "6982", "{name}");
        terminal.ready();
        assert!(aka(&mut terminal, 2).starts_with("db08"));
    }
}

#[test]
fn the_universal_pin_opens_the_vault_in_the_pins_place() {
    let mut rng = rng(5);
    let pin = Pin { pin: Code::pin("135790").unwrap(), puk: Code::eight("13571357").unwrap() };
    let profile = Profile { universal_pin: Some(pin), ..profile() };
    let (medium, anchor) = (Memory::new(), Counter::default());
    let card = card::Card::personalise(medium, anchor, device_key(), &profile, &mut rng).unwrap();
    let mut terminal = Terminal { card, rng };
    let universal = verify_apdu("135790").replacen("00200001", "00200011", 1);
    terminal.send(USIM);
    assert_eq!(terminal.raw(&universal), "9000");
    assert_eq!(aka(&mut terminal, 1), "6982", "it stands in for nothing yet");
    assert_eq!(terminal.raw("002691010831323334ffffffff"), "9000");
    let mut terminal = assert_nothing_is_readable(terminal);
    terminal.send(USIM);
    assert_eq!(aka(&mut terminal, 1), "6982");
    assert_eq!(terminal.raw(&universal), "9000");
    assert!(aka(&mut terminal, 1).starts_with("db08"));
}
