//! Each request as one event with labels.

use std::sync::Arc;

use foldhash::fast::RandomState;
use http::{Method, Request};
use papaya::HashSet;

use super::kind::{Answer, Kind};
use super::outcome::{OUTCOMES, Outcome};
use super::pattern::RoutePattern;
use crate::engine::{Clock, Moment};
use crate::fleet::{Children, Service, ServiceError, VALUE_MAX};

/// The most patterns that a layer tells apart. Routers have fewer; a function that makes values of what
/// clients send has no bound of its own.
const ROUTES_MAX: usize = 1024;
const UNMATCHED: &str = "unmatched";
const OTHER: &str = "other";

/// What a label of a request can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Route,
    Method,
    Status,
    StatusClass,
    Kind,
}

/// The keys by their names.
const KEYS: [(&str, Key); 5] = [
    ("route", Key::Route),
    ("method", Key::Method),
    ("status", Key::Status),
    ("status_class", Key::StatusClass),
    ("kind", Key::Kind),
];

/// The labelled event that a layer counts on.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    /// In the order of the event's keys.
    keys: Box<[Key]>,
    children: Arc<Children>,
    timed: bool,
    pattern: RoutePattern,
    /// Each pattern that has been seen, so that a request need not copy it.
    routes: Arc<HashSet<Arc<str>, RandomState>>,
    other: Arc<str>,
}

/// What is known of a request when it arrives.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    method: &'static str,
    /// `None` if the router matched nothing.
    route: Option<Arc<str>>,
}

impl Labels {
    pub(super) fn new(
        service: &Service,
        event: &str,
        pattern: RoutePattern,
    ) -> Result<Self, ServiceError> {
        let labels = service.spec().labels.get(event);
        let Some((children, labels)) = service.children(event)?.zip(labels) else {
            return Err(ServiceError::NoLabels {
                service: service.name().into(),
                event: event.into(),
                usable: KEYS.iter().map(|(name, _)| (*name).into()).collect(),
            });
        };
        let bad = |label: &str, why: String| ServiceError::BadLabel {
            service: service.name().into(),
            event: event.into(),
            label: label.into(),
            why,
        };
        let mut keys = Vec::new();
        for label in labels {
            let known = KEYS.iter().find(|(name, _)| name == label);
            keys.push(known.map(|(_, key)| *key).ok_or_else(|| {
                let names = KEYS.map(|(name, _)| name).join(", ");
                bad(label, format!("a layer of requests has no value for it: it knows {names}"))
            })?);
        }
        if keys.contains(&Key::Route) && pattern.is_none() {
            let why = "the layer needs to know where the router leaves its pattern, for example by \
                       RoutePattern::by(MatchedPath::as_str)";
            return Err(bad("route", why.into()));
        }
        Ok(Self {
            keys: keys.into(),
            children: Arc::clone(children),
            timed: service.timer(event).is_ok(),
            pattern,
            routes: Arc::default(),
            other: OTHER.into(),
        })
    }

    pub(super) fn clock(&self) -> &Clock {
        self.children.clock()
    }

    /// When a request arrives, if its duration is asked for.
    pub(super) fn now(&self) -> Option<Moment> {
        self.timed.then(|| self.clock().now())
    }

    pub(super) fn arrive<A>(&self, request: &Request<A>) -> Arrived {
        let route = if self.keys.contains(&Key::Route) {
            let found = self.pattern.of(request.method(), request.extensions());
            found.map(|route| self.route(&route))
        } else {
            None
        };
        Arrived { method: standard(request.method()), route }
    }

    fn route(&self, route: &str) -> Arc<str> {
        let routes = self.routes.pin();
        if let Some(known) = routes.get(route) {
            return Arc::clone(known);
        }
        // No label has a longer value. Threads that come at the same time may each add one past the limit.
        if route.len() > VALUE_MAX || routes.len() >= ROUTES_MAX {
            return Arc::clone(&self.other);
        }
        let new: Arc<str> = Arc::from(route);
        routes.insert(Arc::clone(&new));
        new
    }

    /// Counts one request, with the time since `begun`.
    pub(super) fn count(
        &self,
        request: &Arrived,
        answer: Answer,
        kind: Kind,
        begun: Option<Moment>,
    ) {
        let outcome = OUTCOMES[Outcome::of(answer) as usize];
        let mut values = [""; KEYS.len()];
        for (value, key) in values.iter_mut().zip(&self.keys) {
            *value = match (key, &answer) {
                (Key::Route, _) => request.route.as_deref().unwrap_or(UNMATCHED),
                (Key::Method, _) => request.method,
                (Key::Status, Answer::Status(status)) => status.as_str(),
                (Key::Status | Key::StatusClass, _) => outcome,
                (Key::Kind, Answer::Status(_)) => kind.name(),
                (Key::Kind, _) => "none",
            };
        }
        self.children.on(&values[..self.keys.len()], |child| match begun {
            Some(begun) => child.timer().record(self.clock().now().since(begun)),
            None => child.meter().record(),
        });
    }
}

/// The name of a method. A client can send any, so only the standard ones are told apart.
fn standard(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => OTHER,
    }
}
