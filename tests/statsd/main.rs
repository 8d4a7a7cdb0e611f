//! `StatsD`: lines, sockets, and durations from a datagram to the endpoint.

mod end_to_end;
mod lines;
mod sockets;
mod streams;
#[path = "../support/mod.rs"]
mod support;
