//! From a request to its answer, without a socket.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{CONTENT_LENGTH, EXPECT};
use hyper::{Method, Request, Response, StatusCode};

use super::body;
use super::caught::caught;
use super::documents::Documents;
use super::program::Program;
use super::query::Query;
use super::response::{Answer, ProbeStatus, Refusal, closing, json};
use super::response_body::ResponseBody;
use super::route::Route;
use super::wanted::Wanted;
use crate::export::discovery::Listening;
use crate::fleet::{Registry, Rejections};
use crate::http::Limits;
use crate::http::counters::Running;

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
    /// The long documents that are made and sent.
    pub(super) documents: Arc<Documents<Wanted, Answer>>,
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
    pub(super) allowed_hosts: Option<Vec<String>>,
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
        let options = Options {
            registry,
            limits,
            rejections: None,
            rates: true,
            program: Program::default(),
            allowed_hosts: None,
        };
        Self {
            options: Arc::new(options),
            documents: Arc::default(),
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
        // Those of the clones so far show other counts.
        self.documents = Arc::default();
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

    /// Serves requests that name one of these hosts, or an address of this machine that is certain:
    /// `localhost`, a loopback address or the listener's own address. All others get status 421. A
    /// name has no port; `*` stands for every name.
    ///
    /// Without this, a [`Server`](crate::http::Server) serves only those certain names on a loopback
    /// listener, and every name on others. A router in an application that serves it by other code
    /// serves every name. Once it has allowed hosts, that router too refuses events from
    /// [web pages](crate::http#web-pages).
    ///
    /// ```
    /// use hyper::{Request, StatusCode};
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::new(), "data-api").allowed_hosts(["metrics.example.com"]);
    /// let status = |host| {
    ///     let request = Request::get("/health/live").header("host", host);
    ///     router.answer(&request.body(bytes::Bytes::new()).unwrap()).status()
    /// };
    /// assert_eq!(status("metrics.example.com:8003"), StatusCode::OK);
    /// assert_eq!(status("elsewhere.example.com"), StatusCode::MISDIRECTED_REQUEST);
    /// ```
    #[must_use]
    pub fn allowed_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let hosts = hosts.into_iter().map(Into::into).collect();
        Arc::make_mut(&mut self.options).allowed_hosts = Some(hosts);
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
    pub async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let route = Route::find(request.uri().path());
        if let Err(refusal) = self.check_head(&request, route.as_ref()) {
            return self.refuse(request, refusal).await;
        }
        let (head, incoming) = request.into_parts();
        let takes_body = route.as_ref().is_some_and(Route::takes_body);
        let body = if takes_body {
            match body::read(incoming, &self.options.limits).await {
                Ok(body) => body,
                // The rest of the body stands where the next request would begin.
                Err(refusal) => return closing(refusal.into()),
            }
        } else {
            Bytes::new()
        };
        let request = Request::from_parts(head, body);
        let wanted = route.as_ref().map(|route| self.wanted(&request, route));
        match wanted {
            Some(Ok(Some(wanted))) => {
                let answer = self.answer_bulk(request.uri().path(), wanted).await;
                for_method(request.method(), answer)
            }
            _ => self.answer_route(&request, route),
        }
    }

    /// The answer to a request whose head decides that it is refused. A client that waits to be
    /// asked for the body isn't asked. From others the body is on its way.
    async fn refuse<B: Body>(&self, request: Request<B>, refusal: Refusal) -> Answer {
        let (head, body) = request.into_parts();
        let answer = for_method(&head.method, refusal.into());
        if body.is_end_stream() {
            return answer;
        }
        let waits = head.headers.get(EXPECT);
        let waits =
            waits.is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let read = !waits && body::skip(body, &self.options.limits).await;
        if read { answer } else { closing(answer) }
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
    pub fn answer(&self, request: &Request<Bytes>) -> Response<ResponseBody> {
        let route = Route::find(request.uri().path());
        match self.check_head(request, route.as_ref()) {
            Ok(()) => self.answer_route(request, route),
            Err(refusal) => for_method(request.method(), refusal.into()),
        }
    }

    /// The answer to a request for this route, after its head has been checked.
    fn answer_route(&self, request: &Request<Bytes>, route: Option<Route>) -> Answer {
        let answer = caught(request.uri().path(), || self.dispatch(request, route));
        for_method(request.method(), answer)
    }

    fn dispatch(&self, request: &Request<Bytes>, route: Option<Route>) -> Result<Answer, Refusal> {
        let Some(route) = route else { return Err(Refusal::unknown_path(request.uri().path())) };
        if let Some(wanted) = self.wanted(request, &route)? {
            return self.bulk(&wanted);
        }
        let query = Query::parse(request.uri().query().unwrap_or(""))
            .map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
        match route {
            Route::EventRateOf(name) => self.event_rate(Some(&name), query.series),
            Route::Events(name) => self.events(&name, request.body()),
            Route::Health => self.health(),
            Route::Live => Ok(json(StatusCode::OK, &ProbeStatus::of("live"))),
            Route::Ready => Ok(self.ready()),
            // The others are bulk.
            _ => self.event_rate(query.service.as_deref(), query.series),
        }
    }
}

/// The answer as this method gets it: HEAD gets no body, but its length.
fn for_method(method: &Method, mut answer: Answer) -> Answer {
    if method == Method::HEAD {
        let length = answer.body().size_hint().exact().unwrap_or(0);
        answer.headers_mut().insert(CONTENT_LENGTH, length.into());
        *answer.body_mut() = ResponseBody::default();
    }
    answer
}
