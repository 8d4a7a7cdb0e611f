//! More clients than connections: whoever is slow makes room for whoever comes.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tickring::http::{Limits, Router, Server};
use tokio::runtime::Builder;

use crate::support::http::{Running, limits, read_to_end, run, send, start, start_on_one_thread};

/// Far shorter than what a slow client may take here, far longer than a busy machine needs.
/// `.ci/slow-http` and `.ci/bad-days` hold the second within which everybody is answered.
const SOON: Duration = Duration::from_secs(30);

/// Few connections, and all the time in the world for each.
fn patient(max_connections: usize) -> Limits {
    let patient = Duration::from_secs(3600);
    limits(|limits| {
        limits.max_connections = max_connections;
        limits.header_timeout = patient;
        limits.idle_timeout = patient;
        limits.body_timeout = patient;
        limits.write_timeout = patient;
    })
}

/// What is answered to a GET, in time.
fn get_soon(server: &Running, path: &str) -> String {
    let begun = Instant::now();
    let answer = server.get(path);
    assert!(begun.elapsed() < SOON, "{path} took {:?}", begun.elapsed());
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    answer
}

fn assert_hangs_up(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
}

const SLOW_BODY: &str = "POST /api/v1/services/data-api/events HTTP/1.1\r\nhost: localhost\r\n\
                         content-length: 100\r\n\r\n{";

#[test]
fn slow_bodies_make_room_with_408() {
    let server = start(patient(4));
    let mut slow = Vec::new();
    for number in 1..=4 {
        slow.push(server.connect());
        slow.last_mut().unwrap().write_all(SLOW_BODY.as_bytes()).unwrap();
        server.wait_for_requests(number);
    }
    for path in ["/health/live", "/health/ready", "/metrics", "/health/live"] {
        get_soon(&server, path);
    }
    let answer = read_to_end(&mut slow[0]);
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.ends_with("it was slow, and others came\"}"), "{answer}");
    let metrics = get_soon(&server, "/metrics");
    let evicted = "tickring_http_evicted_total{waiting_for=\"body\"} ";
    let (_, count) = metrics.split_once(evicted).unwrap();
    assert!(!count.starts_with('0'), "{metrics}");
    let answered = "tickring_http_requests_total{path=\"other\",status=\"408\"} ";
    assert!(metrics.contains(answered), "{metrics}");
}

#[test]
fn slow_heads_make_room_with_408() {
    let server = start(patient(2));
    let mut slow = [server.connect(), server.connect()];
    for stream in &mut slow {
        stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: lo").unwrap();
    }
    for _ in 0..3 {
        get_soon(&server, "/health/live");
    }
    // Which one was the first is known to the server only.
    let begun = Instant::now();
    let answered = loop {
        let answered = slow.iter_mut().find_map(|stream| {
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).ok().map(|()| answer)
        });
        match answered {
            Some(answer) => break answer,
            None => assert!(begun.elapsed() < SOON, "neither has made room"),
        }
    };
    assert_eq!(&answered, b"HTTP/1.1 408");
}

/// A thousand and more of them at once, each with another byte from time to time.
#[test]
fn slow_bodies_by_the_hundred_keep_nobody_out() {
    let server = start(patient(50));
    let mut slow: Vec<_> = (0..500).map(|_| server.connect()).collect();
    for stream in &mut slow {
        let _ = stream.write_all(SLOW_BODY.as_bytes());
    }
    for _ in 0..10 {
        for stream in slow.iter_mut().step_by(10) {
            let _ = stream.write_all(b" ");
        }
        get_soon(&server, "/health/live");
        get_soon(&server, "/metrics");
    }
}

#[test]
fn clients_that_do_not_read_make_room() {
    let server = start(patient(4));
    let mut deaf: Vec<_> = (0..4).map(|_| server.connect()).collect();
    let many = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(2000);
    for stream in &mut deaf {
        stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        let _ = stream.write_all(many.as_bytes());
    }
    for _ in 0..5 {
        get_soon(&server, "/health/live");
        get_soon(&server, "/metrics");
    }
}

/// Nobody is pushed out who has just come, so a crowd of quick clients is served in full.
#[test]
fn quick_clients_wait_and_none_is_turned_away() {
    let registry = crate::support::fleet::catalogue();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new(registry.clone(), "data-api").unwrap().limits(patient(2));
    let server = Server::new(router).listen(listener, "data-api").unwrap();
    // They have sent their requests when the server begins.
    let clients: Vec<_> = (0..60).map(|_| send(address, "GET", "/health/live")).collect();
    let _server = run(Builder::new_multi_thread().worker_threads(2), server, address, registry);
    for mut client in clients {
        let answer = read_to_end(&mut client);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[test]
fn idle_connections_make_room_the_longest_idle_first() {
    let server = start_on_one_thread(patient(3));
    let request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let ask = |stream: &mut TcpStream| {
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"{\"status\":\"live\"}") {
            let mut bytes = [0; 256];
            let count = stream.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "hung up on");
            answer.extend_from_slice(&bytes[..count]);
        }
    };
    let mut idle: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for stream in &mut idle {
        ask(stream);
    }
    // The first has been idle for longest, until it asks again: then the second has.
    ask(&mut idle[0]);
    ask(&mut server.connect());
    assert_hangs_up(&mut idle[1]);
    ask(&mut idle[0]);
    ask(&mut idle[2]);
}

/// Clients that send nothing, or half a head, with all the time in the world to do so.
#[test]
fn idle_connections_by_the_hundred_keep_nobody_out() {
    let server = start(patient(20));
    let mut idle: Vec<_> = (0..400).map(|_| server.connect()).collect();
    for stream in idle.iter_mut().step_by(2) {
        // Those that are closed already may say so.
        let _ = stream.write_all(b"GET /health/live HTTP/1.1\r\nhost:");
    }
    for _ in 0..20 {
        get_soon(&server, "/health/live");
    }
}
