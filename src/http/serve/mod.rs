//! From a socket to requests.

mod accept;
mod connection;
mod requests;
mod server;
mod slots;

pub use self::requests::RequestCounter;
pub use self::server::Server;
