//! What holds for the answer to any request.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::Value;
use tickring::http::Router;
use tickring::{ManualClock, Registry, Service};

/// The services that requests can name.
fn registry() -> Registry {
    let registry = Registry::new();
    for name in ["admin-api", "sports-data"] {
        let clock = ManualClock::new();
        let service = Service::builder_from_catalogue(name).unwrap().clock(clock).build().unwrap();
        registry.register(service).unwrap();
    }
    let failing = Service::builder("failing").source("event", || Err("always".into()));
    registry.register(failing.build().unwrap()).unwrap();
    registry
}

/// `METHOD TARGET`, lines of headers, an empty line, the body; nothing if that makes no request.
fn request(bytes: &[u8]) -> Option<Request<Bytes>> {
    let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len());
    let body = bytes.get(end + 2..).unwrap_or_default();
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    request.body(Bytes::copy_from_slice(body)).ok()
}

fn total(registry: &Registry) -> u64 {
    let services = registry.services();
    let snapshots = services.iter().filter_map(|service| service.snapshot().ok());
    snapshots.map(|snapshot| snapshot.total()).sum()
}

fn read<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut *body).poll_frame(&mut context) {
        bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    bytes
}

pub(crate) fn check(bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    let registry = registry();
    let router = Router::new(registry.clone(), "admin-api").unwrap().accept_events();
    let response = router.answer(&request);
    let accepted = check_answer(&request, response);
    assert_eq!(total(&registry), accepted, "events in the meters");
}

/// Returns how many events it says it has accepted.
fn check_answer(
    request: &Request<Bytes>,
    mut response: Response<impl Body<Data = Bytes> + Unpin>,
) -> u64 {
    let body = read(response.body_mut());
    let (status, headers) = (response.status(), response.headers());
    let expected = [200, 202, 400, 404, 405, 409, 413, 415, 503];
    assert!(expected.contains(&status.as_u16()), "{status} for {request:?}");
    let options = request.method() == Method::OPTIONS && status == StatusCode::OK;
    let says_methods = options || status == StatusCode::METHOD_NOT_ALLOWED;
    assert_eq!(says_methods, headers.contains_key(ALLOW));
    if options {
        assert!(body.is_empty());
        return 0;
    }
    let content_type = headers[CONTENT_TYPE].to_str().unwrap();
    if request.method() == Method::HEAD {
        assert!(body.is_empty() && headers.contains_key(CONTENT_LENGTH));
        return 0;
    }
    if content_type != "application/json" {
        let others = ["/metrics", "/"].contains(&request.uri().path()) && status == StatusCode::OK;
        assert!(others, "{content_type} for {request:?}");
        assert!(
            content_type.starts_with("text/html")
                || headers.contains_key(CONTENT_ENCODING)
                || body.is_ascii()
        );
        return 0;
    }
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    let json: Value = serde_json::from_slice(&body).unwrap();
    if status.is_client_error() {
        assert!(json["error"].as_str().is_some_and(|why| !why.is_empty()), "{json}");
    }
    if status == StatusCode::ACCEPTED { json["accepted"].as_u64().unwrap() } else { 0 }
}
