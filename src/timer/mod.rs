//! The timer: a meter whose events also took a while, and the distribution of that while.
//!
//! From the bottom up: [`layout`] divides an hour into 619 buckets; a [`word`] is a bucket's
//! count with the step of five seconds that it is of; [`times`] is a word for each bucket,
//! written by one thread, a part of its shard; [`steps`] is twelve words for each bucket,
//! written by all. What a timer has seen since its start is in a [`life`].
//!
//! # Who puts what where
//!
//! A thread counts in its own word as long as the clock shows the word's step k: a load and a
//! store. The thread's first sample in the same bucket in a later step c finds the count of k,
//! *moves* it to the shared word of k, and starts its own word anew with c. So nobody sweeps
//! anything, ever: a step ends for each thread and bucket when they next meet, which costs that
//! one sample two exchanges; and what a thread never touches again stays in its own word, where
//! readers find it as long as it is in their window.
//!
//! A move takes three stores, by which owner A comes from *count in A's word* to *count in the
//! shared word*:
//!
//! - m1: shared word of k: add the count and A's mark, in one exchange;
//! - m2: A's own word: step c, the new sample;
//! - m3: shared word of k: take the mark off.
//!
//! The shared word has room for one mark. If another thread's is on it (B is between its m1 and
//! m3, perhaps for long, since it may have lost its processor), A doesn't wait: it leaves its own
//! word as it is and adds the new sample straight to the shared word of c, as threads without a
//! shard always do. It tries again at its next sample. So a record never loops, and A's count is
//! always in exactly one place, or in two with a mark that says so.
//!
//! A step that is out of every window is not moved; its count has done its duty. What counts
//! since the start is kept elsewhere, in the [`life`] of each shard, and never moves.
//!
//! # Cases for a reader
//!
//! Reader R goes bucket by bucket. It loads every shard's own word, then the bucket's shared
//! words, then those of the own words again that could have been moved, and compares, for each
//! owner A:
//!
//! 1. *The first look shows step c, the current one*: nothing is moved out of c while c is
//!    current. An earlier move of A's is wholly before the look (m2 was seen), and what it put in
//!    (m1) is in the shared words that R loads after. Count what the look showed. The same holds
//!    if it shows a step that is not in the window, or nothing: there is nothing to count, and
//!    what A may record and move while R goes on is in the shared words or it is not.
//! 2. *Both looks show step k, and k's shared word has A's mark*: R came between m1 and m2. The
//!    count is in the shared word; don't count A's word.
//! 3. *Both looks show step k, without A's mark*: then m1 was not seen. Had it been, the mark
//!    would have been off again already (nobody replaces a mark, and a shared word of a step in
//!    the window is not replaced), so m3 would have been seen, and with it m2: but the second
//!    look shows k. The count is not in the shared word; count A's word.
//! 4. *The looks differ*: m2 came in between. R goes through this bucket again. That happens at
//!    most once a step for each owner, since a step is moved once.
//! 5. *A is held up anywhere*, for however long: cases 1 to 3 hold in every state that A can be
//!    stopped in. R waits for nobody.
//! 6. *A is ahead of R*: A's clock shows a step after R's. A may have dropped or replaced what
//!    R's window contains. R finds the published tick moved on when it is through, and reads
//!    again; that is once in five seconds.
//!
//! # Buckets that were never used
//!
//! Most of the 619 never are, so R asks a bit first, which whoever puts something in a bucket for
//! the first time has set before. It is never taken back. R may miss a bit that is being set: then
//! the sample behind it is being recorded, and R's pass is before it. It can't miss the bit of a
//! sample that it has to see (one whose record was over before R began): the recorder has set or
//! seen the bit, and a thread's loads of one word don't go back behind those that happened before
//! them. So Relaxed is enough, and the pass costs by the buckets that are in use.
//!
//! # Orderings
//!
//! 1. **own word `Release` → reader's own word `Acquire`.** The owner writes the meter's total,
//!    then its life, then the word; a reader reads words, then lives, then the meter. So samples
//!    in the window ≤ samples ever ≤ events of the meter. It also carries m1 before m2 (case 1).
//! 2. **shared word `Release` (m1, or a direct addition) → reader's `Acquire`.** The same for
//!    counts that are seen there. Later changes continue the release sequence.
//! 3. **shared word `Release` (m3) → reader's `Acquire`.** Who sees the mark gone sees m2
//!    (case 3).
//!
//! Handing a shard from owner to owner is `window`'s pair 2.

mod distribution;
#[cfg(feature = "internals")]
pub(crate) mod internals;
mod layout;
mod life;
mod steps;
mod times;
mod timing;
mod window;
mod word;

pub use distribution::{Distribution, Lifetime, TimerSnapshot};
pub(crate) use times::Times;
pub use timing::Timing;

use std::fmt;
#[cfg(feature = "service")]
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::meter::Meter;
use crate::snapshot::Snapshot;
use crate::sync::OnceLock;
use crate::tick::{Moment, Tick};
use crate::window::shard::Shard;
use steps::Steps;
use word::Step;

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
/// assert_eq!(now.lifetime().max(), Some(Duration::from_millis(12)));
/// ```
///
/// Recording has all the properties that it has on a meter: it takes no lock, reads no clock,
/// allocates nothing after a thread's first record and never waits for anybody.
///
/// # What it keeps
///
/// A [`Distribution`] of the last minute, in buckets that are at most a sixteenth wide, so that
/// what is told of it is within 3.2 % of the truth; and the [`Lifetime`] figures since the start,
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
    steps: OnceLock<Box<Steps>>,
}

/// The meter of a timer, which is one whose shards have [`Times`].
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
    fn record_late(&self, duration: Duration) {
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

    fn steps(&self) -> &Steps {
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
