//! From a socket to requests.

mod accept;
mod connection;
mod server;
mod slots;

pub use self::server::Server;
