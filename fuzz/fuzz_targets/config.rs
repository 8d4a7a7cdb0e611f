#![no_main]

#[path = "../../server/tests/support/configs.rs"]
mod configs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| configs::check(bytes));
