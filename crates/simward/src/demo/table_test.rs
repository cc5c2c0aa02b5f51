//! The table of attacks, the document that shows it, and the tests that it names.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::scripts::{NOT_REACHED, Without, scripts};

const DOCUMENT: &str = include_str!("../../../../docs/attacks-numbers.md");
const TWINS: &str = include_str!("twins.rs");

/// The cells of the document's row about an attack.
fn row(id: &str) -> Vec<&'static str> {
    let row = DOCUMENT.lines().find(|line| line.starts_with(&format!("| {id} |")));
    row.unwrap_or_else(|| panic!("docs/attacks-numbers.md has no row {id}")).split(" | ").collect()
}

#[test]
fn the_document_has_every_attack_as_it_is_played() {
    for script in scripts() {
        let [id, who, does, came, _, stolen, bound] = row(script.id)[..] else { panic!("{}", script.id) };
        assert_eq!((id, who, does), (format!("| {}", script.id).as_str(), script.who, script.does));
        assert!(came.starts_with("refused: "), "{id}: {came}");
        assert_eq!((stolen, bound), ("0", format!("{} |", script.bound.0).as_str()), "{id}");
        let why = format!("| {} | {} |", script.bound.0, script.bound.1);
        assert!(DOCUMENT.contains(&why), "{id}: {why}");
    }
    for (id, what, why) in NOT_REACHED {
        assert_eq!(row(id)[2..4], [*what, format!("not reached: {why}").as_str()], "{id}");
    }
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| A") || line.starts_with("| D-")).count();
    assert_eq!(rows, scripts().len() + NOT_REACHED.len(), "the document has rows that nobody plays");
}

#[test]
fn every_attack_has_a_name_of_its_own() {
    let mut names: Vec<&str> = scripts().iter().map(|script| script.id).collect();
    names.extend(NOT_REACHED.iter().map(|(id, _, _)| id));
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn twins_that_are_no_switch_are_where_the_table_says() {
    for script in scripts() {
        let found = match script.without {
            Without::Switches(all) => !all.is_empty(),
            Without::World(_, test) => TWINS.contains(&format!("fn {test}()")),
            Without::Rules(_, [file, test]) => {
                let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
                std::fs::read_to_string(path).unwrap().contains(&format!("fn {test}()"))
            }
        };
        assert!(found, "{}: {:?}", script.id, script.without);
    }
}
