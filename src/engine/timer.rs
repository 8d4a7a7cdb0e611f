//! The timer: a meter whose events also have a duration.

use std::cell::Cell;
use std::fmt;
#[cfg(feature = "service")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "http")]
use crate::engine::distribution::SinceStart;
use crate::engine::distribution::TimerSnapshot;
use crate::engine::durations::layout;
use crate::engine::durations::reader::{self, Filled};
use crate::engine::durations::shared::SharedDurations;
use crate::engine::durations::since_start::{SinceStartCells, SinceStartSums};
use crate::engine::durations::word::Step;
use crate::engine::meter::Meter;
use crate::engine::shards::shard::Shard;
use crate::engine::snapshot::Snapshot;
use crate::engine::sync::{OnceLock, per_thread};
use crate::engine::time::{Clock, Moment, Tick};

/// Counts events and reports their rate, like a [`Meter`], and how long they took.
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
/// A record has all the properties that it has on a meter: it takes no lock, reads no clock, allocates
/// nothing after a thread's first record, and never waits for another thread.
///
/// # What it keeps
///
/// A [`Distribution`](crate::Distribution) of the last minute, in buckets that are at most a sixteenth
/// wide, so that its durations are within 3.2 % of the truth; and the figures
/// [`SinceStart`](crate::SinceStart), which are exact. A duration of more than an hour counts as an hour.
///
/// # Limits
///
/// A timer takes 60 KiB from its first record on, and 6 KiB more for each thread that records on it at the
/// same time, up to 256 threads. All further threads share the words that they write. The distribution
/// holds 2^33 samples for each bucket and step of five seconds. More are missing from the distribution,
/// but not from the figures since the start.
#[doc(alias = "histogram")]
#[doc(alias = "latency")]
#[doc(alias = "stopwatch")]
pub struct Timer {
    meter: MeterOf,
    /// Allocated by the first record.
    shared: OnceLock<Box<SharedDurations>>,
    /// What threads without a shard recorded since the start.
    since_start: SinceStartCells,
}

per_thread! {
    /// Whether this thread is allocating what the threads of a timer share.
    static ALLOCATING_SHARED: Cell<bool> = Cell::new(false);
}

/// The meter that counts the events of a timer. The meter of a service may be older than its timer; its
/// shards then have no room for durations.
#[allow(clippy::large_enum_variant)] // A static timer has its meter inside.
enum MeterOf {
    This(Meter),
    #[cfg(feature = "service")]
    Service(Arc<Meter>),
}

impl Timer {
    /// A timer on the system's monotonic clock. It costs nothing until its first use.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            meter: MeterOf::This(Meter::timed()),
            shared: OnceLock::new(),
            since_start: SinceStartCells::new(),
        }
    }

    /// A timer on another clock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tickring::{ManualClock, Timer};
    ///
    /// let clock = ManualClock::new();
    /// let timer = Timer::with_clock(clock.clone());
    /// timer.time(|| clock.advance(Duration::from_millis(20)));
    /// assert_eq!(timer.snapshot().since_start().sum(), Duration::from_millis(20));
    /// ```
    #[must_use]
    pub fn with_clock(clock: impl Into<Clock>) -> Self {
        let meter = Meter::timed_with_clock(clock.into());
        Self {
            meter: MeterOf::This(meter),
            shared: OnceLock::new(),
            since_start: SinceStartCells::new(),
        }
    }

    /// A timer of the events of a meter that others hold, too. If that was not made for a timer, its
    /// shards have no room for durations, and all threads write them to the same words.
    #[cfg(feature = "service")]
    pub(crate) fn of_meter(meter: Arc<Meter>) -> Self {
        Self {
            meter: MeterOf::Service(meter),
            shared: OnceLock::new(),
            since_start: SinceStartCells::new(),
        }
    }

    /// The meter that it shares with others.
    #[cfg(feature = "service")]
    pub(crate) fn meter_of_service(&mut self) -> Option<&mut Arc<Meter>> {
        match &mut self.meter {
            MeterOf::This(_) => None,
            MeterOf::Service(meter) => Some(meter),
        }
    }

    /// The meter that counts the events of this timer. An event that is recorded on the meter directly
    /// counts, but has no duration.
    #[inline]
    #[must_use]
    pub fn meter(&self) -> &Meter {
        match &self.meter {
            MeterOf::This(meter) => meter,
            #[cfg(feature = "service")]
            MeterOf::Service(meter) => meter,
        }
    }

    /// Counts one event that took `duration`, now.
    #[doc(alias = "observe")]
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
            _ => self.record_cold(nanos, n),
        }
    }

    #[inline]
    fn add(&self, shard: &Shard, tick: Tick, nanos: u64, n: u64) {
        shard.ring().add(tick, n);
        self.add_duration(shard, tick, nanos, n);
    }

    /// Records how long an event took that the meter has counted before.
    pub(crate) fn record_duration_only(&self, duration: Duration) {
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
        match shard.durations() {
            Some(own) => own.add(Step::of(tick), nanos, n, || self.shared()),
            None => self.add_shared(tick, nanos, n),
        }
    }

    /// Counts a duration in the words that all threads write.
    #[cold]
    fn add_shared(&self, tick: Tick, nanos: u64, n: u64) {
        let bucket = layout::index(nanos);
        self.since_start.add_shared(layout::le_index(bucket, nanos), nanos, n);
        if let Some(shared) = self.shared() {
            shared.add(Step::of(tick), bucket, n);
        }
    }

    /// A record of a thread whose cache doesn't have its shard, of a thread without a shard, or of no
    /// event.
    #[cold]
    #[inline(never)]
    fn record_cold(&self, nanos: u64, n: u64) {
        if n == 0 {
            return;
        }
        // Allocates it here, so that no later record has to.
        self.shared();
        let shard = self.meter().find_shard();
        let tick = self.meter().tick();
        if let Some(shard) = shard {
            self.add(shard, tick, nanos, n);
        } else {
            self.meter().roster().add_shared(tick, n);
            self.add_shared(tick, nanos, n);
        }
    }

    /// What all threads share; allocated now if need be. `None` if this thread is in the middle of that.
    #[inline]
    fn shared(&self) -> Option<&SharedDurations> {
        self.shared.get().map(AsRef::as_ref).or_else(|| self.allocate_shared())
    }

    /// The allocator may record on this very timer while a thread is in here. Without the guard it would
    /// come here again, and so on until the stack ends.
    #[cold]
    fn allocate_shared(&self) -> Option<&SharedDurations> {
        if ALLOCATING_SHARED.try_with(|allocating| allocating.replace(true)).unwrap_or(false) {
            return None;
        }
        // If another thread is first, what it has set is used.
        let _ = self.shared.set(Box::new(SharedDurations::new()));
        let _ = ALLOCATING_SHARED.try_with(|allocating| allocating.set(false));
        self.shared.get().map(AsRef::as_ref)
    }

    /// All figures as of now, in a pass over the buckets that were ever used: twelve words for each, and
    /// two more for each shard. It costs from half a microsecond (one bucket) to a few (all 619). It
    /// writes nothing that a recorder touches.
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

    /// The figures as of `now`, or `None` if the clock moved on so far during the pass that writers may
    /// have replaced counts of the windows.
    pub(crate) fn snapshot_at(&self, now: Moment) -> Option<TimerSnapshot> {
        let step = Step::of(now.tick());
        let filled = self.read_window(step);
        let since_start = self.read_since_start();
        let mut events = Snapshot::empty();
        let in_time =
            self.meter().read_into(&mut events, now) && Step::of(self.meter().tick()) <= step;
        in_time.then(|| TimerSnapshot::new(events, filled, since_start))
    }

    /// The counts of the window, as of step `now`.
    fn read_window(&self, now: Step) -> Vec<Filled> {
        // Without it there is no sample in any word: `OwnDurations::turn` needs it for the first one.
        let Some(shared) = self.shared.get() else { return Vec::new() };
        let shards = self.meter().roster().shards();
        reader::read(shared, shards.filter_map(|shard| shard.durations()), now)
    }

    /// The figures since the start, without those of the window. Read before the meter, they have at most as
    /// many samples as that has events.
    #[cfg(feature = "http")]
    pub(crate) fn since_start(&self) -> SinceStart {
        SinceStart::new(self.read_since_start())
    }

    /// The sums since the start. They must be read after the window.
    fn read_since_start(&self) -> SinceStartSums {
        let mut sums = SinceStartSums::default();
        for own in self.meter().roster().shards().filter_map(|shard| shard.durations()) {
            own.read_since_start(&mut sums);
        }
        self.since_start.read(&mut sums);
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

#[cfg(all(test, not(loom)))]
mod tests;
