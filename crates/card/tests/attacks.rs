//! docs/attacks.md: each defence and each test that it names is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use std::fs;
use std::path::Path;

#[test]
fn the_page_names_what_is_there() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let page = fs::read_to_string(root.join("docs/attacks.md")).unwrap();
    let mut cases = Vec::new();
    for line in page.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| case")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [case, _, defence, test] = cells[..] else { panic!("{line}") };
        cases.push(case.parse::<u32>().unwrap());
        if let Some(file) = defence.strip_prefix('`') {
            assert!(root.join(file.trim_end_matches('`')).exists(), "{line}");
        }
        let (file, function) = test.strip_prefix('`').unwrap().split_once("` ").unwrap();
        let text = fs::read_to_string(root.join(file)).unwrap();
        let there = [format!("fn {function}("), format!("\n{function}() {{"), format!("def {function}(")];
        let there = there.iter().any(|f| text.contains(f));
        assert!(there, "{line}");
    }
    cases.dedup();
    assert_eq!(cases, (1..=22).chain(53..=62).collect::<Vec<_>>());
}

/// Case 61.
#[test]
fn a_storm_of_resets_changes_and_wears_out_nothing() {
    let mut terminal = Terminal::new();
    assert_eq!(terminal.raw(&verify_apdu(WRONG)), "63c2");
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium.clone(), anchor);
    for _ in 0..100_000 {
        terminal.card.reset();
        assert_eq!(terminal.card.atr()[0], 0x3b);
    }
    assert_eq!(terminal.raw("0020000100"), "63c2", "no try came back");
    let (after, anchor_after) = terminal.card.into_parts();
    assert!(after == medium && anchor_after == anchor, "a reset writes nothing");
}
