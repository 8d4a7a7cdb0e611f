//! From a socket to requests.

mod accept;
mod activity;
mod connection;
mod farewell;
mod report;
mod requests;
mod server;
mod slots;

pub use self::requests::RequestCounter;
pub use self::server::Server;
