//! From a request to its answer, without a socket.

use std::error::Error;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::body;
use super::program::Program;
use super::query::Query;
use super::response::{Answer, ProbeStatus, Refusal, closing, error, json, method_not_allowed};
use super::route::Route;
use crate::export::discovery::Listening;
use crate::fleet::{Registry, Rejections};
use crate::http::Limits;
use crate::http::counters::Running;

/// How many bulk responses may be made or sent at a time. With their length, this bounds the memory
/// of all of them.
const MAX_BULK: usize = 16;

/// Answers requests about the services of a registry.
///
/// A [`Server`](crate::http::Server) serves a router. A service that has an HTTP server already can
/// pass the paths of the [module's table](crate::http) to [`handle`](Self::handle) instead. Clones
/// of a router share its bound on [long responses](crate::http#what-bounds-the-memory).
///
/// ```
/// use hyper::{Request, StatusCode};
/// use tickring::{Registry, Service, http::Router};
///
/// let registry = Registry::new();
/// registry.register(Service::from_catalogue("data-api").unwrap()).unwrap();
/// let router = Router::new(registry, "data-api");
/// let request = Request::get("/api/v1/event-rate").body(bytes::Bytes::new()).unwrap();
/// assert_eq!(router.answer(&request).status(), StatusCode::OK);
/// ```
#[derive(Clone, Debug)]
pub struct Router {
    pub(super) options: Arc<Options>,
    /// The places of [`MAX_BULK`] bulk responses.
    pub(super) bulk: Arc<Semaphore>,
    /// The service that a request means if it names none.
    service: Arc<str>,
    /// `None` unless a [`Server`](crate::http::Server) serves this router.
    pub(super) listener: Option<Listener>,
}

/// The listener that a router answers for.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) running: Arc<Running>,
    pub(super) address: SocketAddr,
    /// Whether it belongs to one service, rather than to all of them.
    pub(super) dedicated: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) registry: Registry,
    pub(super) limits: Limits,
    pub(super) rejections: Option<Rejections>,
    pub(super) rates: bool,
    pub(super) program: Program,
}

impl Router {
    /// A router for the services of `registry`. A request that names no service means `service`.
    ///
    /// ```
    /// use hyper::Request;
    /// use tickring::{Registry, Service, http::Router};
    ///
    /// let registry = Registry::new();
    /// for name in ["data-api", "sports-data"] {
    ///     registry.register(Service::from_catalogue(name).unwrap()).unwrap();
    /// }
    /// let router = Router::new(registry, "data-api");
    /// for path in ["/api/v1/event-rate", "/api/v1/event-rate?service=sports-data"] {
    ///     let request = Request::get(path).body(bytes::Bytes::new()).unwrap();
    ///     assert!(router.answer(&request).status().is_success());
    /// }
    /// ```
    #[must_use]
    pub fn new(registry: Registry, service: impl Into<String>) -> Self {
        let limits = Limits::default();
        let program = Program::default();
        let options = Options { registry, limits, rejections: None, rates: true, program };
        Self {
            options: Arc::new(options),
            bulk: Arc::new(Semaphore::new(MAX_BULK)),
            service: service.into().into(),
            listener: None,
        }
    }

    /// Replaces the default limits, those of a [`Server`](crate::http::Server) of this router
    /// included.
    ///
    /// ```
    /// use tickring::Registry;
    /// use tickring::http::{Limits, Router};
    ///
    /// let mut limits = Limits::default();
    /// limits.body_bytes = 4096;
    /// let router = Router::new(Registry::new(), "data-api").limits(limits);
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        Arc::make_mut(&mut self.options).limits = limits;
        self
    }

    /// Shows counts of rejected input in `/api/v1/services` and `/metrics`. They are usually those
    /// of a `StatsD` listener, which is given a clone.
    ///
    /// ```
    /// use hyper::Request;
    /// use tickring::http::Router;
    /// use tickring::{Registry, Rejections};
    ///
    /// let rejections = Rejections::new();
    /// let router = Router::new(Registry::new(), "data-api").rejections(rejections.clone());
    /// let request = Request::get("/metrics").body(bytes::Bytes::new()).unwrap();
    /// assert!(router.answer(&request).status().is_success());
    /// ```
    #[must_use]
    pub fn rejections(mut self, rejections: Rejections) -> Self {
        Arc::make_mut(&mut self.options).rejections = Some(rejections);
        self
    }

    /// Whether `/metrics` shows `tickring_events_per_second` where a request says neither `rates=0`
    /// nor `rates=1`. It does by default. Prometheus doesn't need this figure: it computes rates
    /// from totals.
    ///
    /// ```
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::new(), "data-api").rates(false);
    /// ```
    #[must_use]
    pub fn rates(mut self, rates: bool) -> Self {
        Arc::make_mut(&mut self.options).rates = rates;
        self
    }

    /// The same router for a listener of a running server. Its default service is the listener's.
    pub(crate) fn for_listener(&self, running: &Arc<Running>, listening: &Listening) -> Self {
        let service = listening.service.as_deref().map_or_else(|| self.service.clone(), Arc::from);
        let listener = Listener {
            running: Arc::clone(running),
            address: listening.address,
            dedicated: listening.service.is_some(),
        };
        Self { service, listener: Some(listener), ..self.clone() }
    }

    /// The name of the service that a request means if it names none.
    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.options.registry
    }

    /// The limits that were set, or the default ones.
    pub(crate) fn current_limits(&self) -> &Limits {
        &self.options.limits
    }

    /// Answers a request as it comes from a connection. Reads the body, within the limits, if the
    /// route takes one.
    ///
    /// A long response is made on the blocking threads of the tokio runtime where there are many
    /// events.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use http_body_util::Full;
    /// use hyper::{Request, StatusCode};
    /// use tickring::{Registry, Service, http::Router};
    ///
    /// let registry = Registry::new();
    /// let service = registry.register(Service::from_catalogue("data-api")?)?;
    /// let router = Router::new(registry, "data-api");
    /// let body = Full::<bytes::Bytes>::from(r#"{"event":"request","count":3}"#);
    /// let request = Request::post("/api/v1/services/data-api/events").body(body)?;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// let response = runtime.block_on(router.handle(request));
    /// assert_eq!(response.status(), StatusCode::ACCEPTED);
    /// assert_eq!(service.snapshot()?.total(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If it isn't polled on a tokio runtime whose time driver is enabled.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, incoming) = request.into_parts();
        let route = Route::find(head.uri.path());
        let takes_body = route.as_ref().is_some_and(Route::takes_body);
        let body = if takes_body && head.method == Method::POST {
            match body::read(incoming, &self.options.limits).await {
                Ok(body) => body,
                // The rest of the body stands where the next request would begin.
                Err(refusal) => return closing(refusal.into()),
            }
        } else {
            Bytes::new()
        };
        let request = Request::from_parts(head, body);
        match route {
            Some(route) if route.is_bulk() => self.answer_bulk(request, route).await,
            route => self.answer_route(&request, route),
        }
    }

    /// Answers a request whose body is there already. If the code behind a route panics, the
    /// answer is status 500, and nothing else is affected.
    ///
    /// ```
    /// use hyper::{Request, StatusCode};
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::new(), "data-api");
    /// let status = |path| {
    ///     let request = Request::get(path).body(bytes::Bytes::new()).unwrap();
    ///     router.answer(&request).status()
    /// };
    /// assert_eq!(status("/health/live"), StatusCode::OK);
    /// // No such service is registered.
    /// assert_eq!(status("/health"), StatusCode::NOT_FOUND);
    /// ```
    #[must_use]
    pub fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        self.answer_route(request, Route::find(request.uri().path()))
    }

    /// The answer to a request for this route; `None` if its path is unknown.
    pub(super) fn answer_route(&self, request: &Request<Bytes>, route: Option<Route>) -> Answer {
        let mut answer = caught(request.uri().path(), || self.dispatch(request, route));
        if request.method() == Method::HEAD {
            let length = answer.body().size_hint().exact().unwrap_or(0);
            answer.headers_mut().insert(CONTENT_LENGTH, length.into());
            *answer.body_mut() = Full::default();
        }
        answer
    }

    fn dispatch(&self, request: &Request<Bytes>, route: Option<Route>) -> Result<Answer, Refusal> {
        let Some(route) = route else {
            let path = request.uri().path();
            let why = format_args!("unknown path {path:?}: there are {}", Route::ALL);
            return Err(Refusal::new(StatusCode::NOT_FOUND, why));
        };
        if !route.methods().contains(request.method()) {
            return Ok(method_not_allowed(route.allow()));
        }
        let query = Query::parse(request.uri().query().unwrap_or(""))
            .map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
        match route {
            Route::EventRate => self.event_rate(query.service.as_deref(), query.series),
            Route::EventRateOf(name) => self.event_rate(Some(&name), query.series),
            Route::Events(name) => self.events(&name, request.body()),
            Route::Services => Ok(self.services()),
            Route::Health => self.health(),
            Route::Live => Ok(json(StatusCode::OK, &ProbeStatus::of("live"))),
            Route::Ready => Ok(self.ready()),
            Route::Metrics => self.metrics(&query, request.headers()),
            Route::Discovery => Ok(self.discovery(request.headers())),
        }
    }
}

/// The answer that `route` makes, or 500 if it panics.
fn caught(path: &str, route: impl FnOnce() -> Result<Answer, Refusal>) -> Answer {
    // A route shares only registries and counts with others, and those are consistent at any time.
    match catch_unwind(AssertUnwindSafe(route)) {
        Ok(Ok(answer)) => answer,
        Ok(Err(refusal)) => refusal.into(),
        Err(_) => {
            tracing::error!(path, "panicked while answering a request");
            let why = "answering this request failed inside the server; its log says more";
            error(StatusCode::INTERNAL_SERVER_ERROR, why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_one_answer_that_says_so() {
        let answer = caught("/", || panic!("on purpose"));
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["content-type"], "application/json");
        let answer = caught("/", || Err(Refusal::new(StatusCode::NOT_FOUND, "not here")));
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
}
