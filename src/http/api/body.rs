//! Reading a request's body.

use std::error::Error;
use std::fmt::Display;
use std::pin::{Pin, pin};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Body;

use super::response::Refusal;
use crate::http::Limits;

/// How many bytes of a body that is too large are read and discarded. A client may send everything
/// before it reads the answer, and closing on unread bytes would reset the connection.
const DISCARDED: usize = 1024 * 1024;

/// Reads the whole body, unless it is too large, too slow or broken.
pub(crate) async fn read<B>(body: B, limits: &Limits) -> Result<Bytes, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Ok(outcome) = tokio::time::timeout(limits.body_timeout, collect(body, limits)).await else {
        let why = format_args!("the body did not arrive within {:?}", limits.body_timeout);
        return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, why));
    };
    outcome
}

async fn collect<B>(body: B, limits: &Limits) -> Result<Bytes, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = pin!(body);
    let most = limits.body_bytes;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced <= most {
        // One buffer: the frames of a body that comes byte by byte hold many times its size.
        let mut collected = BytesMut::with_capacity(announced);
        loop {
            let Some(frame) = body.frame().await else { return Ok(collected.freeze()) };
            let Ok(data) = frame.map_err(|failed| broken(failed.into()))?.into_data() else {
                continue;
            };
            if data.remaining() > most - collected.len() {
                break;
            }
            collected.put(data);
        }
    }
    discard(body).await;
    Err(Refusal::too_large(most))
}

/// Reads a body that nobody wants, so that the client can read the answer. Returns whether that was
/// all of it; some of a very long or a slow one is left.
pub(crate) async fn skip<B: Body>(body: B, limits: &Limits) -> bool {
    let body = pin!(body);
    tokio::time::timeout(limits.body_timeout, discard(body)).await.unwrap_or(false)
}

async fn discard<B: Body>(mut body: Pin<&mut B>) -> bool {
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        discarded += frame.data_ref().map_or(0, Buf::remaining);
        if discarded > DISCARDED {
            return false;
        }
    }
    true
}

fn broken(why: impl Display) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, format_args!("the body can't be read: {why}"))
}
