//! What the head of a request decides, before its body is read.
//!
//! A client that sends `Expect: 100-continue` waits for the outcome, and sends no body that nobody
//! wants. The order of the checks is that of their scope: the connection, the path, the request.

use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, Method, Request, StatusCode};

use super::hosts::Hosts;
use super::query::Query;
use super::response::{Refusal, method_not_allowed};
use super::route::Route;
use super::router::Router;

impl Router {
    /// Checks all that the head says.
    ///
    /// # Errors
    ///
    /// If the request gets nothing but an error, whatever its body is.
    pub(super) fn check_head<T>(
        &self,
        request: &Request<T>,
        route: Option<&Route>,
    ) -> Result<(), Refusal> {
        let hosts = Hosts {
            listener: self.listener.as_ref().map(|listener| listener.address.ip()),
            allowed: self.options.allowed_hosts.as_deref(),
        };
        check_framing(request.headers())?;
        hosts.check_host(request)?;
        let Some(route) = route else {
            if is_about_the_server(request) {
                return Ok(());
            }
            return Err(self.unknown_path(request.uri().path()));
        };
        if !route.methods().contains(request.method()) {
            return Err(method_not_allowed(route.allow()));
        }
        Query::parse(request.uri().query().unwrap_or(""))
            .map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
        match route {
            _ if request.method() == Method::OPTIONS => {}
            Route::Events(name) => {
                self.check_write("events are not taken")?;
                hosts.check_page(request)?;
                self.named(Some(name))?;
                check_coding(request.headers())?;
                self.check_length(request.headers())?;
            }
            Route::Service(name) => {
                self.check_write("services are not forgotten")?;
                hosts.check_page(request)?;
                self.named(Some(name))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the router takes anything but questions.
    fn check_write(&self, what: &str) -> Result<(), Refusal> {
        if self.options.accepts_events {
            return Ok(());
        }
        let why = "this router only reads, unless it is built with `Router::accept_events`";
        Err(Refusal::new(StatusCode::FORBIDDEN, format_args!("{what} here: {why}")))
    }

    fn check_length(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let length = length.and_then(|length| length.parse::<u64>().ok());
        let most = self.options.limits.body_bytes;
        if length.is_some_and(|length| length > most as u64) {
            return Err(Refusal::too_large(most));
        }
        Ok(())
    }
}

/// Whether a request is `OPTIONS *`, which asks about the server as a whole (RFC 9110, 9.3.7).
pub(super) fn is_about_the_server<T>(request: &Request<T>) -> bool {
    request.method() == Method::OPTIONS && request.uri().path() == "*"
}

/// Whoever passes requests on may read any other list of transfer codings differently, and find
/// another request where the body ends.
pub(super) fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let (first, second) = (codings.next(), codings.next());
    let chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if second.is_some() || !first.is_none_or(chunked) {
        let why = "transfer coding: a body is sent as it is, or chunked once";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, why));
    }
    Ok(())
}

fn check_coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    let mut unknown = codings.filter(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    match unknown.next() {
        None => Ok(()),
        Some(coding) => {
            let why = format_args!("content coding {coding:?}: send the body as it is");
            Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why))
        }
    }
}
