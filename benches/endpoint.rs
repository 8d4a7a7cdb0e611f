//! `GET /api/v1/event-rate` at 100 connections, against a hyper server that answers a constant of
//! the same size; and the consolidated document of fifteen services at 50. All in one run, by turns, loaded by `wrk` (Debian has it) over loopback.
//!
//! `cargo bench -p tickring --features http --bench endpoint`, which takes two minutes.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::time::{ClockId, clock_gettime};
use tickring::http::{Router, Server};
use tickring::{Registry, Service};
use tokio::runtime::Builder;

#[path = "support/measure.rs"]
mod measure;

use measure::{Spread, spread};

const ROUNDS: usize = 9;
/// The host's own service, whose requests are timed, and one without durations.
const TIMED: &str = "admin-api";
const UNTIMED: &str = "sports-data";
const PATH: &str = "/api/v1/event-rate";
/// The document of all services of the catalogue.
const ALL: &str = "/api/v1/real-time-metrics";

/// A listener on a free port, and its address.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// Runs a server on a runtime of its own, for as long as the process lives. One thread: `wrk` takes
/// up a processor, and with more threads than processors it is the scheduler that is measured.
fn on_a_runtime<S: Future<Output = ()>>(serve: impl FnOnce() -> S + Send + 'static) {
    thread::spawn(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(serve());
    });
}

fn event_rate_server(name: &'static str) -> SocketAddr {
    let registry = Registry::new();
    let service = Service::from_catalogue(name).expect("it is in the catalogue");
    registry.register(service).expect("it is the first");
    server(registry, name)
}

fn server(registry: Registry, name: &'static str) -> SocketAddr {
    let (listener, address) = listener();
    on_a_runtime(move || async move {
        let router = Router::new(registry, name).expect("a service that is registered");
        let server = Server::new(router).listen(listener, name);
        server.expect("a listener").serve(std::future::pending()).await.expect("it serves");
    });
    address
}

fn constant_server(body: Bytes) -> SocketAddr {
    let (listener, address) = listener();
    listener.set_nonblocking(true).expect("sockets can be non-blocking");
    on_a_runtime(move || async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("it is non-blocking");
        let answer = Arc::new(move |_: Request<Incoming>| {
            let answer = Response::builder()
                .header(CONTENT_TYPE, "application/json")
                .header(CACHE_CONTROL, "no-store")
                .body(Full::new(body.clone()));
            std::future::ready(Ok::<_, Infallible>(answer.expect("its parts are valid")))
        });
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(request));
                let mut connection = http1::Builder::new();
                connection.timer(TokioTimer::new());
                // wrk ends by closing its connections; nothing is wrong then.
                let _ = connection.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// The body of one answer.
fn body_of(address: SocketAddr, path: &str) -> Bytes {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers in UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    Bytes::from(body.to_owned())
}

#[derive(Clone, Copy)]
struct Load {
    requests_per_second: f64,
    p99_milliseconds: f64,
    /// Processor time of a request, of the server alone.
    microseconds: f64,
}

/// Processor time that this process has used; its idle servers use none.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("Linux has it").into()
}

/// Two seconds of so many connections; nothing if there is no wrk.
fn load(address: SocketAddr, path: &str, connections: &str) -> Option<Load> {
    let url = format!("http://{address}{path}");
    let before = processor_time();
    let wrk =
        Command::new("wrk").args(["-t1", connections, "-d2s", "--latency", &url]).output().ok()?;
    let used = processor_time().saturating_sub(before);
    let report = String::from_utf8_lossy(&wrk.stdout);
    assert!(wrk.status.success(), "{}", String::from_utf8_lossy(&wrk.stderr));
    assert!(!report.contains("Non-2xx") && !report.contains("Socket errors"), "{report}");
    // Above the distribution there are other figures, in which "99%" may be, too.
    let (_, report) = report.split_once("Latency Distribution").expect("--latency is given");
    let after = |label: &str| {
        let (_, rest) = report.split_once(label).expect("wrk reports it");
        rest.split_whitespace().next().expect("with a figure").to_owned()
    };
    let requests = report.lines().find_map(|line| line.trim().split_once(" requests in "));
    let requests: f64 = requests.expect("wrk counts them").0.parse().expect("a number");
    let p99 = after("99%");
    let unit = p99.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let figure: f64 = p99.trim_end_matches(unit).parse().expect("a number");
    let in_milliseconds = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        other => panic!("wrk says {other}"),
    };
    Some(Load {
        requests_per_second: after("Requests/sec:").parse().expect("a number"),
        p99_milliseconds: figure * in_milliseconds,
        microseconds: used.as_secs_f64() * 1e6 / requests,
    })
}

fn main() {
    let (timed, untimed) = (event_rate_server(TIMED), event_rate_server(UNTIMED));
    let fleet = server(Registry::from_catalogue(), UNTIMED);
    let (timed_body, untimed_body) = (body_of(timed, PATH), body_of(untimed, PATH));
    let fleet_bytes = body_of(fleet, ALL).len();
    let servers = [
        (timed, PATH, "-c100"),
        (constant_server(timed_body.clone()), PATH, "-c100"),
        (untimed, PATH, "-c100"),
        (constant_server(untimed_body.clone()), PATH, "-c100"),
        (fleet, ALL, "-c50"),
    ];
    let mut loads: [Vec<Load>; 5] = [const { Vec::new() }; 5];
    for round in 0..=ROUNDS {
        for (loads, (address, path, connections)) in loads.iter_mut().zip(servers) {
            let Some(load) = load(address, path, connections) else {
                println!("skipped: wrk is not there (Debian: apt-get install wrk)");
                return;
            };
            // The first round warms up.
            if round > 0 {
                loads.push(load);
            }
        }
    }
    println!("| figure | median | 8 in 10 rounds between | promised |\n|---|---|---|---|");
    let print = |what: &str,
                 Spread { low, median, high }: Spread,
                 digits: usize,
                 promised: &str| {
        println!("| {what} | {median:.digits$} | {low:.digits$} – {high:.digits$} | {promised} |");
    };
    let [timed, as_timed, untimed, as_untimed, fleet] = &loads;
    for (name, loads, constant, body) in
        [(UNTIMED, untimed, as_untimed, untimed_body), (TIMED, timed, as_timed, timed_body)]
    {
        let bytes = body.len();
        print(&format!("requests/s, {name} ({bytes} bytes)"), rates(loads), 0, "");
        print("requests/s, a constant of that size", rates(constant), 0, "");
        print(&format!("{name} / constant"), ratios(loads, constant), 3, "≥ 0.85");
        let p99 = |loads: &[Load]| spread(loads.iter().map(|load| load.p99_milliseconds));
        print(&format!("{name}, p99 in ms"), p99(loads), 2, "≤ 5");
        print("the constant, p99 in ms", p99(constant), 2, "");
        let time = |loads: &[Load]| spread(loads.iter().map(|load| load.microseconds));
        print(&format!("{name}, processor time of a request in µs"), time(loads), 2, "");
        print("the constant, processor time of a request in µs", time(constant), 2, "");
    }
    print(&format!("requests/s, 15 services ({fleet_bytes} bytes)"), rates(fleet), 0, "");
    let p99 = spread(fleet.iter().map(|load| load.p99_milliseconds));
    print("15 services, 50 connections, p99 in ms", p99, 2, "≤ 1");
    let time = spread(fleet.iter().map(|load| load.microseconds));
    print("15 services, processor time of a request in µs", time, 2, "");
    let pairs = fleet.iter().zip(untimed);
    let cost = spread(pairs.map(|(fleet, one)| fleet.microseconds / one.microseconds));
    print(&format!("the same / {UNTIMED}"), cost, 2, "≤ 9");
}

fn rates(loads: &[Load]) -> Spread {
    spread(loads.iter().map(|load| load.requests_per_second))
}

fn ratios(a: &[Load], b: &[Load]) -> Spread {
    let pairs = a.iter().zip(b);
    spread(pairs.map(|(a, b)| a.requests_per_second / b.requests_per_second))
}
