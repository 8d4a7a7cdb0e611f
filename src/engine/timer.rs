//! The timer: a meter whose events also took a while, and the distribution of that while.

use std::fmt;
#[cfg(feature = "service")]
use std::sync::Arc;
use std::time::Duration;

use crate::engine::distribution::TimerSnapshot;
use crate::engine::durations::layout;
use crate::engine::durations::reader::{self, Filled};
use crate::engine::durations::shared::Steps;
use crate::engine::durations::since_start::LifeSums;
use crate::engine::durations::word::Step;
use crate::engine::meter::Meter;
use crate::engine::shards::shard::Shard;
use crate::engine::snapshot::Snapshot;
use crate::engine::sync::OnceLock;
use crate::engine::time::Clock;
use crate::engine::time::{Moment, Tick};
use crate::engine::timing::Timing;

/// Counts events and tells their rate, like a [`Meter`], and how long they took.
///
/// ```
/// use std::time::Duration;
/// use tickring::Timer;
///
/// static QUERIES: Timer = Timer::new();
///
/// QUERIES.record(Duration::from_millis(12));
/// let rows = QUERIES.time(|| 6 * 7);
/// {
///     let _timing = QUERIES.start(); // records when it is dropped
/// }
/// let now = QUERIES.snapshot();
/// assert_eq!(now.events().total(), 3);
/// let longest = now.distribution().max().unwrap();
/// assert!(longest.abs_diff(Duration::from_millis(12)) < Duration::from_micros(400));
/// assert_eq!(now.since_start().max(), Some(Duration::from_millis(12)));
/// ```
///
/// Recording has all the properties that it has on a meter: it takes no lock, reads no clock,
/// allocates nothing after a thread's first record and never waits for anybody.
///
/// # What it keeps
///
/// A [`Distribution`](crate::Distribution) of the last minute, in buckets that are at most a sixteenth wide, so that
/// what is told of it is within 3.2 % of the truth; and the [`SinceStart`](crate::SinceStart) figures since the start,
/// which are exact. Durations of more than an hour are taken as an hour.
///
/// # Limits
///
/// A timer takes up 60 KiB from its first record on, and 6 KiB more for each thread that records
/// on it at the same time, up to 256 threads; any further threads share what they write to. The
/// distribution holds 2^33 samples for each bucket and step of five seconds; what exceeds that
/// is missing from the distribution, but not from the lifetime figures.
pub struct Timer {
    meter: Counted,
    /// Made at the first record.
    pub(crate) steps: OnceLock<Box<Steps>>,
}

/// The meter of a timer, which is one whose shards have `Times`.
#[allow(clippy::large_enum_variant)] // A static has its meter within it.
enum Counted {
    Own(Meter),
    #[cfg(feature = "service")]
    Shared(Arc<Meter>),
}

impl Timer {
    /// A timer on the system's monotonic clock. It costs nothing until its first use.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { meter: Counted::Own(Meter::timed()), steps: OnceLock::new() }
    }

    /// A timer on a clock of the caller's choice; see [`ManualClock`](crate::ManualClock).
    #[must_use]
    pub fn with_clock(clock: impl Into<Clock>) -> Self {
        let meter = Meter::timed_with_clock(clock.into());
        Self { meter: Counted::Own(meter), steps: OnceLock::new() }
    }

    /// A timer of the events of a meter that others hold, too. If it is not a timed one, its
    /// shards have no room for durations: all threads share what they write these to.
    #[cfg(feature = "service")]
    pub(crate) fn of_meter(meter: Arc<Meter>) -> Self {
        Self { meter: Counted::Shared(meter), steps: OnceLock::new() }
    }

    /// The meter that counts this timer's events. An event recorded on it directly counts, but
    /// has no duration.
    #[inline]
    #[must_use]
    pub fn meter(&self) -> &Meter {
        match &self.meter {
            Counted::Own(meter) => meter,
            #[cfg(feature = "service")]
            Counted::Shared(meter) => meter,
        }
    }

    /// Counts one event that took `duration`, now.
    #[inline]
    pub fn record(&self, duration: Duration) {
        self.record_n(duration, 1);
    }

    /// Counts `n` events that took `duration` each, now.
    #[inline]
    pub fn record_n(&self, duration: Duration, n: u64) {
        let nanos = layout::nanos(duration);
        match self.meter().shard() {
            Some(shard) if n != 0 => self.add(shard, self.meter().tick(), nanos, n),
            _ => self.record_uncached(nanos, n),
        }
    }

    #[inline]
    fn add(&self, shard: &Shard, tick: Tick, nanos: u64, n: u64) {
        shard.ring().add(tick, n);
        self.add_duration(shard, tick, nanos, n);
    }

    /// Records how long an event took that has been counted on the meter before.
    pub(crate) fn record_late(&self, duration: Duration) {
        let nanos = layout::nanos(duration);
        let shard = self.meter().find_shard();
        let tick = self.meter().tick();
        match shard {
            Some(shard) => self.add_duration(shard, tick, nanos, 1),
            None => self.add_shared(tick, nanos, 1),
        }
    }

    #[inline]
    fn add_duration(&self, shard: &Shard, tick: Tick, nanos: u64, n: u64) {
        match shard.times() {
            Some(times) => times.add(Step::of(tick), nanos, n, || self.steps()),
            None => self.add_shared(tick, nanos, n),
        }
    }

    /// Where those write who have no words of their own.
    #[cold]
    fn add_shared(&self, tick: Tick, nanos: u64, n: u64) {
        let (steps, bucket) = (self.steps(), layout::index(nanos));
        steps.life.add_shared(layout::class(bucket, nanos), nanos, n);
        steps.add(Step::of(tick), bucket, n);
    }

    /// The thread's first record on this timer, or one whose cache entry another meter took, or
    /// one of a thread that has no shard.
    #[cold]
    #[inline(never)]
    fn record_uncached(&self, nanos: u64, n: u64) {
        if n == 0 {
            return;
        }
        // Made here, so that no later record has to.
        self.steps();
        let shard = self.meter().find_shard();
        let tick = self.meter().tick();
        if let Some(shard) = shard {
            self.add(shard, tick, nanos, n);
        } else {
            self.meter().roster().add_shared(tick, n);
            self.add_shared(tick, nanos, n);
        }
    }

    pub(crate) fn steps(&self) -> &Steps {
        loop {
            if let Some(steps) = self.steps.get() {
                return steps;
            }
            // If another thread is first, its steps are there in the next round.
            let _ = self.steps.set(Box::new(Steps::new()));
        }
    }

    /// Begins to time an event, which is recorded when the returned guard is dropped.
    #[inline]
    pub fn start(&self) -> Timing<'_> {
        Timing::start(self)
    }

    /// Begins to time an event that counts at once, like a request, which shows in its own
    /// answer. Its duration is recorded when the guard is dropped.
    #[cfg(feature = "http")]
    pub(crate) fn start_counted(&self) -> Timing<'_> {
        Timing::start_counted(self)
    }

    /// Times a call. If it panics, the time up to there is recorded.
    #[inline]
    pub fn time<T>(&self, call: impl FnOnce() -> T) -> T {
        let _timing = self.start();
        call()
    }

    /// All figures as of now, in a pass over the buckets that were ever used: of twelve words each,
    /// and two for each thread that records. Costs from half a microsecond (one bucket) to a few
    /// (all 619 of them); writes nothing that a recorder touches.
    #[must_use]
    pub fn snapshot(&self) -> TimerSnapshot {
        loop {
            let now = self.clock().now();
            if let Some(snapshot) = self.snapshot_at(now) {
                return snapshot;
            }
        }
    }

    /// As [`Meter::snapshot_as_of`].
    #[cfg(feature = "service")]
    pub(crate) fn snapshot_as_of(&self, clock: &Clock, now: Moment) -> TimerSnapshot {
        let same = self.clock().is(clock);
        same.then(|| self.snapshot_at(now)).flatten().unwrap_or_else(|| self.snapshot())
    }

    /// The figures as of `now`, unless the clock moves on during the pass so far that writers may
    /// have replaced what belongs to its windows.
    fn snapshot_at(&self, now: Moment) -> Option<TimerSnapshot> {
        let step = Step::of(now.tick());
        let filled = self.read_window(step);
        let life = self.read_life();
        let mut events = Snapshot::empty();
        let in_time =
            self.meter().read_into(&mut events, now) && Step::of(self.meter().tick()) <= step;
        in_time.then(|| TimerSnapshot::new(events, filled, life))
    }

    /// The window's counts, as of step `now`.
    fn read_window(&self, now: Step) -> Vec<Filled> {
        if self.steps.get().is_none() && self.meter().shards() == 0 {
            return Vec::new();
        }
        let shards = self.meter().roster().shards();
        reader::read(self.steps(), shards.filter_map(|shard| shard.times()), now)
    }

    /// What was seen since the start. To be read after the window.
    fn read_life(&self) -> LifeSums {
        let mut sums = LifeSums::default();
        for times in self.meter().roster().shards().filter_map(|shard| shard.times()) {
            times.read_life(&mut sums);
        }
        if let Some(steps) = self.steps.get() {
            steps.life.read(&mut sums);
        }
        sums
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.meter().clock()
    }
}

#[cfg(not(loom))]
impl Default for Timer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("meter", self.meter()).finish_non_exhaustive()
    }
}
