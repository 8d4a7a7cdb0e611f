//! The history over restarts, however the program ends.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{PATIENCE, Program, command, get, output, refusal, text};

/// A folder for a state file, and the file.
fn state() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    (folder, file)
}

fn serve(file: &Path, more: &[&str]) -> Program {
    Program::serve(&[&["--state", file.to_str().unwrap()], more].concat())
}

fn sum(counts: &Value) -> u64 {
    counts.as_array().unwrap().iter().filter_map(Value::as_u64).sum()
}

/// The sums of minutes, hours and days of one event.
fn sums(address: SocketAddr) -> [u64; 3] {
    let (status, document) = get(address, "/api/v1/services/sports-data/history");
    assert_eq!(status, 200, "{document}");
    let event = &document["events"]["api_call"];
    ["minutes", "hours", "days"].map(|unit| sum(&event[unit]))
}

/// What the file says of that event. It is whole, whenever somebody reads it.
fn saved(file: &Path) -> u64 {
    let Ok(text) = fs::read_to_string(file) else { return 0 };
    let (line, body) = text.split_once('\n').expect("a line");
    let length = line.split(' ').nth(2).and_then(|length| length.parse().ok());
    assert_eq!(length, Some(body.len()), "{line}");
    let state: Value = serde_json::from_str(body).unwrap();
    let events = state["events"].as_array().unwrap();
    let is_it =
        |event: &&Value| [&event["service"], &event["event"]] == ["sports-data", "api_call"];
    let event = events.iter().find(is_it);
    event.map_or(0, |event| sum(&event["days"]))
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn history_goes_on_after_a_restart() {
    let (_folder, file) = state();
    for round in 1..=3 {
        let mut program = serve(&file, &["--auto-register"]);
        program.statsd("sports-data.api_call:4|c\nnew.event:1|c");
        program.wait_for_total("admin-api", "sports-data", 4);
        let address = program.http("admin-api");
        assert_eq!(sums(address), [4 * round; 3]);
        program.signal("TERM");
        assert_eq!(program.wait().code(), Some(0));
        assert_eq!(saved(&file), 4 * round);
    }
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(r#""service":"new","event":"event","described":false"#), "{text}");
}

/// A hundred times, at any moment: before it serves, while it saves, just after.
#[test]
fn killed_server_loses_what_was_not_saved() {
    let (folder, file) = state();
    let (mut known, mut at_least, mut lost) = (0, 0, 0);
    let begun = Instant::now();
    for round in 0..100 {
        let mut program = serve(&file, &["--state-interval", "0.01"]);
        if round % 4 == 0 {
            std::thread::sleep(Duration::from_micros(fastrand::u64(0..40_000)));
            continue;
        }
        let address = program.http("admin-api");
        let restored = sums(address)[2];
        assert!((at_least..=known).contains(&restored), "{at_least} ≤ {restored} ≤ {known}");
        (lost, known, at_least) = (lost + known - restored, restored, restored);
        let n = fastrand::u64(1..100);
        program.statsd(&format!("sports-data.api_call:{n}|c"));
        program.wait_for_total("admin-api", "sports-data", n);
        known += n;
        if fastrand::bool() {
            wait_until(|| saved(&file) == known);
            at_least = known;
        }
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..15_000)));
    }
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    assert!(names.iter().all(|name| !name.contains("damaged")), "{names:?}");
    println!("{known} events known, {lost} lost, {:.1} s", begun.elapsed().as_secs_f64());
}

#[test]
fn second_server_on_a_state_file_ends() {
    let (_folder, file) = state();
    let mut first = serve(&file, &[]);
    let address = first.http("admin-api");
    let path = file.to_str().unwrap();
    let second = ["serve", "--listen", "127.0.0.1:0", "--no-statsd", "--state", path];
    let (code, line) = refusal(&output(&second));
    assert_eq!(code, 1);
    let path = fs::canonicalize(file.parent().unwrap()).unwrap().join("state");
    let expected = format!("tickring: the state file {} belongs to another server", path.display());
    assert!(line.starts_with(&expected), "{line}");
    assert_eq!(get(address, "/health").0, 200);

    let missing = ["serve", "--listen", "127.0.0.1:0", "--no-statsd", "--state", "/no/such/state"];
    let (code, line) = refusal(&output(&missing));
    assert_eq!(code, 1);
    assert!(line.starts_with("tickring: can't find the folder of the state file"), "{line}");
}

#[test]
fn damaged_state_is_set_aside_and_the_server_serves() {
    let (folder, file) = state();
    fs::write(&file, "tickring-state 1 5 00000000\n{}").unwrap();
    let mut program = serve(&file, &[]);
    let line = program.logged("is damaged");
    assert!(line.contains("2 bytes follow the first line, where 5 are right"), "{line}");
    program.statsd("sports-data.api_call:4|c");
    program.wait_for_total("admin-api", "sports-data", 4);
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));
    assert_eq!(saved(&file), 4);
    let aside = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let aside = aside.filter(|path| path.to_string_lossy().contains(".damaged-"));
    let texts: Vec<_> = aside.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(texts, ["tickring-state 1 5 00000000\n{}"]);
}

/// `/dev/full` is a disk without room.
#[cfg(target_os = "linux")]
#[test]
fn full_disk_is_said_counted_and_tried_again() {
    let (folder, file) = state();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("state.tmp")).unwrap();
    let mut program = serve(&file, &["--state-interval", "0.05"]);
    let line = program.logged("can't save the history");
    assert!(
        line.contains("No space left on device") && line.contains("tried again in 50ms"),
        "{line}"
    );
    let address = program.http("admin-api");
    let metrics = text(address, "/metrics");
    assert!(metrics.contains("\ntickring_state_write_failures_total 1\n"), "{metrics}");
    assert_eq!(get(address, "/health").0, 200);
    program.logged("the history is saved again");
    let metrics = text(address, "/metrics");
    assert!(metrics.contains("\ntickring_state_saved_timestamp_seconds "), "{metrics}");
}

/// A pipe that nobody reads is a disk that never answers.
#[test]
fn hanging_disk_holds_up_neither_requests_nor_the_end() {
    let (folder, file) = state();
    let pipe = folder.path().join("state.tmp");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut program = serve(&file, &["--state-interval", "0.01"]);
    program.statsd("sports-data.api_call:4|c");
    program.wait_for_total("admin-api", "sports-data", 4);
    assert_eq!(sums(program.http("admin-api")), [4; 3]);
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));
    program.logged("the history is not saved: the disk takes too long");
}

/// One server asks another. The one that asks shows whether it could, and none of the figures as its own.
#[test]
fn server_asks_a_service_elsewhere() {
    let mut asked = Program::serve(&[]);
    let elsewhere = asked.http("admin-api");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tickring.toml");
    let describe = |remotes: &str| {
        let collector = "[collector]\ninterval = 0.02\npause = 0.02\nlongest_pause = 0.02\n";
        fs::write(&config, format!("{remotes}{collector}")).unwrap();
    };
    let sports = format!("[[service]]\nname = \"sports-data\"\nurl = \"http://{elsewhere}\"\n");
    describe(&sports);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--no-statsd", "--config"];
    let mut program = Program::start(command(&[&serve[..], &[config.to_str().unwrap()]].concat()));
    let address = program.http("admin-api");
    let up = "\ntickring_remote_up{service=\"sports-data\"} 1\n";
    wait_until(|| text(address, "/metrics").contains(up));
    let metrics = text(address, "/metrics");
    assert!(!metrics.contains("tickring_events_total{service=\"sports-data\""), "{metrics}");
    assert_eq!(get(address, "/api/v1/services/sports-data/event-rate").0, 404);

    // What it shows of the other one is exactly what was counted there.
    let entry = |address: SocketAddr| {
        let (_, document) = get(address, "/api/v1/real-time-metrics?series=1");
        let entries = document["api_metrics"].as_array().unwrap();
        entries.iter().find(|entry| entry["service"] == "sports-data").unwrap().clone()
    };
    for total in [3, 10] {
        asked.statsd(&format!("sports-data.api_call:{}|c\nsports-data.data_fetch:2|c", total - 2));
        wait_until(|| entry(elsewhere)["total_events"].as_u64() >= Some(total));
        let there = entry(elsewhere)["total_events"].clone();
        wait_until(|| entry(address)["total_events"] == there);
        let here = entry(address);
        assert_eq!((&here["status"], &here["is_fallback"]), (&"active".into(), &false.into()));
        assert_eq!(sum(&here["per_second"]), there.as_u64().unwrap());
    }

    // It goes away, and comes no more into the way of anything.
    drop(asked);
    program.logged("the figures of a remote service can't be had");
    wait_until(|| {
        let metrics = text(address, "/metrics");
        metrics.contains("\ntickring_remote_up{service=\"sports-data\"} 0\n")
            && metrics.contains("\ntickring_remote_breaker_open{service=\"sports-data\"} 1\n")
    });
    let gone = entry(address);
    assert_eq!((&gone["status"], &gone["error_type"]), (&"error".into(), &"circuit_open".into()));
    assert_eq!((&gone["total_events"], &gone["is_fallback"]), (&0.into(), &true.into()));
    let failures = "tickring_remote_failures_total{service=\"sports-data\",type=\"client_error\"}";
    assert!(text(address, "/metrics").contains(failures));

    // A reload: no service elsewhere any more, and the built-in one is there again.
    describe("");
    program.signal("HUP");
    program.logged("configuration read again");
    assert!(!text(address, "/metrics").contains("tickring_remote_up"));
    assert_eq!(get(address, "/api/v1/services/sports-data/event-rate").0, 200);
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));
}
