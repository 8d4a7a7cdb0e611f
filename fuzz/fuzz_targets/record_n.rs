#![no_main]

#[path = "../../tests/support/fuzz/mod.rs"]
#[allow(dead_code)] // The bodies of the other targets.
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::record_n(bytes));
