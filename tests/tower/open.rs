//! axum over a socket, with responses that stay open: server-sent events and a websocket.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::{any, get};
use futures_util::stream;
use tickring::tower::{MeterLayer, RoutePattern};
use tickring::{ManualClock, Registry, Service};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::{PATIENCE, http};

/// What a client stays connected for.
const LONG: Duration = Duration::from_secs(1800);

struct Running {
    address: SocketAddr,
    clock: ManualClock,
    api: Arc<Service>,
    layer: MeterLayer,
    /// Sends an event to the client of `/events`.
    events: UnboundedSender<&'static str>,
    /// Serves until it is dropped.
    _runtime: tokio::runtime::Runtime,
}

fn start() -> Running {
    let (registry, clock) = (Registry::new(), ManualClock::new());
    let api = Service::builder("api").timed_event("request").clock(clock.clone());
    let api = api.labels(["route", "method", "status", "kind"]);
    let api = api.event("byte").build().unwrap();
    let api = registry.register(api).unwrap();
    let layer = MeterLayer::labelled(&api, "request", RoutePattern::axum()).unwrap();
    let layer = layer.bytes_out(api.meter("byte").unwrap());

    let (all, streams) = (layer.clone(), layer.clone());
    let figures = tickring::http::Router::new(registry, "api").unwrap();
    let figures = figures
        .gauge("api_requests_in_flight", "Requests.", move || Some(all.in_flight().into()))
        .gauge("api_streams_in_flight", "Streams.", move || {
            Some(streams.streams_in_flight().into())
        });
    let (events, receiver) = unbounded_channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let app = Router::new()
        .route("/items/{id}", get(|| async { "an item" }))
        .route("/events", get(move || sent(Arc::clone(&receiver))))
        .route("/echo/{room}", any(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(echo) }))
        .layer(layer.clone())
        // Outside the layer, so that a look changes nothing.
        .fallback_service(figures);

    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, app).await });
    Running { address, clock, api, layer, events, _runtime: runtime }
}

type Sent = Arc<Mutex<UnboundedReceiver<&'static str>>>;

/// What is sent, as server-sent events.
async fn sent(receiver: Sent) -> Sse<impl stream::Stream<Item = Result<Event, Infallible>>> {
    let receiver = receiver.lock_owned().await;
    Sse::new(stream::unfold(receiver, |mut receiver| async {
        let text = receiver.recv().await?;
        Some((Ok(Event::default().data(text)), receiver))
    }))
    .keep_alive(KeepAlive::default())
}

async fn echo(mut socket: axum::extract::ws::WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(_) = message {
            socket.send(message).await.unwrap();
        }
    }
}

impl Running {
    /// Requests with these labels, and the sum of their durations.
    fn counted(&self, values: [&str; 4]) -> (u64, Duration) {
        let family = self.api.timed_family("request").unwrap();
        let since_start = family.with(values).snapshot().since_start().clone();
        (since_start.count(), since_start.sum())
    }

    fn in_flight(&self) -> (u32, u32) {
        (self.layer.in_flight(), self.layer.streams_in_flight())
    }

    /// Waits for what the server does once it has noticed something.
    fn until(&self, what: &str, seen: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !seen(self) {
            assert!(Instant::now() < deadline, "still not: {what}: {:?}", self.in_flight());
            std::thread::yield_now();
        }
    }

    /// A line of `/metrics`.
    fn shows(&self, line: &str) {
        let metrics = http::get(self.address, "/metrics");
        assert!(metrics.lines().any(|shown| shown == line), "{line} is not in {metrics}");
    }
}

/// Reads until what was read ends with `end`.
fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    while !answer.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    answer
}

#[test]
fn server_sent_events_put_no_hour_into_a_latency() {
    let running = start();
    let mut client = http::send(running.address, "GET", "/events");
    running.events.send("first").unwrap();
    read_until(&mut client, b"data: first\n\n\r\n");
    let stream = ["/events", "GET", "200", "stream"];
    // It has counted, though it goes on.
    assert_eq!(running.counted(stream), (1, Duration::ZERO));
    assert_eq!(running.in_flight(), (1, 1));
    running.shows("api_requests_in_flight 1");
    running.shows("api_streams_in_flight 1");

    running.clock.advance(LONG);
    running.events.send("last").unwrap();
    read_until(&mut client, b"data: last\n\n\r\n");
    assert!(http::get(running.address, "/items/1").ends_with("an item"));
    running.until("the item has been sent", |running| running.in_flight() == (1, 1));
    let bytes = "data: first\n\ndata: last\n\nan item".len() as u64;
    assert_eq!(running.api.meter("byte").unwrap().total(), bytes);

    drop(client);
    running.until("the client has left", |running| running.in_flight() == (0, 0));
    assert_eq!(running.counted(stream), (1, Duration::ZERO));
    let item = ["/items/{id}", "GET", "200", "response"];
    assert_eq!(running.counted(item), (1, Duration::ZERO));
    running.shows("api_requests_in_flight 0");
}

#[test]
fn websocket_counts_as_an_upgrade_when_it_opens() {
    const HANDSHAKE: &str = "GET /echo/17 HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
                             upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let running = start();
    let mut client = http::connect(running.address);
    client.write_all(HANDSHAKE.as_bytes()).unwrap();
    let head = String::from_utf8(read_until(&mut client, b"\r\n\r\n")).unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let upgrade = ["/echo/{room}", "GET", "101", "upgrade"];
    running.until("the upgrade", |running| running.counted(upgrade) == (1, Duration::ZERO));
    // It is no request any more, and its frames are no bytes of a body.
    running.until("the head has been sent", |running| running.in_flight() == (0, 0));
    running.clock.advance(LONG);
    // A text frame of two bytes, whose mask is zero.
    client.write_all(b"\x81\x82\0\0\0\0hi").unwrap();
    read_until(&mut client, b"\x81\x02hi");
    drop(client);
    assert_eq!(running.counted(upgrade), (1, Duration::ZERO));
    assert_eq!(running.api.snapshot().unwrap().total(), 1);
}

/// The second client of the feed and those after it wait for a response until the first one leaves.
#[test]
fn clients_that_hang_up_leave_nothing_in_flight() {
    const WAITING: u32 = 8;
    let running = start();
    let mut client = http::send(running.address, "GET", "/events");
    running.events.send("first").unwrap();
    read_until(&mut client, b"data: first\n\n\r\n");
    let waiting: Vec<_> =
        (0..WAITING).map(|_| http::send(running.address, "GET", "/events")).collect();
    running.until("all wait", |running| running.in_flight() == (1 + WAITING, 1));
    running.clock.advance(Duration::from_secs(1));
    drop(waiting);
    running.until("all have left", |running| running.in_flight() == (1, 1));
    let cancelled = running.counted(["/events", "GET", "cancelled", "none"]);
    assert_eq!(cancelled, (WAITING.into(), Duration::from_secs(WAITING.into())));
    drop(client);
    running.until("the first one has left", |running| running.in_flight() == (0, 0));
    assert_eq!(running.api.event("request").unwrap().snapshot().unwrap().total(), 9);
}
