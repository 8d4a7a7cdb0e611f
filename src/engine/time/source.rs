//! Where the time of a custom clock comes from.

use std::fmt;
use std::time::Duration;

use super::tick::Moment;
use crate::engine::sync::{AtomicU64, Ordering};

/// A function that returns the time since an origin of its choice.
pub(super) type Time = Box<dyn Fn() -> Duration + Send + Sync>;

/// A function, and the latest time that it has returned.
pub(super) struct Source {
    time: Time,
    latest: AtomicU64,
}

impl Source {
    pub(super) fn new(time: Time) -> Self {
        Self { time, latest: AtomicU64::new(0) }
    }

    /// The time now, which never goes back.
    pub(super) fn now(&self) -> Moment {
        let now = u64::try_from((self.time)().as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: a number that only grows. The Release of the tick, which follows, orders it.
        let latest = self.latest.fetch_max(now, Ordering::Relaxed).max(now);
        Moment::since_origin(Duration::from_nanos(latest))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("latest", &self.latest).finish_non_exhaustive()
    }
}
