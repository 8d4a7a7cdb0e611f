//! What a connection is doing, as its socket, its requests and its responses show it.
//!
//! hyper doesn't say how far a head has come or whether a response is read. So the socket is watched
//! beneath it, and requests and bodies above it:
//!
//! | stage | how it is known |
//! |---|---|
//! | the response isn't read | the last write has found no room |
//! | the body isn't complete | a request has begun, and its body has neither ended nor been dropped |
//! | the server is at work | a request has begun, and its response's body has not been dropped |
//! | the head isn't complete | bytes have come since the last request |
//! | idle | none of these |
//!
//! The first that holds counts. A request that comes together with the one before it shows no head.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::slots::Waiting;
use crate::http::api::ResponseBody;
use crate::http::counters::Stage;

/// What a connection is doing. Only the task of the connection accesses it.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Whether no request has begun yet.
    fresh: bool,
    request: Phase,
    /// Whether the last write has found no room.
    blocked: bool,
    /// When the request that is unfinished began; for an idle connection, when it became idle.
    since: Instant,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is none.
    Nothing,
    Head,
    Body,
    AtWork,
}

impl Activity {
    /// That of a connection that begins now.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            fresh: true,
            request: Phase::Nothing,
            blocked: false,
            since: Instant::now(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no request has begun yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.state().fresh
    }

    /// What the connection waits for; nothing while it doesn't wait for its client.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        let state = self.state();
        let waits_for = match state.request {
            _ if state.blocked => Stage::Response,
            Phase::Body => Stage::Body,
            Phase::AtWork => return None,
            Phase::Head => Stage::Head,
            Phase::Nothing => Stage::Idle,
        };
        Some((waits_for, state.since))
    }

    /// A request begins, whose head is complete.
    pub(super) fn begin(&self, body: Incoming) -> RequestBody {
        let mut state = self.state();
        if state.request != Phase::Head {
            state.since = Instant::now();
        }
        state.fresh = false;
        state.request = if body.is_end_stream() { Phase::AtWork } else { Phase::Body };
        drop(state);
        RequestBody { body, activity: self.clone() }
    }

    /// The body of a response, with which the request ends.
    pub(super) fn end_with(&self, body: ResponseBody) -> WatchedBody {
        WatchedBody { body, activity: self.clone() }
    }
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct RequestBody {
    body: Incoming,
    activity: Activity,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        if state.request == Phase::Body {
            state.request = Phase::AtWork;
        }
    }
}

/// The body of a response.
#[derive(Debug)]
pub(super) struct WatchedBody {
    body: ResponseBody,
    activity: Activity,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.request = Phase::Nothing;
        state.since = Instant::now();
    }
}

/// A socket that notes what happens on it. It is shared, so that a last answer can be sent after
/// hyper has given it up.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: Arc<TcpStream>,
    pub(super) activity: Activity,
}

/// Whether bytes that come later are announced even if those before them weren't all read. Then a read
/// that doesn't fill its buffer has emptied the socket, and a further look would be for nothing.
const ANNOUNCES_EACH_ARRIVAL: bool = cfg!(target_os = "linux");

impl Socket {
    /// Reads what is there; `None` if nothing is. Into the buffer as it is: to fill 16 KiB with zeros
    /// first would cost more than the read.
    fn read(&self, buffer: &mut ReadBuf<'_>) -> io::Result<Option<usize>> {
        let (room, mut read) = (buffer.remaining(), None);
        let emptied = self.stream.try_io(Interest::READABLE, || {
            let count = self.stream.try_read_buf(buffer)?;
            read = Some(count);
            let emptied = ANNOUNCES_EACH_ARRIVAL && (1..room).contains(&count);
            // To tokio this means: what came before this read is used up.
            if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match emptied {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(read),
        }
    }

    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let ready = self.stream.poll_write_ready(cx);
            self.activity.state().blocked = ready.is_pending();
            ready!(ready)?;
            match write(&self.stream) {
                // The system knows better: this makes the next look wait.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            let Some(read) = self.read(buffer)? else { continue };
            let mut state = self.activity.state();
            if read > 0 && state.request == Phase::Nothing {
                state.request = Phase::Head;
                state.since = Instant::now();
            }
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |stream| stream.try_write_vectored(parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.stream).shutdown(std::net::Shutdown::Write))
    }
}
