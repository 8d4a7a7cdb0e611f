//! Runs every committed seed and crash of the fuzz targets, and whatever crash a fuzzer left in
//! `fuzz/artifacts`, through the bodies that the fuzzer runs. No fuzzer is needed for it.

#[cfg(feature = "cli")]
#[path = "../src/bin/tickring/config.rs"]
#[allow(dead_code)] // The program needs more of it.
mod config;
#[cfg(feature = "cli")]
#[path = "support/configs.rs"]
mod configs;
#[cfg(feature = "cli")]
#[path = "../src/bin/tickring/place.rs"]
mod place;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::bodies::{TARGETS, Target};

/// The targets of the library, and that of the program.
fn targets() -> impl Iterator<Item = Target> {
    let program: &[Target] = &[
        #[cfg(feature = "cli")]
        ("config", configs::check),
    ];
    TARGETS.iter().chain(program).copied()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_seed_and_every_crash_passes() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (target, body) in targets() {
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

#[cfg(feature = "cli")]
#[test]
fn every_fuzz_target_has_a_body_here() {
    let found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets"));
    let mut names: Vec<_> = targets().map(|(name, _)| format!("{name}.rs")).collect();
    names.sort();
    let found: Vec<_> =
        found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(found, names);
}
