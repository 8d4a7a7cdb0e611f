//! Runs every committed seed and crash of the fuzz targets, and whatever crash a fuzzer left in
//! `fuzz/artifacts`, through the bodies that the fuzzer runs. No fuzzer is needed for it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::bodies::TARGETS;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_seed_and_every_crash_passes() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (target, body) in TARGETS {
        let seeds = files(&fuzz.join("seeds").join(target));
        assert!(!seeds.is_empty(), "no seeds in fuzz/seeds/{target}");
        let crashes = ["crashes", "artifacts"].map(|kind| files(&fuzz.join(kind).join(target)));
        for file in seeds.iter().chain(crashes.iter().flatten()) {
            // Shown when it fails.
            println!("{}", file.display());
            body(&fs::read(file).unwrap());
        }
    }
}

#[cfg(all(feature = "http", feature = "statsd"))]
#[test]
fn every_fuzz_target_has_a_body_here() {
    let targets = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets"));
    let mut names: Vec<_> = TARGETS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    names.sort();
    let found: Vec<_> =
        targets.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(found, names);
}
