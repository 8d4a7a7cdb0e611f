//! Requests and responses of plain values, for frameworks with types of their own.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::Body;
use hyper::{Request, Response, StatusCode};

use super::response::{Answer, Refusal, error};
use super::response_body::ResponseBody;
use super::router::Router;

/// A response as plain values; [`Router::answer_plain`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlainResponse {
    /// The status code, from 200 to 599.
    pub status: u16,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Router {
    /// Answers a request that is given as plain values. It is for frameworks whose types of requests are
    /// not those of hyper 1, such as actix-web. `target` is the path with its query.
    ///
    /// It needs no runtime, and makes the whole response on the calling thread. That takes milliseconds
    /// where there are thousands of events, so a busy application calls it on a thread that may block.
    ///
    /// ```
    /// use tickring::{Registry, http::Router};
    ///
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap();
    /// let headers = [("accept", &b"application/json"[..])];
    /// let answer = router.answer_plain("GET", "/api/v1/event-rate?series=1", headers, "");
    /// assert_eq!(answer.status, 200);
    /// assert!(answer.headers.contains(&("content-type".into(), "application/json".into())));
    /// assert!(answer.body.starts_with(b"{"));
    /// ```
    #[must_use]
    pub fn answer_plain<'a>(
        &self,
        method: &str,
        target: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        body: impl Into<Bytes>,
    ) -> PlainResponse {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let most = self.current_limits().body_bytes;
        let answer: Answer = match request.body(body.into()) {
            Ok(request) if request.body().len() > most => Refusal::too_large(most).into(),
            Ok(request) => self.answer(&request),
            Err(why) => {
                let why = format_args!("the request can't be read: {why}");
                Refusal::new(StatusCode::BAD_REQUEST, why).into()
            }
        };
        plain(answer)
    }
}

fn plain(answer: Response<ResponseBody>) -> PlainResponse {
    let (head, body) = answer.into_parts();
    let Some(body) = whole(body) else {
        return plain(error(StatusCode::SERVICE_UNAVAILABLE, "the document had to make room"));
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = head.headers.iter();
    PlainResponse {
        status: head.status.as_u16(),
        headers: headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
        body,
    }
}

/// The whole of a body, which never waits; `None` if it was withdrawn.
fn whole(mut body: ResponseBody) -> Option<Vec<u8>> {
    let length = body.size_hint().lower();
    let mut whole = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
        whole.extend_from_slice(&frame.ok()?.into_data().ok()?);
    }
    Some(whole)
}
