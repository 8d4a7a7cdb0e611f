//! HTTP as its standard has it, and what web pages may do.

use std::io::{Read, Write};
use std::net::TcpListener;

use tickring::http::{Limits, Router, Server};
use tickring::{Registry, Service};
use tokio::runtime::Builder;

use crate::support::http::{Running, get, limits, read_to_end, run, start};

fn status_of(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {answer:?}"))
}

const EVENTS: &str = "POST /api/v1/services/data-api/events HTTP/1.1\r\n";
const EVENT: &str = "{\"event\":\"request\"}";

/// An event that is posted with these headers, each with its line end.
fn post(server: &Running, headers: &str) -> String {
    let length = EVENT.len();
    let answer = server.exchange(format!(
        "{EVENTS}{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{EVENT}"
    ));
    status_of(&answer).to_owned()
}

fn counted(server: &Running) -> u64 {
    server.registry.get("data-api").unwrap().snapshot().unwrap().total()
}

#[test]
fn host_is_named_once_and_readably() {
    let server = start(Limits::default());
    for (headers, status) in [
        ("", "400"),
        ("host: localhost\r\nhost: localhost\r\n", "400"),
        ("host: a b\r\n", "400"),
        ("host: localhost:x\r\n", "400"),
        ("host:\r\n", "200"),
        ("host: localhost:8003\r\n", "200"),
    ] {
        let head = format!("GET /health/live HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        let answer = server.exchange(head);
        assert_eq!(status_of(&answer), status, "{headers:?}: {answer}");
    }
    let old = server.exchange("GET /health/live HTTP/1.0\r\n\r\n");
    assert_eq!(status_of(&old), "200", "HTTP/1.0 needs no host");
}

#[test]
fn foreign_names_are_not_served_on_loopback() {
    let server = start(Limits::default());
    let ask = |target: &str, host: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        status_of(&server.exchange(head)).to_owned()
    };
    assert_eq!(ask("/metrics", "rebound.example:8003"), "421");
    assert_eq!(ask("http://rebound.example/metrics", "localhost"), "421");
    assert_eq!(ask("/metrics", "127.0.0.1:1"), "200");
    assert_eq!(ask("http://localhost/metrics", "localhost"), "200");
}

#[test]
fn allowed_hosts_are_served_beside_the_certain_ones() {
    let registry = Registry::new();
    registry.register(Service::from_catalogue("data-api").unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let router =
        Router::new(registry.clone(), "data-api").unwrap().allowed_hosts(["metrics.example"]);
    let server = Server::new(router).listen(listener, "data-api").unwrap();
    let server = run(&mut Builder::new_current_thread(), server, address, registry);
    for (host, status) in [("metrics.example", "200"), ("localhost", "200"), ("x.example", "421")] {
        let head = format!("GET /sd HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(status_of(&server.exchange(head)), status, "{host}");
    }
}

#[test]
fn pages_of_other_sites_count_nothing() {
    let server = start(Limits::default());
    for (headers, status) in [
        ("host: localhost\r\norigin: https://example.com\r\ncontent-type: text/plain\r\n", "403"),
        ("host: localhost\r\nsec-fetch-site: cross-site\r\n", "403"),
        ("host: localhost\r\ncontent-type: text/plain\r\n", "415"),
        ("host: localhost\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n", "415"),
    ] {
        assert_eq!(post(&server, headers), status, "{headers}");
    }
    assert_eq!(counted(&server), 0);
    for headers in [
        "host: localhost\r\n",
        "host: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n",
        "host: localhost\r\ncontent-type: application/json\r\ncontent-encoding: identity\r\n",
        "host: localhost\r\norigin: http://localhost\r\ncontent-type: application/json\r\n",
    ] {
        assert_eq!(post(&server, headers), "202", "{headers}");
    }
    assert_eq!(counted(&server), 4);
}

/// The client waits to be asked for its body, and isn't asked where that can be helped.
#[test]
fn final_status_comes_at_once_if_the_head_decides() {
    let server = start(Limits::default());
    let of = |request: &str, headers: &str| {
        let mut stream = server.connect();
        let head = format!(
            "{request} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        String::from_utf8_lossy(&first[9..]).into_owned()
    };
    let events = "POST /api/v1/services/data-api/events";
    for (request, headers, status) in [
        ("POST /nowhere", "content-length: 10\r\n", "404"),
        ("POST /api/v1/services/unknown/events", "content-length: 10\r\n", "404"),
        ("PUT /api/v1/services/data-api/events", "content-length: 10\r\n", "405"),
        (events, "content-length: 99999\r\n", "413"),
        (events, "content-length: 10\r\ncontent-type: text/plain\r\n", "415"),
        (events, "content-length: 10\r\ncontent-encoding: br\r\n", "415"),
        (events, "content-length: 10\r\norigin: https://example.com\r\n", "403"),
        (events, "content-length: 10\r\n", "100"),
    ] {
        assert_eq!(of(request, headers), status, "{request}\n{headers}");
    }
}

#[test]
fn requests_are_counted_by_path_and_status() {
    let server = start(Limits::default());
    for path in ["/health", "/api/v1/services/data-api/event-rate", "/nowhere", "/elsewhere"] {
        server.get(path);
    }
    assert_eq!(post(&server, "host: localhost\r\n"), "202");
    let metrics = server.get("/metrics");
    for line in [
        "path=\"/health\",status=\"200\"} 1",
        "path=\"/api/v1/services/NAME/event-rate\",status=\"200\"} 1",
        "path=\"/api/v1/services/NAME/events\",status=\"202\"} 1",
        "path=\"other\",status=\"404\"} 2",
    ] {
        let line = format!("\ntickring_http_requests_total{{{line}\n");
        assert!(metrics.contains(&line), "{line} is missing in {metrics}");
    }
    if cfg!(target_os = "linux") {
        assert!(metrics.contains("\nprocess_open_fds "), "{metrics}");
    }
}

#[test]
fn errors_list_few_of_many_services() {
    let registry = Registry::new();
    for number in 0..256 {
        let service = Service::builder(format!("service-{number}")).event("x").build().unwrap();
        registry.register(service).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(Router::new(registry.clone(), "service-0").unwrap());
    let server = server.listen(listener, "service-0").unwrap();
    let server = run(&mut Builder::new_current_thread(), server, address, registry);
    let answer = get(server.address, "/api/v1/event-rate?service=unknown");
    assert!(answer.len() < 1000, "{answer}");
    assert!(answer.contains("service-19 and 236 more"), "{answer}");
}

/// The manager of a fleet sees that the server goes away before it stops to serve.
#[test]
fn server_that_leaves_serves_on_and_is_not_ready() {
    let delay = std::time::Duration::from_secs(2);
    let mut server = start(limits(|limits| limits.drain_delay = delay));
    let mut kept = server.connect();
    let begun = std::time::Instant::now();
    server.shut_down();
    let request = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut answer = [0; 1024];
    loop {
        kept.write_all(request).unwrap();
        let count = kept.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..count]);
        assert!(!answer.contains("connection: close"), "{answer}");
        if status_of(&answer) == "503" {
            break;
        }
    }
    assert_eq!(post(&server, "host: localhost\r\n"), "202");
    assert_eq!(counted(&server), 1);
    drop(kept);
    server.ended().unwrap();
    assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
}

#[test]
fn idle_connection_outlasts_the_time_for_a_head() {
    let time = std::time::Duration::from_millis(100);
    let server = start(limits(|limits| limits.header_timeout = time));
    let mut stream = server.connect();
    std::thread::sleep(4 * time);
    stream
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    assert_eq!(status_of(&read_to_end(&mut stream)), "200");
}

#[test]
fn head_that_comes_too_slowly_is_408() {
    let time = std::time::Duration::from_millis(100);
    let server = start(limits(|limits| limits.header_timeout = time));
    let mut stream = server.connect();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost:").unwrap();
    assert_eq!(status_of(&read_to_end(&mut stream)), "408");
    let counted = "tickring_http_requests_total{path=\"other\",status=\"408\"} 1\n";
    assert!(server.get("/metrics").contains(counted));
}

/// hyper answers these itself, and the connection ends after that. So they count a little later.
#[test]
fn heads_that_cannot_be_read_count_as_answered() {
    let server = start(Limits::default());
    let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\na: {}\r\n\r\n", "x".repeat(20_000));
    for (head, status) in [("no HTTP\r\n\r\n", "400"), (&long, "431")] {
        let mut stream = server.connect();
        let _ = stream.write_all(head.as_bytes());
        let answer = read_to_end(&mut stream);
        assert_eq!(status_of(&answer), status, "{answer}");
        let counted =
            format!("tickring_http_requests_total{{path=\"other\",status=\"{status}\"}} 1\n");
        while !server.get("/metrics").contains(&counted) {}
    }
}

/// Where a body of an unknown coding ends is a matter of opinion, and so is where the next request begins.
#[test]
fn request_of_an_unknown_coding_is_the_last_one() {
    let server = start(Limits::default());
    for coding in [
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked",
    ] {
        let mut stream = server.connect();
        let request = format!(
            "POST /api/v1/services/data-api/events HTTP/1.1\r\nhost: localhost\r\n{coding}\r\n\r\n\
             0\r\n\r\nGET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let answer = read_to_end(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
}
