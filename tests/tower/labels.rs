//! Requests as one event with labels.

use std::convert::Infallible;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use tickring::tower::{MeterLayer, Metered, RoutePattern};
use tickring::{EventRate, ManualClock, Meter, SeriesFigures, Service};
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{Frames, data, get, status};

/// How long each request takes.
const TOOK: Duration = Duration::from_millis(10);

/// What a router leaves in a request's extensions.
#[derive(Clone)]
struct Matched(&'static str);

struct Labelled {
    clock: ManualClock,
    api: Service,
    layer: MeterLayer,
}

fn pattern() -> RoutePattern {
    RoutePattern::by(|matched: &Matched| matched.0)
}

impl Labelled {
    /// An event with these keys, timed or not.
    fn new(keys: &[&str], timed: bool) -> Self {
        let clock = ManualClock::new();
        let api = Service::builder("api");
        let api = if timed { api.timed_event("request") } else { api.event("request") };
        let api = api.labels(keys.iter().copied()).clock(clock.clone()).build().unwrap();
        let layer = MeterLayer::labelled(&api, "request", pattern()).unwrap();
        Self { clock, api, layer }
    }

    async fn visit(&self, method: &str, route: Option<&'static str>, code: u16) {
        let response = status(code, Empty::<Bytes>::new());
        let service = service_fn(|_: Request<()>| {
            self.clock.advance(TOOK);
            ready(Ok::<_, Infallible>(response.clone()))
        });
        let Ok(_) = self.layer.layer(service).oneshot(request(method, route)).await;
    }

    /// The values of each series and its count.
    fn series(&self) -> Vec<(String, u64)> {
        series(&self.api)
    }
}

/// The values of each series, in the order of the keys, and its count.
fn series(service: &Service) -> Vec<(String, u64)> {
    let EventRate::Figures(mut figures) = service.event_rate_with_labels() else {
        panic!("it has no source");
    };
    let of = |series: SeriesFigures| {
        let values: Vec<_> = series.labels.into_iter().map(|(_, value)| value).collect();
        (values.join(" "), series.total)
    };
    figures.events.remove(0).1.series.unwrap().into_iter().map(of).collect()
}

fn request(method: &str, route: Option<&'static str>) -> Request<()> {
    let mut request = get();
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    if let Some(route) = route {
        request.extensions_mut().insert(Matched(route));
    }
    request
}

fn expected<const N: usize>(counts: [(&str, u64); N]) -> Vec<(String, u64)> {
    counts.map(|(values, total)| (values.to_owned(), total)).into()
}

#[tokio::test]
async fn keys_are_found_by_name_in_any_order() {
    for (keys, values) in [
        (&["route", "method", "status"][..], ["/items/{id} GET 200", "/items/{id} POST 404"]),
        (&["status", "route", "method"], ["200 /items/{id} GET", "404 /items/{id} POST"]),
        (&["method", "status_class", "kind"], ["GET 2xx response", "POST 4xx response"]),
        (&["status"], ["200", "404"]),
    ] {
        let labelled = Labelled::new(keys, false);
        labelled.visit("GET", Some("/items/{id}"), 200).await;
        labelled.visit("POST", Some("/items/{id}"), 404).await;
        labelled.visit("GET", Some("/items/{id}"), 200).await;
        assert_eq!(labelled.series(), expected([(values[0], 2), (values[1], 1)]));
        assert_eq!(labelled.api.snapshot().unwrap().total(), 3);
    }
}

#[tokio::test]
async fn duration_goes_to_the_same_labels() {
    let labelled = Labelled::new(&["route", "status"], true);
    labelled.visit("GET", Some("/a"), 200).await;
    labelled.visit("GET", Some("/a"), 200).await;
    labelled.visit("GET", Some("/b"), 500).await;
    let family = labelled.api.timed_family("request").unwrap();
    for (values, count) in [(["/a", "200"], 2), (["/b", "500"], 1)] {
        let timer = family.with(values);
        let since_start = timer.snapshot().since_start().clone();
        assert_eq!(
            (since_start.count(), since_start.sum()),
            (count, TOOK * u32::try_from(count).unwrap())
        );
        assert_eq!(timer.meter().total(), count);
    }
    assert_eq!(labelled.series(), expected([("/a 200", 2), ("/b 500", 1)]));
}

#[tokio::test]
async fn clients_make_no_values() {
    let labelled = Labelled::new(&["route", "method"], false);
    for method in ["GET", "PATCH", "BREW", "get", "PROPFIND"] {
        labelled.visit(method, None, 200).await;
    }
    let counts = [("unmatched GET", 1), ("unmatched PATCH", 1), ("unmatched other", 3)];
    assert_eq!(labelled.series(), expected(counts));
}

#[tokio::test]
async fn routes_past_the_limit_count_as_other() {
    let api = Service::builder("api").event("request").labels(["route"]).label_sets(2000);
    let api = api.build().unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    let pattern = RoutePattern::find(move |_, _| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Some(format!("/{}", number % 1100).into())
    });
    let layer = MeterLayer::labelled(&api, "request", pattern).unwrap();
    for _ in 0..2200 {
        let service = service_fn(|_: Request<()>| {
            ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
        });
        let Ok(_) = layer.layer(service).oneshot(get()).await;
    }
    let series = series(&api);
    assert_eq!(series.len(), 1025);
    assert!(series[..1024].iter().all(|(_, total)| *total == 2));
    assert_eq!(series[1024], ("other".to_owned(), 152));
}

#[tokio::test]
async fn requests_without_a_response_say_so() {
    let labelled = Labelled::new(&["method", "status", "status_class", "kind"], true);
    let layer = &labelled.layer;
    let failing = service_fn(|_: Request<()>| ready(Err::<Response<Frames>, _>("down")));
    assert!(layer.layer(failing).oneshot(request("PUT", None)).await.is_err());
    let endless = service_fn(|_: Request<()>| pending::<Result<Response<Frames>, Infallible>>());
    let called = tower::Service::call(&mut layer.layer(endless), request("GET", None));
    assert_eq!((labelled.series().len(), layer.in_flight()), (1, 1));
    drop(called);
    let counts = [("PUT failed failed none", 1), ("GET cancelled cancelled none", 1)];
    assert_eq!(labelled.series(), expected(counts));
}

/// The body decides when a response counts, and the head when a stream does; either once.
#[tokio::test]
async fn request_counts_at_its_end_and_a_stream_at_its_head() {
    let labelled = Labelled::new(&["status", "kind"], true);
    let open = async |content_type: &str, code: u16| {
        let mut response = status(code, Frames::new([Ok(data("one"))]));
        response.headers_mut().insert("content-type", content_type.parse().unwrap());
        let mut response = Some(response);
        let service = service_fn(move |_: Request<()>| {
            ready(Ok::<_, Infallible>(response.take().expect("one request")))
        });
        let Ok(response) = labelled.layer.layer(service).oneshot(request("GET", None)).await;
        response
    };
    let plain = open("text/plain", 200).await;
    assert_eq!(labelled.series(), []);
    let stream = open("text/event-stream", 200).await;
    assert_eq!(labelled.series(), expected([("200 stream", 1)]));
    let upgrade = open("text/plain", 101).await;
    let so_far = expected([("200 stream", 1), ("101 upgrade", 1)]);
    assert_eq!(labelled.series(), so_far);
    labelled.clock.advance(TOOK);
    plain.into_body().collect().await.unwrap();
    stream.into_body().collect().await.unwrap();
    drop(upgrade);
    let counts = [("200 stream", 1), ("101 upgrade", 1), ("200 response", 1)];
    assert_eq!(labelled.series(), expected(counts));
    let family = labelled.api.timed_family("request").unwrap();
    let sum = |values| family.with(values).snapshot().since_start().sum();
    assert_eq!(sum(["200", "response"]), TOOK);
    assert_eq!((sum(["200", "stream"]), sum(["101", "upgrade"])), (Duration::ZERO, Duration::ZERO));
}

#[test]
fn pattern_that_panics_leaves_nothing_in_flight() {
    let api = Service::builder("api").event("request").labels(["route"]).build().unwrap();
    let pattern = RoutePattern::find(|_, _| panic!("the function's own"));
    let layer = MeterLayer::labelled(&api, "request", pattern).unwrap();
    let service = service_fn(|_: Request<()>| pending::<Result<Response<Frames>, Infallible>>());
    let mut service = layer.layer(service);
    let call = AssertUnwindSafe(|| drop(tower::Service::call(&mut service, get())));
    assert!(catch_unwind(call).is_err());
    assert_eq!((layer.in_flight(), api.snapshot().unwrap().total()), (0, 0));
}

#[test]
fn labels_that_the_layer_can_not_fill_are_refused() {
    let refused = |keys: &[&str], pattern: RoutePattern| {
        let api = Service::builder("api").event("request");
        let api = if keys.is_empty() { api } else { api.labels(keys.iter().copied()) };
        MeterLayer::labelled(&api.build().unwrap(), "request", pattern).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&["method", "path"], pattern()),
        "bad label \"path\" of event \"request\" of service \"api\": a layer of requests has no value for \
         it: it knows route, method, status, status_class, kind"
    );
    assert_eq!(
        refused(&[], pattern()),
        "event \"request\" of service \"api\" has no labels: give it one or more of route, method, \
         status, status_class, kind"
    );
    let error = refused(&["method", "route"], RoutePattern::none());
    assert!(error.contains("RoutePattern::by(MatchedPath::as_str)"), "{error}");
    let api = Service::builder("api").event("request").labels(["method"]).build().unwrap();
    assert!(MeterLayer::labelled(&api, "request", RoutePattern::none()).is_ok());
    let error = MeterLayer::labelled(&api, "order", RoutePattern::none()).unwrap_err().to_string();
    assert_eq!(error, "unknown event \"order\": service \"api\" has: request");
}

#[test]
fn known_labels_allocate_nothing() {
    let labelled = Labelled::new(&["route", "method", "status"], true);
    let layer = labelled.layer.clone().bytes_out(Arc::new(Meter::new()));
    let service = || {
        service_fn(|_: Request<()>| {
            let body = Full::new(Bytes::from_static(b"an item"));
            ready(Ok::<_, Infallible>(Response::new(body)))
        })
    };
    let serve = |mut service: Metered<_>, request| {
        let mut context = Context::from_waker(Waker::noop());
        let mut answer = pin!(tower::Service::call(&mut service, request));
        let Poll::Ready(Ok(response)) = answer.as_mut().poll(&mut context) else {
            panic!("it is ready");
        };
        let mut body = pin!(response.into_body());
        while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut context) {
            frame.unwrap();
        }
    };
    serve(layer.layer(service()), request("GET", Some("/items/{id}")));
    let next = (layer.layer(service()), request("GET", Some("/items/{id}")));
    let allocated = measure(|| serve(next.0, next.1));
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
    assert_eq!(labelled.series(), expected([("/items/{id} GET 200", 2)]));
}

/// No label has such a value, so a layer need not keep it.
#[tokio::test]
async fn route_past_the_longest_value_is_not_kept() {
    let long: &'static str = "x".repeat(1025).leak();
    let fixture = Labelled::new(&["route", "method"], false);
    for _ in 0..2 {
        fixture.visit("GET", Some(long), 200).await;
    }
    fixture.visit("GET", Some("/"), 200).await;
    assert_eq!(fixture.series(), [("other GET".into(), 2), ("/ GET".into(), 1)]);
}
