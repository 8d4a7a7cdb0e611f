//! The figures of services over HTTP.
//!
//! | method and path | answer |
//! |---|---|
//! | `GET /api/v1/event-rate` | the figures of the listener's default service, or of `?service=NAME`; with `series=1` also the count of each of the last 60 seconds |
//! | `GET /api/v1/services/NAME/event-rate` | the figures of a service |
//! | `GET /api/v1/services` | all services, and how much input was rejected, by reason |
//! | `POST /api/v1/services/NAME/events` | records `{"event": NAME, "count": N}`, with `"duration_ms": MS` if the event is timed, or an array of such entries; if one entry is wrong, nothing is recorded |
//! | `GET /health` | whether the figures of the listener's default service are available |
//! | `GET /health/live` | 200 as long as the process answers |
//! | `GET /health/ready` | 200, or 503 while the server drains |
//! | `GET /metrics` | all figures for Prometheus: in the text format 0.0.4, or in `OpenMetrics` 1.0.0 for clients that prefer it; compressed for clients that accept gzip |
//! | `GET /sd` | the targets for Prometheus' HTTP service discovery |
//!
//! `/metrics` shows all services and the process. On a listener that is dedicated to a service, or
//! with `service=NAME`, it shows that service alone. `own_ports=0` leaves out the services that
//! have a dedicated listener which the client can reach. `/sd` makes Prometheus ask in this way, so
//! that it scrapes each series once. `rates=0` leaves out `tickring_events_per_second`.
//!
//! Each path that takes GET also takes HEAD. Errors are JSON, `{"error": "…"}`. A known parameter
//! may be given once; unknown ones are ignored. Bytes that aren't HTTP, and heads over the
//! [limits](Limits), get a bare status (400, 414 or 431), and the connection is closed.
//!
//! # What bounds the memory
//!
//! At most [`max_connections`](Limits::max_connections) connections are open, and each listener may
//! hold one more that has been accepted and waits. Each connection buffers at most
//! [`header_bytes`](Limits::header_bytes) of what it reads and as much of what it has still to
//! write, and a body of [`body_bytes`](Limits::body_bytes). Responses whose size grows with the
//! number of services (`/metrics`, `/sd` and the list of services) are at most sixteen at a time,
//! from when they are made until their last byte is sent. Further clients wait for that.
//!
//! No client can keep a connection, a body or a long response forever: each wait for a client ends
//! after one of the times in [`Limits`]. When a connection comes and all are taken, the one that
//! has been idle for longest is closed, so idle clients keep nobody out. A request that has begun
//! is never cut off for another one.

mod api;
mod counters;
mod drain;
mod limits;
mod process;
mod serve;

pub use self::api::{ResponseBody, Router};
pub use self::limits::Limits;
pub use self::serve::{RequestCounter, Server};
