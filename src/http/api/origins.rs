//! Which web pages of other origins may read (CORS). None, unless origins are allowed.
//!
//! A browser keeps an answer from a page of another origin unless the answer names that origin. Only answers
//! to GET and HEAD ever do: no page of another origin may write, which `hosts` holds as well.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Request};

use super::router::Router;

/// What the answer to a request says about pages of other origins.
#[derive(Debug, Default)]
pub(super) struct Cors {
    /// Whether the answer depends on the origin.
    varies: bool,
    /// The origin that may read.
    reader: Option<HeaderValue>,
    /// Whether the request asks what its page may do.
    preflight: bool,
}

impl Router {
    pub(super) fn cors<T>(&self, request: &Request<T>) -> Cors {
        let allowed = &self.options.allowed_origins;
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
        if allowed.is_empty() || !reads {
            return Cors::default();
        }
        if allowed.iter().any(|origin| origin == "*") {
            let reader = Some(HeaderValue::from_static("*"));
            return Cors { varies: false, reader, preflight: self.is_preflight(request) };
        }
        let mut origins = request.headers().get_all(ORIGIN).iter();
        let only = origins.next().filter(|_| origins.next().is_none());
        let is_allowed = |origin: &&HeaderValue| {
            let same =
                |allowed: &String| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes());
            allowed.iter().any(same)
        };
        let reader = only.filter(is_allowed).cloned();
        Cors { varies: true, preflight: reader.is_some() && self.is_preflight(request), reader }
    }

    /// Whether a browser asks whether a page may read this path.
    fn is_preflight<T>(&self, request: &Request<T>) -> bool {
        request.method() == Method::OPTIONS
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && self
                .route(request.uri().path())
                .is_some_and(|route| route.methods().contains(&Method::GET))
    }
}

impl Cors {
    pub(super) fn apply(self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(reader) = self.reader {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, reader);
        }
        if self.preflight {
            let methods = HeaderValue::from_static("GET, HEAD");
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
    }
}
