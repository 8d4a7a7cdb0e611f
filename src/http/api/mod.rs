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
mod origins;
mod pieces;
mod program;
mod query;
pub(crate) mod response;
mod response_body;
mod route;
mod router;
mod scrape;
mod single;
mod wanted;

pub use self::response_body::ResponseBody;
pub use self::router::Router;

/// The path of a request as its counts name it.
pub(crate) fn path_of<T>(request: &hyper::Request<T>) -> &'static str {
    route::Route::find(request.uri().path()).map_or("other", |route| route.template())
}
