//! The router without a socket, and the server on real sockets.

mod exported;
mod front;
mod hardening;
mod mounting;
mod real_time;
mod room;
mod routes;
mod scrape;
mod server;
mod standard;
#[path = "../support/mod.rs"]
mod support;
mod traps;
mod unasked;
