//! What a phone, wpa_supplicant and card tools see: ATR, control parameters, paths, records, T=0.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;

#[test]
fn the_atr_announces_t0_and_its_check_octet_is_right() {
    let atr = Terminal::new().card.atr();
    assert_eq!(hex::encode(atr), "3b9f96801fc78031e073f6219f6753696d776172640b");
    assert_eq!(atr[1..].iter().fold(0, |a, b| a ^ b), 0, "TCK");
    assert_eq!(atr[1] & 0x0f, 15, "historical bytes");
    assert_eq!(atr.len(), 6 + 15 + 1);
    assert_eq!(atr[3] & 0x0f, 0, "the first protocol is T=0");
}

/// TS 102 221 §11.1.1.3, octet by octet.
#[test]
fn control_parameters_are_what_the_standard_says() {
    let mut terminal = Terminal::new();
    let pins = "c6099001c083010183010a";
    for (select, fcp) in [
        (
            "00a40004023f00",
            format!("622d8202782183023f00a50c800171830400008c0f8701018a01058b032f0606810233f1{pins}"),
        ),
        ("00a40004022fe2", format!("62268202412183022fe28a01058b032f06018002000a8102000a880110{pins}")),
        ("00a40004022f00", format!("62298205422100260383022f008a01058b032f060380020072810200728801f0{pins}")),
        (
            USIM,
            format!("62318202782183027fff8410a0000000871002ffffffff89070900008a01058b032f060681021589{pins}"),
        ),
        ("00a40004026f07", format!("62268202412183026f078a01058b036f06058002000981020009880138{pins}")),
        ("00a40004026fc4", format!("62258202412183026fc48a01058b036f060480020080810200808800{pins}")),
        ("00a40004025f3b", format!("621f8202782183025f3b8a01058b036f060681020012{pins}")),
        ("00a40004024f20", format!("62268202412183024f208a01058b036f06048002000981020009880108{pins}")),
    ] {
        assert_eq!(terminal.send(select), format!("{fcp}9000"), "{select}");
    }
    assert_eq!(
        terminal.send("80f2000000"),
        format!("621f8202782183025f3b8a01058b036f060681020012{pins}9000")
    );
}

/// The order in which wpa_supplicant asks (its `pcsc_funcs.c`, as seen on the wire).
#[test]
fn wpa_supplicants_conversation_from_reset_to_res() {
    let mut terminal = Terminal::new();
    let mut say = |apdu: &str, answer: &str| assert_eq!(terminal.raw(apdu), answer, "{apdu}");
    let pins = "c6099001c083010183010a";
    say("00a40004023f00", "612f");
    say(
        "00c000002f",
        &format!("622d8202782183023f00a50c800171830400008c0f8701018a01058b032f0606810233f1{pins}9000"),
    );
    say("00a40004022f00", "612b");
    say("00c000002b", &format!("62298205422100260383022f008a01058b032f060380020072810200728801f0{pins}9000"));
    say("00b20104ff", "6c26");
    say(
        "00b2010426",
        &format!("61184f10a0000000871002ffffffff890709000050045553494d{}9000", "ff".repeat(12)),
    );
    say("00a4040410a0000000871002ffffffff8907090000", "6133");
    say(
        "00c0000033",
        &format!(
            "62318202782183027fff8410a0000000871002ffffffff89070900008a01058b032f060681021589{pins}9000"
        ),
    );
    say("0020000100", "63c3");
    say("002000010831323334ffffffff", "9000");
    say("00a40004026f07", "6128");
    say("00c0000028", &format!("62268202412183026f078a01058b036f06058002000981020009880138{pins}9000"));
    say("00b0000009", "0849060021436587099000");
    say("00a40004026fad", "6128");
    say("00c0000028", &format!("62268202412183026fad8a01058b036f06038002000481020004880118{pins}9000"));
    say("00b0000004", "000000029000");
    say(&authenticate_apdu(challenge([9; 16], 1, 0)), "6135");
    let answer = terminal.raw("00c0000035");
    assert!(answer.starts_with("db08") && answer.ends_with("9000"));
    assert!(answer.len() / 2 - 2 <= 64, "wpa_supplicant takes no more than 64 octets");
}

#[test]
fn t0_names_the_right_length_and_gives_data_out_in_pieces() {
    let mut terminal = Terminal::new();
    assert_eq!(terminal.raw("00a40000022fe2"), "6128");
    assert_eq!(terminal.raw("00c00000ff"), "6c28");
    assert!(terminal.raw("00c0000010").ends_with("6118"));
    assert!(terminal.raw("00c0000018").ends_with("9000"));
    assert_eq!(terminal.raw("00c0000011"), "6985");
    assert_eq!(terminal.raw("00b0000000"), "6c0a");
    assert_eq!(terminal.raw("00b000000b"), "6c0a");
    assert_eq!(terminal.raw("00b000000a"), "986800210000000010f79000");
    assert_eq!(terminal.raw("00b0000803"), "6c02");
    assert_eq!(terminal.raw("00b0000802"), "10f79000");
    assert_eq!(terminal.raw("00b0000a01"), "6b00");
    assert_eq!(terminal.raw("00b07fff01"), "6b00");
    // Another command in between, and the data is gone.
    assert_eq!(terminal.raw("00a40000022fe2"), "6128");
    assert_eq!(terminal.raw("0020000100"), "63c3");
    assert_eq!(terminal.raw("00c0000024"), "6985");
}

#[test]
fn files_are_found_by_identifier_path_name_and_short_identifier() {
    let mut terminal = Terminal::new();
    for (apdu, sw) in [
        ("00a4000c027fff", "6a82"), // no application selected yet
        ("00a4080c047fff6f07", "6a82"),
        ("00a4040c05a000000088", "6a82"),
        ("00a4040c04a0000000", "6a82"), // too short to be a name
        ("00a4040c05a000000087", "9000"),
        ("00a4040e07a0000000871002", "6a82"), // there is no next USIM
        ("00a4040e05a000000087", "9000"),     // but an ISIM
        ("00a4000c026f02", "9000"),
        ("00a4040e05a000000087", "6a82"),
        ("00a4040f05a000000087", "9000"), // and before it the USIM
        ("00a4040d05a000000087", "9000"), // the last
        ("00a4000c026f02", "9000"),
        ("00a4040c05a000000087", "9000"), // the first
        ("00a4000c026f07", "9000"),
        ("00a4000c026f07", "9000"), // seen from the EF's directory
        ("00a4010c025f3b", "9000"),
        ("00a4010c024f20", "6a82"), // an EF is no child DF
        ("00a4000c024f20", "9000"),
        ("00a4000c026f07", "6a82"), // not from here
        ("00a4030c", "9000"),       // up to the USIM
        ("00a4000c026f07", "9000"),
        ("00a4090c045f3b4f52", "9000"),
        ("00a4080c022f00", "9000"),
        ("00a4080c047fff6fad", "9000"),
        ("00a4080c067fff5f3b4f20", "9000"),
        ("00a4080c063f007fff5f3b", "6a82"), // a path from the MF does not name it
        ("00a4080c047fff", "6700"),
        ("00a4080c032f0000", "6700"),
        ("00a4000c023f00", "9000"),
        ("00a4000c026f07", "6a82"),
        ("00a4000c027fff", "9000"),
        ("00a4020c026f07", "6a86"),
        ("00a40014026f07", "6a86"),
        ("00a40084026f07", "6a86"),
        ("00a400", "6700"),
    ] {
        assert_eq!(terminal.raw(apdu), sw, "{apdu}");
    }
    assert_eq!(terminal.raw("00a4000c023f00"), "9000");
    assert_eq!(terminal.raw("00b082000a"), "986800210000000010f79000");
    assert_eq!(terminal.raw("00b201f426").len(), 80, "EF.DIR by its short identifier");
    assert_eq!(terminal.raw("00b09f0001"), "6a82");
    assert_eq!(terminal.raw("00b0a20001"), "6a86");
}

#[test]
fn records_are_read_by_number_next_and_previous() {
    let mut terminal = Terminal::new();
    assert!(terminal.send(USIM).ends_with("9000"));
    assert_eq!(terminal.raw("00b0000004"), "6986");
    assert_eq!(terminal.raw("00a4000c026fb7"), "9000");
    for (apdu, answer) in [
        ("00b0000004", "6981"),
        ("00b2000404", "6a83"), // no current record yet
        ("00b2010404", "11f2ff009000"),
        ("00b2020404", "19f1ff009000"),
        ("00b2030404", "6a83"),
        ("00b2000205", "6c04"),         // a failed command moves no pointer
        ("00b2000204", "11f2ff009000"), // next: the first
        ("00b2000404", "11f2ff009000"),
        ("00b2000204", "19f1ff009000"),
        ("00b2000204", "6a83"),
        ("00b2000304", "11f2ff009000"),
        ("00b2000304", "6a83"),
        ("00b2010405", "6c04"),
        ("00b2010504", "6a86"),
        ("00b201fc04", "6a86"),
    ] {
        assert_eq!(terminal.raw(apdu), answer, "{apdu}");
    }
    assert_eq!(terminal.raw("00b2010c04"), "11f2ff009000", "short identifier 01");
    assert_eq!(terminal.raw("00b2000304"), "19f1ff009000", "previous of none is the last");
    assert_eq!(terminal.raw("00a4000c022fe2"), "6a82");
    assert_eq!(terminal.raw("00a4080c022fe2"), "9000");
    assert_eq!(terminal.raw("00b2010404"), "6981");
}

#[test]
fn updates_are_there_after_power_is_back_and_stay_inside_their_file() {
    let mut terminal = Terminal::new();
    terminal.ready();
    terminal.raw("00a4000c026f7e");
    assert_eq!(terminal.raw("00d6000402aabb"), "9000");
    for (apdu, sw) in [
        ("00d6000a02aabb", "6700"),
        ("00d6000b01aa", "6b00"),
        ("00d60000", "6700"),
        ("00d6000000", "6700"),
        ("00d600000c000000000000000000000000", "6700"),
        ("00dc010401aa", "6981"),
    ] {
        assert_eq!(terminal.raw(apdu), sw, "{apdu}");
    }
    terminal.raw("00a4000c026fe4");
    let record = "5a".repeat(80);
    assert_eq!(terminal.raw(&format!("00dc010450{record}")), "9000");
    assert_eq!(terminal.raw("00dc01044f00"), "6700");
    assert_eq!(terminal.raw(&format!("00dc020450{record}")), "6a83");
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    terminal.ready();
    terminal.raw("00a4000c026f7e");
    assert_eq!(terminal.raw("00b000000b"), "ffffffffaabbff0000ff019000");
    assert_eq!(terminal.raw("00b2010450"), "6981");
    terminal.raw("00a4000c026fe4");
    assert_eq!(terminal.raw("00b2010450"), format!("{record}9000"));
}

#[test]
fn status_answers_every_form_and_other_classes_are_told_apart() {
    let mut terminal = Terminal::new();
    for (apdu, sw) in [
        ("80f2000c", "9000"),
        ("80f2000c00", "9000"),
        ("80f2010c00", "9000"),
        ("80f2020c00", "9000"),
        ("80f2030c00", "6a86"),
        ("80f2000200", "6a86"),
        ("80f2000100", "6985"),
        ("80f2000000", "6c2f"),
        ("00f2000000", "6d00"),
        ("801000000400000000", "9000"),
        ("80aa000005a903830180", "9000"),
        ("80a4000c023f00", "6d00"),
        ("01a4000c023f00", "6881"),
        ("41a4000c023f00", "6881"),
        ("04a4000c023f00", "6882"),
        ("b0a40000023f00", "6e00"),
        ("ffa40000023f00", "6e00"),
        ("0082000008", "6d00"),
        ("00", "6700"),
        ("", "6700"),
    ] {
        assert_eq!(terminal.raw(apdu), sw, "{apdu}");
    }
    assert!(terminal.send(USIM).ends_with("9000"));
    assert_eq!(terminal.raw("80f2000112"), "8410a0000000871002ffffffff89070900009000");
}
