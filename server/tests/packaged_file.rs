//! The configuration file that comes with the package, which is not part of this crate.

use std::fs;
use std::path::PathBuf;

use tickring_server::settings_of;

fn packaged() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/tickring.toml").into()
}

#[test]
fn packaged_file_has_the_defaults() {
    assert_eq!(settings_of(Some(packaged())).unwrap(), settings_of(None).unwrap());
}

/// What stands behind the comment marks at the end is an example that works.
#[test]
fn example_in_the_packaged_file_is_sound() {
    let text = fs::read_to_string(packaged()).unwrap();
    let (settings, example) = text.split_once("# [[service]]").unwrap();
    let example: Vec<_> =
        example.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tickring.toml");
    fs::write(&path, format!("{settings}[[service]]{}", example.join("\n"))).unwrap();
    let settings = format!("{:?}", settings_of(Some(path)).unwrap());
    assert!(settings.contains("\"billing\""), "{settings}");
    assert!(settings.contains("\"shipping\"") && settings.contains("10.0.0.7"), "{settings}");
}
