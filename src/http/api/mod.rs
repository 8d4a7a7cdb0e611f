//! From a request to its answer.

mod additions;
mod answer;
mod body;
mod bulk;
mod caught;
mod description;
mod documents;
mod events;
mod front;
mod gate;
mod hosts;
mod mount;
mod mounting;
mod origins;
mod own_families;
mod pieces;
mod plain;
mod program;
mod query;
pub(crate) mod response;
mod response_body;
mod route;
mod router;
mod scrape;
mod service;
mod single;
mod wanted;

pub use self::plain::PlainResponse;
pub use self::response_body::ResponseBody;
pub use self::router::Router;
