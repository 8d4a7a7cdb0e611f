//! Responses: every answer that the router gives is made here, and so are its JSON documents. Only
//! the event-rate document belongs to the service itself.

use std::collections::BTreeMap;
use std::fmt::Display;

use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::response_body::ResponseBody;
use super::route::Route;

use crate::fleet::{RateBasis, Service};

pub(crate) type Answer = Response<ResponseBody>;

/// Most JSON documents fit in this many bytes.
const USUAL_LENGTH: usize = 1024;

/// An answer with this body. It must never be cached, since figures change all the time.
pub(crate) fn document(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<ResponseBody>,
) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// An answer with this JSON document.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    // This fails only for a map whose keys aren't text, and no document has one.
    let mut body = Vec::with_capacity(USUAL_LENGTH);
    serde_json::to_writer(&mut body, value).expect("serialisable");
    document(status, "application/json", body)
}

/// Why a request gets an error instead of its document.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    why: String,
    /// The methods that the path takes, if the request's is none of them.
    allow: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, why: impl Display) -> Self {
        Self { status, why: why.to_string(), allow: None }
    }

    /// The refusal of a path that stands for nothing, from a router that is mounted at `prefix`.
    pub(crate) fn unknown_path(path: &str, prefix: &str) -> Self {
        let below = if prefix.is_empty() { String::new() } else { format!("below {prefix} ") };
        let all = Route::ALL.join(", ");
        let why = format_args!("unknown path {path:?}: {below}there are {all}");
        Self::new(StatusCode::NOT_FOUND, why)
    }

    /// The refusal of a body that has more than `most` bytes.
    pub(crate) fn too_large(most: usize) -> Self {
        let why = format_args!("the body is too large: at most {most} bytes are read");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, why)
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let mut answer = error(refusal.status, refusal.why);
        if let Some(allow) = refusal.allow {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        answer
    }
}

/// An answer with the JSON document of an error.
pub(crate) fn error(status: StatusCode, why: impl Display) -> Answer {
    json(status, &Failure { error: why.to_string() })
}

/// The answer to OPTIONS: the methods that can be used.
pub(crate) fn options(allow: &'static str) -> Answer {
    let mut answer = Answer::default();
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

/// The refusal of a method that a known path doesn't take.
pub(crate) fn method_not_allowed(allow: &'static str) -> Refusal {
    let why = format_args!("method not allowed: this path takes {allow}");
    Refusal { allow: Some(allow), ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, why) }
}

/// The same answer, after which the connection ends.
pub(crate) fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The document of an error.
#[derive(Serialize)]
struct Failure {
    error: String,
}

/// The document of `/health/live` and `/health/ready`.
#[derive(Serialize)]
pub(crate) struct ProbeStatus {
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl ProbeStatus {
    pub(crate) fn of(status: &'static str) -> Self {
        Self { status, error: None }
    }
}

/// How many events a POST has recorded.
#[derive(Serialize)]
pub(crate) struct Accepted {
    pub(crate) accepted: u64,
}

/// What a DELETE has removed.
#[derive(Serialize)]
pub(crate) struct Deleted<'a> {
    pub(crate) deleted: &'a str,
}

/// The document of `/api/v1/services`.
#[derive(Serialize)]
pub(crate) struct Overview<'a> {
    pub(crate) services: Vec<Listed<'a>>,
    pub(crate) rejected: BTreeMap<&'static str, u64>,
    /// The last examples of each reason that has some.
    pub(crate) rejected_examples: BTreeMap<&'static str, Vec<Example>>,
    pub(crate) server: ServerStatus,
}

/// An example of rejected input.
#[derive(Serialize)]
pub(crate) struct Example {
    pub(crate) text: String,
    pub(crate) age_seconds: f64,
}

/// How the server itself is.
#[derive(Serialize)]
pub(crate) struct ServerStatus {
    pub(crate) version: &'static str,
    pub(crate) status: &'static str,
    pub(crate) error: Option<String>,
    pub(crate) clock_lag_seconds: f64,
    pub(crate) saturated_records: u64,
    pub(crate) connections: Option<u64>,
    pub(crate) connections_limit: Option<u64>,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) cpu_seconds: Option<f64>,
    /// What the program around the router adds to `/metrics`.
    pub(crate) figures: BTreeMap<&'static str, f64>,
}

/// A service as `/api/v1/services` lists it.
#[derive(Serialize)]
pub(crate) struct Listed<'a> {
    name: &'a str,
    port: Option<u16>,
    category: &'a str,
    basis: RateBasis,
    events: &'a [String],
}

impl<'a> From<&'a Service> for Listed<'a> {
    fn from(service: &'a Service) -> Self {
        let spec = service.spec();
        Self {
            name: &spec.name,
            port: spec.port,
            category: &spec.category,
            basis: spec.basis,
            events: &spec.events,
        }
    }
}

/// The document of `/health`.
#[derive(Serialize)]
pub(crate) struct Health<'a> {
    pub(crate) status: &'static str,
    pub(crate) service: &'a str,
    pub(crate) uptime_seconds: f64,
    pub(crate) events_per_hour: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a str>,
}
