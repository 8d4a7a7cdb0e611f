//! Timing what may not come to its end: code with `?`, and futures.

use std::mem::ManuallyDrop;
use std::time::Duration;

use crate::engine::timer::Timer;
use crate::engine::timing::Timing;

/// An event in progress that is recorded only if it is [stopped](Self::stop); made by
/// [`Timer::stopwatch`].
///
/// When it is dropped, nothing is recorded. That makes it the guard for code with `?`, and for code that
/// may be cancelled at an `.await`.
#[derive(Debug)]
#[must_use = "it records only when it is stopped"]
pub struct Stopwatch<'a>(ManuallyDrop<Timing<'a>>);

impl Stopwatch<'_> {
    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Records now, and returns the duration that was recorded.
    #[allow(clippy::must_use_candidate)] // For what it does.
    pub fn stop(self) -> Duration {
        ManuallyDrop::into_inner(self.0).stop()
    }
}

impl Timer {
    /// Begins to time an event that is recorded only if it is stopped. Costs what
    /// [`start`](Self::start) costs.
    ///
    /// ```
    /// use std::num::ParseIntError;
    /// use tickring::Timer;
    ///
    /// static PARSED: Timer = Timer::new();
    ///
    /// fn parse(text: &str) -> Result<u32, ParseIntError> {
    ///     let stopwatch = PARSED.stopwatch();
    ///     let number = text.parse()?; // an error records nothing
    ///     stopwatch.stop();
    ///     Ok(number)
    /// }
    ///
    /// assert!(parse("7").is_ok() && parse("seven").is_err());
    /// assert_eq!(PARSED.snapshot().events().total(), 1);
    /// ```
    #[inline]
    pub fn stopwatch(&self) -> Stopwatch<'_> {
        Stopwatch(ManuallyDrop::new(self.start()))
    }

    /// Times a future, from its first poll to its completion. The time that it waits is part of it.
    /// Costs two readings of the clock.
    ///
    /// Nothing is recorded if the future is dropped before it completes (a timeout, an aborted task, a
    /// branch of `select!` that loses), or if it panics: a part of a duration would distort the others. To
    /// count these as well, hold [`start`](Self::start)'s guard across the `.await`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tickring::{ManualClock, Timer};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let clock = ManualClock::new();
    /// let timer = Timer::with_clock(clock.clone());
    /// let rows = timer.time_async(async {
    ///     tokio::task::yield_now().await;
    ///     clock.advance(Duration::from_millis(3));
    ///     42
    /// });
    /// assert_eq!(rows.await, 42);
    /// assert_eq!(timer.snapshot().since_start().sum(), Duration::from_millis(3));
    /// # });
    /// ```
    pub async fn time_async<T>(&self, future: impl Future<Output = T>) -> T {
        let stopwatch = self.stopwatch();
        let output = future.await;
        stopwatch.stop();
        output
    }
}
