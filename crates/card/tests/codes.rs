//! The second PIN, the universal PIN, and a PIN that is blocked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;

#[test]
fn a_blocked_pin_is_of_no_use_on_any_channel() {
    let mut terminal = Terminal::new();
    terminal.ready();
    assert_eq!(terminal.raw("00700001"), "9000");
    terminal.raw("01a4040c10a0000000871002ffffffff8907090000");
    assert_eq!(terminal.raw(&verify_apdu(PIN).replacen("00", "01", 1)), "9000");
    assert_eq!(terminal.raw("0170000001"), "029000");
    assert!(terminal.raw("02b0870009").ends_with("9000"), "it begins with whom the other knows");
    for sw in ["63c2", "63c1", "63c0"] {
        assert_eq!(terminal.raw(&verify_apdu(WRONG)), sw);
    }
    for channel in ["00", "01", "02"] {
        assert_eq!(terminal.raw(&format!("{channel}b0870009")), "6982", "{channel}");
        let aka = authenticate_apdu(challenge([9; 16], 1, 0)).replacen("00", channel, 1);
        assert_eq!(terminal.raw(&aka), "6982", "{channel}");
    }
}

#[test]
fn the_universal_pin_stands_in_for_the_pin_it_replaced() {
    let mut terminal = with_codes();
    terminal.send(USIM);
    assert_eq!(terminal.raw("002691010831323334ffffffff"), "9000");
    let mut terminal = reopen_locked(terminal);
    terminal.send(USIM);
    assert_eq!(terminal.raw("00b0870009"), "6982", "the PIN is not simply gone");
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "6984");
    assert_eq!(terminal.raw(&verify_key_apdu("11", "1357")), "9000");
    assert!(terminal.raw("00b0870009").ends_with("9000"));
    assert_eq!(terminal.raw("002800010831323334ffffffff"), "9000");
    let mut terminal = reopen_locked(terminal);
    terminal.send(USIM);
    assert_eq!(terminal.raw(&verify_key_apdu("11", "1357")), "9000");
    assert_eq!(terminal.raw("00b0870009"), "6982", "it stands in no more");
    assert_eq!(terminal.raw("002691110831333537ffffffff"), "6a88", "nothing replaces itself");
    // And a card without one has nothing to put in the PIN's place.
    let mut without = Terminal::new();
    without.send(USIM);
    assert_eq!(without.raw("002691010831323334ffffffff"), "6a88");
    assert_eq!(without.raw("0020000100"), "63c3");
}

#[test]
fn the_universal_pin_is_no_applications_and_says_whether_it_stands_in() {
    let mut terminal = with_codes();
    terminal.ready();
    assert!(terminal.send("80f2000000").contains("95010083 0111".replace(' ', "").as_str()));
    assert_eq!(terminal.raw("002691010831323334ffffffff"), "9000");
    assert!(terminal.send("80f2000000").contains("950108830111"));
    assert_eq!(terminal.raw(&verify_key_apdu("11", "1357")), "9000");
    terminal.raw("00a4044c10a0000000871002ffffffff8907090000");
    terminal.send(USIM);
    assert!(terminal.raw("00b0870009").ends_with("9000"));
    // Nobody is asked for it any more: then nobody is asked at all, and the card works.
    assert_eq!(terminal.raw("002600110831333537ffffffff"), "9000");
    let mut terminal = reopen_locked(terminal);
    terminal.send(USIM);
    assert!(terminal.raw("00b0870009").ends_with("9000"));
    assert!(terminal.send(&authenticate_apdu(challenge([9; 16], 1, 0))).starts_with("db08"));
    assert_eq!(terminal.raw("002800110831333537ffffffff"), "9000");
    let mut terminal = reopen_locked(terminal);
    terminal.send(USIM);
    assert_eq!(terminal.raw(&authenticate_apdu(challenge([9; 16], 2, 0))), "6982");
    assert_eq!(terminal.raw(&verify_key_apdu("11", "1357")), "9000");
    assert!(terminal.send(&authenticate_apdu(challenge([9; 16], 2, 0))).starts_with("db08"));
}

#[test]
fn the_second_pin_ends_with_its_application() {
    let mut terminal = with_codes();
    terminal.ready();
    terminal.raw(&verify_adm_apdu(ADM));
    assert_eq!(terminal.raw(&create("4f01", "4121", 7, 4, "")), "9000");
    assert_eq!(terminal.raw("00d6000001aa"), "6982", "the first is not the second");
    assert_eq!(terminal.raw(&verify_key_apdu("81", "5678")), "9000");
    assert_eq!(terminal.raw("00d6000001aa"), "9000");
    for left in ["63c2", "63c1", "63c0", "6983"] {
        assert_eq!(terminal.raw(&verify_key_apdu("81", "0000")), left);
    }
    assert_eq!(terminal.raw("0020000100"), "63c3", "each has tries of its own");
    assert_eq!(terminal.raw("002c00811035363738353637382d2d2d2dffffffff"), "6a80");
    assert_eq!(terminal.raw("002c008110353637383536373832343638ffffffff"), "9000");
    assert_eq!(terminal.raw(&verify_key_apdu("81", "2468")), "9000");
    assert_eq!(terminal.raw("00a4044c10a0000000871002ffffffff8907090000"), "9000");
    terminal.ready();
    terminal.raw("00a4000c024f01");
    assert_eq!(terminal.raw("00d6000001aa"), "6982");
}
