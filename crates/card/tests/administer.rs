//! Files that come and go, and rules that nobody loosens by it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;

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

/// Attack case 13, where an operator left an EF.ARR open by mistake.
#[test]
fn the_holder_changes_no_rules_whatever_a_rule_says() {
    let mut terminal = administered();
    assert_eq!(terminal.raw(&create_dir("5f70")), "9000");
    // In its eighth record: reading and updating by the PIN, everything else never.
    let open = "a51ac11880 0103a40683010195010 8ffffffffffffffffffffffffff".replace(' ', "");
    let rules = create("6f06", "42210020", 8, 256, &open);
    assert_eq!(terminal.raw(&rules), "9000");
    assert_eq!(terminal.raw("00b2010420").len(), 68, "the holder reads them");
    assert_eq!(terminal.raw(&format!("00dc010420{}", "ff".repeat(32))), "6982");
    assert_eq!(terminal.raw(&create("4f01", "4121", 1, 4, "")), "9000");
    assert_eq!(terminal.raw("00d6000001aa"), "9000", "a file under the same rule is the holder's");
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
fn whoever_stands_in_a_deleted_directory_goes_up_and_stays_known() {
    let mut terminal = administered();
    assert_eq!(terminal.raw(&create_dir("5f70")), "9000");
    assert_eq!(terminal.raw("00e40000025f70"), "9000");
    assert_eq!(terminal.raw(&create_dir("5f70")), "9000", "in the application, and the operator is known");
    assert_eq!(terminal.raw("00a4080c047fff5f70"), "9000");
}
