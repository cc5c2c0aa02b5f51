//! Records that turn, data objects, and which file a command speaks of.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;

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
fn a_command_refused_by_its_short_identifier_leaves_the_current_file() {
    let mut terminal = Terminal::new();
    terminal.send(USIM);
    assert_eq!(terminal.raw("00a4000c026fad"), "9000");
    assert_eq!(terminal.raw("00b0870009"), "6982");
    assert_eq!(terminal.raw("00b0000004"), "000000029000");
    assert_eq!(terminal.raw("00b2013c04"), "6981");
    assert_eq!(terminal.raw("00b0000004"), "000000029000");
}
