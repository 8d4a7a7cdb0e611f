//! Answers: every one that the router gives is made here.

use std::fmt::Display;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

pub(crate) type Answer = Response<Full<Bytes>>;

/// What most JSON documents fit in.
const ORDINARY: usize = 1024;

#[derive(Serialize)]
struct Failure {
    error: String,
}

/// A document as it is, never to be cached: figures are of the moment.
pub(crate) fn document(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    // Only a map with keys that aren't text could fail, and nothing here has one.
    let mut body = Vec::with_capacity(ORDINARY);
    serde_json::to_writer(&mut body, value).expect("serialisable");
    document(status, "application/json", body.into())
}

/// Why a request gets no document.
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

pub(crate) fn error(status: StatusCode, why: impl Display) -> Answer {
    json(status, &Failure { error: why.to_string() })
}

/// The path is known, but not with this method.
pub(crate) fn method_not_allowed(allow: &'static str) -> Answer {
    let why = format_args!("method not allowed: this path takes {allow}");
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, why);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

/// Ends the connection after this answer.
pub(crate) fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The same answer, which keeps `guard` for as long as its body is not sent in full.
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
