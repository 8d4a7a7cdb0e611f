//! The router as a service, as tower and as hyper define one.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::Body;
use hyper::{Request, Response};

use super::response_body::ResponseBody;
use super::router::Router;

type Answering = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

impl Router {
    fn answering<B>(&self, request: Request<B>) -> Answering
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let router = self.clone();
        Box::pin(async move { Ok(router.handle(request).await) })
    }
}

/// Always ready, and never fails: each error is a response. [`handle`](Router::handle) says what it
/// needs.
impl<B> tower_service::Service<Request<B>> for Router
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        self.answering(request)
    }
}

/// For `serve_connection`, without an adapter.
impl<B> hyper::service::Service<Request<B>> for Router
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<B>) -> Answering {
        self.answering(request)
    }
}
