//! A process that runs out of file descriptors while connections are idle. Alone, because it takes all
//! that its process may have.
#![cfg(unix)] // It sets the limit through `ulimit`.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;
use std::time::Instant;

use support::http::{Running, read_to_end, send, start_on_one_thread};
use tickring::http::Limits;

/// Set in the process that has few of them.
const FEW: &str = "TICKRING_TEST_FEW_DESCRIPTORS";

fn accept_failures(server: &Running) -> u64 {
    let metrics = server.get("/metrics");
    let (_, value) = metrics.split_once("\ntickring_http_accept_failures_total ").unwrap();
    value.split('\n').next().unwrap().parse().unwrap()
}

#[test]
fn idle_connections_make_room_for_want_of_descriptors() {
    if std::env::var_os(FEW).is_none() {
        let again = "ulimit -n 64 && exec \"$0\" --exact \
                     idle_connections_make_room_for_want_of_descriptors";
        let program = std::env::current_exe().unwrap();
        let status = Command::new("sh").args(["-c", again]).arg(program).env(FEW, "1").status();
        assert!(status.unwrap().success());
        return;
    }
    let server = start_on_one_thread(Limits::default());
    assert_eq!(accept_failures(&server), 0);
    let mut idle = server.connect();
    idle.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    idle.read_exact(&mut [0; 12]).unwrap();
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    // The client gets the last one, so there is none for the server.
    taken.pop();
    let mut client = send(server.address, "GET", "/health/live");
    let begun = Instant::now();
    assert!(read_to_end(&mut client).ends_with("{\"status\":\"live\"}"));
    // Well before the idle connection would have ended by itself.
    assert!(begun.elapsed() < Limits::default().idle_timeout / 2, "{:?}", begun.elapsed());
    // The idle one has made room.
    idle.read_to_end(&mut Vec::new()).unwrap();
    drop((client, taken));
    assert!(accept_failures(&server) > 0);
}
