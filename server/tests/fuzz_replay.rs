//! Runs every committed seed and crash of the configuration's fuzz target, and whatever crash a
//! fuzzer left in `fuzz/artifacts`, through the body that the fuzzer runs. No fuzzer is needed.

#[path = "support/configs.rs"]
mod configs;
#[path = "../../tests/support/fuzz/seeds.rs"]
mod seeds;

#[test]
fn configuration_seeds_and_crashes_pass() {
    seeds::replay("config", configs::check);
}
