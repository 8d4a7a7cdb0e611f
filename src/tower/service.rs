//! The layer, the service that it makes, and that service's future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service as TowerService;

use super::body::ResponseBody;
use super::outcome::{GRPC_STATUSES, OUTCOMES, meters};
use super::request::{InFlight, Meters, Requests};
use super::routes::Routes;
use crate::engine::{Meter, Timer};
use crate::fleet::{Service, ServiceError};

/// Counts the requests that go through a service; see the [module](super).
#[derive(Clone, Debug)]
pub struct MeterLayer {
    meters: Arc<Meters>,
}

impl MeterLayer {
    /// Counts requests on `requests` as they arrive, and nothing else yet.
    #[must_use]
    pub fn new(requests: Arc<Meter>) -> Self {
        Self::counting(Requests::Arriving(requests))
    }

    /// Times requests, from their arrival to their end, and counts them with that; nothing else
    /// yet. So a request counts on `timer` when it ends, however it ends.
    #[must_use]
    pub fn timing(timer: Arc<Timer>) -> Self {
        Self::counting(Requests::Ending(timer))
    }

    fn counting(requests: Requests) -> Self {
        let meters = Meters { requests, outcomes: None, cut_short: None, grpc: None, routes: None };
        Self { meters: Arc::new(meters) }
    }

    /// Counts what becomes of the requests as events of `service`, which was built from
    /// [`outcomes`](super::outcomes).
    ///
    /// # Errors
    ///
    /// If the service lacks one of these events.
    pub fn outcomes(self, service: &Service) -> Result<Self, ServiceError> {
        let outcomes = meters(service, OUTCOMES)?;
        Ok(self.with(|meters| meters.outcomes = Some(outcomes)))
    }

    /// Counts on `meter` responses whose body failed, or was dropped before its end.
    #[must_use]
    pub fn cut_short(self, meter: Arc<Meter>) -> Self {
        self.with(|meters| meters.cut_short = Some(meter))
    }

    /// Counts the gRPC status of each call as an event of `service`, which was built from
    /// [`grpc_statuses`](super::grpc_statuses).
    ///
    /// # Errors
    ///
    /// If the service lacks one of these events.
    pub fn grpc(self, service: &Service) -> Result<Self, ServiceError> {
        let statuses = meters(service, GRPC_STATUSES)?;
        Ok(self.with(|meters| meters.grpc = Some(statuses)))
    }

    /// Counts requests by route, as they arrive.
    #[must_use]
    pub fn routes(self, routes: Routes) -> Self {
        self.with(|meters| meters.routes = Some(routes))
    }

    fn with(mut self, change: impl FnOnce(&mut Meters)) -> Self {
        change(Arc::make_mut(&mut self.meters));
        self
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered { inner, meters: Arc::clone(&self.meters) }
    }
}

/// A service whose requests are counted; made by [`MeterLayer`].
#[derive(Clone, Debug)]
pub struct Metered<S> {
    inner: S,
    meters: Arc<Meters>,
}

impl<S, A, B> TowerService<Request<A>> for Metered<S>
where
    S: TowerService<Request<A>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let in_flight = InFlight::arrive(&self.meters);
        if let Some(routes) = &self.meters.routes {
            routes.record(request.method(), request.extensions());
        }
        let is_head = request.method() == Method::HEAD;
        ResponseFuture { inner: self.inner.call(request), request: Some(in_flight), is_head }
    }
}

pin_project! {
    /// The response to come of a [`Metered`] service.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // Nothing once there is a response or an error.
        request: Option<InFlight>,
        is_head: bool,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(context));
        let mut request = this.request.take();
        Poll::Ready(match result {
            Ok(response) => {
                if let Some(request) = &mut request {
                    request.answer(&response);
                }
                Ok(ResponseBody::wrap(response, request, *this.is_head))
            }
            Err(error) => {
                if let Some(request) = &mut request {
                    request.fail();
                }
                Err(error)
            }
        })
    }
}
