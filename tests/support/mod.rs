//! What several tests and the fuzz targets share.
#![allow(dead_code)] // Each of them uses its own part.

pub(crate) mod bodies;
#[cfg(feature = "statsd")]
mod datagrams;
pub(crate) mod deque;
#[cfg(feature = "http")]
mod requests;
pub(crate) mod schedule;
pub(crate) mod weights;
