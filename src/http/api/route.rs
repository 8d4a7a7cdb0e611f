//! Paths and their methods.

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;

/// What a path stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    EventRate,
    EventRateOf(Cow<'a, str>),
    Events(Cow<'a, str>),
    Services,
    Health,
    Live,
    Ready,
    Metrics,
    Discovery,
}

impl<'a> Route<'a> {
    /// All of them, for who asks for something else.
    pub(crate) const ALL: &'static str = "/api/v1/event-rate, /api/v1/services, \
        /api/v1/services/NAME/event-rate, /api/v1/services/NAME/events, /health, /health/live, \
        /health/ready, /metrics, /sd";

    /// The route of a path, whose variable part may be percent-encoded.
    pub(crate) fn find(path: &'a str) -> Option<Self> {
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
                let name = percent_decode_str(name).decode_utf8_lossy();
                match rest {
                    "event-rate" => Self::EventRateOf(name),
                    "events" => Self::Events(name),
                    _ => return None,
                }
            }
        })
    }

    /// Whether the answer is the longer the more services there are.
    pub(crate) fn is_of_all_services(&self) -> bool {
        matches!(self, Self::Services | Self::Metrics | Self::Discovery)
    }

    pub(crate) fn takes_body(&self) -> bool {
        matches!(self, Self::Events(_))
    }

    pub(crate) fn methods(&self) -> &'static [Method] {
        if self.takes_body() { &[Method::POST] } else { &[Method::GET, Method::HEAD] }
    }

    /// The methods as a header's value.
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
