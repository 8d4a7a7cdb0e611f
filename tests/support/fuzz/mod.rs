//! The bodies of the fuzz targets, by name. Each takes any bytes and panics on a fault, so that
//! `tests/fuzz_replay.rs` can run the same body on a seed or on a crash.

#[cfg(feature = "statsd")]
mod datagrams;
mod deque;
#[cfg(feature = "http")]
mod requests;
pub(crate) mod schedule;
pub(crate) mod weights;

/// A fuzz target's name and its body.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them, as far as the features go.
pub(crate) const TARGETS: &[Target] = &[
    ("ring", ring),
    ("record_n", record_n),
    #[cfg(feature = "statsd")]
    ("statsd", statsd),
    #[cfg(feature = "http")]
    ("router", router),
];

/// A schedule on meters, against the naive deque.
pub(crate) fn ring(bytes: &[u8]) {
    schedule::run(bytes);
}

/// Extreme weights, through every kind of ring.
pub(crate) fn record_n(bytes: &[u8]) {
    weights::run(bytes);
}

/// A datagram for the `StatsD` parser.
#[cfg(feature = "statsd")]
pub(crate) fn statsd(bytes: &[u8]) {
    datagrams::check(bytes);
}

/// A request to the router, in the text form of HTTP.
#[cfg(feature = "http")]
pub(crate) fn router(bytes: &[u8]) {
    requests::check(bytes);
}
