//! What the crate's router answers, without a server.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::Body;
use hyper::{Method, Request};
use pyo3::prelude::*;
use tickring::http::Router;

use crate::arguments::wrong;

/// Status, headers and body.
pub(crate) type Answer = (u16, Vec<(String, String)>, Vec<u8>);

/// Answers a request. The headers that it may have are those that the router looks at.
///
/// # Errors
///
/// `ValueError` for what can't be a request.
pub(crate) fn answer(
    router: &Router,
    method: &str,
    uri: &str,
    headers: [(&str, Option<&str>); 2],
) -> PyResult<Answer> {
    let method = Method::from_bytes(method.as_bytes()).map_err(wrong)?;
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let request = request.body(Bytes::new()).map_err(wrong)?;
    let (head, body) = router.answer(&request).into_parts();
    let headers = head.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    Ok((head.status.as_u16(), headers.collect(), whole(body)))
}

/// The event-rate document of the router's service with the children of events that have labels.
pub(crate) fn labelled(router: &Router, series: bool) -> PyResult<Vec<u8>> {
    let more = if series { "&series=1" } else { "" };
    let uri = format!("/api/v1/event-rate?labels=1{more}");
    answer(router, "GET", &uri, [("accept", None); 2]).map(|(_, _, body)| body)
}

/// The bytes of a body that is in memory, so that no part of it has to be waited for.
fn whole(body: tickring::http::ResponseBody) -> Vec<u8> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Poll::Ready(Some(Ok(frame))) =
        body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()))
    {
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    bytes
}
