//! Replays the inputs of a fuzz target. The package of the server's tests includes this file, too.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the fuzz targets: in the workspace's root, above a member's folder.
pub(crate) fn fuzz() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut roots = package.ancestors().map(|root| root.join("fuzz"));
    roots.find(|fuzz| fuzz.is_dir()).expect("fuzz/ in the workspace's root")
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs `body` on every seed, and on every crash that is committed or was just found.
pub(crate) fn replay(target: &str, body: fn(&[u8])) {
    let seeds = files(&fuzz().join("seeds").join(target));
    assert!(!seeds.is_empty(), "no seeds in fuzz/seeds/{target}");
    let crashes = ["crashes", "artifacts"].map(|kind| files(&fuzz().join(kind).join(target)));
    for file in seeds.iter().chain(crashes.iter().flatten()) {
        // Shown when it fails.
        println!("{}", file.display());
        body(&fs::read(file).unwrap());
    }
}
