//! Paths and their methods.

use hyper::Method;
use percent_encoding::percent_decode_str;

/// What a path stands for. Names are decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    EventRate,
    EventRateOf(String),
    Events(String),
    Services,
    Health,
    Live,
    Ready,
    Metrics,
    Discovery,
}

impl Route {
    /// All paths, for the answer to an unknown one.
    pub(crate) const ALL: &'static str = "/api/v1/event-rate, /api/v1/services, \
        /api/v1/services/NAME/event-rate, /api/v1/services/NAME/events, /health, /health/live, \
        /health/ready, /metrics, /sd";

    /// The route of a path, whose variable part may be percent-encoded.
    pub(crate) fn find(path: &str) -> Option<Self> {
        Some(match path {
            "/api/v1/event-rate" => Self::EventRate,
            "/api/v1/services" => Self::Services,
            "/health" => Self::Health,
            "/health/live" => Self::Live,
            "/health/ready" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/sd" => Self::Discovery,
            _ => {
                let (name, rest) = path.strip_prefix("/api/v1/services/")?.split_once('/')?;
                let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
                match rest {
                    "event-rate" => Self::EventRateOf(name),
                    "events" => Self::Events(name),
                    _ => return None,
                }
            }
        })
    }

    /// The path with its variable part as NAME.
    pub(crate) fn template(&self) -> &'static str {
        match self {
            Self::EventRate => "/api/v1/event-rate",
            Self::EventRateOf(_) => "/api/v1/services/NAME/event-rate",
            Self::Events(_) => "/api/v1/services/NAME/events",
            Self::Services => "/api/v1/services",
            Self::Health => "/health",
            Self::Live => "/health/live",
            Self::Ready => "/health/ready",
            Self::Metrics => "/metrics",
            Self::Discovery => "/sd",
        }
    }

    /// Whether a request has a body that matters.
    pub(crate) fn takes_body(&self) -> bool {
        matches!(self, Self::Events(_))
    }

    /// The methods that the path takes.
    pub(crate) fn methods(&self) -> &'static [Method] {
        if self.takes_body() { &[Method::POST] } else { &[Method::GET, Method::HEAD] }
    }

    /// The same methods, as the value of the header `Allow`.
    pub(crate) fn allow(&self) -> &'static str {
        if self.takes_body() { "POST" } else { "GET, HEAD" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_paths_are_routes() {
        assert_eq!(
            Route::find("/api/v1/services/sports%2ddata/events"),
            Some(Route::Events("sports-data".into()))
        );
        for path in ["", "/", "*", "/health/", "/api/v1/services/", "/api/v1/services/a/events/"] {
            assert_eq!(Route::find(path), None, "{path}");
        }
    }
}
