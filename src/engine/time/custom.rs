//! A clock whose time comes from a function.

use std::fmt;
use std::time::Duration;

use super::manual::ManualClock;

/// A clock of one's own: its time comes from a function. A clone is the same clock.
///
/// Readers call the function: snapshots, and timers at the start and at the end of what they time. They
/// publish the second that they find. A record on a meter reads no clock, so it counts in the second that
/// was published last. Where nothing else reads the clock once a second, call [`tick`](Self::tick) so
/// often.
///
/// The function returns the time since an origin of its choice. It is called on the threads that read, so
/// it should not block. Like every clock of this crate, this one never goes back: a time that is earlier
/// than the last one counts as that one.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
/// use tickring::{CustomClock, Timer};
///
/// let simulated = Arc::new(AtomicU64::new(0));
/// let time = simulated.clone();
/// let clock = CustomClock::new(move || Duration::from_millis(time.load(Ordering::Relaxed)));
///
/// let timer = Timer::with_clock(clock);
/// timer.time(|| simulated.store(250, Ordering::Relaxed));
/// assert_eq!(timer.snapshot().since_start().sum(), Duration::from_millis(250));
/// ```
#[derive(Clone)]
pub struct CustomClock(ManualClock);

impl CustomClock {
    /// A clock that takes its time from `time`.
    #[must_use]
    pub fn new(time: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(ManualClock::with_source(Box::new(time)))
    }

    /// Publishes the second, in which recorders then count. Every read of the clock does so, too.
    pub fn tick(&self) {
        self.0.now();
    }

    /// The time since the function's origin.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    pub(super) fn into_manual(self) -> ManualClock {
        self.0
    }
}

impl fmt::Debug for CustomClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CustomClock").field(&self.elapsed()).finish()
    }
}
