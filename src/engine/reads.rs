//! Single figures of a meter, for readers that ask often: a load for each recording thread.
//!
//! [`kept`](super::seconds::kept) has the idea and the cases.

#[cfg(feature = "http")]
use std::time::Duration;

use super::meter::Meter;
use super::seconds::kept::Closed;
use super::seconds::shared::SharedRing;
use super::seconds::{GUARD, Sums};
use super::snapshot::to_f64;
#[cfg(feature = "http")]
use super::snapshot::{Snapshot, age};
use super::sync::spin_loop;
#[cfg(feature = "http")]
use super::time::Clock;
use super::time::{Moment, Tick};

/// The figures of a meter that need no series, as of one moment.
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Glance {
    pub(crate) total: u64,
    pub(crate) in_window: u64,
    /// Over the last 60 s.
    pub(crate) per_second: f64,
    pub(crate) last_event_age: Option<Duration>,
}

#[cfg(feature = "http")]
impl From<Snapshot> for Glance {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            total: snapshot.total(),
            in_window: snapshot.events_in_window(),
            per_second: snapshot.events_per_second(),
            last_event_age: snapshot.last_event_age(),
        }
    }
}

/// The window of a meter in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Minute {
    pub(crate) events: u64,
    /// The events of the oldest second, a part of which is in the window.
    pub(crate) oldest: u64,
}

impl Minute {
    /// The rate at `now`, with the arithmetic of
    /// [`Snapshot::events_per_second`](super::Snapshot::events_per_second).
    pub(crate) fn per_second(self, now: Moment) -> f64 {
        (to_f64(self.events) + (1.0 - now.fraction()) * to_f64(self.oldest)) / 60.0
    }
}

impl Meter {
    /// All events since the start. Costs a load for each shard, and writes nothing.
    ///
    /// ```
    /// let meter = tickring::Meter::new();
    /// meter.record_n(3);
    /// assert_eq!(meter.total(), 3);
    /// ```
    #[doc(alias("count", "counter"))]
    #[must_use]
    pub fn total(&self) -> u64 {
        self.roster().total()
    }

    /// The events in the last 60 clock seconds, the current one included: an exact count, in which an event
    /// shows at once.
    ///
    /// It is as of the published second, so it reads no clock; the first read in a second makes a pass over
    /// the buckets, and later ones cost a load for each shard. If the thread that publishes the seconds is
    /// dead or late, a thread that reads the same second again notices: it looks at the real clock at its
    /// second read of a second, then ever more seldom, and then at each 64th.
    ///
    /// ```
    /// let meter = tickring::Meter::new();
    /// meter.record_n(120);
    /// assert_eq!(meter.events_in_window(), 120);
    /// ```
    #[must_use]
    #[inline]
    pub fn events_in_window(&self) -> u64 {
        if let Some(now) = self.clock().tick_at_hand()
            && let Some(closed) = self.kept().get(now)
            && self.roster().shared_in_use(now).is_none()
        {
            let events = self.roster().owned_total().wrapping_sub(closed.before);
            // Case 11, after the totals.
            if self.tick() == now {
                return events;
            }
        }
        self.events_in_window_slowly()
    }

    #[cold]
    fn events_in_window_slowly(&self) -> u64 {
        loop {
            if let Some(minute) = self.minute(self.clock().tick_for_reader()) {
                return minute.events;
            }
        }
    }

    /// Events a second over the last 60 s, as
    /// [`Snapshot::events_per_second`](super::Snapshot::events_per_second) has it.
    ///
    /// Costs one reading of the clock. Apart from that the first read in a second makes a pass over the
    /// buckets, and later ones cost a load for each shard.
    ///
    /// ```
    /// let meter = tickring::Meter::new();
    /// meter.record_n(120);
    /// assert_eq!(meter.events_per_second(), 2.0);
    /// ```
    #[doc(alias("rate", "qps", "throughput"))]
    #[must_use]
    #[inline]
    pub fn events_per_second(&self) -> f64 {
        loop {
            let now = self.clock().now();
            if let Some(minute) = self.minute(now.tick()) {
                return minute.per_second(now);
            }
        }
    }

    /// The figures that need no series, as of `now`, a moment of `clock` that was read just before. They
    /// belong to a later moment if the meter has another clock, or if the clock has moved on since.
    #[cfg(feature = "http")]
    pub(crate) fn glance_as_of(&self, clock: &Clock, mut now: Moment) -> Glance {
        if !self.clock().is(clock) {
            now = self.clock().now();
        }
        loop {
            if let Some(minute) = self.minute(now.tick()) {
                // After the window, so that window ≤ total.
                let (total, last) = (self.total(), self.roster().last());
                return Glance {
                    total,
                    in_window: minute.events,
                    per_second: minute.per_second(now),
                    last_event_age: last.map(|last| age(last, now)),
                };
            }
            now = self.clock().now();
        }
    }

    /// The window as of second `now`; `None` if the clock has moved on meanwhile.
    #[inline]
    pub(crate) fn minute(&self, now: Tick) -> Option<Minute> {
        let Some(closed) = self.kept().get(now) else { return self.minute_by_pass(now) };
        let owned = Minute {
            events: self.roster().owned_total().wrapping_sub(closed.before),
            oldest: closed.oldest,
        };
        let minute = match self.roster().shared_in_use(now) {
            None => owned,
            Some(shared) => owned.plus(Minute::of_shared(shared, now)),
        };
        // Case 11, after the totals.
        (self.tick() == now).then_some(minute)
    }

    /// The same by a pass over all buckets, which keeps what is constant within the second.
    #[cold]
    #[inline(never)]
    fn minute_by_pass(&self, now: Tick) -> Option<Minute> {
        let mut sums = Sums::EMPTY;
        let is_still = self.roster().read_owned(now, &mut sums);
        let owned = Minute::of(&sums);
        let before = sums.total.wrapping_sub(owned.events);
        let shared = self.roster().shared_in_use(now);
        let minute = shared.map_or(owned, |shared| owned.plus(Minute::of_shared(shared, now)));
        if self.tick().0 > now.0 + GUARD {
            // Writers may have replaced seconds of the window: the caller tries again.
            spin_loop();
            return None;
        }
        // Cases 1 and 2. A sum of totals that stops at its end is not what later readers compute.
        if is_still && sums.total != u64::MAX {
            self.kept().keep(now, Closed { before, oldest: owned.oldest });
        }
        Some(minute)
    }
}

impl Minute {
    fn of(sums: &Sums) -> Self {
        let [oldest, seconds @ ..] = &sums.by_second;
        Self { events: seconds.iter().sum(), oldest: *oldest }
    }

    /// Not inlined: most meters have no shared ring, and 61 counts to be cleared for it.
    #[inline(never)]
    fn of_shared(ring: &SharedRing, now: Tick) -> Self {
        let mut sums = Sums::EMPTY;
        ring.read(now, &mut sums);
        Self::of(&sums)
    }

    fn plus(self, other: Self) -> Self {
        Self { events: self.events + other.events, oldest: self.oldest + other.oldest }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::time::ManualClock;

    #[cfg(feature = "http")]
    fn moment(seconds: u64) -> Moment {
        Moment::since_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn an_overtaken_pass_returns_nothing() {
        let clock = ManualClock::new();
        let meter = Meter::with_clock(clock.clone());
        meter.record_n(5);
        clock.set(Duration::from_secs(3));
        assert_eq!(meter.minute(Tick(0)), Some(Minute { events: 5, oldest: 0 }));
        assert_eq!(meter.minute(Tick(0)), None, "it is kept, but the clock has moved on");
        clock.set(Duration::from_secs(5));
        assert_eq!(meter.minute(Tick(1)), None, "writers may be four seconds ahead");
    }

    /// Totals that don't fit into 64 bits when they are added up.
    #[test]
    fn what_totals_past_their_range_show_is_not_kept() {
        let meter = Meter::with_clock(ManualClock::new());
        let mut locals = [(); 3].map(|()| meter.local());
        for local in &mut locals {
            local.record_n(1 << 63);
        }
        let first = meter.events_in_window();
        assert_eq!((meter.total(), meter.events_in_window()), (u64::MAX, first));
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_glance_agrees_with_a_snapshot() {
        let (clock, other) = (ManualClock::new(), ManualClock::new());
        for meter in [Meter::with_clock(clock.clone()), Meter::compact_with_clock(clock.clone())] {
            meter.record_n(7);
            clock.advance(Duration::from_millis(59_250));
            meter.record_n(2);
            clock.advance(Duration::from_secs(1));
            let now = clock.now();
            let expected = Glance::from(meter.snapshot());
            assert_eq!(meter.glance_as_of(&clock.clone().into(), now), expected);
            assert_eq!(meter.glance_as_of(&other.clone().into(), moment(1)), expected);
            // A moment that has passed long ago: the clock is read again.
            assert_eq!(meter.glance_as_of(&clock.clone().into(), moment(0)), expected);
        }
    }
}
