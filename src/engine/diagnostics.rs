//! Figures about the engine itself, for the whole process.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use portable_atomic::AtomicU64;

// Plain atomics, not those of `sync`: nothing depends on their values, so models needn't explore them.
// Relaxed throughout: each count stands for itself.
static SATURATED: AtomicU64 = AtomicU64::new(0);
static SHARDS: AtomicU64 = AtomicU64::new(0);
static TIMED_SHARDS: AtomicU64 = AtomicU64::new(0);

/// Figures about the engine itself, from [`diagnostics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostics {
    /// How late the ticker is, the thread that publishes the seconds; zero while no meter on the system's
    /// clock is in use. For up to this long, recorders have counted events in a second that was over;
    /// each snapshot of a meter ends that. A healthy process shows at most a few milliseconds.
    pub clock_lag: Duration,
    /// How many tickers were started so far: 1 in a healthy process. One more for each fork on the way to
    /// this process, and for each time that readers found the ticker dead, or late by three seconds.
    pub ticker_starts: u64,
    /// How many records did not fit into their second, which holds 2^40 events for each thread. The total
    /// has them.
    pub saturated_records: u64,
    /// Shards made so far, each of 704 bytes: in use by a thread, waiting on their meter for a next
    /// thread, or pooled. Shards are never freed.
    pub shards: u64,
    /// How many of the shards belong to timers. Each takes 5,248 bytes more.
    pub timed_shards: u64,
    /// The version of this copy of the crate. [`copies`] says whether there are others.
    pub version: &'static str,
}

/// Figures about the engine itself, for the whole process. Costs one reading of the clock.
///
/// ```
/// let engine = tickring::diagnostics();
/// println!("{} shards, {:?} late", engine.shards, engine.clock_lag);
/// ```
#[must_use]
pub fn diagnostics() -> Diagnostics {
    Diagnostics {
        #[cfg(not(loom))]
        clock_lag: crate::engine::time::lag(),
        #[cfg(loom)]
        clock_lag: Duration::ZERO,
        #[cfg(not(loom))]
        ticker_starts: crate::engine::time::ticker_starts(),
        #[cfg(loom)]
        ticker_starts: 0,
        saturated_records: SATURATED.load(Ordering::Relaxed),
        shards: SHARDS.load(Ordering::Relaxed),
        timed_shards: TIMED_SHARDS.load(Ordering::Relaxed),
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// What a copy of the crate, of whatever version, calls its ticker.
const TICKER: &str = "tickring-ticker";

/// How many copies of this crate, of whatever version, count in this process: more than one if two
/// dependencies need versions that aren't compatible. Each copy counts apart from the others, so meters of
/// one are not in the figures of another.
///
/// It counts the threads that are tickers. A copy without a ticker yet is not counted; for some seconds
/// after a ticker was late by three seconds, a copy can have two. `None` where the system doesn't list a
/// process's threads by name; Linux does. It reads a file for each thread, so call it once, at the start or on
/// request.
///
/// ```
/// tickring::start()?;
/// if let Some(copies @ 2..) = tickring::copies() {
///     let version = tickring::diagnostics().version;
///     eprintln!("{copies} copies of tickring count in this process; this one is {version}");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn copies() -> Option<usize> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    // A thread that has ended meanwhile has no name.
    let names = threads.flatten().map(|thread| fs::read_to_string(thread.path().join("comm")));
    Some(names.flatten().filter(|name| name.trim_end() == TICKER).count())
}

#[cold]
pub(crate) fn count_saturated() {
    SATURATED.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn count_shard(timed: bool) {
    SHARDS.fetch_add(1, Ordering::Relaxed);
    TIMED_SHARDS.fetch_add(u64::from(timed), Ordering::Relaxed);
}
