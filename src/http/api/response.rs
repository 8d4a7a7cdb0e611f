//! Responses: every answer that the router gives is made here, and so are its JSON documents. Only
//! the event-rate document belongs to the service itself.

use std::collections::BTreeMap;
use std::fmt::Display;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::fleet::{RateBasis, Service};

pub(crate) type Answer = Response<Full<Bytes>>;

/// Most JSON documents fit in this many bytes.
const USUAL_LENGTH: usize = 1024;

/// An answer with this body. It must never be cached, since figures change all the time.
pub(crate) fn document(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
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
    document(status, "application/json", body.into())
}

/// Why a request gets an error instead of its document.
pub(crate) struct Refusal {
    status: StatusCode,
    why: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, why: impl Display) -> Self {
        Self { status, why: why.to_string() }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        error(refusal.status, refusal.why)
    }
}

/// An answer with the JSON document of an error.
pub(crate) fn error(status: StatusCode, why: impl Display) -> Answer {
    json(status, &Failure { error: why.to_string() })
}

/// The answer for a known path that doesn't take the request's method.
pub(crate) fn method_not_allowed(allow: &'static str) -> Answer {
    let why = format_args!("method not allowed: this path takes {allow}");
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, why);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

/// The same answer, after which the connection ends.
pub(crate) fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The same answer, which holds `guard` until its body has been sent in full.
pub(crate) async fn until_sent<T: Send + Sync + 'static>(guard: T, answer: Answer) -> Answer {
    struct Guarded<T>(Bytes, #[allow(dead_code)] T);
    impl<T> AsRef<[u8]> for Guarded<T> {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let (head, mut body) = answer.into_parts();
    // A full body is one frame, or none if it is empty.
    let body = match body.frame().await {
        Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        None => Bytes::new(),
    };
    let body = Bytes::from_owner(Guarded(body, guard));
    Answer::from_parts(head, Full::new(body))
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

/// The document of `/api/v1/services`.
#[derive(Serialize)]
pub(crate) struct Overview {
    pub(crate) services: Vec<Listed>,
    pub(crate) rejected: BTreeMap<&'static str, u64>,
}

/// A service as `/api/v1/services` lists it.
#[derive(Serialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) port: Option<u16>,
    pub(crate) category: String,
    pub(crate) basis: RateBasis,
    pub(crate) events: Vec<String>,
}

impl From<&Service> for Listed {
    fn from(service: &Service) -> Self {
        let spec = service.spec().clone();
        Self {
            name: spec.name,
            port: spec.port,
            category: spec.category,
            basis: spec.basis,
            events: spec.events,
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
