//! The tower layer, request by request and without a socket.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tickring::tower::{MeterLayer, Routes};
use tickring::{ManualClock, Meter, Registry, Service, Timer};
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{Fixture, Frames, counted, data, get, status};

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
async fn body_that_says_it_is_over_is_not_asked_again() {
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
async fn grpc_statuses_come_from_trailers_or_a_head() {
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
        let body = Frames::endless();
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
