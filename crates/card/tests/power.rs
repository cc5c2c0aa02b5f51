//! The power goes at any byte, the disk is full, the anchor fails: nothing is granted twice and nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng as _;

fn cuts() -> u64 {
    std::env::var("SIMWARD_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(100)
}

/// Puts the card back into the reader after a cut; it must open.
fn reopen(world: &Mortal, rng: &mut ChaCha20Rng) -> Terminal<Mortal, Mortal> {
    world.0.borrow_mut().cut(rng);
    let terminal = Terminal::open(world.clone(), world.clone());
    assert_eq!(terminal.card.lock(), None, "an honest cut never locks a card");
    Terminal { card: terminal.card, rng: common::rng(rng.next_u64()) }
}

/// Guesses until told that there are no tries left. Returns how many guesses were answered "wrong".
fn guess_to_the_end(terminal: &mut Terminal<Mortal, Mortal>) -> u32 {
    for answered in 0..10 {
        match terminal.raw(&verify_apdu(WRONG)).as_str() {
            "6983" => return answered,
            sw => assert!(sw.starts_with("63c"), "{sw}"),
        }
    }
    panic!("more than ten guesses were answered");
}

#[test]
fn a_cut_at_every_step_of_a_wrong_pin_never_gives_a_guess_back() {
    let (_, first) = mortal();
    let saved = (first.0.borrow().banks.clone(), first.0.borrow().synced, first.0.borrow().anchor);
    let mut rng = rng(1);
    // One session: a wrong PIN, the power cut after so many steps, and then guesses until the card is blocked.
    // Right after opening the PIN's record comes after a burnt number; warm, it goes to the end of the bank.
    let mut session = |warm: bool, fuel: Option<u64>| {
        let world = Mortal::default();
        {
            let mut w = world.0.borrow_mut();
            (w.banks, w.synced, w.anchor) = saved.clone();
        }
        let mut terminal = Terminal::open(world.clone(), world.clone());
        if warm {
            assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
        }
        let start = world.0.borrow().steps;
        world.0.borrow_mut().fuel = fuel;
        let sw = terminal.raw(&verify_apdu(WRONG));
        let answered = u32::from(!world.0.borrow().dead());
        assert!(answered == 0 || sw == "63c2", "{sw}");
        let steps = world.0.borrow().steps - start;
        let mut terminal = reopen(&world, &mut rng);
        assert!(answered + guess_to_the_end(&mut terminal) <= 3, "cut after {fuel:?} steps");
        assert_eq!(terminal.raw(&unblock_apdu(PUK, "0000")), "9000");
        steps
    };
    for warm in [false, true] {
        let all = session(warm, None);
        assert!(all > 30, "{all} steps");
        for fuel in 0..=all {
            session(warm, Some(fuel));
        }
    }
}

#[test]
fn guesses_answered_over_any_number_of_random_cuts_stay_within_the_limit() {
    let mut rng = rng(2);
    let mut cuts_left = cuts() as i64;
    while cuts_left > 0 {
        let (_, world) = mortal();
        let mut answered = 0;
        loop {
            let mut terminal = reopen(&world, &mut rng);
            world.0.borrow_mut().fuel = Some(rng.next_u64() % 12_000);
            loop {
                let sw = terminal.raw(&verify_apdu(WRONG));
                if world.0.borrow().dead() || sw == "6983" {
                    break;
                }
                assert!(sw.starts_with("63c"), "{sw}");
                answered += 1;
            }
            cuts_left -= 1;
            assert!(answered <= 3, "{answered} guesses were answered");
            if !world.0.borrow().dead() {
                break;
            }
        }
        let mut terminal = reopen(&world, &mut rng);
        assert_eq!(terminal.raw(&verify_apdu(PIN)), "6983", "blocked for the right PIN too");
    }
}

#[test]
fn a_right_pin_cut_anywhere_restores_the_tries_or_costs_one() {
    let (_, world) = mortal();
    let saved = (world.0.borrow().banks.clone(), world.0.borrow().synced, world.0.borrow().anchor);
    let mut rng = rng(3);
    let mut spent = 0;
    for fuel in 0.. {
        {
            let mut w = world.0.borrow_mut();
            (w.banks, w.synced, w.anchor) = saved.clone();
            w.fuel = Some(fuel);
        }
        let mut terminal = Terminal::open(world.clone(), world.clone());
        let sw = terminal.raw(&verify_apdu(PIN));
        let dead = world.0.borrow().dead();
        let mut terminal = reopen(&world, &mut rng);
        let tries = terminal.raw("0020000100");
        assert!(tries == "63c3" || tries == "63c2", "{tries} after {fuel} steps");
        spent += u32::from(tries == "63c2");
        if !dead {
            assert_eq!((sw.as_str(), tries.as_str()), ("9000", "63c3"));
            break;
        }
    }
    assert!(spent > 10, "the right PIN costs a try too until it has been compared");
}

#[test]
fn a_response_that_left_the_card_is_never_given_again() {
    let (_, world) = mortal();
    let mut rng = rng(4);
    let mut answered = 0;
    for seq in 1..=cuts().max(50) {
        let apdu = authenticate_apdu(challenge([seq as u8; 16], seq * 2, 0));
        let mut terminal = reopen(&world, &mut rng);
        terminal.ready();
        world.0.borrow_mut().fuel = Some(rng.next_u64() % 120);
        let sw = terminal.raw(&apdu);
        let dead = world.0.borrow().dead();
        let mut terminal = reopen(&world, &mut rng);
        terminal.ready();
        if !dead {
            assert_eq!(sw, "6135");
            answered += 1;
            let again = terminal.send(&apdu);
            assert!(again.starts_with("dc0e") && again.ends_with("9000"), "{again}");
        }
    }
    assert!(answered > 5, "{answered} were answered");
}

#[test]
fn an_unblocking_cut_anywhere_is_whole_or_was_not() {
    let (mut terminal, world) = mortal();
    guess_to_the_end(&mut terminal);
    let saved = (world.0.borrow().banks.clone(), world.0.borrow().synced, world.0.borrow().anchor);
    let mut rng = rng(5);
    let (mut done, mut not_done) = (0, 0);
    for fuel in 0.. {
        {
            let mut w = world.0.borrow_mut();
            (w.banks, w.synced, w.anchor) = saved.clone();
            w.fuel = Some(fuel);
        }
        let mut terminal = Terminal::open(world.clone(), world.clone());
        let sw = terminal.raw(&unblock_apdu(PUK, "0000"));
        let dead = world.0.borrow().dead();
        let mut terminal = reopen(&world, &mut rng);
        let pin = terminal.raw("0020000100");
        let puk = terminal.raw("002c000100");
        match (pin.as_str(), puk.as_str()) {
            ("63c3", "63ca") => {
                assert_eq!(terminal.raw(&verify_apdu("0000")), "9000");
                done += 1;
            }
            ("63c0", "63ca" | "63c9") => not_done += 1,
            half => panic!("{half:?} after {fuel} steps"),
        }
        if !dead {
            assert_eq!((sw.as_str(), pin.as_str()), ("9000", "63c3"));
            break;
        }
    }
    assert!(done > 1 && not_done > 30, "{done} whole, {not_done} not");
}

#[test]
fn a_full_disk_grants_nothing_and_spends_nothing_that_was_not_compared() {
    let (mut terminal, world) = mortal();
    assert!(terminal.send(USIM).ends_with("9000"));
    let used: usize = world.0.borrow().banks.iter().map(Vec::len).sum();
    for room in 0..40 {
        world.0.borrow_mut().full_at = Some(used + room);
        assert_eq!(terminal.raw(&verify_apdu(PIN)), "6581", "{room} octets of room");
        assert_eq!(terminal.raw(&verify_apdu(WRONG)), "6581", "{room} octets of room");
        assert_eq!(terminal.raw("00a40000026f07").len(), 4);
        assert_eq!(terminal.raw("00b0000009"), "6982");
        assert_eq!(terminal.raw("0020000100"), "63c3");
    }
    world.0.borrow_mut().full_at = None;
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    world.0.borrow_mut().full_at = Some(0);
    let apdu = authenticate_apdu(challenge([1; 16], 1, 0));
    assert_eq!(terminal.raw(&apdu), "6581");
    assert_eq!(terminal.raw("00c0000000"), "6985", "no RES waits");
    world.0.borrow_mut().full_at = None;
    assert!(terminal.send(&apdu).starts_with("db08"), "the number was not used up");
}

#[test]
fn unlimited_guesses_on_a_full_disk_are_all_refused_unread() {
    let (mut terminal, world) = mortal();
    world.0.borrow_mut().full_at = Some(0);
    for _ in 0..1_000 {
        assert_eq!(terminal.raw(&verify_apdu(WRONG)), "6581");
        assert_eq!(terminal.raw(&verify_apdu(PIN)), "6581");
    }
}

#[test]
fn a_faulty_sync_or_anchor_grants_nothing_and_the_card_recovers() {
    for fault in 0..3 {
        for prepared in [false, true] {
            let (mut terminal, world) = mortal();
            let mut rng = rng(6);
            if prepared {
                assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
                terminal.card.reset();
            }
            let set = |on: bool| {
                let mut w = world.0.borrow_mut();
                match fault {
                    0 => w.sync_fault = on,
                    1 => w.anchor_fault = on.then_some(false),
                    _ => w.anchor_fault = on.then_some(true),
                }
            };
            set(true);
            for _ in 0..5 {
                assert_eq!(terminal.raw(&verify_apdu(WRONG)), "6581");
                assert_eq!(terminal.raw(&verify_apdu(PIN)), "6581");
                // At every such moment the power may go, and the card opens.
                let copy = Mortal::default();
                {
                    let w = world.0.borrow();
                    let mut c = copy.0.borrow_mut();
                    (c.banks, c.synced, c.anchor) = (w.banks.clone(), w.synced, w.anchor);
                }
                let mut opened = reopen(&copy, &mut rng);
                assert!(guess_to_the_end(&mut opened) <= 3);
            }
            set(false);
            assert_eq!(terminal.raw(&verify_apdu(WRONG)), "63c2");
            assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
            let mut terminal = reopen(&world, &mut rng);
            assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
        }
    }
}

#[test]
fn a_card_written_ten_thousand_times_stays_small_and_opens() {
    let (mut terminal, world) = mortal();
    terminal.ready();
    terminal.raw("00a40000026f7e");
    for i in 0..10_000u32 {
        assert_eq!(terminal.raw(&format!("00d6000004{}", hex::encode(i.to_be_bytes()))), "9000");
    }
    let sizes: Vec<usize> = world.0.borrow().banks.iter().map(Vec::len).collect();
    assert!(sizes.iter().sum::<usize>() < 40_000, "{sizes:?}");
    let mut terminal = reopen(&world, &mut rng(9));
    terminal.ready();
    terminal.raw("00a40000026f7e");
    assert_eq!(terminal.raw("00b0000004"), format!("{}9000", hex::encode(9_999u32.to_be_bytes())));
}
