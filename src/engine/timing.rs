//! Timing a piece of work by a guard.

use std::time::{Duration, Instant};

use crate::engine::time::{Clock, ManualClock};
use crate::engine::timer::Timer;

/// An event in progress, made by [`Timer::start`]. When it is dropped, it records on its timer.
/// [`OwnedTiming`](crate::OwnedTiming) borrows nothing; a [`Stopwatch`](crate::Stopwatch) records only when it is
/// stopped.
///
/// ```
/// let timer = tickring::Timer::new();
/// let took = timer.start().stop();
/// timer.start().discard(); // nothing is recorded
/// assert_eq!(timer.snapshot().since_start().sum(), took);
/// ```
#[derive(Debug)]
#[must_use = "when it is dropped it records, and that is at once if it is not kept"]
pub struct Timing<'a> {
    timer: &'a Timer,
    since: Since<'a>,
    /// Whether the event has been counted, so that only its duration is recorded at the end.
    counted: bool,
}

/// When an event began, and by which clock.
#[derive(Debug)]
enum Since<'a> {
    /// Read directly: through the clock of this crate it would cost half as much again.
    System(Instant),
    Manual(&'a ManualClock, Duration),
}

impl Timer {
    /// Begins to time an event, which is recorded when the returned guard is dropped. Costs two readings
    /// of the clock in all.
    ///
    /// ```
    /// let timer = tickring::Timer::new();
    /// {
    ///     let _timing = timer.start();
    ///     // the work
    /// }
    /// assert_eq!(timer.snapshot().since_start().count(), 1);
    /// ```
    #[inline]
    pub fn start(&self) -> Timing<'_> {
        Timing::start(self)
    }

    /// Begins to time an event that counts at once, such as a request that shows in its own answer. Its
    /// duration is recorded when the guard is dropped.
    #[cfg(feature = "http")]
    pub(crate) fn start_counted(&self) -> Timing<'_> {
        Timing::start_counted(self)
    }

    /// Times a call. If the call panics, the time up to the panic is recorded. Costs two readings of the
    /// clock.
    ///
    /// **Not for async code.** `timer.time(|| fetch()).await` compiles, and times only how long it takes to
    /// make the future, a few nanoseconds: the work is done at the `.await`, after the time has been
    /// recorded. [`time_async`](Self::time_async) times a future.
    ///
    /// ```
    /// let timer = tickring::Timer::new();
    /// assert_eq!(timer.time(|| 6 * 7), 42);
    /// assert_eq!(timer.snapshot().events().total(), 1);
    /// ```
    #[inline]
    pub fn time<T>(&self, call: impl FnOnce() -> T) -> T {
        let _timing = self.start();
        call()
    }
}

impl<'a> Timing<'a> {
    #[inline]
    fn start(timer: &'a Timer) -> Self {
        let since = match timer.clock() {
            Clock::System => Since::System(Instant::now()),
            Clock::Manual(clock) => Since::Manual(clock, clock.elapsed()),
        };
        Self { timer, since, counted: false }
    }

    /// Counts the event at once. At the end only its duration is recorded.
    #[cfg(feature = "http")]
    fn start_counted(timer: &'a Timer) -> Self {
        timer.meter().record();
        let mut timing = Self::start(timer);
        timing.counted = true;
        timing
    }

    /// The time since the start.
    #[inline]
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match &self.since {
            Since::System(start) => start.elapsed(),
            Since::Manual(clock, start) => clock.elapsed().saturating_sub(*start),
        }
    }

    /// Records now, and returns the duration that was recorded.
    #[allow(clippy::must_use_candidate)] // For what it does.
    pub fn stop(self) -> Duration {
        let elapsed = self.elapsed();
        self.record(elapsed);
        self.discard();
        elapsed
    }

    #[inline]
    fn record(&self, elapsed: Duration) {
        if self.counted {
            self.timer.record_duration_only(elapsed);
        } else {
            self.timer.record(elapsed);
        }
    }

    /// Ends without a record.
    pub fn discard(self) {
        std::mem::forget(self);
    }
}

impl Drop for Timing<'_> {
    #[inline]
    fn drop(&mut self) {
        self.record(self.elapsed());
    }
}
