//! From a request to its answer, without a socket.

use std::collections::HashSet;
use std::error::Error;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{CONTENT_LENGTH, HOST};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use super::documents::{Accepted, Health, Listed, Overview, Word};
use super::events::Batch;
use super::query::Query;
use super::response::{Answer, Refusal, closing, error, json, method_not_allowed};
use super::route::Route;
use super::{body, scrape};
use crate::export::HostSample;
use crate::export::discovery::{self, Listening};
use crate::fleet::{EventRate, Registry, Rejections, Service};
use crate::http::Limits;
use crate::http::counters::State;

/// Answers requests about the services of a registry. Clones answer from the same state.
///
/// [`Server`](crate::http::Server) serves one; a service with an HTTP server of its own can hand the
/// paths of this one to [`handle`](Self::handle). Which paths there are is told in the
/// [module](crate::http).
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
    pub(crate) options: Arc<Options>,
    pub(crate) state: Arc<State>,
    /// The service that is meant when a request names none.
    service: Arc<str>,
    listener: Option<Here>,
}

/// The listener that a router answers for.
#[derive(Clone, Copy, Debug)]
struct Here {
    address: SocketAddr,
    /// Whether it is the own one of a service, rather than the host's.
    own: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) registry: Registry,
    pub(crate) limits: Limits,
    pub(crate) rejections: Option<Rejections>,
    pub(crate) rates: bool,
}

impl Router {
    /// A router for the services of `registry`. `service` is the one that is meant where a
    /// request names none.
    #[must_use]
    pub fn new(registry: Registry, service: impl Into<String>) -> Self {
        let limits = Limits::default();
        let options = Options { registry, limits, rejections: None, rates: true };
        Self {
            options: Arc::new(options),
            state: Arc::new(State::new()),
            service: service.into().into(),
            listener: None,
        }
    }

    /// The limits of a request's body. The other limits are a [`Server`](crate::http::Server)'s.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        Arc::make_mut(&mut self.options).limits = limits;
        self
    }

    /// Input that was turned away elsewhere, to be shown with the services.
    #[must_use]
    pub fn rejections(mut self, rejections: Rejections) -> Self {
        Arc::make_mut(&mut self.options).rejections = Some(rejections);
        self
    }

    /// Whether `/metrics` shows `tickring_events_per_second` where a request doesn't say by
    /// `rates=0` or `rates=1`. It does by default; Prometheus can do without, since it computes
    /// rates of its own.
    #[must_use]
    pub fn rates(mut self, rates: bool) -> Self {
        Arc::make_mut(&mut self.options).rates = rates;
        self
    }

    /// The same for a listener, with that listener's service for requests that name none.
    pub(crate) fn listener(&self, listening: &Listening) -> Self {
        let service = listening.service.as_deref().map_or_else(|| self.service.clone(), Arc::from);
        let here = Here { address: listening.address, own: listening.service.is_some() };
        Self { service, listener: Some(here), ..self.clone() }
    }

    pub(crate) fn service(&self) -> Option<Arc<Service>> {
        self.options.registry.get(&self.service)
    }

    /// The answer to a request as it comes from a connection: reads the body, within the
    /// limits, if the route takes one.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, incoming) = request.into_parts();
        let route = Route::find(head.uri.path());
        let takes_body = route.as_ref().is_some_and(Route::takes_body);
        let is_long = route.as_ref().is_some_and(Route::is_of_all_services);
        let body = if takes_body && head.method == Method::POST {
            match body::read(incoming, &self.options.limits).await {
                Ok(body) => body,
                // What is left of the body stands in the way of a next request.
                Err(refusal) => return closing(refusal.into()),
            }
        } else {
            Bytes::new()
        };
        let request = Request::from_parts(head, body);
        if is_long { self.answer_at_length(request).await } else { self.answer(&request) }
    }

    /// The answer to a request with its whole body. Should the code behind a route panic, that
    /// is status 500 and nothing else.
    #[must_use]
    pub fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let mut answer = caught(request.uri().path(), || self.route(request));
        if request.method() == Method::HEAD {
            let length = answer.body().size_hint().exact().unwrap_or(0);
            answer.headers_mut().insert(CONTENT_LENGTH, length.into());
            *answer.body_mut() = Full::default();
        }
        answer
    }

    fn route(&self, request: &Request<Bytes>) -> Result<Answer, Refusal> {
        let path = request.uri().path();
        let Some(route) = Route::find(path) else {
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
            Route::Live => Ok(json(StatusCode::OK, &Word { status: "live" })),
            Route::Metrics => self.metrics(&query, request.headers()),
            Route::Discovery => Ok(self.discovery(request.headers())),
            Route::Ready if self.state.is_draining() => {
                Ok(json(StatusCode::SERVICE_UNAVAILABLE, &Word { status: "draining" }))
            }
            Route::Ready => Ok(json(StatusCode::OK, &Word { status: "ready" })),
        }
    }

    /// The service of this name, or of this listener.
    fn named(&self, name: Option<&str>) -> Result<Arc<Service>, Refusal> {
        let name = name.unwrap_or(&self.service);
        self.options.registry.get(name).ok_or_else(|| {
            let services = self.options.registry.services();
            let known: Vec<_> = services.iter().map(|service| service.name()).collect();
            let known = known.join(", ");
            let why = format_args!("unknown service {name:?}: known services are: {known}");
            Refusal::new(StatusCode::NOT_FOUND, why)
        })
    }

    fn event_rate(&self, name: Option<&str>, series: bool) -> Result<Answer, Refusal> {
        let service = self.named(name)?;
        let document = if series { service.event_rate_with_series() } else { service.event_rate() };
        Ok(json(status_of(&document), &document))
    }

    fn events(&self, name: &str, body: &[u8]) -> Result<Answer, Refusal> {
        let service = self.named(Some(name))?;
        let batch = Batch::parse(body, &service)
            .map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
        Ok(json(StatusCode::ACCEPTED, &Accepted { accepted: batch.record() }))
    }

    fn services(&self) -> Answer {
        let services = self.options.registry.services();
        let services = services.iter().map(|service| Listed::from(&**service)).collect();
        let rejected = self.options.rejections.iter().flat_map(Rejections::iter);
        let rejected = rejected.map(|(reason, count)| (reason.as_str(), count)).collect();
        json(StatusCode::OK, &Overview { services, rejected })
    }

    fn metrics(&self, query: &Query<'_>, headers: &HeaderMap) -> Result<Answer, Refusal> {
        let all = self.options.registry.services();
        let of_one = match (&query.service, self.listener) {
            (Some(name), _) => Some(self.named(Some(name))?),
            (None, Some(Here { own: true, .. })) => Some(self.named(None)?),
            (None, _) => None,
        };
        let left_out = self.left_out(query);
        let services: Vec<&Service> = if let Some(service) = &of_one {
            vec![service]
        } else {
            let wanted = |service: &&Service| !left_out.contains(service.name());
            all.iter().map(|service| &**service).filter(wanted).collect()
        };
        let host = of_one.is_none().then(|| self.host_sample());
        let rates = query.rates.unwrap_or(self.options.rates);
        Ok(scrape::answer(&scrape::scrape(&services, host, rates), headers))
    }

    /// Services that are scraped on a listener of their own.
    fn left_out(&self, query: &Query<'_>) -> HashSet<&str> {
        let Some(here) = self.listener.filter(|_| !query.own_ports) else {
            return HashSet::new();
        };
        let own = discovery::own_listeners(self.state.listening(), here.address);
        own.map(|(service, _)| service).collect()
    }

    fn host_sample(&self) -> HostSample {
        HostSample {
            version: env!("CARGO_PKG_VERSION"),
            engine: crate::engine::diagnostics(),
            rejected: self.options.rejections.iter().flat_map(Rejections::iter).collect(),
            http: self.state.sample(self.options.limits.max_connections),
        }
    }

    fn discovery(&self, headers: &HeaderMap) -> Answer {
        let services = self.options.registry.services();
        let here = self.listener.map(|here| here.address);
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let targets = discovery::targets(&services, self.state.listening(), here, host);
        json(StatusCode::OK, &targets)
    }

    fn health(&self) -> Result<Answer, Refusal> {
        let service = self.named(None)?;
        let document = service.event_rate();
        let status = status_of(&document);
        let service = service.name();
        let health = match &document {
            EventRate::Figures(figures) => Health {
                status: "healthy",
                service,
                uptime_seconds: figures.uptime_seconds,
                events_per_hour: figures.events_per_hour,
                error: None,
            },
            EventRate::Unavailable { error, .. } => Health {
                status: "unhealthy",
                service,
                uptime_seconds: 0.0,
                events_per_hour: 0.0,
                error: Some(error),
            },
        };
        Ok(json(status, &health))
    }
}

/// What `route` answers, or 500 if it panics.
fn caught(path: &str, route: impl FnOnce() -> Result<Answer, Refusal>) -> Answer {
    // What a route shares with others are registries and counts, which are whole at any time.
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

/// 503 for figures that can't be had, with a word in the log.
fn status_of(document: &EventRate) -> StatusCode {
    match document {
        EventRate::Figures(_) => StatusCode::OK,
        EventRate::Unavailable { service, error, .. } => {
            tracing::warn!(service, error, "the figures of a service can't be had");
            StatusCode::SERVICE_UNAVAILABLE
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
