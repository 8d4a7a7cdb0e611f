//! A clock that moves only when a caller moves it.

use std::sync::Arc;
use std::time::Duration;

use super::cell::TickCell;
use super::source::{Source, Time};
use super::tick::{Moment, Tick};
use crate::engine::sync::{AtomicU64, Mutex, Ordering, process_wide};

/// A clock for tests and simulations. It stands still until [`advance`](Self::advance) or
/// [`set`](Self::set) moves it. A clone is the same clock.
///
/// Like every clock of this crate it never goes back. It ends 584 years after its origin, and stands
/// still there.
///
/// ```
/// use std::time::Duration;
/// use tickring::{ManualClock, Meter};
///
/// let clock = ManualClock::new();
/// let meter = Meter::with_clock(clock.clone());
/// meter.record_n(120);
/// assert_eq!(meter.snapshot().events_per_second(), 2.0);
/// clock.advance(Duration::from_secs(61));
/// assert_eq!(meter.snapshot().events_per_second(), 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    published: &'static TickCell,
    /// The time; the latest that there is, for a clock with a source.
    nanos: AtomicU64,
    /// Where a custom clock has its time from.
    source: Option<Source>,
}

process_wide! {
    /// The cells of clocks that are gone. A meter holds a clone of its clock, so no meter uses a cell that
    /// is in here.
    static SPARE: Mutex<Vec<&'static TickCell>> = Mutex::new(Vec::new());
}

impl ManualClock {
    /// A clock at its origin.
    #[must_use]
    pub fn new() -> Self {
        Self::beginning(0, None)
    }

    /// A clock whose time comes from a function. Nothing moves its `nanos`: they are later than every tick
    /// that is published, so each look at the time takes the way of a tick that is behind, and asks the
    /// source. So other clocks don't pay for it.
    pub(super) fn with_source(time: Time) -> Self {
        Self::beginning(u64::MAX, Some(Source::new(time)))
    }

    fn beginning(nanos: u64, source: Option<Source>) -> Self {
        let spare = SPARE.lock().ok().and_then(|mut spare| spare.pop());
        let published = spare.unwrap_or_else(|| Box::leak(Box::new(TickCell::new())));
        published.reset();
        Self(Arc::new(Inner { published, nanos: AtomicU64::new(nanos), source }))
    }

    /// Moves the clock forward.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let clock = tickring::ManualClock::new();
    /// clock.advance(Duration::from_millis(1500));
    /// clock.advance(Duration::from_millis(500));
    /// assert_eq!(clock.elapsed(), Duration::from_secs(2));
    /// ```
    pub fn advance(&self, by: Duration) {
        let by = nanos(by);
        // Relaxed: a number that only grows. The Release of the tick, which follows, orders it.
        let step = |now: u64| Some(now.saturating_add(by));
        let _ = self.0.nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        self.now();
    }

    /// Moves the clock forward to `elapsed` after its origin. A time that has passed already changes
    /// nothing.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let clock = tickring::ManualClock::new();
    /// clock.set(Duration::from_secs(90));
    /// clock.set(Duration::from_secs(60)); // has passed
    /// assert_eq!(clock.elapsed(), Duration::from_secs(90));
    /// ```
    pub fn set(&self, elapsed: Duration) {
        self.0.nanos.fetch_max(nanos(elapsed), Ordering::Relaxed);
        self.now();
    }

    /// The time since the clock's origin. An event that is recorded after this returns counts in
    /// the second that was returned, or in a later one.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now().elapsed()
    }

    /// Moves the time forward, but not the published tick: as if the ticker were late.
    #[cfg(any(test, feature = "internals"))]
    pub fn advance_unpublished(&self, by: Duration) {
        self.0.nanos.fetch_add(nanos(by), Ordering::Relaxed);
    }

    pub(super) fn published(&self) -> &'static TickCell {
        self.0.published
    }

    /// The time now. Helps the published tick forward if it is behind.
    pub(crate) fn now(&self) -> Moment {
        // The tick first: a record that loaded it is then no later than the time.
        self.0.published.load_before_time();
        let nanos = self.0.nanos.load(Ordering::Relaxed);
        let now = Moment::since_origin(Duration::from_nanos(nanos));
        if self.0.published.load() < now.tick() { self.catch_up(now) } else { now }
    }

    /// The second; `None` if the published tick is behind, or the time comes from a source.
    #[inline]
    pub(super) fn tick_at_hand(&self) -> Option<Tick> {
        // In this order, as in `now`.
        let published = self.0.published.load_before_time().0;
        let now = self.0.nanos.load(Ordering::Relaxed) / 1_000_000_000;
        (published >= now).then_some(Tick(now))
    }

    #[cold]
    fn catch_up(&self, now: Moment) -> Moment {
        let now = self.0.source.as_ref().map_or(now, Source::now);
        self.0.published.advance_to(now.tick());
        now
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Ok(mut spare) = SPARE.lock() {
            spare.push(self.published);
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The cell of a clock that is gone is used again, and must not show that clock's last second.
    #[test]
    fn a_new_clock_begins_at_its_origin() {
        // Other tests take cells, too. Some of a hundred are taken again here.
        for second in 1..=100 {
            let clock = ManualClock::new();
            assert_eq!(clock.published().load(), Tick(0));
            clock.set(Duration::from_secs(second));
            assert_eq!(clock.published().load(), Tick(second));
        }
    }
}
