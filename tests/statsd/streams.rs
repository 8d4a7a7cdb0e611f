//! `StatsD` over connections.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use tickring::statsd::{Config, UnixStreamSocket};
use tickring::{RejectionReason, Rejections};

use crate::sockets::{total, wait_until};
use crate::support::fleet;

#[test]
fn lines_over_tcp_count_however_they_are_cut() {
    let (registry, rejections) = (fleet::catalogue(), Rejections::new());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let config = Config::new(registry.clone()).rejections(rejections.clone());
    let listener = config.tcp(socket).unwrap();
    std::thread::scope(|scope| {
        for part in [1, 7, 4096] {
            scope.spawn(move || {
                let text =
                    "data-api.request:1|c\nnonsense\r\n\n".repeat(500) + "data-api.request:1|c";
                let mut client = TcpStream::connect(address).unwrap();
                client.set_nodelay(true).unwrap();
                for part in text.as_bytes().chunks(part) {
                    client.write_all(part).unwrap();
                }
            });
        }
    });
    wait_until(|| total(&registry, "data-api") == 3 * 501);
    assert_eq!(rejections.get(RejectionReason::Malformed), 3 * 500);
    listener.stop();
}

#[test]
fn frames_over_a_unix_stream_count_and_none_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("statsd.sock");
    let registry = fleet::catalogue();
    let config = Config::new(registry.clone());
    let listener = config.unix_stream(UnixStreamSocket::bind(&path).unwrap()).unwrap();
    let mut clients: Vec<_> = (0..20).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let frame = b"sports-data.api_call:1|c\nsports-data.data_fetch:1|c";
    let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
    for _ in 0..250 {
        for client in &mut clients {
            client.write_all(&length).unwrap();
            client.write_all(frame).unwrap();
        }
    }
    // What was sent before the stop is counted.
    listener.stop();
    assert_eq!(total(&registry, "sports-data"), 20 * 250 * 2);
    assert!(!path.exists());
}
