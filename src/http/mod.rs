//! The figures of services over HTTP.
//!
//! | method and path | answer |
//! |---|---|
//! | `GET /` | the live page for clients that accept `text/html` by name; a table of text for all others |
//! | `GET /api/v1/real-time-metrics` | all services in one document, as of one moment; with `series=1` also the last 60 seconds and durations |
//! | `GET /api/v1/event-rate` | the figures of the listener's default service, or of `?service=NAME`; with `series=1` also the count of each of the last 60 seconds |
//! | `GET /api/v1/services/NAME/event-rate` | the figures of a service |
//! | `GET /api/v1/services/NAME/history` | the counts of a service's events by second, minute, hour and day, if the router has a [history](Router::history) |
//! | `GET /api/v1/services` | all services; how much input was rejected, by reason, with the last examples; how the server is |
//! | `DELETE /api/v1/services/NAME` | 403, unless the router [accepts events](Router::accept_events); then it forgets a service that was registered on first sight |
//! | `POST /api/v1/services/NAME/events` | 403, unless the router [accepts events](Router::accept_events); then it records `{"event": NAME, "count": N}`, with `"duration_ms": MS` if the event is timed, or an array of such entries; if one entry is wrong, nothing is recorded |
//! | `GET /health` | whether the figures of the listener's default service are available |
//! | `GET /health/live` | 200 as long as the process answers |
//! | `GET /health/ready` | 200, or 503 while the server drains |
//! | `GET /metrics` | all figures for Prometheus: in the text format 0.0.4, or in `OpenMetrics` 1.0.0 for clients that prefer it; compressed for clients that accept gzip |
//! | `GET /sd` | the targets for Prometheus' HTTP service discovery |
//! | `GET /openapi.json` | `OpenAPI` 3.1 of these paths |
//!
//! `/metrics` shows all services and the process. On a listener that is dedicated to a service, or
//! with `service=NAME`, it shows that service alone. `own_ports=0` leaves out the services that
//! have a dedicated listener which the client can reach. `/sd` makes Prometheus ask in this way, so
//! that it scrapes each series once. `rates=0` leaves out `tickring_events_per_second`.
//!
//! Each path that takes GET also takes HEAD, and every path OPTIONS; so does `*`. Errors are JSON, `{"error": "…"}`. A known parameter
//! may be given once; unknown ones are ignored. Bytes that aren't HTTP, and heads over the
//! [limits](Limits), get a bare status (400, 414 or 431), and the connection is closed. A request
//! without a readable `Host`, or with two, gets 400. Where the head decides the status, a client that
//! sends `Expect: 100-continue` gets it at once.
//!
//! # Who makes room
//!
//! No client can keep a connection, a body or a response forever: each wait for a client ends after
//! one of the times in [`Limits`]. But nobody has to wait for that. When a connection comes and all
//! [`max_connections`](Limits::max_connections) are taken, one of them makes room:
//!
//! 1. the connection that has been idle for longest, if one is idle;
//! 2. else the one whose request has been unfinished for longest: its head or its body doesn't come
//!    to its end (it gets 408), or its response isn't read.
//!
//! A request that the server works on is never cut off. Who has just come, or has just begun a
//! request, is spared for 100 ms; for 5 ms while many wait. The same happens when the process runs out
//! of file descriptors. So a short request is answered within a second, however many slow clients there
//! are. `tickring_http_evicted_total` counts these connections, and the log has a line a second at
//! most.
//!
//! # What bounds the memory
//!
//! At most [`max_connections`](Limits::max_connections) connections are open, and each listener may
//! hold one more that has been accepted and waits. Each connection buffers at most
//! [`header_bytes`](Limits::header_bytes) of what it reads, two pieces of 16 KiB of what it has still
//! to write, and a body of [`body_bytes`](Limits::body_bytes).
//!
//! Documents whose length grows with the number of services (`/metrics`, `/sd`, the list of services, the
//! document and the table of all of them) are made one at a time. All that asked for the same one before its making began share
//! it. Before the next one is made, those that are still read take together no more than 8 MiB or the
//! longest of them. So any number of scrapes takes two long documents. Where a document has to make
//! room, it is withdrawn after 500 ms at the latest. Whoever has not read it by then sees a response
//! that is cut short. This happens to nobody while there is room.
//!
//! # Web pages
//!
//! A web page can make its reader's browser send requests to any address, loopback included. So a
//! [`Server`] refuses events and deletions from pages of other sites: a POST or a DELETE whose `Origin` or `Sec-Fetch-Site` is
//! foreign gets 403. A page's own host counts as this one only if it is an address, `localhost` or an
//! allowed host. A POST with another type than `application/json` gets 415. No type is fine, and
//! so is a form's type without those two headers, which `curl -d` sends.
//!
//! A listener on loopback serves `localhost`, the addresses of loopback and its own one. Any other
//! `Host` gets 421, because a foreign name can be made to point to loopback (DNS rebinding), and then
//! a page could read. [`Router::allowed_hosts`] adds names. On other listeners every `Host` is served
//! unless the allowed ones are set. No answer lets a page of another origin read it (CORS), unless
//! [`Router::allowed_origins`] names that origin. A [`Router`] that other code serves checks no `Host` unless
//! they are set; it refuses events from pages of other sites all the same.

mod api;
mod counters;
mod drain;
mod limits;
mod page;
mod process;
mod serve;

pub use self::api::{PlainResponse, ResponseBody, Router};
pub use self::limits::Limits;
pub use self::serve::{RequestCounter, Server};
