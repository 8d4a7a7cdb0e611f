//! A layer with everything but routes, bodies of given frames, and requests to it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tickring::tower::{MeterLayer, grpc_statuses, outcomes};
use tickring::{Meter, Service};
use tower::{Layer, ServiceExt, service_fn};

/// A body of given frames, which then ends or goes on for ever.
#[derive(Default)]
pub(crate) struct Frames {
    frames: VecDeque<Result<Frame<Bytes>, &'static str>>,
    endless: bool,
}

impl Frames {
    /// A body that never ends.
    pub(crate) fn endless() -> Self {
        Self { endless: true, ..Self::default() }
    }

    pub(crate) fn new<const N: usize>(frames: [Result<Frame<Bytes>, &'static str>; N]) -> Self {
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

pub(crate) fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

/// A layer with everything but routes, and where its figures are.
pub(crate) struct Fixture {
    pub(crate) layer: MeterLayer,
    requests: Arc<Meter>,
    outcomes: Service,
    cut_short: Arc<Meter>,
    pub(crate) grpc: Service,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let (requests, cut_short) = (Arc::new(Meter::new()), Arc::new(Meter::new()));
        let outcomes = outcomes("outcome").build().unwrap();
        let grpc = grpc_statuses("grpc").build().unwrap();
        let layer = MeterLayer::new(Arc::clone(&requests)).outcomes(&outcomes).unwrap();
        let layer = layer.cut_short(Arc::clone(&cut_short)).grpc(&grpc).unwrap();
        Self { layer, requests, outcomes, cut_short, grpc }
    }

    /// The response to a request, from a service that answers with `response`.
    pub(crate) async fn answer<B: Body>(
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

    pub(crate) fn requests(&self) -> u64 {
        self.requests.snapshot().total()
    }

    /// The outcomes that were seen.
    pub(crate) fn outcomes(&self) -> Vec<(&str, u64)> {
        counted(&self.outcomes)
    }

    pub(crate) fn cut_short(&self) -> u64 {
        self.cut_short.snapshot().total()
    }
}

/// The events that were counted.
pub(crate) fn counted(service: &Service) -> Vec<(&str, u64)> {
    let totals =
        service.events().iter().map(|event| (event.name(), event.snapshot().unwrap().total()));
    totals.filter(|(_, total)| *total > 0).collect()
}

pub(crate) fn get() -> Request<()> {
    Request::get("/items/1").body(()).unwrap()
}

pub(crate) fn status<B>(status: u16, body: B) -> Response<B> {
    Response::builder().status(status).body(body).unwrap()
}
