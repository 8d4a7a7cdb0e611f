//! Paths and their methods.

use hyper::Method;
use percent_encoding::percent_decode_str;

/// What a path stands for. Names are decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Front,
    RealTime,
    EventRate,
    EventRateOf(String),
    History(String),
    Events(String),
    Services,
    Service(String),
    Health,
    Live,
    Ready,
    Metrics,
    Discovery,
    Description,
}

impl Route {
    /// All paths, with the variable part as NAME.
    pub(crate) const ALL: [&'static str; 14] = [
        "/",
        "/api/v1/real-time-metrics",
        "/api/v1/event-rate",
        "/api/v1/services",
        "/api/v1/services/NAME",
        "/api/v1/services/NAME/event-rate",
        "/api/v1/services/NAME/events",
        "/api/v1/services/NAME/history",
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/sd",
        "/openapi.json",
    ];

    /// What `OPTIONS *` answers: the methods that any path takes.
    pub(crate) const ALLOW_ANY: &'static str = "GET, HEAD, POST, DELETE, OPTIONS";

    /// The route of a path, whose variable part may be percent-encoded.
    pub(crate) fn find(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Front,
            "/api/v1/real-time-metrics" => Self::RealTime,
            "/api/v1/event-rate" => Self::EventRate,
            "/api/v1/services" => Self::Services,
            "/health" => Self::Health,
            "/health/live" => Self::Live,
            "/health/ready" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/sd" => Self::Discovery,
            "/openapi.json" => Self::Description,
            _ => {
                let rest = path.strip_prefix("/api/v1/services/")?;
                let (name, rest) = match rest.split_once('/') {
                    Some((name, rest)) => (name, Some(rest)),
                    None => (rest, None),
                };
                let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
                match rest {
                    None if !name.is_empty() => Self::Service(name),
                    Some("event-rate") => Self::EventRateOf(name),
                    Some("events") => Self::Events(name),
                    Some("history") => Self::History(name),
                    _ => return None,
                }
            }
        })
    }

    /// The path with its variable part as NAME.
    pub(crate) fn template(&self) -> &'static str {
        Self::ALL[match self {
            Self::Front => 0,
            Self::RealTime => 1,
            Self::EventRate => 2,
            Self::Services => 3,
            Self::Service(_) => 4,
            Self::EventRateOf(_) => 5,
            Self::Events(_) => 6,
            Self::History(_) => 7,
            Self::Health => 8,
            Self::Live => 9,
            Self::Ready => 10,
            Self::Metrics => 11,
            Self::Discovery => 12,
            Self::Description => 13,
        }]
    }

    /// Whether a request has a body that matters.
    pub(crate) fn takes_body(&self) -> bool {
        matches!(self, Self::Events(_))
    }

    /// The methods that the path takes.
    pub(crate) fn methods(&self) -> &'static [Method] {
        match self {
            Self::Events(_) => &[Method::POST, Method::OPTIONS],
            Self::Service(_) => &[Method::DELETE, Method::OPTIONS],
            _ => &[Method::GET, Method::HEAD, Method::OPTIONS],
        }
    }

    /// The same methods, as the value of the header `Allow`.
    pub(crate) fn allow(&self) -> &'static str {
        match self {
            Self::Events(_) => "POST, OPTIONS",
            Self::Service(_) => "DELETE, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
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
        assert_eq!(Route::find("/api/v1/services/a"), Some(Route::Service("a".into())));
        for path in ["", "//", "*", "/health/", "/api/v1/services/", "/api/v1/services/a/events/"] {
            assert_eq!(Route::find(path), None, "{path}");
        }
    }

    #[test]
    fn each_path_is_found_and_says_what_it_takes() {
        for path in Route::ALL {
            let route = Route::find(path).unwrap();
            assert_eq!(route.template(), path);
            let methods: Vec<_> = route.methods().iter().map(Method::as_str).collect();
            assert_eq!(route.allow(), methods.join(", "));
            assert!(methods.iter().all(|method| Route::ALLOW_ANY.contains(method)));
        }
    }
}
