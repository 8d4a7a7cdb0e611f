//! What the engine can say about itself, for the whole process.

use std::sync::atomic::Ordering;
use std::time::Duration;

use portable_atomic::AtomicU64;

// Plain atomics, not the shim's: nothing is decided on them, so a model need not explore them.
static SATURATED: AtomicU64 = AtomicU64::new(0);
static SHARDS: AtomicU64 = AtomicU64::new(0);
static TIMED_SHARDS: AtomicU64 = AtomicU64::new(0);

/// The engine's own figures, from [`diagnostics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostics {
    /// How long ago the published second should have moved on; zero when it is current. Up to
    /// that long, recorders count events in a second that is over. A healthy process shows less
    /// than a few milliseconds.
    pub clock_lag: Duration,
    /// How often something did not fit its second (2^40 events per second and thread). The total
    /// has it all the same.
    pub saturated_records: u64,
    /// Shards made so far: in use by threads, waiting on their meter for a next thread, or
    /// pooled. Shards are never freed; this times 704 bytes is what they take up.
    pub shards: u64,
    /// Those of the shards that belong to timers. Each takes up 5,248 bytes more.
    pub timed_shards: u64,
}

/// The engine's own figures, for the whole process. Costs one reading of the clock.
#[must_use]
pub fn diagnostics() -> Diagnostics {
    Diagnostics {
        #[cfg(not(loom))]
        clock_lag: crate::engine::time::lag(),
        #[cfg(loom)]
        clock_lag: Duration::ZERO,
        saturated_records: SATURATED.load(Ordering::Relaxed),
        shards: SHARDS.load(Ordering::Relaxed),
        timed_shards: TIMED_SHARDS.load(Ordering::Relaxed),
    }
}

#[cold]
pub(crate) fn count_saturated() {
    SATURATED.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn count_shard(timed: bool) {
    SHARDS.fetch_add(1, Ordering::Relaxed);
    TIMED_SHARDS.fetch_add(u64::from(timed), Ordering::Relaxed);
}
