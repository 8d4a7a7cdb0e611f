//! A tower layer that counts HTTP requests.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, extract::MatchedPath, routing::get};
//! use tickring::tower::{MeterLayer, RoutePattern};
//! use tickring::{Registry, Service};
//!
//! let registry = Registry::new();
//! let api = Service::builder("api").timed_event("request").labels(["route", "method", "status"]);
//! let api = registry.register(api.build()?)?;
//!
//! // `RoutePattern::axum()` is the same, with the feature `axum`.
//! let layer = MeterLayer::labelled(&api, "request", RoutePattern::by(MatchedPath::as_str))?;
//! let app: Router = Router::new().route("/items/{id}", get(|| async { "an item" })).layer(layer);
//! # Ok(())
//! # }
//! ```
//!
//! # Labels
//!
//! [`MeterLayer::labelled`] is the first choice: each request is one event, so the event's total is the number
//! of requests, and each question is a sum over labels. The keys of the event are any of these, in any order:
//!
//! | key | value |
//! |---|---|
//! | `route` | the pattern that the router matched, such as `/items/{id}`; `unmatched` without one. Never the path, which clients choose |
//! | `method` | `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `CONNECT`, `OPTIONS` or `TRACE`; `other` for whatever else a client sends |
//! | `status` | the number, such as `200`; `failed` if the service returned an error instead of a response; `cancelled` if the future was dropped first, because the client hung up, a timeout ran out or the handler panicked |
//! | `status_class` | `1xx` to `5xx`, or `other`; `failed` and `cancelled` as above |
//! | `kind` | `response`, `stream` or `upgrade`, as [below](self#streams-and-upgrades); `none` without a response |
//!
//! `status` is a number because a class can be computed from numbers, and not the other way round; a service has
//! few of them.
//!
//! An event has at most 256 sets of values, or as many as [`label_sets`](crate::ServiceBuilder::label_sets) says.
//! Clients can't make values. But they can ask each route by each of ten methods, and get as many 405s. So an
//! event with `route` and `method` needs a cap of at least twelve times the number of routes. `status_class`
//! needs fewer sets than `status`. A set of a timed event takes [64 KiB and more](crate::TimedFamily).
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
//! | [`labelled`](MeterLayer::labelled) | it ends | as one event with its labels; with the time since it arrived, if the event is timed |
//! | `timing` and `labelled`, of a stream or an upgrade | its head is there | with the time until then |
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
//!   the layer sees that a connection was upgraded, but neither how long that lasts nor what goes over it: the
//!   request ends with its head. The handler knows: a pair of meters there counts connections opened and closed.
//!
//! All else is an ordinary response, a long download and a gRPC call of any kind included. A call is timed to
//! its end, because its status comes last.
//!
//! # Without labels
//!
//! [`outcomes`](MeterLayer::outcomes) and [`Routes`] divide the requests into events of services of their own.
//! They are for those who read events and no labels. The total of a service is the sum of its events. So each
//! way of dividing the same requests takes a separate service: then each total is a number of requests.
//!
//! # gRPC
//!
//! With gRPC the HTTP status is nearly always 200. The status of the call is in the trailers, which
//! the layer reads as they pass: see [`MeterLayer::grpc`].

mod body;
mod flight;
mod kind;
mod labels;
mod layer;
mod outcome;
mod pattern;
mod request;
mod routes;
mod service;

pub use body::ResponseBody;
pub use kind::Streaming;
pub use layer::MeterLayer;
pub use outcome::{grpc_statuses, outcomes};
pub use pattern::RoutePattern;
pub use routes::Routes;
pub use service::{Metered, ResponseFuture};
