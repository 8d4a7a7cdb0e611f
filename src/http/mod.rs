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
//!
//! HEAD goes wherever GET does. Errors are JSON, `{"error": "…"}`. A parameter that a path knows
//! may come once; those that it doesn't know are ignored. What isn't HTTP in the first place, or
//! has a head over the [limits](Limits), gets a bare status (400, 414, 431) and is hung up on.

mod accept;
mod answer;
mod body;
mod connection;
mod events;
mod limits;
mod query;
mod route;
mod router;
mod server;

pub use limits::Limits;
pub use router::Router;
pub use server::Server;
