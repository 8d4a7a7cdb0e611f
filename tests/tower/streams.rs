//! Streams, upgrades, what is in flight and the bytes that go out; without a socket.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use tickring::tower::{MeterLayer, Streaming};
use tickring::{ManualClock, Meter, Timer};
use tower::{Layer, ServiceExt, service_fn};

use crate::fixture::{Fixture, Frames, data, get, status};

const HEAD: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(1800);

/// A layer that times on a clock that the test moves.
struct Timed {
    clock: ManualClock,
    timer: Arc<Timer>,
    layer: MeterLayer,
}

impl Timed {
    fn new() -> Self {
        let clock = ManualClock::new();
        let timer = Arc::new(Timer::with_clock(clock.clone()));
        let layer = MeterLayer::timing(Arc::clone(&timer));
        Self { clock, timer, layer }
    }

    /// The response, whose head comes after 20 ms.
    async fn answer<B: Body>(
        &self,
        request: Request<()>,
        response: Response<B>,
    ) -> Response<impl Body<Data = B::Data, Error = B::Error>> {
        let mut response = Some(response);
        let clock = self.clock.clone();
        let service = service_fn(move |_: Request<()>| {
            clock.advance(HEAD);
            ready(Ok::<_, Infallible>(response.take().expect("one request")))
        });
        let Ok(response) = self.layer.layer(service).oneshot(request).await;
        response
    }

    /// How many have counted, and the sum of their durations.
    fn counted(&self) -> (u64, Duration) {
        let snapshot = self.timer.snapshot();
        (snapshot.events().total(), snapshot.since_start().sum())
    }

    /// All requests, and the streams.
    fn in_flight(&self) -> (u32, u32) {
        (self.layer.in_flight(), self.layer.streams_in_flight())
    }
}

fn typed<B>(content_type: &str, body: B) -> Response<B> {
    let mut response = status(200, body);
    response.headers_mut().insert("content-type", content_type.parse().unwrap());
    response
}

#[tokio::test]
async fn stream_takes_the_time_until_its_head() {
    for content_type in ["text/event-stream", "Text/Event-Stream ; charset=utf-8"] {
        let timed = Timed::new();
        let response = timed.answer(get(), typed(content_type, Frames::endless())).await;
        assert_eq!((timed.counted(), timed.in_flight()), ((1, HEAD), (1, 1)));
        timed.clock.advance(LONG);
        drop(response);
        assert_eq!((timed.counted(), timed.in_flight()), ((1, HEAD), (0, 0)));
    }
}

#[tokio::test]
async fn marked_response_is_a_stream_too() {
    let timed = Timed::new();
    let mut response = typed("application/x-ndjson", Frames::endless());
    response.extensions_mut().insert(Streaming);
    let response = timed.answer(get(), response).await;
    assert_eq!((timed.counted(), timed.in_flight()), ((1, HEAD), (1, 1)));
    drop(response);
    assert_eq!(timed.in_flight(), (0, 0));
}

#[tokio::test]
async fn other_responses_take_the_time_until_their_end() {
    let known = typed("text/event-stream", Frames::new([Ok(data("one"))]));
    let mut with_length = known;
    with_length.headers_mut().insert("content-length", "3".parse().unwrap());
    for response in [
        with_length,
        typed("application/grpc", Frames::endless()),
        typed("text/event-stream-like", Frames::endless()),
        status(200, Frames::endless()),
    ] {
        let timed = Timed::new();
        let response = timed.answer(get(), response).await;
        assert_eq!((timed.counted().0, timed.in_flight()), (0, (1, 0)));
        timed.clock.advance(LONG);
        drop(response);
        assert_eq!((timed.counted(), timed.in_flight()), ((1, HEAD + LONG), (0, 0)));
    }
    // HEAD gets no stream.
    let timed = Timed::new();
    let head = Request::head("/events").body(()).unwrap();
    let response = timed.answer(head, typed("text/event-stream", Frames::endless())).await;
    assert_eq!((timed.counted().0, timed.in_flight()), (0, (1, 0)));
    drop(response);
    assert_eq!(timed.in_flight(), (0, 0));
}

#[tokio::test]
async fn upgrade_takes_the_time_until_its_head() {
    let connect = || {
        let mut request = get();
        *request.method_mut() = Method::CONNECT;
        request
    };
    for (request, code, upgraded) in
        [(get(), 101, true), (connect(), 200, true), (connect(), 403, false), (get(), 100, false)]
    {
        let timed = Timed::new();
        let response = timed.answer(request, status(code, Frames::endless())).await;
        assert_eq!(timed.counted().0, u64::from(upgraded), "{code}");
        timed.clock.advance(LONG);
        drop(response);
        let took = if upgraded { HEAD } else { HEAD + LONG };
        assert_eq!((timed.counted(), timed.in_flight()), ((1, took), (0, 0)), "{code}");
    }
    // The body of an upgrade is empty, so the request ends with the head.
    let timed = Timed::new();
    let _open = timed.answer(get(), status(101, Empty::<Bytes>::new())).await;
    assert_eq!((timed.counted(), timed.in_flight()), ((1, HEAD), (0, 0)));
}

#[tokio::test]
async fn stream_is_cut_short_only_when_it_fails() {
    let fixture = Fixture::new();
    drop(fixture.answer(get(), typed("text/event-stream", Frames::endless())).await);
    assert_eq!((fixture.outcomes(), fixture.cut_short()), (vec![("2xx", 1)], 0));
    let failing = Frames::new([Ok(data("one")), Err("broken")]);
    let body = fixture.answer(get(), typed("text/event-stream", failing)).await.into_body();
    let mut body = Box::pin(body);
    assert!(body.frame().await.unwrap().is_ok());
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!((fixture.outcomes(), fixture.cut_short()), (vec![("2xx", 2)], 1));
    // A connection that was upgraded had nothing to be sent.
    let mut connect = get();
    *connect.method_mut() = Method::CONNECT;
    drop(fixture.answer(connect, status(200, Frames::endless())).await);
    assert_eq!((fixture.outcomes(), fixture.cut_short()), (vec![("2xx", 3)], 1));
}

#[tokio::test]
async fn bytes_count_as_they_are_handed_on() {
    let bytes = Arc::new(Meter::new());
    let layer = MeterLayer::new(Arc::new(Meter::new())).bytes_out(Arc::clone(&bytes));
    let service = service_fn(|_: Request<()>| {
        let body = Frames::new([Ok(data("four")), Ok(data("")), Ok(data("seventh"))]);
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let Ok(response) = layer.layer(service).oneshot(get()).await;
    let mut body = Box::pin(response.into_body());
    let mut totals = vec![];
    while let Some(frame) = body.frame().await {
        frame.unwrap();
        totals.push(bytes.total());
    }
    assert_eq!(totals, [4, 4, 11]);
    // What is dropped unread was not handed on.
    let full = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("never read"))))
    });
    let Ok(response) = layer.layer(full).oneshot(get()).await;
    drop(response);
    assert_eq!(bytes.total(), 11);
}

#[tokio::test]
async fn each_way_to_end_leaves_nothing_in_flight() {
    let fixture = Fixture::new();
    let layer = &fixture.layer;
    let endless = || service_fn(|_: Request<()>| pending::<Result<Response<Frames>, Infallible>>());
    let waiting = Box::pin(layer.layer(endless()).oneshot(get()));
    assert_eq!(layer.in_flight(), 0, "it has not been asked");
    drop(waiting);
    let called = tower::Service::call(&mut layer.layer(endless()), get());
    assert_eq!(layer.in_flight(), 1);
    let body = fixture.answer(get(), status(200, Frames::endless())).await;
    assert_eq!((layer.in_flight(), layer.clone().in_flight()), (2, 2));
    drop(called);
    assert_eq!(layer.in_flight(), 1);
    drop(body);
    let failing = service_fn(|_: Request<()>| ready(Err::<Response<Frames>, _>("down")));
    assert!(layer.layer(failing).oneshot(get()).await.is_err());
    let panicking = layer.layer(service_fn(|_: Request<()>| async {
        assert!(std::hint::black_box(false), "the handler's own");
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    }));
    assert!(tokio::spawn(panicking.oneshot(get())).await.unwrap_err().is_panic());
    assert_eq!(layer.in_flight(), 0);
}

/// Requests begin on one thread and end on another, while a third one reads. Three are open all the time: a
/// reader that saw the end of a request without its beginning would find fewer.
#[test]
fn number_in_flight_is_exact_when_threads_meet() {
    const ROUNDS: usize = 10_000;
    let layer = MeterLayer::new(Arc::new(Meter::new()));
    let open = || {
        let service = service_fn(|_: Request<()>| {
            ready(Ok::<_, Infallible>(typed("text/event-stream", Frames::endless())))
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let Ok(open) = runtime.block_on(layer.layer(service).oneshot(get()));
        open
    };
    let in_flight = || (layer.in_flight(), layer.streams_in_flight());
    let first = [open(), open(), open()];
    let done = AtomicBool::new(false);
    let (sender, receiver) = mpsc::sync_channel(8);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut least = in_flight();
            while !done.load(Ordering::Acquire) {
                let (requests, streams) = in_flight();
                least = (least.0.min(requests), least.1.min(streams));
            }
            least
        });
        let open = &open;
        scope.spawn(move || (0..ROUNDS + 100).for_each(|_| sender.send(open()).unwrap()));
        receiver.iter().take(ROUNDS).for_each(drop);
        let kept: Vec<_> = receiver.into_iter().collect();
        let with_kept = (kept.len(), in_flight());
        drop(kept);
        let without = in_flight();
        done.store(true, Ordering::Release);
        assert_eq!((with_kept, without), ((100, (103, 103)), (3, 3)));
        assert_eq!(reader.join().unwrap(), (3, 3));
    });
    drop(first);
    assert_eq!(in_flight(), (0, 0));
}
