//! A router, asked without a socket.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Request, Response};
use tickring::http::Router;

/// The answer to a request, body and all.
pub(crate) fn ask(router: &Router, method: &str, uri: &str, body: &'static str) -> Response<Bytes> {
    let request = Request::builder().method(method).uri(uri).body(Bytes::from(body)).unwrap();
    let (head, body) = router.answer(&request).into_parts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(body.collect()).unwrap().to_bytes();
    Response::from_parts(head, body)
}

/// The answer to a GET with such headers, from within a runtime.
pub(crate) async fn ask_with(
    router: &Router,
    uri: &str,
    headers: &[(&str, &str)],
) -> Response<Bytes> {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let (head, body) = router.handle(request).await.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}
