//! The committed seeds and crashes of the fuzz targets, and whatever crash a fuzzer left in
//! `fuzz/artifacts`, through the bodies that the fuzzer runs. Alone, because a package has no seeds
//! and leaves this file out. No fuzzer is needed.

#[path = "support/fuzz/mod.rs"]
mod fuzz;
#[path = "support/fuzz/seeds.rs"]
mod seeds;

use fuzz::TARGETS;

#[test]
fn every_seed_and_every_crash_passes() {
    for &(target, body) in TARGETS {
        seeds::replay(target, body);
    }
}

/// All but the configuration's, whose body is in the server's tests.
#[test]
fn every_fuzz_target_has_a_body_here() {
    let found = seeds::files(&seeds::fuzz().join("fuzz_targets"));
    let mut names: Vec<_> = TARGETS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    names.push("config.rs".into());
    names.sort();
    let found: Vec<_> =
        found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(found, names);
}
