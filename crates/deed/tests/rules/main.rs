//! The rules of the deed, refusals first. Each test's name is the sentence it proves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cards;
mod consents;
mod generations;
mod kinds;
mod manifests;
mod objections;
mod pins;
mod signatures;
mod waits;

pub(crate) use deed::event::{AsOf, Body, Event, Evidence, Source, assemble};
pub(crate) use deed::intent::Change;
pub(crate) use deed::log::proof::TlogProof;
pub(crate) use deed::pin::{Against, Objected, Pin, Serve};
pub(crate) use deed::record::{Factor, FactorKey, Place, Purpose};
pub(crate) use deed::signer::SignStatement;
pub(crate) use deed::state::bit;
pub(crate) use deed::{State, verify};
pub(crate) use keys::sign::{Es256Key, Portable};
pub(crate) use wire::UnixTime;
pub(crate) use world::*;

/// A test by its name, to be recorded as vectors.
pub(crate) type Scenario = (&'static str, fn());

/// Tests by their names.
macro_rules! scenarios {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn())),*] };
}
pub(crate) use scenarios;

#[test]
fn the_published_vectors_are_what_the_rules_say() {
    let all = [
        consents::SCENARIOS,
        signatures::SCENARIOS,
        objections::SCENARIOS,
        waits::SCENARIOS,
        cards::SCENARIOS,
        pins::SCENARIOS,
        kinds::SCENARIOS,
        manifests::SCENARIOS,
        generations::SCENARIOS,
    ];
    let vectors = recorded(&all.concat());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/deed-1.json");
    let text = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
    if std::env::var_os("SIMWARD_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    assert!(
        published == text,
        "the rules no longer say what {path} says; if that is meant, bless it and say why"
    );
    let refused = vectors["cases"].as_array().unwrap().iter().filter(|c| c["accept"] == false).count();
    assert!(refused >= 60, "most vectors are things to refuse: {refused}");
}
