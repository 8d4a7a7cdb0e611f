//! The figures of services over HTTP.
//!
//! | method and path | answer |
//! |---|---|
//! | `GET /api/v1/event-rate` | the figures of the listener's own service, or of `?service=NAME`; with `series=1` also the window second by second |
//! | `GET /api/v1/services/NAME/event-rate` | the figures of a service |
//! | `GET /api/v1/services` | what is hosted, and how much input was turned away, by reason |
//! | `POST /api/v1/services/NAME/events` | records `{"event": NAME, "count": N}`, or an array of such; all or nothing |
//! | `GET /health` | whether the listener's own service has its figures |
//! | `GET /health/live`, `GET /health/ready` | whether the process answers; whether it also wants to go on |
//! | `GET /metrics` | everything for Prometheus: the text format 0.0.4, or `OpenMetrics` 1.0.0 for who prefers it; gzip for who takes it |
//! | `GET /sd` | the targets for Prometheus' HTTP service discovery |
//!
//! `/metrics` shows all services and the process itself; on a service's own listener, or with
//! `service=NAME`, that service alone. `own_ports=0` leaves out the services that have a listener
//! of their own within the client's reach: `/sd` tells Prometheus to ask like that, so that it
//! scrapes each series once. `rates=0` leaves out `tickring_events_per_second`.
//!
//! HEAD goes wherever GET does. Errors are JSON, `{"error": "…"}`. A parameter that a path knows
//! may come once; those that it doesn't know are ignored. What isn't HTTP in the first place, or
//! has a head over the [limits](Limits), gets a bare status (400, 414, 431) and is hung up on.
//!
//! # What bounds the memory
//!
//! There are at most [`max_connections`](Limits::max_connections) connections, and one more for
//! each listener that has been accepted and waits. Each buffers at most
//! [`header_bytes`](Limits::header_bytes) of what it reads and of what it has still to write, and
//! a body of [`body_bytes`](Limits::body_bytes). Answers that grow with the number of services
//! (`/metrics`, `/sd` and the list of services) are at most sixteen at a time, from when they are
//! made to when their last byte is sent; further clients wait for that.
//!
//! Nobody can keep a connection, a body or a long answer for ever: each wait for a client ends
//! after a time of [`Limits`]. When a connection comes and all are taken, the one is closed that
//! has been idle for longest, so idle clients keep nobody out; a request that has begun is never
//! cut off for another.

mod api;
mod counters;
mod limits;
mod serve;

pub use self::api::Router;
pub use self::limits::Limits;
pub use self::serve::Server;
