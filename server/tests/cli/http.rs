//! How the program serves HTTP where descriptors are few, and how it leaves.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Instant;

use crate::program::{PATIENCE, Program, command, get};

/// `tickring serve` under these limits of a shell.
fn limited(limits: &str) -> Program {
    let serve = command(&["serve", "--listen", "127.0.0.1:0", "--no-statsd"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{limits} && exec \"$0\" \"$@\"")]);
    shell.arg(serve.get_program()).args(serve.get_args());
    Program::start(shell)
}

fn metrics(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn soft_limit_of_descriptors_is_raised() {
    let mut program = limited("ulimit -S -n 64 && ulimit -H -n 512");
    let address = program.http("admin-api");
    let metrics = metrics(address);
    if cfg!(target_os = "linux") {
        assert!(metrics.contains("\nprocess_max_fds 512\n"), "{metrics}");
    }
    assert!(metrics.contains("\ntickring_http_connections_limit 478\n"), "{metrics}");
    program.logged("512 file descriptors suffice for 478 connections only");
}

#[test]
fn few_descriptors_keep_nobody_out() {
    let mut program = limited("ulimit -n 64");
    let address = program.http("admin-api");
    let idle: Vec<_> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    for _ in 0..5 {
        let begun = Instant::now();
        assert_eq!(get(address, "/health/live").0, 200);
        // The idle ones may stay for longer than that.
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    }
    assert!(metrics(address).contains("\ntickring_http_accept_failures_total 0\n"));
    drop(idle);
}

#[test]
fn leaving_program_is_not_ready_and_goes_on() {
    let mut program = Program::serve(&["--drain-delay", "600"]);
    let address = program.http("admin-api");
    assert_eq!(get(address, "/health/ready").0, 200);
    program.signal("TERM");
    program.logged("draining");
    let begun = Instant::now();
    while get(address, "/health/ready").0 != 503 {
        assert!(begun.elapsed() < PATIENCE, "it is still ready");
    }
    assert_eq!(get(address, "/health/live").0, 200);
    program.statsd("sports-data.api_call:2|c");
    program.wait_for_total("admin-api", "sports-data", 2);
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(1), "a second signal ends it at once");
}
