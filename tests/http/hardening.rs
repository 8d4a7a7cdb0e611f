//! Clients that misbehave: the server answers or hangs up in time, and others are served.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tickring::http::Limits;

use crate::support::PATIENCE;
use crate::support::http::{Running, limits, read_to_end, start};

const SHORT: Duration = Duration::from_millis(300);

/// Limits that run out soon, where a test waits for that.
fn impatient() -> Limits {
    limits(|limits| {
        limits.header_timeout = SHORT;
        limits.idle_timeout = SHORT;
        limits.body_timeout = SHORT;
        limits.write_timeout = SHORT;
    })
}

fn assert_serves(server: &Running) {
    let answer = server.get("/health/live");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

fn status_of(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {answer:?}"))
}

/// Waits until the server hangs up, well before a patient one would.
fn assert_hangs_up(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
}

fn post(length: &str, body: &str) -> String {
    format!(
        "POST /api/v1/services/data-api/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         {length}\r\n\r\n{body}"
    )
}

#[test]
fn head_without_an_end_is_not_waited_for() {
    let server = start(impatient());
    let mut stream = server.connect();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: ").unwrap();
    assert_hangs_up(&mut stream);
    assert_serves(&server);
}

#[test]
fn a_head_that_trickles_in_is_not_waited_for() {
    let server = start(impatient());
    let mut stream = server.connect();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nx: ").unwrap();
    let begun = Instant::now();
    // Each byte comes in time; all of them together don't.
    while stream.write_all(b"a").is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it is read for ever");
        std::thread::sleep(SHORT / 10);
    }
    assert_serves(&server);
}

#[test]
fn idle_connections_close_before_and_after_a_request() {
    let server = start(impatient());
    let mut silent = server.connect();
    let mut idle = server.connect();
    idle.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert_hangs_up(&mut silent);
    let answer = read_to_end(&mut idle);
    assert_eq!(status_of(&answer), "200");
}

#[test]
fn a_body_that_does_not_come_is_408() {
    let server = start(impatient());
    let mut stream = server.connect();
    stream.write_all(post("content-length: 100", "{\"event\":").as_bytes()).unwrap();
    let answer = read_to_end(&mut stream);
    assert_eq!(status_of(&answer), "408");
    assert!(answer.contains("{\"error\":\"the body did not arrive within 300ms\"}"), "{answer}");
    assert_serves(&server);
}

#[test]
fn a_client_that_does_not_read_is_hung_up_on() {
    let server = start(impatient());
    let stream = server.connect();
    let mut writer = stream.try_clone().unwrap();
    let request = "GET /api/v1/services HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    // Answers pile up in the sockets' buffers, then in the server's, which stops reading.
    let begun = Instant::now();
    while writer.write_all(request.as_bytes()).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "the server goes on for ever");
    }
    assert_serves(&server);
}

#[test]
fn a_body_may_have_64_kib_and_no_more() {
    let server = start(Limits::default());
    let event = "{\"event\":\"request\"}";
    let of = |bytes: usize| format!("{event}{}", " ".repeat(bytes - event.len()));
    let most = Limits::default().body_bytes;
    for (bytes, status) in [(most, "202"), (most + 1, "413"), (16 * most, "413")] {
        let (body, length) = (of(bytes), format!("content-length: {bytes}"));
        let answer = server.exchange(post(&length, &body));
        assert_eq!(status_of(&answer), status, "{bytes} bytes: {answer}");
        // The same without telling the length beforehand.
        let chunks = format!("{bytes:x}\r\n{body}\r\n0\r\n\r\n");
        let answer = server.exchange(post("transfer-encoding: chunked", &chunks));
        assert_eq!(status_of(&answer), status, "{bytes} bytes in chunks: {answer}");
        assert_eq!(status == "413", answer.contains("at most 65536 bytes"), "{answer}");
    }
    // Announced and never sent: the answer doesn't wait for it.
    let server = start(impatient());
    let mut stream = server.connect();
    stream.write_all(post("content-length: 9999999999", "").as_bytes()).unwrap();
    let answer = read_to_end(&mut stream);
    assert!(["413", "408"].contains(&status_of(&answer)), "{answer}");
    let total = server.registry.get("data-api").unwrap().snapshot().unwrap().total();
    assert_eq!(total, 0);
}

#[test]
fn heads_that_are_too_large_are_refused() {
    let server = start(Limits::default());
    let most = Limits::default().header_bytes;
    for (name, head) in [
        ("path", format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(most))),
        ("header", format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(most))),
        ("headers", format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(64))),
        ("megabytes", format!("GET /{} HTTP/1.1\r\n", "a".repeat(4 * 1024 * 1024))),
    ] {
        let mut stream = server.connect();
        let _ = stream.write_all(head.as_bytes());
        let mut answer = Vec::new();
        // What it does not read any more can cost the client the answer.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || ["414", "431"].contains(&status_of(&answer)),
            "{name}: {answer}"
        );
    }
    let headers = "x: y\r\n".repeat(62);
    let answer = server.exchange(format!(
        "GET /health/live HTTP/1.1\r\nhost: localhost\r\n{headers}connection: close\r\n\r\n"
    ));
    assert_eq!(status_of(&answer), "200", "64 headers are fine");
}

#[test]
fn what_is_not_http_or_not_text_is_refused() {
    let server = start(Limits::default());
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\xff\xfe\xfd\r\n\r\n",
        b"GET /health/live HTTP/9.9\r\n\r\n",
        b"GET /health/live\x00 HTTP/1.1\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"GET /health/live HTTP/1.1\r\ntransfer-encoding: nonsense\r\n\r\n",
    ] {
        let answer = server.exchange([bytes, b"\r\n\r\n"].concat());
        assert_eq!(status_of(&answer), "400", "{bytes:?}: {answer}");
    }
    // Paths and header values may have any bytes; they are in no service's name.
    let uri =
        b"GET /api/v1/event-rate?service=%ff%00 HTTP/1.1\r\nhost:\r\nx: \xff\r\nconnection: close\r\n\r\n";
    assert_eq!(status_of(&server.exchange(uri)), "404");
    let body = post("content-length: 12", "").into_bytes();
    let answer = server.exchange([&body[..], b"{\"event\":\"\xff\""].concat());
    assert_eq!(status_of(&answer), "400");
    assert!(answer.contains("{\"error\":\""), "{answer}");
    assert_serves(&server);
}

#[test]
fn requests_in_flight_finish_while_not_ready() {
    let mut server = start(Limits::default());
    let mut in_flight = server.connect();
    let body = "{\"event\":\"request\"}";
    let head = post(&format!("content-length: {}", body.len()), "");
    in_flight.write_all(head.as_bytes()).unwrap();
    // Until the request has been seen, it isn't in flight.
    server.wait_for_requests(1);
    server.shut_down();
    let answer = loop {
        let answer = server.get("/health/ready");
        if status_of(&answer) == "503" {
            break answer;
        }
    };
    assert!(answer.ends_with("{\"status\":\"draining\"}"), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    in_flight.write_all(body.as_bytes()).unwrap();
    let answer = read_to_end(&mut in_flight);
    assert!(answer.ends_with("{\"accepted\":1}"), "{answer}");
    server.ended().unwrap();
    TcpStream::connect(server.address).unwrap_err();
}

#[test]
fn requests_that_do_not_finish_are_cut_off() {
    let mut server = start(limits(|limits| limits.drain = SHORT));
    let mut in_flight = server.connect();
    in_flight.write_all(post("content-length: 100", "").as_bytes()).unwrap();
    server.wait_for_requests(1);
    server.ended().unwrap();
    assert_hangs_up(&mut in_flight);
}

/// Clients that ask again and again until the server is gone: whoever got a connection gets an
/// answer in full.
#[test]
fn shutting_down_under_load_cuts_no_answer_short() {
    let mut server = start(Limits::default());
    let address = server.address;
    let client = move || {
        let mut answered = 0_u64;
        loop {
            let Ok(mut stream) = TcpStream::connect(address) else { return answered };
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let request =
                "GET /api/v1/event-rate HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            let mut answer = String::new();
            let sent = stream.write_all(request.as_bytes());
            match sent.and_then(|()| stream.read_to_string(&mut answer)) {
                Ok(_) => assert!(answer.ends_with('}'), "cut short: {answer:?}"),
                // Connected by the system in the instant in which the listener was closed.
                Err(error) => {
                    assert_eq!((error.kind(), &*answer), (ErrorKind::ConnectionReset, ""));
                    return answered;
                }
            }
            answered += 1;
        }
    };
    let clients: Vec<_> = (0..8).map(|_| std::thread::spawn(client)).collect();
    server.wait_for_requests(200);
    server.ended().unwrap();
    let answered: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
    assert_eq!(server.requests(), answered, "each request that was taken was answered");
}
