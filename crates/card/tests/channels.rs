//! Logical channels, blocks, chains, and a terminal that sleeps: how commands come and go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use card::Protocol;
use common::*;

#[test]
fn each_channel_stands_by_itself_and_knows_nobody() {
    let mut terminal = Terminal::new();
    terminal.ready();
    terminal.raw("00a4000c026f07");
    assert_eq!(terminal.raw("0070000001"), "019000");
    assert_eq!(terminal.raw("01b0000001"), "6986", "nothing is selected there");
    assert_eq!(terminal.raw("01a4000c026f07"), "6a82", "it begins at the MF");
    assert!(terminal.raw("01a4040c10a0000000871002ffffffff8907090000").ends_with("9000"));
    assert_eq!(terminal.raw("01a4000c026f07"), "9000");
    assert_eq!(terminal.raw("01b0000009"), "6982", "the PIN was given on another channel");
    assert_eq!(terminal.raw(&verify_apdu(PIN).replacen("00", "01", 1)), "9000");
    assert_eq!(terminal.raw("01b0000009"), "0849060021436587099000");
    assert_eq!(terminal.raw("00b0000009"), "0849060021436587099000");
    // A wrong PIN there forgets the holder there.
    assert_eq!(terminal.raw(&verify_apdu(WRONG).replacen("00", "01", 1)), "63c2");
    assert_eq!(terminal.raw("01b0000009"), "6982");
    assert_eq!(terminal.raw("00b0000009"), "0849060021436587099000");
    // One opened from a further channel begins where that one stands.
    assert_eq!(terminal.raw("0170000001"), "029000");
    assert_eq!(terminal.raw("02b0870009"), "6982");
    assert_eq!(terminal.raw("02a4000c026fad"), "9000");
    assert_eq!(terminal.raw("00700013"), "6a81", "the terminal has not said that it knows so many");
    assert_eq!(terminal.raw("80aa000004a9028100"), "9000");
    assert_eq!(terminal.raw("00700013"), "9000", "channel 19");
    assert_eq!(terminal.raw("4fa4000c022fe2"), "9000");
    assert_eq!(terminal.raw("4fb000000a"), "986800210000000010f79000");
    assert_eq!(terminal.raw("cff2000c"), "9000");
    assert_eq!(terminal.raw("00708013"), "9000");
    assert_eq!(terminal.raw("4fb000000a"), "6881");
    terminal.card.reset();
    assert_eq!(terminal.raw("01b0000009"), "6881");
}

#[test]
fn data_that_waits_waits_on_its_channel() {
    let mut terminal = Terminal::new();
    assert_eq!(terminal.raw("00700001"), "9000");
    assert!(terminal.raw("01a40004022fe2").starts_with("61"));
    assert_eq!(terminal.raw("00c0000000"), "6985");
    assert!(terminal.raw("01a40004022fe2").starts_with("61"));
    assert!(terminal.raw("01c0000000").ends_with("9000"));
}

#[test]
fn over_t1_a_command_carries_data_both_ways_and_long() {
    let mut terminal = administered();
    terminal.card.speak(Protocol::T1);
    let atr = terminal.card.atr();
    assert_eq!(atr[1..].iter().fold(0, |a, b| a ^ b), 0, "TCK");
    assert_eq!(atr[3] & 0x0f, 1, "the first protocol is T=1");
    assert!(terminal.raw("00a40004022fe200").ends_with("9000"), "no GET RESPONSE");
    assert_eq!(terminal.raw("00a40004022fe2"), "9000", "nothing was asked for");
    assert_eq!(terminal.raw("00b0000000"), "986800210000000010f79000", "all there is");
    assert_eq!(terminal.raw("00b000000b"), "986800210000000010f76282");
    assert_eq!(terminal.raw("00b0000005"), "98680021009000");
    assert_eq!(terminal.raw("00b00000000000"), "986800210000000010f79000", "extended");
    terminal.ready();
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    assert_eq!(terminal.raw(&create("4f01", "4121", 8, 1000, "")), "9000");
    let data = "5a".repeat(900);
    assert_eq!(terminal.raw(&format!("00d60000000384{data}")), "9000");
    assert_eq!(terminal.raw("00b00000000384"), format!("{data}9000"));
    assert_eq!(terminal.raw("00b2010401"), "6981");
    // Over T=0 such lengths cannot be said.
    terminal.card.speak(Protocol::T0);
    assert_eq!(terminal.raw("00b00000000384"), "6700");
    assert_eq!(terminal.raw(&format!("00d60000000384{data}")), "6700");
}

#[test]
fn a_chain_is_one_command_and_nothing_before_its_last_link() {
    let mut terminal = administered();
    assert_eq!(terminal.raw(&create("4f01", "4121", 8, 600, "")), "9000");
    let (first, last) = ("11".repeat(255), "22".repeat(245));
    assert_eq!(terminal.raw(&format!("10d60000ff{first}")), "9000");
    assert_eq!(terminal.raw(&format!("00d60000f5{last}")), "9000");
    assert_eq!(terminal.raw("00b000fe02"), "11229000");
    // Broken off, nothing of it is done.
    assert_eq!(terminal.raw("10d6000001aa"), "9000");
    assert_eq!(terminal.raw("00b0000001"), "6883");
    assert_eq!(terminal.raw("00b0000001"), "119000");
    // Links differ in nothing but their data.
    assert_eq!(terminal.raw("10d6000001aa"), "9000");
    assert_eq!(terminal.raw("00d6000101aa"), "6883");
    // What was to be its last link is no command of its own.
    assert_eq!(terminal.raw("00d6000001bb"), "6883");
    assert_eq!(terminal.raw("00b0000001"), "119000");
    // A command on another channel is no break.
    assert_eq!(terminal.raw("00700001"), "9000");
    assert_eq!(terminal.raw("10d6000001cc"), "9000");
    assert_eq!(terminal.raw("81f2000c"), "9000");
    assert_eq!(terminal.raw("00d6000001dd"), "9000");
    assert_eq!(terminal.raw("00b0000002"), "ccdd9000");
    // A PIN in links spends one try, not two.
    assert_eq!(terminal.raw("102000010439393939"), "9000");
    assert_eq!(terminal.raw("0020000104ffffffff"), "63c2");
    terminal.card.reset();
    assert_eq!(terminal.raw("102000010431323334"), "9000");
    terminal.card.reset();
    assert_eq!(terminal.raw("0020000104ffffffff"), "6700", "a reset forgets a chain");
}

#[test]
fn a_terminal_that_slept_goes_on_where_it_was_with_the_token_alone() {
    let mut terminal = Terminal::new();
    terminal.ready();
    terminal.raw("00a4000c026f07");
    let answer = terminal.send("80760000040001003c");
    assert!(answer.starts_with("003c") && answer.ends_with("9000"));
    let token = answer[4..20].to_owned();
    assert_eq!(terminal.raw("00b0000009"), "6985", "asleep");
    terminal.card.reset();
    assert_eq!(terminal.raw(&format!("8076010008{token}")), "9000");
    assert_eq!(terminal.raw("00b0000009"), "0849060021436587099000");
    terminal.card.reset();
    assert_eq!(terminal.raw(&format!("8076010008{token}")), "6985", "a token is for once");
    // Any other command after the reset, and it is over.
    terminal.card.reset();
    terminal.ready();
    let token = terminal.send("80760000040001003c")[4..20].to_owned();
    terminal.card.reset();
    terminal.raw("80f2000c");
    assert_eq!(terminal.raw(&format!("8076010008{token}")), "6985");
    assert_eq!(terminal.raw("00b0870009"), "6a82");
    // Power off and on are two resets.
    terminal.ready();
    let token = terminal.send("80760000040001003c")[4..20].to_owned();
    terminal.card.reset();
    terminal.card.reset();
    assert_eq!(terminal.raw(&format!("8076010008{token}")), "9000");
    // A guess is for once too.
    terminal.ready();
    let token = terminal.send("80760000040001003c")[4..20].to_owned();
    terminal.card.reset();
    assert_eq!(terminal.raw("80760100080000000000000000"), "6982");
    assert_eq!(terminal.raw(&format!("8076010008{token}")), "6985");
}
