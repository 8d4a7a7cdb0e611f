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
//! A request *arrives* when the layer's service is called. Then it counts, and so does its route:
//! nothing that happens later can lose it. If requests are [timed](MeterLayer::timing), they count
//! when they end instead, with the time that they took.
//!
//! A request *ends* when the last frame of its response's body has been handed on, or when the
//! body is dropped. If it has no response yet, it ends when its future is dropped. Then it counts
//! as one [outcome](outcomes). The number of requests in flight is the number that arrived minus
//! the number of outcomes.
//!
//! A response is *cut short* when its body fails or is dropped before its end. It counts in the
//! class of its status, and in [`MeterLayer::cut_short`] as well. A body is not cut short when it
//! never had to be sent (the response to a HEAD, status 204 or 304, a switch of protocols), or
//! when as many bytes as its length says have been handed on.
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
mod outcome;
mod pattern;
mod request;
mod routes;
mod service;

pub use body::ResponseBody;
pub use outcome::{grpc_statuses, outcomes};
pub use pattern::RoutePattern;
pub use routes::Routes;
pub use service::{MeterLayer, Metered, ResponseFuture};
