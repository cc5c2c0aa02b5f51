#![no_main]

#[path = "../../crates/card/tests/common/mod.rs"]
mod common;
#[path = "../../crates/card/tests/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzing::apdus(input));
