//! The same card as a SIM, for whoever asks as of old (TS 51.011 §9).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;

/// TS 51.011 §9: the same card as a SIM.
#[test]
fn a_phone_of_old_finds_its_sim() {
    let mut terminal = with_codes();
    assert_eq!(terminal.raw("a0a40000023f00"), "9f16");
    let mf = terminal.raw("a0c0000016");
    assert_eq!(&mf[8..14], "3f0001", "{mf}");
    assert_eq!(&mf[26..], "0d020804 00838a838a9000".replace(' ', ""), "{mf}");
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
