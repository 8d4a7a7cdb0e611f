//! The service that the layer makes, and the future of that service.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service as TowerService;

use super::body::ResponseBody;
use super::request::{InFlight, Meters};

/// A service whose requests are counted; [`MeterLayer`](super::MeterLayer) makes it.
#[derive(Clone, Debug)]
pub struct Metered<S> {
    inner: S,
    meters: Arc<Meters>,
}

impl<S> Metered<S> {
    pub(super) fn new(inner: S, meters: Arc<Meters>) -> Self {
        Self { inner, meters }
    }

    /// The service within.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service within, to change it. Requests that are sent to it directly don't count.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service within, without the counting.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tickring::{Meter, tower::MeterLayer};
    /// use tower::Layer;
    ///
    /// let mut metered = MeterLayer::new(Arc::new(Meter::new())).layer("a service");
    /// assert_eq!(*metered.get_ref(), "a service");
    /// *metered.get_mut() = "another one";
    /// assert_eq!(metered.into_inner(), "another one");
    /// ```
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
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
        let in_flight = InFlight::arrive(&self.meters, &request);
        ResponseFuture { inner: self.inner.call(request), request: Some(in_flight) }
    }
}

pin_project! {
    /// The future response of a [`Metered`] service. Dropping it before it is ready counts the
    /// request as cancelled.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // `None` once there is a response or an error.
        request: Option<InFlight>,
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
            Ok(response) => Ok(ResponseBody::wrap(response, request)),
            Err(error) => {
                if let Some(request) = &mut request {
                    request.fail();
                }
                Err(error)
            }
        })
    }
}
