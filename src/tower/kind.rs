//! What a request was answered with, and whether that is a response, a stream or another protocol.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::response::Parts;
use http::{Method, StatusCode};

/// Says that a response is a stream, in the response's extensions.
///
/// The layer knows `text/event-stream` as a stream. Whatever else goes on for as long as its client likes, such
/// as newline-delimited JSON, carries this mark. The [module](super#streams-and-upgrades) says what it changes.
///
/// ```
/// use http::Response;
/// use http_body_util::Empty;
/// use tickring::tower::Streaming;
///
/// let mut response = Response::new(Empty::<bytes::Bytes>::new());
/// response.extensions_mut().insert(Streaming); // in axum: (Extension(Streaming), body)
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streaming;

/// What came back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// A response of this status.
    Status(StatusCode),
    /// An error of the service.
    Failed,
    /// Nothing: the future was dropped.
    Cancelled,
}

/// What a response is the start of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Response,
    Stream,
    Upgrade,
}

/// What the method of a request says of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// HEAD: its response has no body.
    Head,
    /// CONNECT: a response that succeeds is the start of another protocol.
    Connect,
    Other,
}

impl Asked {
    pub(super) fn by(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Head,
            Method::CONNECT => Self::Connect,
            _ => Self::Other,
        }
    }

    fn switches(self, status: StatusCode) -> bool {
        status == StatusCode::SWITCHING_PROTOCOLS || (self == Self::Connect && status.is_success())
    }

    /// Whether a response of this status has no body.
    pub(super) fn is_bodiless(self, status: StatusCode) -> bool {
        self == Self::Head
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Stream => "stream",
            Self::Upgrade => "upgrade",
        }
    }

    /// The kind of a response. `length`: the bytes of its body, if that is known.
    pub(super) fn of(head: &Parts, asked: Asked, length: Option<u64>) -> Self {
        let streams = || {
            head.extensions.get::<Streaming>().is_some()
                || head.headers.get(CONTENT_TYPE).is_some_and(is_event_stream)
        };
        if asked.switches(head.status) {
            Self::Upgrade
        } else if length.is_none() && streams() {
            Self::Stream
        } else {
            Self::Response
        }
    }
}

fn is_event_stream(content_type: &HeaderValue) -> bool {
    let media_type = content_type.as_bytes().split(|&byte| byte == b';').next();
    media_type.is_some_and(|it| it.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}
