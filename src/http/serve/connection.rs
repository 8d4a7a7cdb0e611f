//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;

use super::server::Phase;
use super::slots::{InFlight, Slots};
use crate::engine::Timing;
use crate::fleet::Service;
use crate::http::api::response::{closing, until_sent};
use crate::http::{Limits, Router};

/// How long a connection that has not asked anything yet may still do so once the server
/// drains: its first request may be on its way.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// Serves one connection until either side ends it. `counted` is the router of the host's own
/// service, whose first event each request is. While no request is in flight the connection
/// makes room for others.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    counted: Router,
    limits: Limits,
    slots: Arc<Slots>,
    mut phase: watch::Receiver<Phase>,
) {
    // Answers go out as soon as they are there. Where that can't be set it is only slower.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write_timeout));
    let fresh = AtomicBool::new(true);
    let in_flight = InFlight::default();
    let service = service_fn(|request: Request<Incoming>| {
        // Relaxed: only this task sees it.
        fresh.store(false, Ordering::Relaxed);
        let service = counted.service();
        let (router, in_flight) = (&router, in_flight.begin());
        async move {
            let timing = service.as_deref().and_then(begin);
            let answer = router.handle(request).await;
            drop(timing);
            let answer = until_sent(in_flight, answer).await;
            let answer = if router.state.is_draining() { closing(answer) } else { answer };
            Ok::<Response<_>, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.max_headers)
        .max_buf_size(limits.header_bytes.max(MIN_BUFFER))
        .half_close(true)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = slots.drive(connection.as_mut(), &in_flight) => return log(ended),
        _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
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

/// The least that hyper takes for a buffer.
const MIN_BUFFER: usize = 8192;

/// Counts a request as the first event of the host's own service. If that is timed, its duration
/// follows when the answer is there or the client no longer waits for it, which is when the guard
/// is dropped.
fn begin(service: &Service) -> Option<Timing<'_>> {
    let event = service.events().first()?;
    if let Some(timer) = event.timer() {
        return Some(timer.start_counted());
    }
    event.meter().inspect(|meter| meter.record());
    None
}

/// Connections end in all sorts of ways, and that is the clients' affair.
fn log(ended: Option<hyper::Result<()>>) {
    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "connection"),
        None => tracing::debug!("idle connection closed to make room"),
    }
}
