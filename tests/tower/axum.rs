//! An axum service behind the layer, over a socket.

use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use bytes::Bytes;
use http_body::Frame;
use tickring::tower::{MeterLayer, Routes, outcomes};
use tickring::{Meter, Registry, Service};

use crate::support::PATIENCE;
use crate::support::http;

struct Running {
    address: SocketAddr,
    registry: Registry,
    cut_short: Arc<Meter>,
    /// Serves until it is dropped.
    _runtime: tokio::runtime::Runtime,
}

fn start() -> Running {
    let registry = Registry::new();
    let api = registry.register(Service::from_catalogue("data-api").unwrap()).unwrap();
    let ends = registry.register(outcomes("outcome").build().unwrap()).unwrap();
    let cut_short = Arc::new(Meter::new());
    let routes = Routes::axum(&registry, "route");
    let layer = MeterLayer::new(api.meter("request").unwrap())
        .outcomes(&ends)
        .unwrap()
        .cut_short(Arc::clone(&cut_short))
        .routes(routes.unwrap());
    let figures = tickring::http::Router::new(registry.clone(), "data-api").unwrap();
    let app = Router::new()
        .route("/items/{id}", get(|Path(id): Path<String>| async move { id }))
        .route("/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .route("/waits", get(|| async { std::future::pending::<()>().await }))
        .route("/endless", get(|| async { Body::new(Endless { begun: false }) }))
        .route(
            "/api/v1/event-rate",
            get(
                move |request: axum::extract::Request| async move { figures.handle(request).await },
            ),
        )
        .layer(layer);

    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, app).await });
    Running { address, registry, cut_short, _runtime: runtime }
}

/// A body of one frame that never ends.
struct Endless {
    begun: bool,
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.begun {
            return Poll::Pending;
        }
        self.begun = true;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"begun")))))
    }
}

impl Running {
    fn ask(&self, path: &str) -> String {
        http::get(self.address, path)
    }

    fn count(&self, service: &str, event: &str) -> u64 {
        let service = self.registry.get(service).unwrap();
        service.event(event).map_or(0, |event| event.snapshot().unwrap().total())
    }

    /// Waits for what the server does once it has noticed something.
    fn until(&self, what: &str, seen: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !seen(self) {
            assert!(Instant::now() < deadline, "still not: {what}: {:?}", self.registry);
            std::thread::yield_now();
        }
    }
}

#[test]
fn requests_over_a_socket_count_by_outcome_and_route() {
    let running = start();
    assert!(running.ask("/items/1").ends_with("\r\n\r\n1"));
    assert!(running.ask("/items/2?of=3").ends_with("\r\n\r\n2"));
    assert!(running.ask("/items").starts_with("HTTP/1.1 404"));
    assert!(running.ask("/broken").starts_with("HTTP/1.1 500"));
    let mut head = String::new();
    http::send(running.address, "HEAD", "/items/3").read_to_string(&mut head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");

    let figures = running.ask("/api/v1/event-rate");
    let (_, document) = figures.split_once("\r\n\r\n").unwrap();
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    // The one that asks included, as it has arrived.
    assert_eq!(document["total_events"], 6);
    assert_eq!(document["service"], "data-api");

    running.until("six ends", |running| {
        running.registry.get("outcome").unwrap().snapshot().unwrap().total() == 6
    });
    let outcomes = ["2xx", "4xx", "5xx", "cancelled"].map(|event| running.count("outcome", event));
    assert_eq!(outcomes, [4, 1, 1, 0]);
    let routes = ["items_id", "broken", "api_v1_event-rate", "unmatched", "overflow"];
    assert_eq!(routes.map(|event| running.count("route", event)), [3, 1, 1, 1, 0]);
    assert_eq!(running.cut_short.snapshot().total(), 0);
}

#[test]
fn clients_that_hang_up_are_counted() {
    let running = start();
    let waiting = http::send(running.address, "GET", "/waits");
    running.until("the request has arrived", |running| running.count("route", "waits") == 1);
    assert_eq!(running.count("outcome", "cancelled"), 0);
    drop(waiting);
    running.until("cancelled", |running| running.count("outcome", "cancelled") == 1);

    let mut endless = http::send(running.address, "GET", "/endless");
    let mut answer = Vec::new();
    while !answer.ends_with(b"begun\r\n") {
        let mut byte = [0];
        endless.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    assert_eq!((running.count("outcome", "2xx"), running.cut_short.snapshot().total()), (0, 0));
    drop(endless);
    running.until("cut short", |running| running.cut_short.snapshot().total() == 1);
    assert_eq!((running.count("outcome", "2xx"), running.count("data-api", "request")), (1, 2));
}
