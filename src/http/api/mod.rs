//! From a request to its answer.

mod additions;
mod body;
mod bulk;
mod events;
mod program;
mod query;
pub(crate) mod response;
mod route;
mod router;
mod scrape;
mod single;

pub use self::router::Router;
