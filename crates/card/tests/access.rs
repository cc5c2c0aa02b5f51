//! Who may do what: no PIN, no IMSI and no AUTHENTICATE; no administrative code, no change of identity.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;

const IMSI: &str = "00a40000026f07";

#[test]
fn without_the_pin_there_is_no_imsi_no_authenticate_and_no_deed() {
    let mut terminal = Terminal::new();
    let challenge = authenticate_apdu(challenge([2; 16], 1, 0));
    assert!(terminal.send(USIM).ends_with("9000"));
    assert_eq!(terminal.raw(&challenge), "6982");
    assert_eq!(terminal.raw(&format!("008800801110{}", "02".repeat(16))), "6982");
    assert!(terminal.send(IMSI).ends_with("9000"), "its control parameters are no secret");
    assert_eq!(terminal.raw("00b0000009"), "6982");
    assert_eq!(terminal.raw("00b0870009"), "6982", "nor by its short identifier");
    assert_eq!(terminal.raw("00a4080c022f1d"), "9000");
    assert_eq!(terminal.raw("00b0000020"), "6982");
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    assert_eq!(terminal.raw("00b0000020"), format!("{}9000", "de".repeat(32)));
    assert!(terminal.send(USIM).ends_with("9000"));
    assert!(terminal.send(&challenge).starts_with("db08"));
    assert_eq!(terminal.raw("00b0870009"), "0849060021436587099000");
}

#[test]
fn a_challenge_is_answered_only_inside_the_usim() {
    let mut terminal = Terminal::new();
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    assert_eq!(terminal.raw(&authenticate_apdu(challenge([2; 16], 1, 0))), "6985");
}

#[test]
fn three_wrong_pins_block_it_for_the_right_one_too() {
    let mut terminal = Terminal::new();
    for sw in ["63c2", "63c1", "63c0", "6983", "6983"] {
        assert_eq!(terminal.raw(&verify_apdu(WRONG)), sw);
    }
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "6983");
    assert_eq!(terminal.raw("0020000100"), "63c0");
    assert_eq!(terminal.raw(&change_apdu(PIN, "0000")), "6983");
    assert_eq!(terminal.raw(&disable_apdu(PIN)), "6983");
}

#[test]
fn a_right_pin_gives_the_tries_back() {
    let mut terminal = Terminal::new();
    assert_eq!(terminal.raw(&verify_apdu(WRONG)), "63c2");
    assert_eq!(terminal.raw(&verify_apdu(WRONG)), "63c1");
    assert_eq!(terminal.raw("00200001"), "63c1", "a question costs nothing");
    assert_eq!(terminal.raw("0020000100"), "63c1");
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    assert_eq!(terminal.raw("0020000100"), "63c3");
}

#[test]
fn a_wrong_length_or_reference_spends_no_try() {
    let mut terminal = Terminal::new();
    for (apdu, sw) in [
        ("002000010431323334", "6700"),
        ("002000010731323334ffffff", "6700"),
        ("002000010931323334ffffffffff", "6700"),
        ("002000010831323334ffffff", "6700"),
        ("002001010831323334ffffffff", "6a86"),
        ("002000020831323334ffffffff", "6a88"),
        ("002000810831323334ffffffff", "6a88"),
        ("00240001083939393900000000", "6700"),
        // A new PIN that is none: too short, not digits, digits after the filler.
        ("002400011031323334ffffffff313233ffffffffff", "6a80"),
        ("002400011031323334ffffffff31323341ffffffff", "6a80"),
        ("002400011031323334ffffffff31323334ff35ffff", "6a80"),
        ("002c0001103132333435363738313233ffffffffff", "6a80"),
        ("0026000a083837363534333231", "6a88"),
        ("002c000a1031323334353637383132333435363738", "6a88"),
    ] {
        assert_eq!(terminal.raw(apdu), sw, "{apdu}");
        assert_eq!(terminal.raw("0020000100"), "63c3", "{apdu}");
        assert_eq!(terminal.raw("002c000100"), "63ca", "{apdu}");
    }
}

#[test]
fn a_reset_or_a_wrong_pin_or_the_end_of_the_application_forgets_the_holder() {
    type Forget = fn(&mut Terminal);
    let ways: [(&str, Forget); 3] = [
        ("reset", |t| t.card.reset()),
        ("wrong PIN", |t| assert_eq!(t.raw(&verify_apdu(WRONG)), "63c2")),
        ("termination", |t| {
            assert_eq!(t.raw("00a4044c10a0000000871002ffffffff8907090000"), "9000");
        }),
    ];
    for (name, forget) in ways {
        let mut terminal = Terminal::new();
        terminal.ready();
        terminal.send(IMSI);
        assert!(terminal.raw("00b0000009").ends_with("9000"));
        forget(&mut terminal);
        assert!(terminal.send(USIM).ends_with("9000"));
        terminal.send(IMSI);
        assert_eq!(terminal.raw("00b0000009"), "6982", "{name}");
    }
}

#[test]
fn the_puk_gives_a_blocked_pin_back_and_ten_wrong_ones_end_it_for_ever() {
    let mut terminal = Terminal::new();
    for _ in 0..3 {
        terminal.raw(&verify_apdu(WRONG));
    }
    for left in (0..10).rev() {
        let sw = terminal.raw(&unblock_apdu("00000000", "1111"));
        assert_eq!(sw, format!("63c{left:x}"));
        if left == 4 {
            assert_eq!(terminal.raw(&unblock_apdu(PUK, "2468")), "9000");
            assert_eq!(terminal.raw(&verify_apdu(PIN)), "63c2");
            assert_eq!(terminal.raw(&verify_apdu("2468")), "9000");
            assert_eq!(terminal.raw("002c000100"), "63ca");
            break;
        }
    }
    for _ in 0..10 {
        terminal.raw(&unblock_apdu("00000000", "1111"));
    }
    assert_eq!(terminal.raw(&unblock_apdu(PUK, "1111")), "6983");
    let (medium, anchor) = terminal.card.into_parts();
    assert_eq!(Terminal::open(medium, anchor).raw(&unblock_apdu(PUK, "1111")), "6983");
}

#[test]
fn a_changed_pin_is_the_pin_after_power_is_back() {
    let mut terminal = Terminal::new();
    assert_eq!(terminal.raw(&change_apdu(WRONG, "2468")), "63c2");
    assert_eq!(terminal.raw(&change_apdu(PIN, "24681357")), "9000");
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "63c2");
    assert_eq!(terminal.raw(&verify_apdu("24681357")), "9000");
}

#[test]
fn a_disabled_pin_asks_nobody_until_it_is_enabled_again() {
    let mut terminal = Terminal::new();
    assert_eq!(terminal.raw(&enable_apdu(PIN)), "6984", "it is enabled");
    assert_eq!(terminal.raw(&disable_apdu(WRONG)), "63c2");
    assert_eq!(terminal.raw(&disable_apdu(PIN)), "9000");
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    let fcp = terminal.send(USIM);
    assert!(fcp.contains("c609900140"), "bit 8 of the PIN status is clear: {fcp}");
    terminal.send(IMSI);
    assert!(terminal.raw("00b0000009").ends_with("9000"));
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "6984");
    assert_eq!(terminal.raw(&enable_apdu(PIN)), "9000");
    terminal.card.reset();
    terminal.send(USIM);
    terminal.send(IMSI);
    assert_eq!(terminal.raw("00b0000009"), "6982");
}

#[test]
fn the_imsi_changes_by_the_administrative_code_alone_which_has_tries_of_its_own() {
    let mut terminal = Terminal::new();
    terminal.ready();
    terminal.send(IMSI);
    let update = "00d6000009084906001032547699";
    assert_eq!(terminal.raw(update), "6982");
    for left in (0..10).rev() {
        assert_eq!(terminal.raw(&verify_adm_apdu(WRONG)), format!("63c{left:x}"));
        if left == 5 {
            break;
        }
    }
    assert_eq!(terminal.raw("0020000a00"), "63c5");
    assert_eq!(terminal.raw("0020000100"), "63c3");
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    assert_eq!(terminal.raw(update), "9000");
    assert_eq!(terminal.raw("00b0000009"), "0849060010325476999000");
    assert_eq!(terminal.raw(&verify_adm_apdu(WRONG)), "63c9");
    assert_eq!(terminal.raw(update), "6982", "a wrong code forgets the right one");
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    terminal.ready();
    terminal.send(IMSI);
    assert_eq!(terminal.raw("00b0000009"), "0849060010325476999000");
}

/// Every file, what reading and updating it takes: nobody, holder, administrator, both.
#[test]
fn every_file_obeys_its_rule() {
    const A: u8 = 0;
    const P: u8 = 1;
    const M: u8 = 2;
    const N: u8 = 9;
    // DF, EF, record length or 0, read, update.
    let table: &[(&str, &str, u8, u8, u8)] = &[
        ("", "2fe2", 0, A, N),
        ("", "2f00", 38, A, M),
        ("", "2f05", 0, A, P),
        ("", "2f06", 44, A, N),
        ("", "2f1d", 0, P, M),
        ("7fff", "6f05", 0, A, P),
        ("7fff", "6f06", 44, A, N),
        ("7fff", "6f07", 0, P, M),
        ("7fff", "6f08", 0, P, P),
        ("7fff", "6f09", 0, P, P),
        ("7fff", "6f31", 0, P, M),
        ("7fff", "6f38", 0, P, M),
        ("7fff", "6f5b", 0, P, P),
        ("7fff", "6f5c", 0, P, M),
        ("7fff", "6f73", 0, P, P),
        ("7fff", "6f78", 0, P, M),
        ("7fff", "6f7b", 0, P, P),
        ("7fff", "6f7e", 0, P, P),
        ("7fff", "6fad", 0, A, M),
        ("7fff", "6fb7", 4, A, M),
        ("7fff", "6fc4", 0, P, P),
        ("7fff", "6fe3", 0, P, P),
        ("7fff", "6fe4", 80, P, P),
        ("7fff", "6f40", 28, P, P),
        ("7fff", "6f3c", 176, P, P),
        ("7fff", "6f42", 40, P, P),
        ("7fff", "6f43", 0, P, P),
        ("7fff", "6f46", 0, A, M),
        ("7f10", "6f3a", 34, P, P),
        ("7fff5f3b", "4f20", 0, P, P),
        ("7fff5f3b", "4f52", 0, P, P),
    ];
    for who in [0, P, M, P | M] {
        let mut terminal = Terminal::new();
        assert!(terminal.send(USIM).ends_with("9000"));
        if who & P != 0 {
            assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
        }
        if who & M != 0 {
            assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
        }
        for (df, ef, record, read, update) in table {
            let path = format!("{df}{ef}");
            let select = format!("00a4080c{:02x}{path}", path.len() / 2);
            assert_eq!(terminal.raw(&select), "9000", "{path}");
            let may = |takes: u8| takes == A || takes & who != 0 && takes != N;
            let response = if *record == 0 {
                terminal.raw("00b0000001")
            } else {
                terminal.raw(&format!("00b20104{record:02x}"))
            };
            let sw = &response[response.len() - 4..];
            assert_eq!(sw, if may(*read) { "9000" } else { "6982" }, "reading {path} as {who}");
            let response = if *record == 0 {
                terminal.raw("00d600000100")
            } else {
                terminal.raw(&format!("00dc0104{record:02x}{}", "00".repeat((*record).into())))
            };
            assert_eq!(response, if may(*update) { "9000" } else { "6982" }, "updating {path} as {who}");
        }
    }
}

#[test]
fn a_card_without_number_or_deed_has_no_such_files() {
    let mut rng = rng(1);
    let profile = card::Profile { msisdn: None, deed_id: None, ..profile() };
    let (medium, anchor) = (card::medium::Memory::new(), card::medium::Counter::default());
    let card = card::Card::personalise(medium, anchor, device_key(), &profile, &mut rng).unwrap();
    let mut terminal = Terminal { card, rng };
    assert_eq!(terminal.raw("00a40000022f1d"), "6a82");
    terminal.ready();
    assert_eq!(terminal.raw("00a40000026f40"), "6a82");
    terminal.send("00a40000026f38");
    assert_eq!(terminal.raw("00b0000003"), "000a049000", "service 21 is not offered, 10, 12 and 19 are");
}

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    let terminal = Terminal::new();
    assert_eq!(format!("{:?}", terminal.card), "Card(…)");
    assert_eq!(format!("{:?}", profile()), "Profile(…)");
    assert_eq!(format!("{:?}", profile().pin), "Code(…)");
}
