//! The ISIM: its identities follow from the IMSI, and it answers the same challenges as the USIM (TS 31.103).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;

const ISIM: &str = "00a4040c07a0000000871004";

fn text(terminal: &mut Terminal, fid: &str) -> String {
    assert_eq!(terminal.raw(&format!("00a4000c02{fid}")), "9000");
    let read = terminal.send("00b0000000");
    let bytes = hex::decode(read.strip_suffix("9000").unwrap_or_else(|| panic!("{read}"))).unwrap();
    assert_eq!((bytes[0], usize::from(bytes[1])), (0x80, bytes.len() - 2));
    String::from_utf8(bytes[2..].to_vec()).unwrap()
}

#[test]
fn its_identities_follow_from_the_imsi_and_are_behind_the_pin() {
    let mut terminal = Terminal::new();
    assert_eq!(terminal.raw(ISIM), "9000");
    assert_eq!(terminal.raw("00b0820001"), "6982");
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    assert_eq!(text(&mut terminal, "6f02"), "460001234567890@ims.mnc000.mcc460.3gppnetwork.org");
    assert_eq!(text(&mut terminal, "6f03"), "ims.mnc000.mcc460.3gppnetwork.org");
    assert_eq!(terminal.raw("00a4000c026f04"), "9000");
    let public = hex::decode(terminal.send("00b2010400").strip_suffix("9000").unwrap()).unwrap();
    let expected = "sip:460001234567890@ims.mnc000.mcc460.3gppnetwork.org";
    assert_eq!(public[..2], [0x80, expected.len() as u8]);
    assert_eq!(&public[2..2 + expected.len()], expected.as_bytes());
    assert!(public[2 + expected.len()..].iter().all(|b| *b == 0xff));
    assert_eq!(terminal.raw("00d6820001aa"), "6982", "the operator's to change");
    assert_eq!(terminal.raw("00a4000c026f38"), "6a82", "the USIM's files are the USIM's");
}

#[test]
fn both_applications_share_one_sequence_number() {
    let mut terminal = Terminal::new();
    terminal.raw(ISIM);
    assert_eq!(terminal.raw(&authenticate_apdu(challenge([9; 16], 1, 0))), "6982");
    assert_eq!(terminal.raw(&verify_apdu(PIN)), "9000");
    assert!(terminal.send(&authenticate_apdu(challenge([9; 16], 1, 0))).starts_with("db08"));
    terminal.ready();
    assert!(terminal.send(&authenticate_apdu(challenge([9; 16], 1, 0))).starts_with("dc0e"), "heard before");
    assert!(terminal.send(&authenticate_apdu(challenge([9; 16], 2, 0))).starts_with("db08"));
}

#[test]
fn what_is_the_usims_alone_is_not_answered_there() {
    let mut terminal = Terminal::new();
    terminal.raw(ISIM);
    terminal.raw(&verify_apdu(PIN));
    assert_eq!(terminal.raw(&format!("008800801110{}", "09".repeat(16))), "9864", "GSM's own authentication");
    assert_eq!(terminal.raw("8078000100"), "6985", "GET IDENTITY");
}

#[test]
fn a_telephone_finds_both_in_ef_dir_and_uses_them_on_two_channels() {
    let mut terminal = Terminal::new();
    terminal.raw("00a4000c022f00");
    for (record, aid, label) in [(1, "1002", "5553494d"), (2, "1004", "4953494d")] {
        let read = terminal.raw(&format!("00b2{record:02x}0426"));
        assert!(
            read.starts_with(
                &format!("61184f10a000000087{aid}ffffffff890709000050 04{label}").replace(' ', "")
            ),
            "{read}"
        );
    }
    terminal.ready();
    assert_eq!(terminal.raw("0070000001"), "019000");
    assert_eq!(terminal.raw(&ISIM.replacen("00", "01", 1)), "9000");
    assert_eq!(terminal.raw(&verify_apdu(PIN).replacen("00", "01", 1)), "9000");
    assert!(terminal.raw("01b0820002").starts_with("8031"));
    assert!(terminal.raw("00b0870009").starts_with("0849"), "the USIM on the basic channel goes on");
}
