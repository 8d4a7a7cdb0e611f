//! A meter's figures at one moment, as plain values, and the arithmetic of a rate.

use std::time::Duration;

use crate::engine::seconds::{REACH, Sums};
use crate::engine::time::{Moment, Tick};

mod sum;

/// The length of the window.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
const WINDOW_SECONDS: u32 = 60;
const SECONDS_PER_HOUR: f64 = 3600.0;

/// The figures of a meter at one moment, as plain values. All of them come from the same pass over the
/// meter and agree with one another.
///
/// No figure is ever negative, infinite or NaN: where a rate divides by a time, this is at least one
/// second.
///
/// ```
/// let frames = tickring::Meter::new();
/// frames.record_n(120);
/// let now = frames.snapshot();
/// println!("{now}"); // 2.00 events/s, peak 120/s; 120 in the last minute, 120 in 0.0 s; …
/// assert_eq!(now.events_per_second(), 2.0);
/// ```
///
/// On the system's clock, time in which the machine is suspended counts as no time: the monotonic clock
/// stands still. So after a suspend the minute before it still reads as now.
///
/// # Sums
///
/// Snapshots of several meters, taken at the same moment, add up to the snapshot of them all, by `+` or
/// by [`Iterator::sum`]. Totals and seconds add up, the last event is the latest of all, and the uptime
/// is the longest. So the rate of the sum is the sum of the rates, and the peak is that of all together.
/// If the snapshots belong to different moments, their current seconds count as the same one.
///
/// ```
/// use tickring::{Meter, Snapshot};
///
/// let (reads, writes) = (Meter::new(), Meter::new());
/// reads.record_n(90);
/// writes.record_n(30);
/// let all: Snapshot = [&reads, &writes].into_iter().map(Meter::snapshot).sum();
/// assert_eq!((all.total(), all.events_per_second()), (120, 2.0));
/// ```
#[derive(Clone, PartialEq)]
#[doc(alias = "stats")]
pub struct Snapshot {
    sums: Sums,
    /// How much of the current second has passed: f, in nanoseconds.
    passed: u32,
    last_event_age: Option<Duration>,
    uptime: Duration,
}

impl Snapshot {
    /// The snapshot of a meter without any event, at its start.
    pub(crate) fn empty() -> Self {
        Self { sums: Sums::EMPTY, passed: 0, last_event_age: None, uptime: Duration::ZERO }
    }

    /// The snapshot, as of `now`, of a meter without any event.
    #[cfg(feature = "service")]
    pub(crate) fn without_events(now: Moment, uptime: Duration) -> Self {
        Self { passed: now.elapsed().subsec_nanos(), uptime, ..Self::empty() }
    }

    /// For a reader to add to, in place: to copy 61 counts costs as much as to add them.
    pub(crate) fn sums_mut(&mut self) -> &mut Sums {
        &mut self.sums
    }

    /// Completes a snapshot whose sums are as of `now`.
    pub(crate) fn set_times(&mut self, now: Moment, started: Moment) {
        self.last_event_age = self.sums.last.map(|last| age(last, now));
        self.passed = now.elapsed().subsec_nanos();
        self.uptime = now.since(started);
    }

    /// Sets the uptime.
    #[cfg(feature = "service")]
    pub(crate) fn set_uptime(&mut self, uptime: Duration) {
        self.uptime = uptime;
    }

    /// All events since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sums.total
    }

    /// Events in the last 60 clock seconds, the current one included: an exact count, in which an event
    /// shows at once. It is never more than [`total`](Self::total).
    #[must_use]
    pub fn events_in_window(&self) -> u64 {
        self.per_second().iter().sum()
    }

    /// Events a second over the last 60 s.
    ///
    /// Let s be the current second, f the fraction of it that has passed, and c\[k\] the count of second
    /// k. Then this is `(c[s-59] + … + c[s] + (1 - f) · c[s-60]) / 60`. The last term is the part of the
    /// oldest second that is less than 60 s old. Without it the rate of a steady stream would swing by a
    /// sixtieth each second. The rate is exactly 0 at the latest 61 s after the last event. For a meter
    /// younger than a minute the time before its start counts as silence;
    /// [`events_per_second_over(60)`](Self::events_per_second_over) is the rate without that silence.
    ///
    /// # Not for admission
    ///
    /// Do not admit requests while this is below a limit. The minute remembers a burst for a minute: at a
    /// limit of 100/s and 1,000 offered, such a gate is open for 6 s and then closed for 54.
    /// [`events_per_second_over(1)`](Self::events_per_second_over) is fit for that.
    #[must_use]
    #[doc(alias = "rate")]
    #[doc(alias = "qps")]
    #[doc(alias = "rps")]
    #[doc(alias = "throughput")]
    pub fn events_per_second(&self) -> f64 {
        self.events_within(REACH) / f64::from(WINDOW_SECONDS)
    }

    /// Events a second over the last `seconds` seconds, from 1 to 60. A number outside of this counts as
    /// the nearer end.
    ///
    /// The arithmetic is that of [`events_per_second`](Self::events_per_second), with n seconds in place
    /// of 60: `(c[s-n+1] + … + c[s] + (1 - f) · c[s-n]) / n`. The rate is exactly 0 at the latest n + 1
    /// seconds after the last event. The events of a second count as spread evenly over it. A meter that is
    /// younger than n seconds divides by its uptime, and by one second at least. So over 60 seconds this
    /// equals `events_per_second` from the first minute on; before that it is the rate without the silence
    /// before the start.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tickring::{ManualClock, Meter};
    ///
    /// let clock = ManualClock::new();
    /// let meter = Meter::with_clock(clock.clone());
    /// clock.advance(Duration::from_secs(100));
    /// meter.record_n(300);
    /// assert_eq!(meter.snapshot().events_per_second(), 5.0);
    /// assert_eq!(meter.snapshot().events_per_second_over(10), 300.0); // The meter's first second.
    /// clock.advance(Duration::from_secs(100));
    /// meter.record_n(300);
    /// assert_eq!(meter.snapshot().events_per_second_over(10), 30.0);
    /// ```
    ///
    /// # To shed load
    ///
    /// Count what is admitted, and admit while the rate over one second is below the limit. At a limit of
    /// 100/s and a steady 1,000 offered, this admits 100 in each second, spread evenly from the second
    /// one on.
    ///
    /// ```
    /// use tickring::Meter;
    ///
    /// static ADMITTED: Meter = Meter::new();
    ///
    /// fn admit(limit: f64) -> bool {
    ///     let admitted = ADMITTED.snapshot().events_per_second_over(1) < limit;
    ///     if admitted {
    ///         ADMITTED.record();
    ///     }
    ///     admitted
    /// }
    /// # assert!((0..300).filter(|_| admit(100.0)).count() >= 100);
    /// ```
    ///
    /// Each decision costs a snapshot. It is a soft limit: threads that decide at the same time can
    /// exceed it by one request each; requests that come in bursts are admitted less often; and the
    /// largest number within a second that begins anywhere is almost twice the limit. For a hard limit
    /// take a limiter, such as the crate `governor`.
    #[must_use]
    #[doc(alias = "rate")]
    #[doc(alias = "qps")]
    #[doc(alias = "limit")]
    pub fn events_per_second_over(&self, seconds: u32) -> f64 {
        let seconds = seconds.clamp(1, WINDOW_SECONDS);
        self.events_within(seconds as usize) / f64::from(seconds).min(at_least_one(self.uptime))
    }

    /// The events of the last `seconds` seconds, with the part of the second before them that is still
    /// that young.
    fn events_within(&self, seconds: usize) -> f64 {
        let (before, within) = self.sums.by_second.split_at(REACH + 1 - seconds);
        let leaving = before.last().map_or(0.0, |&count| to_f64(count));
        let passed = Moment::since_origin(Duration::from_nanos(self.passed.into())).fraction();
        to_f64(within.iter().sum()) + (1.0 - passed) * leaving
    }

    /// [`events_per_second`](Self::events_per_second) times 3600.
    #[must_use]
    pub fn events_per_hour(&self) -> f64 {
        self.events_per_second() * SECONDS_PER_HOUR
    }

    /// The mean rate since the start: total / uptime. An uptime of less than a second counts as one second:
    /// otherwise a single event just after the start would read as thousands a second.
    #[must_use]
    pub fn lifetime_per_second(&self) -> f64 {
        to_f64(self.total()) / at_least_one(self.uptime)
    }

    /// The mean rate since an earlier snapshot of the same meter, or of the same sum of meters: the events
    /// since then / the time since then. A time of less than a second counts as one second. If `earlier`
    /// is not the earlier one, the rate is 0.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tickring::{ManualClock, Meter};
    ///
    /// let clock = ManualClock::new();
    /// let meter = Meter::with_clock(clock.clone());
    /// meter.record_n(7);
    /// let earlier = meter.snapshot();
    /// clock.advance(Duration::from_secs(300)); // Longer than the window.
    /// meter.record_n(600);
    /// assert_eq!(meter.snapshot().rate_since(&earlier), 2.0);
    /// ```
    #[must_use]
    #[doc(alias = "difference")]
    #[doc(alias = "delta")]
    pub fn rate_since(&self, earlier: &Self) -> f64 {
        let events = self.total().saturating_sub(earlier.total());
        to_f64(events) / at_least_one(self.uptime.saturating_sub(earlier.uptime))
    }

    /// The time since the first use of the meter (a record or a snapshot), or since its service was
    /// built.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.uptime
    }

    /// How much of the window the meter has lived through: its uptime, at most 60 s. It is zero at the
    /// start, so don't divide by it:
    /// [`events_per_second_over(60)`](Self::events_per_second_over) is the rate over this time.
    #[must_use]
    pub fn covered(&self) -> Duration {
        self.uptime.min(WINDOW)
    }

    /// The largest count of any one second of the window.
    #[must_use]
    pub fn peak_per_second(&self) -> u64 {
        // In three lanes: one chain of sixty comparisons takes as long as the whole pass.
        let (threes, rest) = self.per_second().as_chunks();
        let (mut a, mut b, mut c) = (0, 0, 0);
        for &[x, y, z] in threes {
            (a, b, c) = (x.max(a), y.max(b), z.max(c));
        }
        // In a model's short window there may be a rest.
        rest.iter().fold(a.max(b).max(c), |peak, &count| peak.max(count))
    }

    /// The window by second, oldest first. The last one is the current, unfinished second.
    #[must_use]
    #[allow(clippy::missing_panics_doc)] // The sizes are constants.
    pub fn per_second(&self) -> &[u64; REACH] {
        self.sums.by_second.last_chunk().expect("61 seconds contain 60")
    }

    /// How long there has been no event: the time since the end of the last second that had one, or zero
    /// while that second is the current one. The true age is at most a second more. `None` if there was
    /// never an event. It works at any age, and so distinguishes an idle service, whose age grows, from a
    /// dead one, which can't be read.
    #[must_use]
    pub fn last_event_age(&self) -> Option<Duration> {
        self.last_event_age
    }
}

/// `duration` in seconds, and at least one second: less would make a rate of nothing.
fn at_least_one(duration: Duration) -> f64 {
    duration.as_secs_f64().max(1.0)
}

/// The time since the end of the second `last`.
pub(crate) fn age(last: Tick, now: Moment) -> Duration {
    let end = Duration::from_secs(last.as_seconds().saturating_add(1));
    now.since(Moment::since_origin(end))
}

/// Counts above 2^53 lose their last digits here, and nowhere else.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(all(test, feature = "service"))]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_without_events_has_its_times() {
        let now = Moment::since_origin(Duration::from_millis(7_250));
        let empty = Snapshot::without_events(now, Duration::from_secs(3));
        assert_eq!((empty.uptime(), empty.passed), (Duration::from_secs(3), 250_000_000));
        assert_eq!((empty.total(), empty.last_event_age()), (0, None));
    }
}
