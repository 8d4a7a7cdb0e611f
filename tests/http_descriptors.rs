//! A process that runs out of file descriptors, and finds some again. Alone, because it takes all
//! that its process may have.
#![cfg(unix)] // It sets the limit through `ulimit`.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use support::http::{read_to_end, start_on_one_thread};
use tickring::http::Limits;

/// Set in the process that has few of them.
const FEW: &str = "TICKRING_TEST_FEW_DESCRIPTORS";

fn accept_failures(observer: &mut TcpStream) -> u64 {
    observer.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let name = "\ntickring_http_accept_failures_total ";
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    // It is the last family.
    loop {
        let count = observer.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "hung up on");
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        if let Some((_, value)) = text.split_once(name)
            && let Some(value) = value.strip_suffix('\n')
        {
            return value.parse().unwrap();
        }
    }
}

#[test]
fn accepting_goes_on_when_there_are_file_descriptors_again() {
    if std::env::var_os(FEW).is_none() {
        let again = "ulimit -n 64 && exec \"$0\" --exact \
                     accepting_goes_on_when_there_are_file_descriptors_again";
        let program = std::env::current_exe().unwrap();
        let status = Command::new("sh").args(["-c", again]).arg(program).env(FEW, "1").status();
        assert!(status.unwrap().success());
        return;
    }
    let server = start_on_one_thread(Limits::default());
    let mut observer = server.connect();
    assert_eq!(accept_failures(&mut observer), 0);
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    // The client gets the last one, so there is none for the server.
    taken.pop();
    let mut client = server.connect();
    client.write_all(b"GET /health/live HTTP/1.1\r\nconnection: close\r\nhost: x\r\n\r\n").unwrap();
    while accept_failures(&mut observer) == 0 {
        std::thread::yield_now();
    }
    drop(taken);
    assert!(read_to_end(&mut client).ends_with("{\"status\":\"live\"}"));
}
