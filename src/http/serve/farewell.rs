//! What a client gets that is too slow for its request to be waited for.

use std::fmt::Display;
use std::net::Shutdown;
use std::time::SystemTime;

use hyper::header::HeaderValue;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::http::counters::Stage;

/// The most bytes that are taken from the socket before it is closed.
const LEFT: usize = 64 * 1024;

/// Whether a client at this stage gets status 408: it has not got anything yet.
pub(super) fn is_answered(stage: Stage) -> bool {
    matches!(stage, Stage::Head | Stage::Body)
}

/// Sends status 408 where the client has not got anything yet, and ends the connection. Waits for
/// nothing: what the socket has no room for is lost.
pub(super) fn say(stream: &TcpStream, stage: Stage, why: impl Display) {
    if is_answered(stage) {
        let body = format!(
            "{{\"error\":\"the {} of the request is not waited for: {why}\"}}",
            stage.as_str()
        );
        let date = date(SystemTime::now());
        let date = date.as_ref().and_then(|date| date.to_str().ok()).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\n\
             cache-control: no-store\r\nconnection: close\r\ndate: {date}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.try_write(head.as_bytes());
    }
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
    // A socket that is closed with bytes in it resets the connection, and the answer is lost.
    let (mut left, mut bytes) = (LEFT, [0; 4096]);
    while let Ok(count @ 1..) = stream.try_read(&mut bytes) {
        left = left.saturating_sub(count);
        if left == 0 {
            break;
        }
    }
}

/// The value of the header `Date`. hyper keeps its own until the next second comes, which takes long
/// after the system's clock has been set back.
pub(super) fn date(now: SystemTime) -> Option<HeaderValue> {
    let now = Timestamp::try_from(now).ok()?;
    let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok()?;
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn date_follows_a_clock_that_steps_back() {
        let at = |seconds| date(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        assert_eq!(at(1_700_000_000), "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
