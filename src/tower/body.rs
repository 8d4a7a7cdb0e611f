//! The body of a response, whose end is the end of the request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::kind::{Asked, Kind};
use super::request::InFlight;

pin_project! {
    /// The body of a counted response. It passes on the frames of the body within, and the request
    /// counts as ended when that body ends, fails or is dropped.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        // `None` once the body has ended.
        request: Option<InFlight>,
        // The bytes to come, if the response says how many it has. A server that has sent them all
        // may not ask for another frame.
        left: Option<u64>,
    }
}

impl<B: Body> ResponseBody<B> {
    /// Wraps the body of the response to `request`.
    pub(super) fn wrap(response: Response<B>, request: Option<InFlight>) -> Response<Self> {
        let (head, inner) = response.into_parts();
        let asked = request.as_ref().map_or(Asked::Other, InFlight::asked);
        let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let left = if asked.is_bodiless(head.status) {
            Some(0)
        } else {
            length.and_then(|length| length.parse().ok()).or_else(|| inner.size_hint().exact())
        };
        let mut body = Self { inner, request, left };
        if let Some(request) = &mut body.request {
            request.answer(head.status, &head.headers, Kind::of(&head, asked, left));
        }
        if body.inner.is_end_stream() {
            end(&mut body.request);
        } else if let (Some(0), Some(request)) = (left, &mut body.request) {
            request.complete();
        }
        Response::from_parts(head, body)
    }
}

/// Ends a request whose whole body has been handed on.
fn end(request: &mut Option<InFlight>) {
    if let Some(mut request) = request.take() {
        request.complete();
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(context));
        match &frame {
            None => end(this.request),
            Some(Err(_)) => {
                if let Some(mut request) = this.request.take() {
                    request.fail_body();
                }
            }
            Some(Ok(frame)) => {
                if let (Some(request), Some(trailers)) = (&mut *this.request, frame.trailers_ref())
                {
                    request.read_grpc_status(trailers);
                }
                if let (Some(request), Some(data)) = (&mut *this.request, frame.data_ref()) {
                    request.data(data.remaining());
                    if let Some(left) = &mut *this.left {
                        *left = left.saturating_sub(data.remaining() as u64);
                    }
                }
                // Trailers may follow the last byte, so the request has not ended yet.
                if let (Some(0), Some(request)) = (*this.left, &mut *this.request) {
                    request.complete();
                }
                if this.inner.is_end_stream() {
                    end(this.request);
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
