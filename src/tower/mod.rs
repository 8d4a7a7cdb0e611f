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
//! A request counts, and so does its route, when it *arrives*: when the layer's service is called.
//! So nothing that happens to it later can lose it. Only where requests are
//! [timed](MeterLayer::timing) do they count when they end, with the time that they took.
//!
//! It *ends* when the last frame of its response's body has been handed on, or when the body is
//! dropped, or the future of a request that has no response yet. Then it counts as one
//! [outcome](outcomes); the requests in flight are those that arrived less the outcomes.
//!
//! A response whose body fails or is dropped before its end was cut short: it counts in the class
//! of its status, and in [`MeterLayer::cut_short`] too. A body is not cut short when it never had
//! to be sent (the answer to a HEAD, status 204 or 304, a switch of protocols), or when as many
//! bytes as its length says are out.
//!
//! # Where the figures go
//!
//! The total of a service is the sum of its events, so each way of dividing the same requests
//! wants a service of its own, as above: then each total is a number of requests.
//!
//! # gRPC
//!
//! Over gRPC every status is 200. What became of a call is in the trailers, which the layer sees
//! as they go by: see [`MeterLayer::grpc`].

mod body;
mod outcome;
mod request;
mod routes;
mod service;

pub use body::ResponseBody;
pub use outcome::{grpc_statuses, outcomes};
pub use routes::Routes;
pub use service::{MeterLayer, Metered, ResponseFuture};
