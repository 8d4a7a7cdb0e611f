//! What a router answers from, and how that is set.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::documents::Documents;
use super::mount::Mount;
use super::program::Program;
use super::response::Answer;
use super::wanted::Wanted;
use crate::export::discovery::Listening;
use crate::fleet::{History, Registry, RegistryError, Rejections};
use crate::http::Limits;
use crate::http::counters::Running;

/// Answers requests about the services of a registry.
///
/// A [`Server`](crate::http::Server) serves a router. In a service that has an HTTP server already, the
/// router is a `tower::Service` and a `hyper::service::Service`, so it goes
/// [under a prefix](Self::nested_at) of an axum application, or into `serve_connection`; and
/// [`handle`](Self::handle) and [`answer_plain`](Self::answer_plain) answer single requests. Clones of a
/// router share its bound on [long responses](crate::http#what-bounds-the-memory).
///
/// It only reads, unless [`accept_events`](Self::accept_events) lets it take events.
///
/// ```
/// use hyper::{Request, StatusCode};
/// use tickring::{Registry, Service, http::Router};
///
/// let registry = Registry::new();
/// registry.register(Service::from_catalogue("data-api").unwrap()).unwrap();
/// let router = Router::new(registry, "data-api").unwrap();
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
    pub(super) history: Option<History>,
    pub(super) rates: bool,
    pub(super) program: Program,
    pub(super) allowed_hosts: Option<Vec<String>>,
    pub(super) accepts_events: bool,
    pub(super) mount: Mount,
    /// The origins whose pages may read.
    pub(super) allowed_origins: Vec<String>,
    /// For how long an event makes a service active; `None` for what fits its basis.
    pub(super) active_within: Option<Duration>,
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
    /// let router = Router::new(registry, "data-api").unwrap();
    /// for path in ["/api/v1/event-rate", "/api/v1/event-rate?service=sports-data"] {
    ///     let request = Request::get(path).body(bytes::Bytes::new()).unwrap();
    ///     assert!(router.answer(&request).status().is_success());
    /// }
    /// ```
    ///
    /// It only reads: it takes no events unless [`accept_events`](Self::accept_events) is called.
    ///
    /// # Errors
    ///
    /// [`RegistryError::UnknownService`] if no service of this name is registered. One that is removed
    /// later gets 404 from then on.
    pub fn new(registry: Registry, service: impl Into<String>) -> Result<Self, RegistryError> {
        let service = service.into();
        registry.require(&service)?;
        let limits = Limits::default();
        let options = Options {
            registry,
            limits,
            rejections: None,
            history: None,
            rates: true,
            program: Program::default(),
            allowed_hosts: None,
            accepts_events: false,
            mount: Mount::default(),
            allowed_origins: Vec::new(),
            active_within: None,
        };
        Ok(Self {
            options: Arc::new(options),
            documents: Arc::default(),
            service: service.into(),
            listener: None,
        })
    }

    /// Takes events by POST and forgets services by DELETE as well, for everyone who can reach the router;
    /// without this, they get 403.
    /// A web page gets 403 all the same, unless it comes from `localhost`, an address or an
    /// [allowed host](Self::allowed_hosts).
    ///
    /// ```
    /// use hyper::{Request, StatusCode};
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap();
    /// let post = |router: &Router| {
    ///     let request = Request::post("/api/v1/services/data-api/events");
    ///     let request = request.body(bytes::Bytes::from(r#"{"event":"request"}"#)).unwrap();
    ///     router.answer(&request).status()
    /// };
    /// assert_eq!(post(&router), StatusCode::FORBIDDEN);
    /// assert_eq!(post(&router.accept_events()), StatusCode::ACCEPTED);
    /// ```
    #[must_use]
    pub fn accept_events(mut self) -> Self {
        Arc::make_mut(&mut self.options).accepts_events = true;
        self
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
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap().limits(limits);
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        Arc::make_mut(&mut self.options).limits = limits;
        // Those of the clones so far show other limits.
        self.documents = Arc::default();
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
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap().rejections(rejections.clone());
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

    /// Serves the history of services. Somebody has to [roll](History::roll) it at least once a minute.
    ///
    /// ```
    /// use hyper::{Request, StatusCode};
    /// use tickring::{History, Registry, http::Router};
    ///
    /// let registry = Registry::from_catalogue();
    /// let history = History::new(registry.clone());
    /// let router = Router::new(registry, "data-api").unwrap().history(history);
    /// let request = Request::get("/api/v1/services/data-api/history").body(bytes::Bytes::new()).unwrap();
    /// assert_eq!(router.answer(&request).status(), StatusCode::OK);
    /// ```
    #[must_use]
    pub fn history(mut self, history: History) -> Self {
        Arc::make_mut(&mut self.options).history = Some(history);
        // Those of the clones so far show another history.
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
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap().rates(false);
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
    /// serves every name.
    ///
    /// ```
    /// use hyper::{Request, StatusCode};
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap().allowed_hosts(["metrics.example.com"]);
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

    /// Lets web pages of these origins read: their browsers get `Access-Control-Allow-Origin` with the
    /// answers to GET and HEAD. An origin is written as browsers write it, `https://ops.example.com` or
    /// with a port; `*` stands for every one. The default is none. No page of another origin may write.
    ///
    /// ```
    /// use hyper::Request;
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap();
    /// let router = router.allowed_origins(["https://ops.example.com"]);
    /// let request = Request::get("/health/live").header("origin", "https://ops.example.com");
    /// let answer = router.answer(&request.body(bytes::Bytes::new()).unwrap());
    /// assert_eq!(answer.headers()["access-control-allow-origin"], "https://ops.example.com");
    /// ```
    #[must_use]
    pub fn allowed_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins = origins.into_iter().map(Into::into).collect();
        Arc::make_mut(&mut self.options).allowed_origins = origins;
        self
    }

    /// For how long an event makes its service `active` in `/api/v1/real-time-metrics`. The default is
    /// 5 minutes for services on the rolling basis, and an hour for those on the lifetime basis.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap();
    /// let router = router.active_within(Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn active_within(mut self, within: Duration) -> Self {
        Arc::make_mut(&mut self.options).active_within = Some(within);
        // Those of the clones so far judge differently.
        self.documents = Arc::default();
        self
    }

    pub(super) fn with_mount(mut self, mount: Mount) -> Self {
        Arc::make_mut(&mut self.options).mount = mount;
        // Those of the clones so far name other paths.
        self.documents = Arc::default();
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
}
