//! Elsewhere: an exporter that answers every path with its metrics, as bare `text/plain`, lets a
//! client without a request hold a connection for ever, and cuts off answers when it ends.

use std::io::{Read, Write};
use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use hyper::header::CONTENT_TYPE;
use tickring::http::{Limits, Router};
use tickring::{Registry, Service};

use crate::support::http::{limits, start};
use crate::support::router;

fn ask(uri: &str) -> Response<Bytes> {
    let registry = Registry::new();
    registry.register(Service::from_catalogue("admin-api").unwrap()).unwrap();
    router::ask(&Router::new(registry, "admin-api").unwrap(), "GET", uri, "")
}

#[test]
fn only_the_path_of_metrics_answers_with_metrics() {
    for path in ["/index.html", "/metric", "/metrics/", "/metrics/x", "//metrics", "/favicon.ico"] {
        let answer = ask(path);
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json", "{path}");
    }
    assert_eq!(ask("/metrics").status(), 200);
}

#[test]
fn metrics_say_which_version_of_the_format_they_are() {
    let content_type = ask("/metrics").headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
    assert!(content_type.contains("charset=utf-8"), "{content_type}");
}

#[test]
fn client_that_never_finishes_is_hung_up_on() {
    let server = start(limits(|limits| {
        limits.header_timeout = Duration::from_millis(200);
        limits.idle_timeout = Duration::from_millis(200);
    }));
    for begun in ["", "GET /health HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut stream = server.connect();
        stream.write_all(begun.as_bytes()).unwrap();
        // Ends when the server hangs up; past the test's patience it is an error.
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(ended.is_ok(), "the server still waits after {begun:?}: {ended:?}");
    }
}

/// The request is in before the end begins, but its body is not.
#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let mut server = start(Limits::default());
    let mut stream = server.connect();
    let body = r#"{"event":"request","count":7}"#;
    let head = "POST /api/v1/services/admin-api/events HTTP/1.1\r\nHost: localhost\r\n";
    write!(stream, "{head}Content-Length: {}\r\nExpect: 100-continue\r\n\r\n", body.len()).unwrap();
    // The server asks for the body: it is reading this request.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"), "{asked:?}");
    server.shut_down();
    // From here on it says that it wants no more.
    while !server.get("/health/ready").starts_with("HTTP/1.1 503") {
        std::thread::yield_now();
    }
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "the answer was {answer:?}");
}
