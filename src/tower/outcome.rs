//! The ways in which a request can end.

use http::HeaderMap;

use super::kind::Answer;
use crate::engine::MeterHandle;
use crate::fleet::{Service, ServiceBuilder, ServiceError};

/// How a request ended. The discriminants are indices of [`OUTCOMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Informational,
    Success,
    Redirection,
    ClientError,
    ServerError,
    /// A status from 600 on, which no standard defines.
    Other,
    /// The service behind the layer returned an error instead of a response.
    Failed,
    /// The future was dropped before there was a response.
    Cancelled,
}

/// The names of the outcomes' events.
pub(super) const OUTCOMES: [&str; 8] =
    ["1xx", "2xx", "3xx", "4xx", "5xx", "other", "failed", "cancelled"];

impl Outcome {
    pub(super) fn of(answer: Answer) -> Self {
        let status = match answer {
            Answer::Status(status) => status,
            Answer::Failed => return Self::Failed,
            Answer::Cancelled => return Self::Cancelled,
        };
        match status.as_u16() / 100 {
            1 => Self::Informational,
            2 => Self::Success,
            3 => Self::Redirection,
            4 => Self::ClientError,
            5 => Self::ServerError,
            _ => Self::Other,
        }
    }
}

/// Describes a service whose events are the ways in which a request can end; for
/// [`MeterLayer::outcomes`](super::MeterLayer::outcomes), which has an example.
///
/// | event | how the request ended |
/// |---|---|
/// | `1xx` to `5xx` | a response with a status of this class |
/// | `other` | a response with a status from 600 on |
/// | `failed` | no response: the service behind the layer returned an error |
/// | `cancelled` | no response: its future was dropped, because the client hung up, a timeout ran out or the handler panicked |
pub fn outcomes(service: impl Into<String>) -> ServiceBuilder {
    OUTCOMES.into_iter().fold(Service::builder(service), ServiceBuilder::event)
}

/// The names of gRPC's statuses in the order of their numbers, and one for calls without a status.
pub(super) const GRPC_STATUSES: [&str; 18] = [
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
    "no_status",
];

/// The index of `no_status`.
pub(super) const NO_GRPC_STATUS: usize = GRPC_STATUSES.len() - 1;

/// Describes a service whose events are the statuses of gRPC in lower case, and `no_status` for a
/// call that ended without one; for [`MeterLayer::grpc`](super::MeterLayer::grpc), which has an
/// example.
pub fn grpc_statuses(service: impl Into<String>) -> ServiceBuilder {
    GRPC_STATUSES.into_iter().fold(Service::builder(service), ServiceBuilder::event)
}

/// The meters of a service's events, in the order of `events`.
pub(super) fn meters<const N: usize>(
    service: &Service,
    events: [&str; N],
) -> Result<[MeterHandle; N], ServiceError> {
    for event in events {
        service.meter(event)?;
    }
    Ok(events.map(|event| service.meter(event).expect("it was there a moment ago")))
}

/// The status in trailers, or in the head of a response that has nothing else.
pub(super) fn grpc_status(headers: &HeaderMap) -> Option<usize> {
    let status = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    (status < NO_GRPC_STATUS).then_some(status)
}
