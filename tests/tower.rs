//! The tower layer, request by request and without a socket.

mod meeting;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{pending, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use meeting::Meeting;
use tickring::tower::{MeterLayer, Routes, grpc_statuses, outcomes};
use tickring::{ManualClock, Meter, Registry, Service, Timer};
use tower::{Layer, ServiceExt, service_fn};

/// A body of given frames, which then ends or goes on for ever.
#[derive(Default)]
struct Frames {
    frames: VecDeque<Result<Frame<Bytes>, &'static str>>,
    endless: bool,
}

impl Frames {
    fn new<const N: usize>(frames: [Result<Frame<Bytes>, &'static str>; N]) -> Self {
        Self { frames: frames.into(), endless: false }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.frames.pop_front() {
            None if self.endless => Poll::Pending,
            frame => Poll::Ready(frame),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

/// A layer with everything but routes, and where its figures are.
struct Fixture {
    layer: MeterLayer,
    requests: Arc<Meter>,
    outcomes: Service,
    cut_short: Arc<Meter>,
    grpc: Service,
}

impl Fixture {
    fn new() -> Self {
        let (requests, cut_short) = (Arc::new(Meter::new()), Arc::new(Meter::new()));
        let outcomes = outcomes("outcome").build().unwrap();
        let grpc = grpc_statuses("grpc").build().unwrap();
        let layer = MeterLayer::new(Arc::clone(&requests)).outcomes(&outcomes).unwrap();
        let layer = layer.cut_short(Arc::clone(&cut_short)).grpc(&grpc).unwrap();
        Self { layer, requests, outcomes, cut_short, grpc }
    }

    /// The response to a request, from a service that answers with `response`.
    async fn answer<B: Body>(
        &self,
        request: Request<()>,
        response: Response<B>,
    ) -> Response<impl Body<Data = B::Data, Error = B::Error>> {
        let mut response = Some(response);
        let service = service_fn(move |_: Request<()>| {
            ready(Ok::<_, Infallible>(response.take().expect("one request")))
        });
        let Ok(response) = self.layer.layer(service).oneshot(request).await;
        response
    }

    fn requests(&self) -> u64 {
        self.requests.snapshot().total()
    }

    /// The outcomes that were seen.
    fn outcomes(&self) -> Vec<(&str, u64)> {
        counted(&self.outcomes)
    }

    fn cut_short(&self) -> u64 {
        self.cut_short.snapshot().total()
    }
}

/// The events that were counted.
fn counted(service: &Service) -> Vec<(&str, u64)> {
    let totals =
        service.events().iter().map(|event| (event.name(), event.snapshot().unwrap().total()));
    totals.filter(|(_, total)| *total > 0).collect()
}

fn get() -> Request<()> {
    Request::get("/items/1").body(()).unwrap()
}

fn status<B>(status: u16, body: B) -> Response<B> {
    Response::builder().status(status).body(body).unwrap()
}

#[tokio::test]
async fn each_class_of_status_has_its_event() {
    let fixture = Fixture::new();
    for code in [101, 200, 201, 302, 404, 404, 404, 503, 700] {
        drop(fixture.answer(get(), status(code, Empty::<Bytes>::new())).await);
    }
    let expected = [("1xx", 1), ("2xx", 2), ("3xx", 1), ("4xx", 3), ("5xx", 1), ("other", 1)];
    assert_eq!(fixture.outcomes(), expected);
    assert_eq!((fixture.requests(), fixture.cut_short()), (9, 0));
}

#[tokio::test]
async fn the_end_of_the_body_is_the_end_of_the_request() {
    let fixture = Fixture::new();
    let response = status(200, Frames::new([Ok(data("one")), Ok(data("two"))]));
    let mut body = pin!(fixture.answer(get(), response).await.into_body());
    assert_eq!(fixture.requests(), 1);
    for text in ["one", "two"] {
        assert_eq!(fixture.outcomes(), []);
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    assert_eq!(fixture.outcomes(), []);
    assert!(body.frame().await.is_none());
    assert_eq!(fixture.outcomes(), [("2xx", 1)]);
    // Who asks again changes nothing.
    assert!(body.frame().await.is_none());
    assert_eq!((fixture.requests(), fixture.cut_short()), (1, 0));
    assert_eq!(fixture.outcomes(), [("2xx", 1)]);
}

#[tokio::test]
async fn a_body_that_says_it_is_over_need_not_be_asked_again() {
    let fixture = Fixture::new();
    let response = status(200, Full::<Bytes>::from("all of it"));
    let mut body = fixture.answer(get(), response).await.into_body();
    assert_eq!(body.size_hint().exact(), Some(9));
    assert_eq!(fixture.outcomes(), []);
    body.frame().await.unwrap().unwrap();
    assert!(body.is_end_stream());
    assert_eq!((fixture.outcomes(), fixture.cut_short()), (vec![("2xx", 1)], 0));
}

#[tokio::test]
async fn a_body_dropped_half_way_was_cut_short() {
    let fixture = Fixture::new();
    let response = status(200, Frames::new([Ok(data("one")), Ok(data("two"))]));
    let mut body = Box::pin(fixture.answer(get(), response).await.into_body());
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!((fixture.outcomes(), fixture.cut_short()), (vec![("2xx", 1)], 1));

    // Or before anybody asked for the first frame.
    drop(fixture.answer(get(), status(500, Frames::new([Ok(data("one"))]))).await);
    assert_eq!((fixture.outcomes(), fixture.cut_short()), (vec![("2xx", 1), ("5xx", 1)], 2));
}

#[tokio::test]
async fn a_body_that_fails_was_cut_short_once() {
    let fixture = Fixture::new();
    let response = status(200, Frames::new([Ok(data("one")), Err("broken")]));
    let mut body = Box::pin(fixture.answer(get(), response).await.into_body());
    body.frame().await.unwrap().unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap_err(), "broken");
    assert_eq!((fixture.outcomes(), fixture.cut_short()), (vec![("2xx", 1)], 1));
    drop(body);
    assert_eq!((fixture.outcomes(), fixture.cut_short()), (vec![("2xx", 1)], 1));
}

#[tokio::test]
async fn what_need_not_be_sent_is_not_missing() {
    let fixture = Fixture::new();
    let body = || Frames::new([Ok(data("never sent"))]);
    let head = Request::head("/items/1").body(()).unwrap();
    drop(fixture.answer(head, status(200, body())).await);
    for bodiless in [101, 204, 304] {
        drop(fixture.answer(get(), status(bodiless, body())).await);
    }
    assert_eq!((fixture.requests(), fixture.cut_short()), (4, 0));

    // A server that has sent as many bytes as it promised has no reason to ask for more.
    for (length, cut_short) in [("3", 0), ("4", 1)] {
        let mut response = status(200, Frames::new([Ok(data("one"))]));
        response.headers_mut().insert("content-length", length.parse().unwrap());
        let mut body = Box::pin(fixture.answer(get(), response).await.into_body());
        body.frame().await.unwrap().unwrap();
        drop(body);
        assert_eq!(fixture.cut_short(), cut_short, "a length of {length}");
    }
}

#[tokio::test]
async fn cancelled_requests_count() {
    let fixture = Fixture::new();
    let service =
        || service_fn(|_: Request<()>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    // While it waits for its response.
    let mut waiting = Box::pin(fixture.layer.layer(service()).oneshot(get()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    assert_eq!((fixture.requests(), fixture.outcomes()), (1, vec![]));
    drop(waiting);
    assert_eq!(fixture.outcomes(), [("cancelled", 1)]);

    // Before anybody asked for it.
    drop(tower::Service::call(&mut fixture.layer.layer(service()), get()));
    assert_eq!((fixture.requests(), fixture.outcomes()), (2, vec![("cancelled", 2)]));

    // By a handler that panics.
    let panicking = fixture.layer.layer(service_fn(|_: Request<()>| async {
        assert!(pending_forever(), "the handler's own");
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    }));
    assert!(tokio::spawn(panicking.oneshot(get())).await.unwrap_err().is_panic());
    assert_eq!((fixture.requests(), fixture.outcomes()), (3, vec![("cancelled", 3)]));
    assert_eq!(fixture.cut_short(), 0);
}

fn pending_forever() -> bool {
    std::hint::black_box(false)
}

#[tokio::test]
async fn a_service_that_fails_counts_as_failed() {
    let fixture = Fixture::new();
    let service = service_fn(|_: Request<()>| ready(Err::<Response<Empty<Bytes>>, _>("down")));
    assert_eq!(fixture.layer.layer(service).oneshot(get()).await.unwrap_err(), "down");
    assert_eq!((fixture.requests(), fixture.outcomes()), (1, vec![("failed", 1)]));
}

#[tokio::test]
async fn grpc_statuses_come_from_trailers_or_from_a_head_alone() {
    let fixture = Fixture::new();
    let trailers = |status: &str| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", status.parse().unwrap());
        Ok(Frame::trailers(trailers))
    };
    for code in ["0", "0", "14", "17", "no number"] {
        let response = status(200, Frames::new([Ok(data("message")), trailers(code)]));
        let body = fixture.answer(get(), response).await.into_body();
        body.collect().await.unwrap();
    }
    let mut trailers_only = status(200, Empty::<Bytes>::new());
    trailers_only.headers_mut().insert("grpc-status", "16".parse().unwrap());
    drop(fixture.answer(get(), trailers_only).await);
    // Cut off before the trailers.
    drop(
        fixture.answer(get(), status(200, Frames::new([Ok(data("message")), trailers("0")]))).await,
    );
    let expected = [("ok", 2), ("unavailable", 1), ("unauthenticated", 1), ("no_status", 3)];
    assert_eq!(counted(&fixture.grpc), expected);
    assert_eq!(fixture.cut_short(), 1);
}

#[tokio::test]
async fn timed_requests_count_at_their_end() {
    let clock = ManualClock::new();
    let timer = Arc::new(Timer::with_clock(clock.clone()));
    let layer = MeterLayer::timing(Arc::clone(&timer));
    let service = service_fn(|_: Request<()>| {
        let body = Frames { endless: true, ..Frames::default() };
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let Ok(response) = layer.layer(service).oneshot(get()).await;
    clock.advance(Duration::from_millis(1500));
    assert_eq!(timer.snapshot().since_start().count(), 0);
    drop(response);
    let life = timer.snapshot();
    let life = life.since_start();
    assert_eq!((life.count(), life.sum()), (1, Duration::from_millis(1500)));
    assert_eq!(timer.meter().snapshot().total(), 1);
}

#[test]
fn a_service_that_lacks_an_event_is_named() {
    let requests = Arc::new(Meter::new());
    let service = Service::builder("half").event("1xx").event("2xx").build().unwrap();
    let error = MeterLayer::new(requests).outcomes(&service).unwrap_err();
    assert_eq!(error.to_string(), "unknown event \"3xx\": service \"half\" has: 1xx, 2xx");
    let error = Routes::new(&Registry::new(), "bad name", |_, _| None).unwrap_err();
    assert!(error.to_string().contains("\"bad name\""), "{error}");
}

/// What a router leaves in a request's extensions.
#[derive(Clone)]
struct Matched(String);

fn routes(registry: &Registry) -> Routes {
    Routes::new(registry, "route", |_, extensions| {
        extensions.get::<Matched>().map(|matched| matched.0.as_str().into())
    })
    .unwrap()
}

async fn visit(layer: &MeterLayer, method: Method, route: Option<&str>) {
    let mut request = get();
    *request.method_mut() = method;
    request.extensions_mut().extend(
        route
            .map(|route| {
                let mut extensions = http::Extensions::new();
                extensions.insert(Matched(route.into()));
                extensions
            })
            .unwrap_or_default(),
    );
    let service = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let Ok(_) = layer.layer(service).oneshot(request).await;
}

#[tokio::test]
async fn routes_are_events_up_to_a_cap() {
    let registry = Registry::new();
    let requests = Arc::new(Meter::new());
    let layer = MeterLayer::new(Arc::clone(&requests)).routes(routes(&registry).cap(3));
    let service = || registry.get("route").unwrap();
    // There from the start.
    let names: Vec<_> = service().events().iter().map(|e| e.name().to_owned()).collect();
    assert_eq!(names, ["unmatched", "overflow"]);

    for route in ["/items/{id}", "/items/id", "/items/{id}", "/overflow", "/fourth", "/fifth"] {
        visit(&layer, Method::GET, Some(route)).await;
    }
    visit(&layer, Method::GET, None).await;
    let service = service();
    let counted = counted(&service);
    assert_eq!(counted.len(), 5, "{counted:?}");
    assert_eq!(counted[..3], [("unmatched", 1), ("overflow", 2), ("items_id", 2)]);
    assert!(counted[3].0.starts_with("items_id-") && counted[3].1 == 1, "{counted:?}");
    assert!(counted[4].0.starts_with("overflow-") && counted[4].1 == 1, "{counted:?}");
    assert_eq!(requests.snapshot().total(), service.snapshot().unwrap().total());
}

#[tokio::test]
async fn a_route_may_have_its_method_with_it() {
    let registry = Registry::new();
    let routes = Routes::new(&registry, "route", |method, extensions| {
        let matched = extensions.get::<Matched>()?;
        Some(format!("{method} {}", matched.0).into())
    });
    let layer = MeterLayer::new(Arc::new(Meter::new())).routes(routes.unwrap());
    visit(&layer, Method::GET, Some("/items")).await;
    visit(&layer, Method::POST, Some("/items")).await;
    let service = registry.get("route").unwrap();
    assert_eq!(counted(&service), [("GET_items", 1), ("POST_items", 1)]);
}

/// A service that is described beforehand has its routes from the start, and keeps its counts.
#[tokio::test]
async fn a_registered_service_goes_on() {
    let registry = Registry::new();
    let service = Service::builder("route").port(9001).event("items").event("unmatched").build();
    let before = registry.register(service.unwrap()).unwrap();
    let layer = MeterLayer::new(Arc::new(Meter::new())).routes(routes(&registry));
    visit(&layer, Method::GET, Some("/items")).await;
    visit(&layer, Method::GET, Some("/more")).await;
    assert_eq!(before.meter("items").unwrap().snapshot().total(), 1);
    let after = registry.get("route").unwrap();
    assert_eq!(after.spec().port, Some(9001));
    assert_eq!(counted(&after), [("items", 1), ("more", 1)]);
}

#[test]
fn threads_that_meet_a_route_at_once_share_it() {
    const ROUTES: usize = 300;
    let registry = Registry::new();
    // As many as there are: whoever is late to admit one must not take a second place.
    let routes = routes(&registry).cap(ROUTES);
    let layer = MeterLayer::new(Arc::new(Meter::new())).routes(routes);
    let meeting = Meeting::of(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for number in 0..ROUTES {
                    let route = format!("/route/{number}");
                    meeting.wait();
                    runtime.block_on(visit(&layer, Method::GET, Some(&route)));
                }
            });
        }
    });
    let service = registry.get("route").unwrap();
    let counted = counted(&service);
    assert_eq!(counted.len(), ROUTES, "{counted:?}");
    assert!(counted.iter().all(|(_, total)| *total == 2), "{counted:?}");
}
