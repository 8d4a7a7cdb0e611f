//! The body of a response.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::documents::{Document, Withdrawn};

/// The body of a response of a [`Router`](super::Router). Its length is known.
///
/// A long body comes in pieces. It ends with an error if it is read so slowly that it
/// [makes room for another one](crate::http#what-bounds-the-memory); a server closes the connection
/// then.
///
/// Other code that answers beside a router can make bodies as well:
///
/// ```
/// use hyper::body::Body;
/// use tickring::http::ResponseBody;
///
/// let body = ResponseBody::from("{\"accepted\":1}");
/// assert_eq!(body.size_hint().exact(), Some(14));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ResponseBody(Rest);

/// What is still to be sent.
#[derive(Clone, Debug)]
enum Rest {
    Block(Bytes),
    Pieces { document: Arc<Document>, next: usize, left: u64 },
}

impl Default for Rest {
    fn default() -> Self {
        Self::Block(Bytes::new())
    }
}

impl ResponseBody {
    pub(super) fn of(document: Arc<Document>) -> Self {
        let left = document.length() as u64;
        Self(Rest::Pieces { document, next: 0, left })
    }
}

impl From<Bytes> for ResponseBody {
    fn from(body: Bytes) -> Self {
        Self(Rest::Block(body))
    }
}

impl From<Vec<u8>> for ResponseBody {
    fn from(body: Vec<u8>) -> Self {
        Bytes::from(body).into()
    }
}

impl From<String> for ResponseBody {
    fn from(body: String) -> Self {
        Bytes::from(body).into()
    }
}

impl From<&'static str> for ResponseBody {
    fn from(body: &'static str) -> Self {
        Bytes::from_static(body.as_bytes()).into()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut self.0 {
            Rest::Block(block) => Ok(Some(std::mem::take(block)).filter(|block| !block.is_empty())),
            Rest::Pieces { document, next, left } => {
                let piece = document.piece(*next);
                *next += 1;
                if let Ok(Some(piece)) = &piece {
                    *left -= piece.len() as u64;
                }
                piece.map_err(|Withdrawn| {
                    let why = "read too slowly: the document has made room for another one";
                    io::Error::new(io::ErrorKind::TimedOut, why)
                })
            }
        };
        if self.is_end_stream() {
            // Those that read on need the document longer than this body does.
            self.0 = Rest::default();
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Rest::Block(block) => block.is_empty(),
            Rest::Pieces { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Rest::Block(block) => block.len() as u64,
            Rest::Pieces { left, .. } => *left,
        })
    }
}
