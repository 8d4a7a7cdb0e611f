//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use hyper::body::Incoming;
use hyper::header::DATE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

use super::activity::{Activity, Socket, WatchedBody};
use super::farewell;
use super::requests::{Event, RequestCounter};
use super::slots::{Place, Slots};
use crate::http::api::response::closing;
use crate::http::counters::{Running, Stage};
use crate::http::drain::{self, Phase};
use crate::http::{Limits, Router};

/// How long a connection that has not sent a request yet may still do so after draining begins:
/// its first request may be on its way.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// The smallest buffer that hyper accepts.
const MIN_BUFFER: usize = 8192;

/// What counts as the path of a request that was not read to its end.
const UNREAD: &str = "other";

/// What a connection is served with.
#[derive(Clone)]
pub(super) struct Connection {
    /// The router for its listener.
    pub(super) router: Router,
    /// What counts each request, if anything does.
    pub(super) requests: Option<Arc<RequestCounter>>,
    pub(super) running: Arc<Running>,
    pub(super) limits: Limits,
    /// Limits open connections.
    pub(super) slots: Arc<Slots>,
    pub(super) drain: drain::Watch,
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    /// Either side has ended it.
    Regular(hyper::Result<()>),
    /// It made room for another one.
    MadeRoom(Stage),
    /// Its client took too long.
    TimedOut(Stage),
}

impl Connection {
    /// Serves until either side ends the connection, its client takes too long, or it has to make
    /// room for another one.
    pub(super) async fn serve(self, stream: TcpStream) {
        // Answers are sent without delay. Where the system refuses, they are only slower.
        let _ = stream.set_nodelay(true);
        let (stream, activity) = (Arc::new(stream), Activity::new());
        let end = self.serve_http(&stream, &activity).await;
        match end {
            // Connections end in many ways, and none of them is this server's fault.
            End::Regular(Ok(())) => {}
            End::Regular(Err(error)) => {
                if let Some(status) = answer_of_hyper(&error) {
                    self.running.answered(UNREAD, status);
                }
                tracing::debug!(%error, "connection ended");
            }
            End::MadeRoom(stage) => {
                self.running.evicted(stage);
                self.say(&stream, stage, "it was slow, and others came");
            }
            End::TimedOut(stage) => self.say(&stream, stage, "it came too slowly"),
        }
    }

    fn say(&self, stream: &TcpStream, stage: Stage, why: &str) {
        if farewell::is_answered(stage) {
            self.running.answered(UNREAD, StatusCode::REQUEST_TIMEOUT);
        }
        farewell::say(stream, stage, why);
    }

    async fn serve_http(&self, stream: &Arc<TcpStream>, activity: &Activity) -> End {
        let mut drain = self.drain.clone();
        let socket = Socket { stream: Arc::clone(stream), activity: activity.clone() };
        let mut socket = TimeoutStream::new(socket);
        socket.set_write_timeout(Some(self.limits.write_timeout));
        let service = service_fn(|request| self.answer(request, activity));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // Heads and idle times are timed here, apart from each other.
            .header_read_timeout(None)
            .max_headers(self.limits.max_headers)
            .max_buf_size(self.limits.header_bytes.max(MIN_BUFFER))
            .half_close(true)
            .serve_connection(TokioIo::new(Box::pin(socket)), service);
        let mut connection = pin!(connection);
        let mut place = self.slots.place();
        tokio::select! {
            end = self.drive(connection.as_mut(), activity, &mut place) => return end,
            () = drain.reached(Phase::Draining) => {}
        }
        if activity.is_fresh() {
            let first = self.drive(connection.as_mut(), activity, &mut place);
            if let Ok(end) = tokio::time::timeout(FIRST_REQUEST, first).await {
                return end;
            }
        }
        connection.as_mut().graceful_shutdown();
        self.drive(connection.as_mut(), activity, &mut place).await
    }

    async fn drive<F: Future<Output = hyper::Result<()>>>(
        &self,
        mut connection: Pin<&mut F>,
        activity: &Activity,
        place: &mut Place,
    ) -> End {
        let asked = place.asked();
        let mut asked_to_go = pin!(asked.notified());
        let mut patience = pin!(tokio::time::sleep(self.limits.idle_timeout));
        // What a former call has noted is due again, with this timer.
        place.update(None);
        poll_fn(|cx| {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(End::Regular(ended));
            }
            let waiting = activity.waiting();
            let changed = place.update(waiting);
            let limit = match waiting {
                Some((Stage::Idle, since)) => Some((since, self.limits.idle_timeout)),
                Some((Stage::Head, since)) => Some((since, self.limits.header_timeout)),
                // Bodies and responses are timed where they are read and written.
                _ => None,
            };
            if let Some((since, limit)) = limit {
                // A time that is too long for the clock never comes.
                if let Some(deadline) = since.checked_add(limit).filter(|_| changed) {
                    patience.as_mut().reset(deadline);
                }
                if let Some((stage, _)) = waiting.filter(|_| patience.as_mut().poll(cx).is_ready())
                {
                    return Poll::Ready(End::TimedOut(stage));
                }
            }
            while asked_to_go.as_mut().poll(cx).is_ready() {
                match waiting {
                    // Still what it was when it was asked.
                    Some((stage, _)) if !changed => return Poll::Ready(End::MadeRoom(stage)),
                    _ => asked_to_go.set(asked.notified()),
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Counts a request and answers it.
    fn answer(
        &self,
        request: Request<Incoming>,
        activity: &Activity,
    ) -> impl Future<Output = Result<Response<WatchedBody>, Infallible>> {
        let path = self.router.path_of(request.uri().path());
        let request = request.map(|body| activity.begin(body));
        let event =
            self.requests.as_ref().and_then(|counter| counter.event(self.router.registry()));
        async move {
            // Dropped when the answer is ready, or with this future, if the client goes away.
            let timing = event.as_ref().and_then(Event::begin);
            let mut answer = self.router.handle(request).await;
            drop(timing);
            self.running.answered(path, answer.status());
            if let Some(date) = farewell::date(SystemTime::now()) {
                answer.headers_mut().insert(DATE, date);
            }
            let answer = if self.drain.is_draining() { closing(answer) } else { answer };
            Ok(answer.map(|body| activity.end_with(body)))
        }
    }
}

/// The status with which hyper has answered a head that it can't read. It answers 414 to a target of
/// more than 64 KiB, but doesn't tell it from other heads that are too long; that counts as 431.
fn answer_of_hyper(error: &hyper::Error) -> Option<StatusCode> {
    if error.is_parse_too_large() {
        return Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    (error.is_parse() && !error.is_parse_version_h2()).then_some(StatusCode::BAD_REQUEST)
}
