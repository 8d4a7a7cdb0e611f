//! The router without a socket, and the server on real sockets.

mod hardening;
mod routes;
mod scrape;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod traps;
