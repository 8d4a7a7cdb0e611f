//! The memory that many scrapes of a large registry take, at once and from clients that stop reading.
//! Alone, because it measures what its process has resident.
#![cfg(target_os = "linux")] // Which says what that is.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use support::http::{Running, connect, run};
use tickring::http::{Router, Server};
use tickring::{Registry, Service, ServiceBuilder};
use tokio::runtime::Builder;

const SERVICES: usize = 256;
const EVENTS: usize = 64;

/// What else may grow meanwhile: threads' stacks, buffers of connections, samples of figures.
const BESIDE: u64 = 24 << 20;

/// As many services, as many events of each, and names as long as automatic registration admits.
fn large() -> Running {
    let registry = Registry::new();
    let name = |kind: &str, number: usize| format!("{kind}{number:-<120}");
    for service in 0..SERVICES {
        let builder = Service::builder(name("service", service));
        let events = (0..EVENTS).map(|event| name("event", event));
        let builder = events.fold(builder, ServiceBuilder::event);
        registry.register(builder.build().unwrap()).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let first = name("service", 0);
    let router = Router::new(registry.clone(), &first).unwrap();
    let server = Server::new(router).listen(listener, first).unwrap();
    run(Builder::new_multi_thread().worker_threads(2), server, address, registry)
}

/// A figure of `/proc/self/status`, in bytes.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// How far resident memory goes beyond what it is now, while `work` is done.
fn peak(work: impl FnOnce()) -> u64 {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS");
    work();
    status("VmHWM").saturating_sub(before)
}

/// Asks, and returns the client that has read nothing yet.
fn ask(server: &Running, path: &str) -> TcpStream {
    let mut stream = connect(server.address);
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// How many bytes come; none of them is kept.
fn drain(mut stream: TcpStream) -> u64 {
    let (mut bytes, mut count) = (vec![0; 1 << 16], 0);
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        count += read as u64;
    }
    count
}

#[test]
fn any_number_of_scrapes_takes_two_documents() {
    let server = large();
    let length = drain(ask(&server, "/metrics"));
    assert!(length > 10 << 20, "{length} bytes are no long document");

    let at_once = peak(|| {
        let clients: Vec<_> = (0..16).map(|_| ask(&server, "/metrics")).collect();
        let readers: Vec<_> =
            clients.into_iter().map(|client| std::thread::spawn(|| drain(client))).collect();
        for reader in readers {
            assert!(reader.join().unwrap() > length / 2, "cut short");
        }
    });
    println!("sixteen at once: {at_once} bytes for documents of {length}");
    assert!(at_once < 2 * length + BESIDE, "{at_once} bytes for documents of {length}");

    // One after another, so that each would have a document that belongs to it alone.
    let mut deaf = Vec::new();
    let one_by_one = peak(|| {
        for path in ["/metrics", "/metrics?rates=0", "/metrics", "/metrics?rates=0", "/metrics"] {
            let mut client = ask(&server, path);
            client.read_exact(&mut [0; 12]).unwrap();
            deaf.push(client);
        }
    });
    println!("five that stop reading: {one_by_one} bytes");
    assert!(one_by_one < 2 * length + BESIDE, "{one_by_one} bytes for documents of {length}");

    // They keep nobody waiting who reads.
    let begun = Instant::now();
    assert!(drain(ask(&server, "/metrics")) > length / 2);
    let most = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });
    assert!(begun.elapsed() < most, "{:?}", begun.elapsed());
    let metrics = drain_text(ask(&server, "/metrics?service=unknown"));
    assert!(metrics.len() < 8192, "{metrics}");
}

fn drain_text(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
