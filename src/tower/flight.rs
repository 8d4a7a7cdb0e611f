//! How many requests are in flight.
//!
//! Two meters for each number: what has begun, and what has ended. Each request adds one to either, because
//! the guard of a request begins once and is dropped once. So at rest the difference is exact. A reader loads
//! what has ended first, so it never finds the end of a request whose beginning it misses.
//!
//! One exception: more than 256 threads record at the same time, and the machine orders memory weakly. Threads
//! past the 256th share a ring whose total is loaded Relaxed, so a reader may find a few too few for a moment.

use crate::engine::{Clock, Meter};

/// The requests and the streams of a layer.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) requests: Pair,
    pub(super) streams: Pair,
}

/// What has begun and what has ended.
#[derive(Debug)]
pub(super) struct Pair {
    begun: Meter,
    ended: Meter,
}

impl Flight {
    pub(super) fn new(clock: &Clock) -> Self {
        Self { requests: Pair::new(clock), streams: Pair::new(clock) }
    }
}

impl Pair {
    fn new(clock: &Clock) -> Self {
        let meter = || Meter::with_clock(clock.clone());
        Self { begun: meter(), ended: meter() }
    }

    pub(super) fn begin(&self) {
        self.begun.record();
    }

    pub(super) fn end(&self) {
        self.ended.record();
    }

    /// The number that has begun and not ended.
    pub(super) fn now(&self) -> u32 {
        let ended = self.ended.total();
        let open = self.begun.total().saturating_sub(ended);
        open.try_into().unwrap_or(u32::MAX)
    }
}
