//! What several tests and the fuzz targets share.
#![allow(dead_code)] // Each of them uses its own part.

pub(crate) mod bodies;
pub(crate) mod deque;
pub(crate) mod schedule;
pub(crate) mod weights;
