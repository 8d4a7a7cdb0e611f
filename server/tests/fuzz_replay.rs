//! Runs the body of the configuration's fuzz target on every committed seed and crash, and on every
//! crash that a fuzzer has left in `fuzz/artifacts`. No fuzzer is needed.

#[path = "support/configs.rs"]
mod configs;
#[path = "../../tests/support/fuzz/seeds.rs"]
mod seeds;

#[test]
fn configuration_seeds_and_crashes_pass() {
    seeds::replay("config", configs::check);
}
