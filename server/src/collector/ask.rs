//! One question to a remote service, on a connection of its own.
//!
//! Polls are seconds apart, so a connection that is kept would save little, and could be dead when it is
//! needed. A question takes as long as its timeout at most, whatever the other side does, and reads
//! [`MOST`] bytes of an answer at most.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::address::Address;
use super::answer::{Figures, reason};
use super::lookup::Lookup;

/// The longest answer that is read. The document of a service with 64 events has a tenth of that.
const MOST: usize = 256 * 1024;
/// The longest message about a trouble, in characters.
const LINE: usize = 300;

/// Why the figures of a remote can't be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: TroubleKind,
    pub(crate) message: String,
}

/// The kinds that documents name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TroubleKind {
    /// No complete answer in time.
    Timeout,
    /// No connection, or an answer that can't be used.
    ClientError,
    /// Not asked, since it failed too often.
    CircuitOpen,
    /// A fault of this program, or no answer yet.
    UnexpectedError,
}

impl TroubleKind {
    pub(crate) const ALL: [Self; 4] =
        [Self::Timeout, Self::ClientError, Self::CircuitOpen, Self::UnexpectedError];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::ClientError => "client_error",
            Self::CircuitOpen => "circuit_open",
            Self::UnexpectedError => "unexpected_error",
        }
    }
}

impl Trouble {
    /// What a remote says may be in the message, so it is made one short line.
    pub(crate) fn new(kind: TroubleKind, message: impl Into<String>) -> Self {
        Self { kind, message: line(&message.into()) }
    }

    fn client(message: impl Into<String>) -> Self {
        Self::new(TroubleKind::ClientError, message)
    }
}

/// The text as one line of at most [`LINE`] characters.
fn line(text: &str) -> String {
    let spoils = |c: char| {
        // Characters that turn the direction of writing, or end lines.
        let turns = matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        c.is_control() || turns
    };
    text.chars().take(LINE).map(|c| if spoils(c) { ' ' } else { c }).collect()
}

/// Asks for the figures of a service: for its event-rate document, and if there is none, for its health.
pub(crate) async fn ask(
    address: &Address,
    service: &str,
    lookup: &Mutex<Lookup>,
    patience: Duration,
) -> Result<Figures, Trouble> {
    let late = |_| Trouble::new(TroubleKind::Timeout, format!("no answer within {patience:?}"));
    timeout(patience, figures(address, service, lookup)).await.map_err(late)?
}

async fn figures(
    address: &Address,
    service: &str,
    lookup: &Mutex<Lookup>,
) -> Result<Figures, Trouble> {
    let found = lookup.lock().await.addresses(address).await;
    let found =
        found.map_err(|error| Trouble::client(format!("its host can't be found: {error}")))?;
    // A service's name needs no escapes.
    let path = format!("/api/v1/event-rate?service={service}&series=1");
    let (status, body) = get(address, &found, &path).await?;
    match status {
        StatusCode::OK => Figures::of_event_rate(&body).map_err(Trouble::client),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            let (status, health) = get(address, &found, "/health").await?;
            if status != StatusCode::OK {
                return Err(refused(status, reason(&health).or(reason(&body))));
            }
            Figures::of_health(&health, service).map_err(|why| {
                let first = reason(&body).map(|first| format!(" (event-rate: {first})"));
                Trouble::client(format!("{why}{}", first.unwrap_or_default()))
            })
        }
        _ => Err(refused(status, reason(&body))),
    }
}

fn refused(status: StatusCode, reason: Option<String>) -> Trouble {
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    Trouble::client(format!("it answers {}{reason}", status.as_u16()))
}

async fn get(
    address: &Address,
    found: &[SocketAddr],
    path: &str,
) -> Result<(StatusCode, Bytes), Trouble> {
    let failed =
        |what| move |error: hyper::Error| Trouble::client(format!("{what}: {}", cause(&error)));
    let stream = TcpStream::connect(found).await;
    let stream = stream.map_err(|error| Trouble::client(format!("can't connect: {error}")))?;
    // Interim answers, heads and trailers count as well: there is no end of what one may send.
    let (read, write) = stream.into_split();
    let stream = tokio::io::join(read.take(2 * MOST as u64), write);
    let connection = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connection.map_err(failed("can't connect"))?;
    let request = Request::get(address.target(path))
        .header(HOST, address.authority())
        .header(USER_AGENT, concat!("tickring/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "application/json")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Trouble::client(format!("can't ask: {error}")))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(failed("no answer"))?;
        let (head, body) = response.into_parts();
        if head.status.is_redirection() {
            let to = head.headers.get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.unwrap_or("elsewhere");
            let why =
                "it redirects, which is not followed: the url must be that of the service, not";
            return Err(Trouble::client(format!("{why} one that leads to {to}")));
        }
        let body = Limited::new(body, MOST).collect().await.map_err(|error| {
            Trouble::client(match error.downcast_ref::<LengthLimitError>() {
                Some(_) => format!("its answer is longer than {MOST} bytes"),
                None => format!("its answer breaks off: {}", cause(&*error)),
            })
        })?;
        Ok((head.status, body.to_bytes()))
    };
    // The connection works for the exchange, and has nothing to say by itself.
    let drive = async {
        let _ended = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = exchange => answer,
        () = drive => Err(Trouble::new(TroubleKind::UnexpectedError, "the connection is over")),
    }
}

/// The innermost reason of an error: hyper's own says little.
fn cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
