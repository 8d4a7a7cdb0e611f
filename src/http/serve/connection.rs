//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

use super::requests::{Event, RequestCounter};
use super::slots::{InFlight, Slots};
use crate::http::api::response::{Answer, closing, until_sent};
use crate::http::drain::{self, Phase};
use crate::http::{Limits, Router};

/// How long a connection that has not sent a request yet may still do so after draining begins:
/// its first request may be on its way.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// The smallest buffer that hyper accepts.
const MIN_BUFFER: usize = 8192;

/// What a connection is served with.
pub(super) struct Connection {
    pub(super) router: Router,
    /// What counts each request, if anything does.
    pub(super) requests: Option<Arc<RequestCounter>>,
    pub(super) limits: Limits,
    pub(super) slots: Arc<Slots>,
    pub(super) drain: drain::Watch,
}

impl Connection {
    /// Serves until either side ends the connection, or until its slot is wanted while no request
    /// is in flight.
    pub(super) async fn serve(self, stream: TcpStream) {
        // Answers are sent without delay. Where the system refuses, they are only slower.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.write_timeout));
        let fresh = AtomicBool::new(true);
        let in_flight = InFlight::default();
        let (slots, mut drain) = (Arc::clone(&self.slots), self.drain.clone());
        let service = service_fn(|request: Request<Incoming>| {
            // Relaxed: only this task accesses it.
            fresh.store(false, Ordering::Relaxed);
            self.answer(request, &in_flight)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_headers(self.limits.max_headers)
            .max_buf_size(self.limits.header_bytes.max(MIN_BUFFER))
            .half_close(true)
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = slots.drive(connection.as_mut(), &in_flight) => return log(ended),
            () = drain.reached(Phase::Draining) => {}
        }
        if fresh.load(Ordering::Relaxed) {
            let first = slots.drive(connection.as_mut(), &in_flight);
            if let Ok(ended) = tokio::time::timeout(FIRST_REQUEST, first).await {
                return log(ended);
            }
        }
        connection.as_mut().graceful_shutdown();
        log(slots.drive(connection.as_mut(), &in_flight).await);
    }

    /// Counts a request and answers it. It is in flight until its response is sent in full.
    fn answer(
        &self,
        request: Request<Incoming>,
        in_flight: &InFlight,
    ) -> impl Future<Output = Result<Answer, Infallible>> {
        let in_flight = in_flight.begin();
        let event =
            self.requests.as_ref().and_then(|counter| counter.event(self.router.registry()));
        async move {
            // Dropped when the answer is ready, or with this future, if the client goes away.
            let timing = event.as_ref().and_then(Event::begin);
            let answer = self.router.handle(request).await;
            drop(timing);
            let answer = until_sent(in_flight, answer).await;
            Ok(if self.drain.is_draining() { closing(answer) } else { answer })
        }
    }
}

/// Connections end in many ways, and none of them is this server's fault.
fn log(ended: Option<hyper::Result<()>>) {
    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "connection ended"),
        None => tracing::debug!("idle connection closed to make room"),
    }
}
