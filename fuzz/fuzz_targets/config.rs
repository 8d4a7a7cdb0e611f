#![no_main]

#[path = "../../src/bin/tickring/config.rs"]
#[allow(dead_code)] // The program needs more of it.
mod config;
#[path = "../../tests/support/configs.rs"]
mod configs;
#[path = "../../src/bin/tickring/place.rs"]
mod place;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| configs::check(bytes));
