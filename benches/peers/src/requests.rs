//! A request through an axum router: bare, with tickring's layer, and with axum-prometheus, in one run.
//!
//! `cargo run --release --bin requests` prints a table, in half a minute. Each router gets the same requests to
//! the same handlers, without a socket, and the routers take turns in each round. What a layer costs is what it
//! adds to the bare router within a round.
//!
//! With the name of a router and a number it sends as many requests through that router and prints nothing, so
//! that callgrind can count instructions: two numbers, and the difference is that of the requests.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Path, Request};
use axum::http::{Method, StatusCode, Uri};
use axum::routing::get;
use axum_prometheus::PrometheusMetricLayerBuilder;
use axum_prometheus::metrics_exporter_prometheus::PrometheusHandle;
use tickring::tower::{MeterLayer, RoutePattern};
use tickring::{Meter, Registry, Service};
use tower_service::Service as _;

static REQUESTS: Meter = Meter::new();
static BYTES_OUT: Meter = Meter::new();

const ROUNDS: usize = 4_000;
const BATCH: u32 = 200;
const NAMES: [&str; 6] = [
    "bare",
    "bare again",
    "tickring: requests and in flight only",
    "tickring: labels, durations, in flight, bytes",
    "axum-prometheus",
    "axum-prometheus with response body size",
];

/// The place of what is compared with those behind it.
const OURS: usize = 3;

async fn item(Path(id): Path<u32>) -> Result<&'static str, StatusCode> {
    if id == 0 { Err(StatusCode::NOT_FOUND) } else { Ok("{\"order\":17,\"state\":\"sent\"}") }
}

fn bare() -> Router {
    Router::new()
        .route("/api/v1/items/{id}", get(item).post(item))
        .route("/api/v1/orders/{id}", get(item).post(item))
        .route("/api/v1/orders/{id}/state", get(item))
}

fn with_tickring() -> Router {
    let shop =
        Service::builder("shop").timed_event("request").labels(["route", "method", "status"]);
    let shop = shop.build().expect("the description is sound");
    let shop = Registry::new().register(shop).expect("its name is free");
    let layer = MeterLayer::labelled(&shop, "request", RoutePattern::by(MatchedPath::as_str));
    bare().layer(layer.expect("the layer knows these labels").bytes_out(&BYTES_OUT))
}

/// The routers in the order of `NAMES`, and what renders axum-prometheus's figures.
fn routers() -> ([Router; NAMES.len()], PrometheusHandle) {
    let sized = PrometheusMetricLayerBuilder::new().enable_response_body_size(true);
    let (sized, handle) = sized.with_default_metrics().build_pair();
    let plain = PrometheusMetricLayerBuilder::new().build();
    let only = bare().layer(MeterLayer::new(&REQUESTS));
    let (plain, sized) = (bare().layer(plain), bare().layer(sized));
    ([bare(), bare(), only, with_tickring(), plain, sized], handle)
}

fn requests() -> Vec<(Method, Uri)> {
    [
        (Method::GET, "/api/v1/items/17"),
        (Method::POST, "/api/v1/items/18"),
        (Method::GET, "/api/v1/orders/17"),
        (Method::GET, "/api/v1/orders/17/state"),
        (Method::GET, "/api/v1/items/0"),
    ]
    .map(|(method, path)| (method, Uri::from_static(path)))
    .into()
}

/// Sends requests in turn, and reads each response to its end.
fn send(router: &mut Router, requests: &[(Method, Uri)], number: u32) {
    let mut context = Context::from_waker(Waker::noop());
    for (method, uri) in requests.iter().cycle().take(number as usize) {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.clone();
        let mut answer = pin!(router.call(request));
        let Poll::Ready(Ok(response)) = answer.as_mut().poll(&mut context) else {
            panic!("the handlers never wait");
        };
        let mut body = response.into_body();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
            black_box(frame.expect("it can't fail"));
        }
    }
}

fn median(mut figures: Vec<f64>) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    let at = |tenths: usize| figures[(figures.len() - 1) * tenths / 10];
    (at(5), at(1), at(9))
}

fn main() {
    // axum-prometheus starts a task. It never runs: its work is done below, where no time is taken.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let (mut routers, handle) = routers();
    let requests = requests();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, number] = &arguments[..] {
        let router = NAMES.iter().position(|known| known == name).expect("the name of a router");
        send(&mut routers[router], &requests, number.parse().expect("a number of requests"));
        return;
    }
    let mut rounds: [Vec<f64>; NAMES.len()] = Default::default();
    for round in 0..ROUNDS + 20 {
        for (router, nanos) in routers.iter_mut().zip(&mut rounds) {
            let begun = Instant::now();
            send(router, &requests, BATCH);
            let each = begun.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH);
            // The first rounds warm up.
            if round >= 20 {
                nanos.push(each);
            }
        }
        // As its documentation asks for: samples pile up otherwise.
        handle.run_upkeep();
    }
    let added = |router: usize| -> Vec<f64> {
        rounds[router].iter().zip(&rounds[0]).map(|(with, bare)| with - bare).collect()
    };
    println!("| | ns a request | 8 in 10 rounds between | added | 8 in 10 rounds between |");
    println!("|---|---|---|---|---|");
    for (router, name) in NAMES.iter().enumerate() {
        let (middle, low, high) = median(rounds[router].clone());
        let (more, least, most) = median(added(router));
        println!(
            "| {name} | {middle:.0} | {low:.0} – {high:.0} | {more:.0} | {least:.0} – {most:.0} |"
        );
    }
    println!("\n| added by tickring / added by | median | 8 in 10 rounds between | promised |");
    println!("|---|---|---|---|");
    for (router, name) in NAMES.iter().enumerate().skip(OURS + 1) {
        let ratios =
            added(OURS).iter().zip(added(router)).map(|(ours, theirs)| ours / theirs).collect();
        let (middle, low, high) = median(ratios);
        println!("| {name} | {middle:.2}× | {low:.2} – {high:.2} | ≤ 0.33× |");
    }
}
