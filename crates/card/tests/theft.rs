//! What a thief can do with a card's banks: copy, put back, swap, cut, flip. Not with its anchor or its device key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use card::medium::{Bank, Counter, Memory};
use card::{Card, Lock, OpenError};
use common::*;
use keys::Secret;
use rand_chacha::rand_core::Rng as _;
use std::collections::HashMap;

/// A card, used a little, as its medium and anchor.
fn used() -> (Memory, Counter) {
    let mut terminal = Terminal::new();
    terminal.ready();
    assert!(terminal.send(&authenticate_apdu(challenge([1; 16], 5, 0))).starts_with("db08"));
    terminal.card.into_parts()
}

fn open(medium: &Memory, anchor: Counter) -> Terminal {
    Terminal::open(medium.clone(), anchor)
}

#[test]
fn an_older_copy_put_back_locks_the_card_and_the_reason_stays() {
    let (old, anchor) = used();
    let mut terminal = open(&old, anchor);
    assert_eq!(terminal.raw(&verify_apdu(WRONG)), "63c2");
    let (new, anchor) = terminal.card.into_parts();

    let mut terminal = open(&old, anchor);
    for _ in 0..3 {
        assert!(matches!(terminal.card.lock(), Some(Lock::Rollback { log, anchor }) if log < anchor));
        assert_eq!(terminal.card.atr()[0], 0x3b, "it still answers a reset");
        for apdu in [USIM, &verify_apdu(PIN), "00a40000023f00", "00c0000000", "80f2000000", "00b0820000"] {
            assert_eq!(terminal.raw(apdu), "6f00");
        }
        terminal.card.reset();
    }
    let (untouched, anchor) = terminal.card.into_parts();
    assert_eq!(untouched, old, "the evidence stays as it was found");
    let mut terminal = open(&new, anchor);
    assert_eq!(terminal.raw("0020000100"), "63c2", "the newest banks open again");
}

#[test]
fn a_log_without_its_end_or_without_a_bank_locks_the_card() {
    let (medium, anchor) = used();
    for bank in [Bank::A, Bank::B] {
        let mut copy = medium.clone();
        let len = copy.bank_mut(bank).len();
        for cut in 0..len {
            copy = medium.clone();
            copy.bank_mut(bank).truncate(cut);
            let card = open(&copy, anchor).card;
            assert!(card.lock().is_some(), "{bank:?} cut to {cut} of {len}");
        }
    }
    let wiped = Card::open(Memory::new(), anchor, device_key()).unwrap();
    assert_eq!(wiped.lock(), Some(Lock::Unreadable { anchor: anchor.0 }));
}

#[test]
fn an_anchor_put_back_locks_the_card() {
    let (medium, anchor) = used();
    for value in 0..anchor.0 - 1 {
        let card = open(&medium, Counter(value)).card;
        assert_eq!(card.lock(), Some(Lock::AnchorBehind { log: anchor.0, anchor: value }));
    }
    assert_eq!(open(&medium, Counter(anchor.0 - 1)).card.lock(), None, "cut between sync and anchor");
    let ahead = open(&medium, Counter(anchor.0 + 1)).card;
    assert_eq!(ahead.lock(), Some(Lock::Rollback { log: anchor.0, anchor: anchor.0 + 1 }));
}

#[test]
fn no_flipped_bit_is_ever_wrong_but_accepted() {
    let (medium, anchor) = used();
    let mut flips = 0;
    for bank in [Bank::A, Bank::B] {
        let bits = medium.clone().bank_mut(bank).len() * 8;
        for bit in 0..bits {
            let mut copy = medium.clone();
            copy.bank_mut(bank)[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&copy, anchor).card.lock().is_some(), "{bank:?} bit {bit}");
            flips += 1;
        }
    }
    assert!(flips > 8_000, "{flips} bits");
}

#[test]
fn swapped_banks_are_the_same_card_and_banks_of_two_cards_are_none() {
    let (mut medium, anchor) = used();
    let a = medium.bank_mut(Bank::A).clone();
    let b = medium.bank_mut(Bank::B).clone();
    *medium.bank_mut(Bank::A) = b;
    *medium.bank_mut(Bank::B) = a;
    let mut terminal = open(&medium, anchor);
    terminal.ready();

    // Another card under the same device key, at the same number.
    let mut rng = rng(99);
    let other =
        Card::personalise(Memory::new(), Counter::default(), device_key(), &profile(), &mut rng).unwrap();
    let mut other = Terminal { card: other, rng };
    other.ready();
    let (mut other, _) = other.card.into_parts();
    let (mut mine, _) = used();
    for bank in [Bank::A, Bank::B] {
        if mine.bank_mut(bank).is_empty() {
            let theirs = other.bank_mut(bank).clone();
            let theirs = if theirs.is_empty() { other.bank_mut(bank.other()).clone() } else { theirs };
            *mine.bank_mut(bank) = theirs;
        }
    }
    assert_eq!(open(&mine, anchor).card.lock(), Some(Lock::TwoCards));
}

#[test]
fn without_the_device_key_nothing_opens_and_nothing_is_told() {
    let (mut medium, anchor) = used();
    let card = Card::open(medium.clone(), anchor, Secret::new([0; 32])).unwrap();
    assert_eq!(card.lock(), Some(Lock::Unreadable { anchor: anchor.0 }));
    let text = [K, OPC].map(|t| hex::decode(t).unwrap());
    for bank in [Bank::A, Bank::B] {
        let bytes = medium.bank_mut(bank).clone();
        for secret in
            [&text[0][..], &text[1], b"1234\xff\xff\xff\xff", PUK.as_bytes(), ADM.as_bytes(), b"46000"]
        {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret));
        }
    }
    assert!(matches!(
        Card::personalise(medium, anchor, Secret::new([0; 32]), &profile(), &mut rng(1)),
        Err(OpenError::NotEmpty)
    ));
    assert_eq!(Card::open(Memory::new(), Counter::default(), device_key()).unwrap_err(), OpenError::Empty);
}

/// A thief who may cut the power at any step, take a copy of the banks at any step and put any copy back. He wants
/// one guess more than the limit. What costs him nothing he does as often as he likes; a wrong PUK or administrative
/// code is dear only to those counters.
#[test]
fn copies_and_cuts_together_buy_no_guess() {
    let mut rng = rng(11);
    let rounds = std::env::var("SIMWARD_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(100u64);
    let mut opened = 0;
    for _ in 0..rounds {
        let (_, world) = mortal();
        world.0.borrow_mut().keep_seen = true;
        let (mut pin, mut adm, mut puk) = (0u32, 0u32, 0u32);
        for _ in 0..60 {
            {
                let mut w = world.0.borrow_mut();
                w.cut(&mut rng);
                // The newest copies are the ones worth putting back.
                w.put_back(rng.next_u64() % 8);
            }
            let mut terminal = Terminal::open(world.clone(), world.clone());
            terminal.rng = common::rng(rng.next_u64());
            if terminal.card.lock().is_some() {
                // Go back to the newest copy that opens.
                let copies = world.0.borrow().seen.len() as u64;
                let good = (0..copies).find(|back| {
                    world.0.borrow_mut().put_back(*back);
                    Terminal::open(world.clone(), world.clone()).card.lock().is_none()
                });
                assert!(good.is_some(), "the newest state is always among the copies");
                continue;
            }
            opened += 1;
            for _ in 0..1 + rng.next_u64() % 3 {
                // Cut just before the anchor more often than elsewhere: 7,000 steps make a snapshot, 55 a change.
                let fuel = match rng.next_u64() % 4 {
                    0 => rng.next_u64() % 60,
                    1 => rng.next_u64() % 9_000,
                    _ => 1_000_000,
                };
                world.0.borrow_mut().fuel = Some(fuel);
                let (apdu, count) = match rng.next_u64() % 4 {
                    0 => (verify_adm_apdu(WRONG), &mut adm),
                    1 => (unblock_apdu("00000000", "1111"), &mut puk),
                    _ => (verify_apdu(WRONG), &mut pin),
                };
                let sw = terminal.raw(&apdu);
                if world.0.borrow().dead() {
                    break;
                }
                *count += u32::from(sw.starts_with("63c"));
            }
            assert!(pin <= 3 && adm <= 10 && puk <= 10, "{pin} PINs, {adm} codes, {puk} PUKs");
        }
    }
    assert!(opened > rounds * 10, "{opened} copies opened, so the thief had his chances");
}

/// A key, by its salt, and a nonce, by the record's place under it.
type Place = ([u8; 32], usize);

/// The key and nonce of every record in a bank, and its bytes as far as they were written.
fn sealed(bank: &[u8]) -> Vec<(Place, Vec<u8>)> {
    let mut out = Vec::new();
    if !bank.starts_with(b"SWC1") || bank.len() < 60 {
        return out;
    }
    let salt = bank[28..60].try_into().unwrap();
    let mut rest = &bank[60..];
    for place in 0.. {
        if rest.is_empty() {
            break;
        }
        let len = if rest.len() < 2 { 0 } else { usize::from(u16::from_be_bytes([rest[0], rest[1]])) + 2 };
        let (record, tail) = rest.split_at(len.clamp(rest.len().min(2), rest.len()));
        out.push(((salt, place), record.to_vec()));
        rest = tail;
    }
    out
}

#[test]
fn no_key_and_nonce_meet_twice_whatever_is_torn_or_put_back() {
    let mut rng = rng(12);
    let (_, world) = mortal();
    world.0.borrow_mut().keep_seen = true;
    for round in 0..300u64 {
        {
            let mut w = world.0.borrow_mut();
            w.cut(&mut rng);
            // This thief puts the anchor back as well, so that every copy opens.
            if let Some(anchor) = w.put_back(rng.next_u64() % 6) {
                w.anchor = anchor;
            }
        }
        let mut terminal = Terminal::open(world.clone(), world.clone());
        terminal.rng = common::rng(1_000 + round);
        world.0.borrow_mut().fuel = Some(rng.next_u64() % 10_000);
        terminal.raw(&verify_apdu(PIN));
        terminal.raw("00a4040410a0000000871002ffffffff8907090000");
        terminal.raw("00a40000026f7e");
        for i in 0..rng.next_u64() % 6 {
            terminal.raw(&format!("00d6000002{:02x}{i:02x}", round as u8));
        }
    }
    let mut met: HashMap<Place, Vec<u8>> = HashMap::new();
    for (banks, _) in &world.0.borrow().seen {
        for (place, bytes) in banks.iter().flat_map(|b| sealed(b)) {
            let known = met.entry(place).or_default();
            let shared = known.len().min(bytes.len());
            assert_eq!(known[..shared], bytes[..shared], "one key and nonce sealed two records");
            if bytes.len() > known.len() {
                *known = bytes;
            }
        }
    }
    assert!(met.len() > 300, "{} records", met.len());
}
