//! A tower layer that counts HTTP requests.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, extract::MatchedPath, routing::get};
//! use tickring::tower::{MeterLayer, Routes, outcomes};
//! use tickring::{Registry, Service};
//!
//! let registry = Registry::new();
//! let api = registry.register(Service::from_catalogue("data-api")?)?;
//! let ends = registry.register(outcomes("data-api-outcome").build()?)?;
//! let routes = Routes::new(&registry, "data-api-route", |_, extensions| {
//!     extensions.get::<MatchedPath>().map(|path| path.as_str().into())
//! })?;
//!
//! let layer = MeterLayer::new(api.meter("request")?).outcomes(&ends)?.routes(routes);
//! let app: Router = Router::new().route("/items/{id}", get(|| async { "an item" })).layer(layer);
//! # Ok(())
//! # }
//! ```
//!
//! # What counts when
//!
//! A request *arrives* when the layer's service is called. It *ends* when the last frame of its response's body
//! has been handed on, or when the body is dropped. If it has no response yet, it ends when its future is
//! dropped. Between the two it is *in flight*.
//!
//! | figure | counts when | |
//! |---|---|---|
//! | [`new`](MeterLayer::new), [`routes`](MeterLayer::routes) | it arrives | nothing that happens later can lose it |
//! | [`timing`](MeterLayer::timing) | it ends | with the time since it arrived |
//! | the same, of a stream or an upgrade | its head is there | with the time until then |
//! | [`outcomes`](MeterLayer::outcomes), [`grpc`](MeterLayer::grpc) | it ends | |
//! | [`cut_short`](MeterLayer::cut_short) | it ends | if a part of the body is missing |
//! | [`bytes_out`](MeterLayer::bytes_out) | a frame is handed on | the bytes of its data |
//! | [`in_flight`](MeterLayer::in_flight) | from arrival to end | streams included |
//! | [`streams_in_flight`](MeterLayer::streams_in_flight) | from the head of a stream to its end | |
//!
//! A response is *cut short* when its body fails or is dropped before its end. It counts in the
//! class of its status, and in [`MeterLayer::cut_short`] as well. A body is not cut short when it
//! never had to be sent (the response to a HEAD, status 204 or 304, a switch of protocols), or
//! when as many bytes as its length says have been handed on. A stream ends when its client leaves, so it is
//! cut short only when it fails.
//!
//! # Streams and upgrades
//!
//! Such a response is open for as long as its client likes, so its end says nothing about the service. Its
//! duration is the time until its head: an hour on a stream is no hour in a latency.
//!
//! - A *stream* is a response without a known length whose content type is `text/event-stream`, or that
//!   carries the mark [`Streaming`]. It is in flight until it really ends.
//! - An *upgrade* is a response with the status 101, as a websocket gets it over HTTP/1.1, or a successful one to
//!   a CONNECT, as it gets it over HTTP/2. The server takes the connection away from the response then. So
//!   the layer sees that a connection was upgraded, and not how long that lasts nor what goes over it:
//!   the request ends with its head. The handler knows; a pair of meters there counts what has been opened and closed.
//!
//! All else is an ordinary response, a long download and a gRPC call of any kind included. A call is timed to
//! its end, because its status comes last.
//!
//! # Where the figures go
//!
//! The total of a service is the sum of its events. So use a separate service for each way of
//! dividing the same requests, as above: then each total is a number of requests.
//!
//! # gRPC
//!
//! With gRPC the HTTP status is nearly always 200. The status of the call is in the trailers, which
//! the layer reads as they pass: see [`MeterLayer::grpc`].

mod body;
mod flight;
mod kind;
mod outcome;
mod pattern;
mod request;
mod routes;
mod service;

pub use body::ResponseBody;
pub use kind::Streaming;
pub use outcome::{grpc_statuses, outcomes};
pub use pattern::RoutePattern;
pub use routes::Routes;
pub use service::{MeterLayer, Metered, ResponseFuture};
