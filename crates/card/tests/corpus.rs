//! What the fuzzer found worth keeping, once more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod fuzzing;

use std::fs;
use std::path::Path;

/// Feeds all of a door's corpus to it.
fn replay(door: &str, feed: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(door);
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        feed(&fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 50, "{}: {inputs}", corpus.display());
}

#[test]
fn apdus() {
    replay("apdus", fuzzing::apdus);
}

#[test]
fn toolkit() {
    replay("toolkit", fuzzing::toolkit);
}

#[test]
fn tlv() {
    replay("tlv", fuzzing::tlv);
}
