//! `GET /api/v1/real-time-metrics`: what the document of all services costs, beside the event-rate document
//! of one. Without a socket, all in one run, by turns. `endpoint` has what whole requests cost.
//!
//! `cargo bench -p tickring --features http --bench consolidated`, which takes ten seconds.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::body::Body;
use tickring::http::Router;
use tickring::{Registry, Service};

#[path = "support/measure.rs"]
mod measure;

use measure::{Rounds, Spread, interleave, nanos, ratio, spread};

const ROUNDS: usize = 51;
const DOCUMENT: &str = "/api/v1/real-time-metrics";
const SERIES: &str = "/api/v1/real-time-metrics?series=1";

/// Events on every meter, and durations on every timer: a bucket each, as a busy minute has.
fn filled(registry: Registry, host: &str) -> Router {
    for service in registry.services().iter() {
        for event in service.events() {
            match event.timer() {
                Some(timer) => (0..170_u64).for_each(|n| {
                    timer.record(Duration::from_nanos((16 + n % 16) << (7 + n / 16)));
                }),
                None => event.meter().expect("it has no source").record_n(12),
            }
        }
    }
    Router::new(registry, host).expect("the host is one of them")
}

fn fifteen() -> Router {
    filled(Registry::from_catalogue(), "sports-data")
}

fn three_hundred() -> Router {
    let registry = Registry::new();
    for number in 0..300 {
        let service = Service::builder(format!("service-{number}")).event("request");
        // Every tenth is timed, as in the catalogue.
        let service = if number % 10 == 0 { service.timed_event("job") } else { service };
        registry.register(service.build().expect("it is sound")).expect("its name is free");
    }
    filled(registry, "service-0")
}

fn request(uri: &str) -> Request<Bytes> {
    Request::get(uri).body(Bytes::new()).expect("its parts are valid")
}

/// Nanoseconds for an answer.
fn answers(router: &Router, uri: &str, times: u32) -> impl FnMut() -> f64 {
    let (router, request) = (router.clone(), request(uri));
    move || nanos(times, || drop(black_box(router.answer(black_box(&request)))))
}

fn main() {
    let (few, many) = (fifteen(), three_hundred());
    for (what, router, uri) in [
        ("15 services", &few, DOCUMENT),
        ("15 with series", &few, SERIES),
        ("300 with series", &many, SERIES),
    ] {
        let answer = router.answer(&request(uri));
        assert!(answer.status().is_success());
        println!("{what}: {} bytes", answer.body().size_hint().lower());
    }
    let [one, all, series, many] = interleave(
        ROUNDS,
        [
            &mut answers(&few, "/api/v1/event-rate", 2000),
            &mut answers(&few, DOCUMENT, 200),
            &mut answers(&few, SERIES, 100),
            &mut answers(&many, SERIES, 5),
        ],
    );
    println!("| figure | median | 8 in 10 rounds between | promised |\n|---|---|---|---|");
    let print = |what: &str, Spread { low, median, high }: Spread, promised: &str| {
        println!("| {what} | {median:.2} | {low:.2} – {high:.2} | {promised} |");
    };
    let micros = |rounds: &Rounds| spread(rounds.iter().map(|nanos| nanos / 1e3));
    print("an event-rate document, µs", micros(&one), "");
    print("15 services, µs", micros(&all), "≤ 1000");
    print("15 services / an event-rate document", ratio(&all, &one), "");
    print("15 services with series and durations, µs", micros(&series), "");
    print("300 services with series and durations, µs", micros(&many), "≤ 10000");
}
