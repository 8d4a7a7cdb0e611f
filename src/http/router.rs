//! From a request to its answer, without a socket.

use std::collections::BTreeMap;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;

use super::answer::{Answer, Refusal, closing, error, json, method_not_allowed};
use super::events::Batch;
use super::query::Query;
use super::route::Route;
use super::{Limits, body};
use crate::{Basis, EventRate, Registry, Rejections, Service};

/// Answers requests about the services of a registry. Clones answer from the same state.
///
/// [`Server`](super::Server) serves one; a service with an HTTP server of its own can hand the
/// paths of this one to [`handle`](Self::handle). Which paths there are is told in the
/// [module](super).
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
    options: Arc<Options>,
    state: Arc<State>,
    /// The service that is meant when a request names none.
    service: Arc<str>,
}

#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) registry: Registry,
    pub(super) limits: Limits,
    pub(super) rejections: Option<Rejections>,
}

/// What changes while requests are answered.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Relaxed: it says what to answer, and guards nothing.
    draining: AtomicBool,
}

impl Router {
    /// A router for the services of `registry`. `service` is the one that is meant where a
    /// request names none.
    #[must_use]
    pub fn new(registry: Registry, service: impl Into<String>) -> Self {
        let options = Options { registry, limits: Limits::default(), rejections: None };
        Self { options: Arc::new(options), state: Arc::default(), service: service.into().into() }
    }

    /// The limits of a request's body. The other limits are a [`Server`](super::Server)'s.
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

    /// The same, with another service for requests that name none.
    pub(super) fn of_service(&self, service: impl Into<String>) -> Self {
        Self { service: service.into().into(), ..self.clone() }
    }

    /// From now on the host is not ready any more.
    pub(super) fn drain(&self) {
        self.state.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.state.draining.load(Ordering::Relaxed)
    }

    pub(super) fn service(&self) -> Option<Arc<Service>> {
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
        let takes_body = Route::find(head.uri.path()).is_some_and(|route| route.takes_body());
        let body = if takes_body && head.method == Method::POST {
            match body::read(incoming, &self.options.limits).await {
                Ok(body) => body,
                // What is left of the body stands in the way of a next request.
                Err(refusal) => return closing(refusal.into()),
            }
        } else {
            Bytes::new()
        };
        self.answer(&Request::from_parts(head, body))
    }

    /// The answer to a request with its whole body. Should the code behind a route panic, that
    /// is status 500 and nothing else.
    #[must_use]
    pub fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let mut answer = match catch_unwind(AssertUnwindSafe(|| self.route(request))) {
            Ok(Ok(answer)) => answer,
            Ok(Err(refusal)) => refusal.into(),
            Err(_) => {
                tracing::error!(path = request.uri().path(), "panicked while answering a request");
                let why = "answering this request failed inside the server; its log says more";
                error(StatusCode::INTERNAL_SERVER_ERROR, why)
            }
        };
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
            Route::Ready if self.is_draining() => {
                Ok(json(StatusCode::SERVICE_UNAVAILABLE, &Word { status: "draining" }))
            }
            Route::Ready => Ok(json(StatusCode::OK, &Word { status: "ready" })),
        }
    }

    /// The service of this name, or of this listener.
    fn named(&self, name: Option<&str>) -> Result<Arc<Service>, Refusal> {
        let name = name.unwrap_or(&self.service);
        let services = self.options.registry.services();
        services.get(name).cloned().ok_or_else(|| {
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

#[derive(Serialize)]
struct Word {
    status: &'static str,
}

#[derive(Serialize)]
struct Accepted {
    accepted: u64,
}

#[derive(Serialize)]
struct Overview {
    services: Vec<Listed>,
    rejected: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    port: Option<u16>,
    category: String,
    basis: Basis,
    events: Vec<String>,
}

impl From<&Service> for Listed {
    fn from(service: &Service) -> Self {
        let profile = service.profile().clone();
        Self {
            name: profile.name,
            port: profile.port,
            category: profile.category,
            basis: profile.basis,
            events: profile.events,
        }
    }
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    service: &'a str,
    uptime_seconds: f64,
    events_per_hour: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}
