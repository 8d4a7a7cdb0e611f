//! A meter's figures at one moment, as plain values, and the arithmetic of a rate.

use std::time::Duration;

use crate::engine::seconds::{REACH, Sums};
use crate::engine::time::Moment;

/// The length of the window.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
const WINDOW_SECONDS: f64 = 60.0;
const SECONDS_PER_HOUR: f64 = 3600.0;

/// The figures of a meter at one moment, as plain values. All of them come from the same pass over the
/// meter and agree with one another.
///
/// No figure is ever negative, infinite or NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    sums: Sums,
    /// Events of the 61st second × the fraction of it that is younger than 60 s.
    oldest_share: f64,
    last_event_age: Option<Duration>,
    uptime: Duration,
}

impl Snapshot {
    /// The snapshot of a meter without any event, at its start.
    pub(crate) fn empty() -> Self {
        Self { sums: Sums::EMPTY, oldest_share: 0.0, last_event_age: None, uptime: Duration::ZERO }
    }

    /// For a reader to add to, in place: to copy 61 counts costs as much as to add them.
    pub(crate) fn sums_mut(&mut self) -> &mut Sums {
        &mut self.sums
    }

    /// Completes a snapshot whose sums are as of `now`.
    pub(crate) fn set_times(&mut self, now: Moment, started: Moment) {
        self.last_event_age = self.sums.last.map(|last| {
            let end = Duration::from_secs(last.as_seconds().saturating_add(1));
            now.since(Moment::since_origin(end))
        });
        self.oldest_share = (1.0 - now.fraction()) * to_f64(self.sums.by_second[0]);
        self.uptime = now.since(started);
    }

    /// Several snapshots as one: counts add up, and the last event is the latest of all. Without any part
    /// it is the snapshot of a meter without events.
    #[cfg(feature = "service")]
    pub(crate) fn sum<'a>(parts: impl Iterator<Item = &'a Self>, uptime: Duration) -> Self {
        let mut sum = Self::empty();
        sum.set_uptime(uptime);
        parts.for_each(|part| sum.add(part));
        sum
    }

    /// Adds the counts of another snapshot, which was taken at the same moment or just after.
    #[cfg(feature = "service")]
    pub(crate) fn add(&mut self, other: &Self) {
        self.sums.total = self.sums.total.saturating_add(other.sums.total);
        self.oldest_share += other.oldest_share;
        let ages = self.last_event_age.into_iter().chain(other.last_event_age);
        self.last_event_age = ages.min();
        for (sum, count) in self.sums.by_second.iter_mut().zip(&other.sums.by_second) {
            *sum = sum.saturating_add(*count);
        }
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
    /// younger than a minute the time before its start counts as silence; see
    /// [`covered`](Self::covered).
    #[must_use]
    pub fn events_per_second(&self) -> f64 {
        (to_f64(self.events_in_window()) + self.oldest_share) / WINDOW_SECONDS
    }

    /// [`events_per_second`](Self::events_per_second) times 3600.
    #[must_use]
    pub fn events_per_hour(&self) -> f64 {
        self.events_per_second() * SECONDS_PER_HOUR
    }

    /// The mean rate since the start: total / uptime, and 0 at uptime 0.
    #[must_use]
    pub fn lifetime_per_second(&self) -> f64 {
        if self.uptime.is_zero() {
            return 0.0;
        }
        to_f64(self.total()) / self.uptime.as_secs_f64()
    }

    /// The time since the first use of the meter (a record or a snapshot), or since its service was
    /// built.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.uptime
    }

    /// How much of the window the meter has lived through: its uptime, at most 60 s.
    /// `events_in_window / covered` is the rate without the warm-up.
    #[must_use]
    pub fn covered(&self) -> Duration {
        self.uptime.min(WINDOW)
    }

    /// The largest count of any one second of the window.
    #[must_use]
    pub fn peak_per_second(&self) -> u64 {
        // In three lanes: one chain of sixty comparisons takes as long as the whole pass.
        let (threes, rest) = self.per_second().as_chunks();
        debug_assert!(rest.is_empty());
        let (mut a, mut b, mut c) = (0, 0, 0);
        for &[x, y, z] in threes {
            (a, b, c) = (x.max(a), y.max(b), z.max(c));
        }
        a.max(b).max(c)
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

/// Counts above 2^53 lose their last digits here, and nowhere else.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(all(test, feature = "service", not(loom)))]
mod tests {
    use super::*;
    use crate::{ManualClock, Meter};

    #[test]
    #[allow(clippy::float_cmp)] // All figures are exact.
    fn the_rate_of_a_sum_is_the_sum_of_rates() {
        let clock = ManualClock::new();
        let meters: Vec<_> = (0..3).map(|_| Meter::with_clock(clock.clone())).collect();
        for (n, meter) in (1..).zip(&meters) {
            meter.record_n(80 * n);
        }
        clock.advance(Duration::from_millis(60_250));
        meters[0].record_n(60);
        let parts: Vec<_> = meters.iter().map(Meter::snapshot).collect();
        let sum = Snapshot::sum(parts.iter(), Duration::from_secs(7));
        // Three quarters of the oldest second are still in the window.
        assert_eq!(sum.events_per_second(), (60.0 + 0.75 * 480.0) / 60.0);
        assert_eq!((sum.total(), sum.events_in_window()), (540, 60));
        assert_eq!(sum.last_event_age(), Some(Duration::ZERO));
        assert_eq!(sum.uptime(), Duration::from_secs(7));
        let mut longer = sum.clone();
        longer.set_uptime(Duration::from_secs(9));
        assert_eq!((longer.uptime(), longer.total()), (Duration::from_secs(9), 540));
    }
}
