//! What a whole UICC does beyond reading and writing: channels, blocks, chains, records that turn, data objects, files that
//! come and go, a terminal that sleeps, and a SIM for whoever asks as of old.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use card::medium::{Counter, Memory};
use card::{Card, Code, Pin, Profile, Protocol};
use common::*;

fn verify(key: &str, digits: &str) -> String {
    verify_apdu(digits).replacen("00200001", &format!("002000{key}"), 1)
}

fn create_dir(fid: &str) -> String {
    format!("00e00000126210820278218302{fid}8a01058b036f0609")
}

/// A USIM in which holder and operator are known.
fn administered() -> Terminal {
    let mut terminal = Terminal::new();
    terminal.ready();
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    terminal
}

fn reopened(terminal: Terminal) -> Terminal {
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    assert_eq!(terminal.card.lock(), None);
    terminal.ready();
    terminal
}

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
fn records_of_a_cyclic_file_turn() {
    let mut terminal = administered();
    assert_eq!(terminal.raw(&create("4f02", "46210003", 8, 9, "")), "9000");
    for value in ["000001", "000002", "000003", "000004"] {
        assert_eq!(terminal.raw(&format!("00dc000303{value}")), "9000");
    }
    for (number, value) in [(1, "000004"), (2, "000003"), (3, "000002")] {
        assert_eq!(terminal.raw(&format!("00b2{number:02x}0403")), format!("{value}9000"));
    }
    assert_eq!(terminal.raw("00b2000403"), "0000049000", "the newest is the current one");
    assert_eq!(terminal.raw("00b2000303"), "0000029000", "before the first comes the last");
    assert_eq!(terminal.raw("00b2000203"), "0000049000", "and after the last the first");
    assert_eq!(terminal.send("803200000201ff"), "00020301ff9000");
    assert_eq!(terminal.raw("00b2010403"), "0002039000");
    assert_eq!(terminal.send("8032000003fffdfd"), "9850");
    assert_eq!(terminal.raw("00b2010403"), "0002039000", "and nothing changed");
    assert_eq!(terminal.send("8032000003fffdfc"), "fffffffffdfc9000");
    let mut terminal = reopened(terminal);
    terminal.raw("00a4000c024f02");
    assert_eq!(terminal.raw("00b2010403"), "ffffff9000");
    assert_eq!(terminal.raw("00b2020403"), "0002039000");
}

#[test]
fn data_objects_come_and_go_whole() {
    let mut terminal = administered();
    assert_eq!(terminal.raw(&create("4f03", "7921", 8, 0x400, "")), "9000");
    assert_eq!(terminal.raw("80db008003800142"), "9000");
    // 300 octets under a tag of two, in blocks.
    let value = "ab".repeat(300);
    let object = format!("df0182012c{value}");
    assert_eq!(terminal.raw(&format!("80db0080ff{}", &object[..510])), "63f1");
    assert_eq!(terminal.send("80cb00800180"), "8001429000", "a transfer broken off leaves what was there");
    assert_eq!(terminal.raw(&format!("80db0000{:02x}{}", object.len() / 2 - 255, &object[510..])), "6985");
    assert_eq!(terminal.raw(&format!("80db0080ff{}", &object[..510])), "63f1");
    assert_eq!(terminal.raw(&format!("80db0000{:02x}{}", object.len() / 2 - 255, &object[510..])), "9000");
    assert_eq!(terminal.raw("80cb008002df01"), "62f1");
    assert_eq!(terminal.raw("00c0000000"), format!("{}9000", &object[..510]));
    assert_eq!(terminal.send("80cb0000"), format!("{}9000", &object[510..]));
    assert_eq!(terminal.send("80cb00c0"), format!("{}9000", &object[510..]), "once more");
    assert_eq!(terminal.raw("80cb0000"), "6985", "there is no more");
    assert_eq!(terminal.raw("80db0080038001aa"), "9000", "the new one takes the old one's place");
    assert_eq!(terminal.send("80cb00800180"), "8001aa9000");
    let mut terminal = reopened(terminal);
    terminal.raw("00a4000c024f03");
    assert_eq!(terminal.send("80cb00800180"), "8001aa9000");
    assert_eq!(terminal.raw("80db008002df01"), "9000");
    assert_eq!(terminal.raw("80cb008002df01"), "6a88");
    // Whoever loses the PIN in the middle gets no further.
    assert_eq!(terminal.raw(&format!("80db0080ff{}", &object[..510])), "63f1");
    assert_eq!(terminal.raw(&verify_apdu(WRONG)), "63c2");
    assert_eq!(terminal.raw(&format!("80db0000{:02x}{}", object.len() / 2 - 255, &object[510..])), "6982");
}

#[test]
fn files_come_and_go_and_the_card_remembers() {
    let mut terminal = administered();
    assert_eq!(terminal.raw(&create("4f01", "4121", 8, 16, "a504c1021122")), "9000");
    assert_eq!(terminal.raw("00b0000010"), format!("11{}9000", "22".repeat(15)), "filled as was asked");
    assert_eq!(terminal.raw(&create("4f04", "4221000a", 8, 30, "a505c203aabbcc")), "9000");
    assert_eq!(terminal.raw("00b203040a"), "aabbccaabbccaabbccaa9000");
    assert_eq!(terminal.raw("80d400000a620883024f0180020018"), "9000");
    let mut terminal = reopened(terminal);
    terminal.raw("00a4000c024f01");
    assert_eq!(terminal.raw("00b0000018"), format!("11{}{}9000", "22".repeat(15), "ff".repeat(8)));
    assert_eq!(terminal.raw("00e40000024f01"), "6982", "the holder alone deletes nothing");
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    assert_eq!(terminal.raw("00e40000024f01"), "9000");
    assert_eq!(terminal.raw("00b0000001"), "6986", "nobody stands in it any more");
    assert_eq!(terminal.raw("00a4000c024f01"), "6a82");
    // A directory goes with all that is in it, whoever stands there.
    assert_eq!(terminal.raw(&create_dir("5f70")), "9000");
    assert_eq!(terminal.raw(&create("4f11", "4121", 8, 4, "")), "9000");
    assert_eq!(terminal.raw("00700001"), "9000");
    terminal.raw("01a4040c10a0000000871002ffffffff8907090000");
    assert_eq!(terminal.raw("01a4090c045f704f11"), "9000");
    assert_eq!(terminal.raw("00a4000c027fff"), "9000");
    assert_eq!(terminal.raw("00e40000025f70"), "9000");
    assert_eq!(terminal.raw("01b0000001"), "6986");
    assert_eq!(terminal.raw("01f2000c"), "6d00");
    let mut terminal = reopened(terminal);
    assert_eq!(terminal.raw("00a4000c025f70"), "6a82");
    assert_eq!(terminal.raw("00a4000c024f04"), "9000");
}

/// Attack cases 12 and 13.
#[test]
fn no_rule_is_stripped_by_making_or_ending_files() {
    let mut terminal = administered();
    for refused in [
        "00e40000026f06", // the rules themselves
        "00e40000027fff",
        "80d4000006620483026f06",
        "00e80000026f06",
        "00040000026f06",
    ] {
        assert_eq!(terminal.raw(refused), "6982", "{refused}");
    }
    terminal.raw("00a4000c026f06");
    assert_eq!(terminal.raw(&format!("00dc01042c{}", "80017f9000".to_owned() + &"ff".repeat(39))), "6982");
    // A file under a rule that is not there, or is nobody's EF.ARR, can be used by nobody.
    for rule in [0, 11, 0xff] {
        assert_eq!(terminal.raw(&create(&format!("4f{rule:02x}"), "4121", rule, 4, "")), "9000");
        assert_eq!(terminal.raw("00b0000001"), "6982", "rule {rule}");
        assert_eq!(terminal.raw("00d6000001aa"), "6982", "rule {rule}");
    }
    let elsewhere = create("4f20", "4121", 1, 4, "").replace("8b036f06", "8b032fe2");
    assert_eq!(terminal.raw(&elsewhere), "9000");
    assert_eq!(terminal.raw("00b0000001"), "6982");
    // An EF.ARR of one's own in a directory of one's own changes nothing for the files that were there.
    terminal.raw("00a4000c027fff");
    assert_eq!(terminal.raw(&create_dir("5f71")), "9000");
    // Its own rule is in itself then; so every record of it is made to allow everything from the start.
    assert_eq!(terminal.raw(&create("6f06", "42210020", 8, 256, "a508c10680017f9000ff")), "9000");
    assert_eq!(terminal.raw(&create("4f21", "4121", 1, 4, "")), "9000");
    assert_eq!(terminal.raw("00b0000001"), "ff9000", "a file in it obeys it");
    terminal.card.reset();
    terminal.send(USIM);
    assert_eq!(terminal.raw("00b0870009"), "6982", "EF.IMSI does not");
    assert_eq!(terminal.raw("00a4080c067fff5f714f21"), "9000");
    assert_eq!(terminal.raw("00b0000001"), "ff9000");
    // Whoever ends that EF.ARR ends the use of the file.
    terminal.ready();
    terminal.raw(&verify_adm_apdu(ADM));
    assert_eq!(terminal.raw("00a4000c025f71"), "9000");
    assert_eq!(terminal.raw("00e40000026f06"), "6982", "it has files to rule");
    // Nor does one that is put between a file and its rule.
    assert_eq!(terminal.raw("00a4080c047fff5f3b"), "9000");
    assert_eq!(terminal.raw(&create("6f06", "42210020", 8, 256, "a508c10680017f9000ff")), "6982");
    assert_eq!(terminal.raw("00a4000c027fff"), "9000");
    assert_eq!(terminal.raw("00e40000025f71"), "9000", "with its directory it may go");
}

#[test]
fn a_deactivated_file_is_of_no_use_until_it_is_active_again() {
    let mut terminal = administered();
    terminal.raw("00a4000c026f46");
    assert_eq!(terminal.raw("00040000"), "9000");
    assert_eq!(terminal.raw("00b0000001"), "6984");
    let mut terminal = reopened(terminal);
    assert_eq!(terminal.raw("00a4000c026f46"), "6283");
    assert_eq!(terminal.raw("00a40004026f46"), "6283");
    assert!(terminal.raw("00c0000000").contains("8a0104"));
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    assert_eq!(terminal.raw("00440000"), "9000");
    assert_eq!(terminal.raw("00b0000001"), "019000");
    // One made to be used all the same.
    assert_eq!(terminal.raw(&create("4f01", "4121", 8, 4, "a503c00140")), "9000");
    assert_eq!(terminal.raw("00040000"), "9000");
    assert_eq!(terminal.raw("00d6000001aa"), "9000");
    assert_eq!(terminal.raw("00b0000001"), "aa9000");
}

#[test]
fn memory_ends_and_what_was_made_before_stays() {
    let mut terminal = administered();
    let mut made = 0;
    loop {
        match terminal.raw(&create(&format!("4e{made:02x}"), "4121", 8, 0x1000, "")).as_str() {
            "9000" => made += 1,
            "6a84" => break,
            other => panic!("{other}"),
        }
    }
    assert!((5..10).contains(&made), "{made} files of 4,096 octets");
    let mut small = 0;
    while terminal.raw(&create(&format!("4d{small:02x}"), "4121", 8, 1, "")) == "9000" {
        small += 1;
        assert!(small < 256);
        if small == 255 {
            break;
        }
    }
    let mut terminal = reopened(terminal);
    assert_eq!(terminal.raw("00a4000c024e00"), "9000");
    assert!(terminal.send(&authenticate_apdu(challenge([9; 16], 1, 0))).starts_with("db08"));
}

fn with_codes() -> Terminal {
    let pin = |pin, puk| Some(Pin { pin: Code::pin(pin).unwrap(), puk: Code::eight(puk).unwrap() });
    let profile =
        Profile { pin2: pin("5678", "56785678"), universal_pin: pin("1357", "13571357"), ..profile() };
    let mut rng = rng(5);
    let card =
        Card::personalise(Memory::new(), Counter::default(), device_key(), &profile, &mut rng).unwrap();
    Terminal { card, rng }
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
    assert_eq!(terminal.raw(&verify("11", "1357")), "9000");
    assert!(terminal.raw("00b0870009").ends_with("9000"));
    assert_eq!(terminal.raw("002800010831323334ffffffff"), "9000");
    let mut terminal = reopen_locked(terminal);
    terminal.send(USIM);
    assert_eq!(terminal.raw(&verify("11", "1357")), "9000");
    assert_eq!(terminal.raw("00b0870009"), "6982", "it stands in no more");
    assert_eq!(terminal.raw("002691110831333537ffffffff"), "6a88", "nothing replaces itself");
    // And a card without one has nothing to put in the PIN's place.
    let mut without = Terminal::new();
    without.send(USIM);
    assert_eq!(without.raw("002691010831323334ffffffff"), "6a88");
    assert_eq!(without.raw("0020000100"), "63c3");
}

fn reopen_locked(terminal: Terminal) -> Terminal {
    let (medium, anchor) = terminal.card.into_parts();
    Terminal::open(medium, anchor)
}

#[test]
fn the_second_pin_ends_with_its_application() {
    let mut terminal = with_codes();
    terminal.ready();
    terminal.raw(&verify_adm_apdu(ADM));
    assert_eq!(terminal.raw(&create("4f01", "4121", 7, 4, "")), "9000");
    assert_eq!(terminal.raw("00d6000001aa"), "6982", "the first is not the second");
    assert_eq!(terminal.raw(&verify("81", "5678")), "9000");
    assert_eq!(terminal.raw("00d6000001aa"), "9000");
    for left in ["63c2", "63c1", "63c0", "6983"] {
        assert_eq!(terminal.raw(&verify("81", "0000")), left);
    }
    assert_eq!(terminal.raw("0020000100"), "63c3", "each has tries of its own");
    assert_eq!(terminal.raw("002c00811035363738353637382d2d2d2dffffffff"), "6a80");
    assert_eq!(terminal.raw("002c008110353637383536373832343638ffffffff"), "9000");
    assert_eq!(terminal.raw(&verify("81", "2468")), "9000");
    assert_eq!(terminal.raw("00a4044c10a0000000871002ffffffff8907090000"), "9000");
    terminal.ready();
    terminal.raw("00a4000c024f01");
    assert_eq!(terminal.raw("00d6000001aa"), "6982");
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

/// TS 51.011 §9: the same card as a SIM.
#[test]
fn a_phone_of_old_finds_its_sim() {
    let mut terminal = with_codes();
    assert_eq!(terminal.raw("a0a40000023f00"), "9f16");
    let mf = terminal.raw("a0c0000016");
    assert_eq!(&mf[8..14], "3f0001", "{mf}");
    assert_eq!(&mf[26..], "0d020504 00838a838a9000".replace(' ', ""), "{mf}");
    assert_eq!(terminal.raw("a0a40000027f20"), "9f16");
    assert_eq!(terminal.raw("a0f2000016").len(), 48);
    assert_eq!(terminal.raw("a0a40000026f07"), "9f0f");
    let ef = terminal.raw("a0c000000f");
    assert_eq!(ef, "000000096f0704001 4ff440102 00009000".replace(' ', ""), "{ef}");
    assert_eq!(terminal.raw("a0b0000009"), "9804");
    assert_eq!(terminal.raw("a02000010831323334ffffffff"), "9000");
    assert_eq!(terminal.raw("a0b0000009"), "0849060021436587099000");
    // Kc, under its old identifier, is the USIM's.
    assert_eq!(terminal.raw("a0a40000026f20"), "9f0f");
    assert!(terminal.raw("a0c000000f").starts_with("000000096f20"));
    assert_eq!(terminal.raw("a0d600000900112233445566 7701".replace(' ', "").as_str()), "9000");
    terminal.send(USIM);
    assert_eq!(terminal.raw("00a4080c067fff5f3b4f20"), "9000");
    assert_eq!(terminal.raw("00b0000009"), "0011223344556677019000");
    // SRES and Kc are those of TS 35.208 set 1's c2 and c3: what the GSM context of the USIM gives.
    let rand = "23553cbe9637a89d218ae64dae47bf35";
    let usim = terminal.send(&format!("008800801110{rand}"));
    assert_eq!(terminal.raw("a0a40000023f00"), "9f16");
    assert_eq!(terminal.raw("a0a40000027f20"), "9f16");
    assert_eq!(terminal.raw(&format!("a088000010{rand}")), "9f0c");
    let sim = terminal.raw("a0c000000c");
    assert_eq!(usim, format!("04{}08{}", &sim[..8], &sim[8..]));
    // Messages, numbers and contacts in DF.TELECOM.
    assert_eq!(terminal.raw("a0a40000027f10"), "9f16", "a sibling");
    assert_eq!(terminal.raw("a0a40000026f3c"), "9f0f");
    assert!(terminal.raw("a0b20104b0").starts_with("00ff"));
    assert_eq!(terminal.raw("a0a40000026f3a"), "9f0f");
    assert_eq!(terminal.raw(&format!("a0dc010422{}", "41".repeat(34))), "9000");
    assert_eq!(terminal.raw("a0a2001002 4141".replace(' ', "").as_str()), "9f01");
    assert_eq!(terminal.raw("a0c0000001"), "019000");
}

/// Attack cases 12 and 13, by whoever has the PIN alone.
#[test]
fn the_holder_plants_no_rules_in_an_operators_directory() {
    let mut terminal = administered();
    // One directory under the rule for directories, one under the rule for EFs.
    assert_eq!(terminal.raw(&create_dir("5f70")), "9000");
    terminal.raw("00a4000c027fff");
    assert_eq!(terminal.raw(&create_dir("5f71").replace("6f0609", "6f0608")), "9000");
    terminal.card.reset();
    terminal.ready();
    let rules = create("6f06", "42210020", 8, 256, "a508c10680017f9000ff");
    for dir in ["5f70", "5f71"] {
        terminal.raw("00a4000c027fff");
        assert_eq!(terminal.raw(&format!("00a4000c02{dir}")), "9000");
        assert_eq!(terminal.raw(&rules), "6982", "{dir}");
    }
}

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
fn what_is_in_a_terminated_directory_is_terminated() {
    let mut terminal = administered();
    assert_eq!(terminal.raw(&create_dir("5f70")), "9000");
    assert_eq!(terminal.raw(&create("4f11", "4121", 8, 4, "")), "9000");
    assert_eq!(terminal.raw("00a4000c025f70"), "9000");
    assert_eq!(terminal.raw("00e60000"), "9000");
    assert_eq!(terminal.raw("00a4000c025f70"), "6285");
    assert_eq!(terminal.raw("00a4000c024f11"), "9000");
    for (apdu, sw) in [
        ("00b0000001", "6984"),
        ("00d6000001aa", "6984"),
        ("00040000", "6985"),
        ("80d400000a620883024f1180020008", "6985"),
        (&create("4f12", "4121", 8, 4, ""), "6985"),
    ] {
        assert_eq!(terminal.raw(apdu), sw, "{apdu}");
    }
    // An application of the operator's that is terminated answers no challenge.
    terminal.raw("00a4000c023f00");
    let adf = "00e0000024 6222 82027821 8302 7fff 8410 a0000000871002ffffffff8907090001 8a0105 8b032f0609";
    assert_eq!(terminal.raw(&adf.replace(' ', "")), "9000");
    assert_eq!(terminal.raw("00e60000"), "9000");
    assert_eq!(terminal.raw(&authenticate_apdu(challenge([9; 16], 1, 0))), "6985");
    assert!(terminal.send(USIM).ends_with("9000"));
    assert!(terminal.send(&authenticate_apdu(challenge([9; 16], 1, 0))).starts_with("db08"));
}

#[test]
fn a_transfer_ends_with_the_right_to_its_file() {
    let mut terminal = administered();
    // One for the holder, one that anybody may read, found by its short identifier.
    assert_eq!(terminal.raw(&create("4f03", "7921", 8, 0x200, "")), "9000");
    let object = format!("df0182012c{}", "ab".repeat(300));
    assert_eq!(terminal.raw(&format!("80db0080ff{}", &object[..510])), "63f1");
    assert_eq!(terminal.raw(&format!("80db0000{:02x}{}", object.len() / 2 - 255, &object[510..])), "9000");
    let open = create("4f04", "7921", 1, 0x80, "").replace("8800", "8801c8");
    let longer = |part: &str| format!("{:02x}", u8::from_str_radix(part, 16).unwrap() + 1);
    let open = format!(
        "{}{}{}{}{}",
        &open[..8],
        longer(&open[8..10]),
        &open[10..12],
        longer(&open[12..14]),
        &open[14..]
    );
    assert_eq!(terminal.raw(&open), "9000");
    terminal.raw("00a4000c024f03");
    assert_eq!(terminal.raw("80cb008002df01"), "62f1");
    assert_eq!(terminal.raw(&verify_apdu(WRONG)), "63c2");
    assert_eq!(terminal.raw("80cb1900"), "6985", "the rest is another file's");
    assert_eq!(terminal.raw("80cb0000"), "6985");
}

#[test]
fn files_come_and_go_as_often_as_one_likes() {
    let mut terminal = administered();
    for round in 0..1_000 {
        assert_eq!(terminal.raw(&create("4f01", "4121", 8, 4, "")), "9000", "round {round}");
        assert_eq!(terminal.raw("00e40000024f01"), "9000");
    }
    let mut terminal = reopened(terminal);
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    assert_eq!(terminal.raw(&create("4f01", "4121", 8, 4, "")), "9000");
    // Directories within each other, up to a depth.
    let mut depth = 0;
    while terminal.raw(&create_dir(&format!("5f7{depth}"))) == "9000" {
        depth += 1;
        assert!(depth < 20);
    }
    assert!(depth >= 6, "{depth}");
}

#[test]
fn a_change_costs_what_it_changes_however_full_the_card_is() {
    let (mut terminal, world) = mortal();
    terminal.ready();
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    assert_eq!(terminal.raw(&create("4f01", "4121", 8, 30_000, "")), "9000");
    let mut noise = vec![0; 240];
    for at in (0..30_000u32).step_by(240) {
        rand_chacha::rand_core::Rng::fill_bytes(&mut terminal.rng, &mut noise);
        let [.., high, low] = at.to_be_bytes();
        assert_eq!(terminal.raw(&format!("00d6{high:02x}{low:02x}f0{}", hex::encode(&noise))), "9000");
    }
    let before = world.0.borrow().steps;
    for _ in 0..1_000 {
        assert_eq!(terminal.raw("00d6000001aa"), "9000");
    }
    let each = (world.0.borrow().steps - before) / 1_000;
    assert!(each < 150, "{each} octets and waits for one octet changed");
}

#[test]
fn a_command_refused_by_its_short_identifier_leaves_the_current_file() {
    let mut terminal = Terminal::new();
    terminal.send(USIM);
    assert_eq!(terminal.raw("00a4000c026fad"), "9000");
    assert_eq!(terminal.raw("00b0870009"), "6982");
    assert_eq!(terminal.raw("00b0000004"), "000000029000");
    assert_eq!(terminal.raw("00b2013c04"), "6981");
    assert_eq!(terminal.raw("00b0000004"), "000000029000");
}

#[test]
fn whoever_stands_in_a_deleted_directory_goes_up_and_stays_known() {
    let mut terminal = administered();
    assert_eq!(terminal.raw(&create_dir("5f70")), "9000");
    assert_eq!(terminal.raw("00e40000025f70"), "9000");
    assert_eq!(terminal.raw(&create_dir("5f70")), "9000", "in the application, and the operator is known");
    assert_eq!(terminal.raw("00a4080c047fff5f70"), "9000");
}

#[test]
fn the_universal_pin_is_no_applications_and_says_whether_it_stands_in() {
    let mut terminal = with_codes();
    terminal.ready();
    assert!(terminal.send("80f2000000").contains("95010083 0111".replace(' ', "").as_str()));
    assert_eq!(terminal.raw("002691010831323334ffffffff"), "9000");
    assert!(terminal.send("80f2000000").contains("950108830111"));
    assert_eq!(terminal.raw(&verify("11", "1357")), "9000");
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
    assert_eq!(terminal.raw(&verify("11", "1357")), "9000");
    assert!(terminal.send(&authenticate_apdu(challenge([9; 16], 2, 0))).starts_with("db08"));
}

#[test]
fn gsm_says_it_in_its_own_words() {
    let mut terminal = with_codes();
    assert_eq!(terminal.raw("a0c0000001"), "6f00");
    terminal.raw(&verify_adm_apdu(ADM));
    terminal.raw("a0a40000027f20");
    terminal.raw("a0a40000026f46");
    assert_eq!(terminal.raw("a0440000"), "9810", "it is valid");
    assert_eq!(terminal.raw("a0040000"), "9000");
    assert_eq!(terminal.raw("a0b0000001"), "9810");
    assert_eq!(terminal.raw("a0040000"), "9810");
    assert_eq!(terminal.raw("a0440000"), "9000");
    for sw in ["9804", "9804", "9840", "9840"] {
        assert_eq!(terminal.raw("a02000010839393939ffffffff"), sw);
    }
    assert_eq!(terminal.raw("a02c000010313233343536373831323334ffffffff"), "9000");
    terminal.raw("a0a40000027f10");
    assert_eq!(terminal.raw(&format!("a088000010{}", "09".repeat(16))), "9404", "not in DF.TELECOM");
}
