#![no_main]
#![allow(dead_code)]

// The command line's own, which is in no library.
#[path = "../../crates/simward/src/card/profile.rs"]
mod profile;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // What is read is written so that it is read again.
    if let Ok(read) = profile::from_toml(text) {
        let written = profile::to_toml(&read);
        let again = profile::from_toml(&written).expect("what was written reads");
        assert_eq!(profile::to_toml(&again), written);
    }
});
