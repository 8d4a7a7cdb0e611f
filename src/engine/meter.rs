//! The meter: counts events and reports their rate.

use std::fmt;
use std::time::Duration;

use crate::engine::seconds::GUARD;
use crate::engine::seconds::kept::Kept;
use crate::engine::shards::key::new_key;
use crate::engine::shards::pool::{COUNTING, NO_SHARDS, TIMING};
use crate::engine::shards::roster::Roster;
use crate::engine::shards::shard::Shard;
use crate::engine::shards::table::Lookup;
use crate::engine::shards::thread;
use crate::engine::snapshot::Snapshot;
use crate::engine::sync::{AtomicU64, Ordering, const_unless_loom, spin_loop};
#[cfg(not(loom))]
use crate::engine::time::system_ticks;
use crate::engine::time::{Clock, TickCell};
use crate::engine::time::{Moment, Tick};

/// Counts events and reports their rate.
///
/// To record costs less than one uncontended atomic addition, from any number of threads at the same
/// time: each thread has its own total and its own ring of per-second buckets, and to record is a plain
/// load and a plain store. After a thread's first record on a meter, a record takes no lock, allocates
/// nothing, makes no system call, reads no clock and never loops. A reader writes nothing that a
/// recorder touches. A snapshot takes one cache line from each thread that is recording, which that
/// thread then has to fetch back (on one EPYC 30 ns between two near cores, 170 between two distant
/// ones).
///
/// ```
/// use tickring::Meter;
///
/// static FRAMES: Meter = Meter::new();
///
/// FRAMES.record();
/// FRAMES.record_n(128);
/// let now = FRAMES.snapshot();
/// assert_eq!(now.total(), 129);
/// assert_eq!(now.events_in_window(), 129);
/// ```
///
/// # Not for admission
///
/// Do not admit requests while the rate over the minute is below a limit: at ten times the limit such a
/// gate is open for 6 s and then closed for 54.
/// [`Snapshot::events_per_second_over`] has a recipe that admits evenly.
///
/// # Limits
///
/// A meter takes 704 bytes for each thread that records on it at the same time, up to 256 threads. They are
/// never freed: when a thread ends, they go to the next one, and when the meter is dropped, to another meter.
/// All further threads share one ring, where a record costs an atomic addition. One second of one thread
/// holds 2^40 events. More are missing from the rate, but not from the total, which is exact up to
/// 2^63.
///
/// A signal handler may record on a meter only if its thread has recorded there before (a first record
/// allocates, which can hang in a handler), and only if no code that it interrupts records on that meter.
/// Otherwise the record that it interrupts, or its own, can be lost.
// What recorders read here, nobody writes after the first use. The alignment keeps it away from what is
// beside the meter and may be written, such as the counts of an `Arc`.
#[repr(align(128))]
#[doc(alias = "counter")]
#[doc(alias = "rate")]
#[doc(alias = "qps")]
#[doc(alias = "throughput")]
pub struct Meter {
    /// Unique among all meters of the process; 0 until the first use. Relaxed: it publishes nothing,
    /// and the roster has its own orderings.
    key: AtomicU64,
    /// The published tick of `clock`, one step nearer for recorders.
    ticks: &'static TickCell,
    clock: Clock,
    /// Nanoseconds from the clock's origin to the first use; `u64::MAX` before that. Relaxed: only the
    /// least of the values that are put here counts.
    started: AtomicU64,
    roster: Roster,
    /// On a cache line of its own, which only readers write.
    kept: Kept,
}

impl Meter {
    /// A meter on the system's monotonic clock. It costs nothing until its first use.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self::on(Clock::System, system_ticks(), Roster::new(&COUNTING))
    }

    /// A meter on another clock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tickring::{ManualClock, Meter};
    ///
    /// let clock = ManualClock::new();
    /// let meter = Meter::with_clock(clock.clone());
    /// meter.record_n(60);
    /// clock.advance(Duration::from_secs(59));
    /// assert_eq!(meter.snapshot().events_per_second(), 1.0);
    /// ```
    #[must_use]
    pub fn with_clock(clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        let ticks = clock.published();
        Self::on(clock, ticks, Roster::new(&COUNTING))
    }

    /// A meter for which threads get no shards: all of them record on one ring. It takes 800 bytes in all,
    /// whatever the number of threads, where [`new`](Self::new) takes 704 more for each thread. A record
    /// costs two atomic additions, and more when several threads record at the same time. A read in a
    /// second in which somebody recorded, or in the minute after it, costs a pass over 61 buckets.
    ///
    /// It is for meters by the thousand, one a customer say, most of which are seldom used.
    ///
    /// ```
    /// use tickring::Meter;
    ///
    /// let customers: Vec<Meter> = (0..1_000).map(|_| Meter::compact()).collect();
    /// customers[17].record();
    /// assert_eq!(customers[17].events_in_window(), 1);
    /// ```
    #[cfg(not(loom))]
    #[must_use]
    pub const fn compact() -> Self {
        Self::on(Clock::System, system_ticks(), Roster::new(&NO_SHARDS))
    }

    /// A [`compact`](Self::compact) meter on another clock.
    ///
    /// ```
    /// let clock = tickring::ManualClock::new();
    /// let meter = tickring::Meter::compact_with_clock(clock);
    /// meter.record_n(120);
    /// assert_eq!((meter.events_per_second(), meter.shards()), (2.0, 0));
    /// ```
    #[must_use]
    pub fn compact_with_clock(clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        let ticks = clock.published();
        Self::on(clock, ticks, Roster::new(&NO_SHARDS))
    }

    /// A meter whose shards also count durations, for a [`Timer`](crate::Timer).
    #[cfg(not(loom))]
    pub(crate) const fn timed() -> Self {
        Self::on(Clock::System, system_ticks(), Roster::new(&TIMING))
    }

    /// The same on another clock.
    pub(crate) fn timed_with_clock(clock: Clock) -> Self {
        let ticks = clock.published();
        Self::on(clock, ticks, Roster::new(&TIMING))
    }

    const_unless_loom! {
        fn on(clock: Clock, ticks: &'static TickCell, roster: Roster) -> Self {
        Self {
            key: AtomicU64::new(0),
            ticks,
            clock,
            started: AtomicU64::new(u64::MAX),
            roster,
            kept: Kept::new(),
        }
    }
    }

    /// Counts one event, now.
    #[doc(alias = "inc")]
    #[doc(alias = "increment")]
    #[doc(alias = "mark")]
    #[inline]
    pub fn record(&self) {
        self.record_n(1);
    }

    /// Counts `n` events (or bytes, or whatever the meter counts), now.
    #[doc(alias = "add")]
    #[doc(alias = "inc_by")]
    #[inline]
    pub fn record_n(&self, n: u64) {
        let key = self.key.load(Ordering::Relaxed);
        match thread::cached(key) {
            Some(shard) => shard.ring().add(self.ticks.load(), n),
            None => self.record_cold(n),
        }
    }

    /// A record on a meter that doesn't have its own place in the thread's cache.
    #[cold]
    #[inline(never)]
    fn record_cold(&self, n: u64) {
        let (key, tick) = (self.key.load(Ordering::Relaxed), self.ticks.load());
        if let Some(shard) = thread::cached_beside(key) {
            return shard.ring().add(tick, n);
        }
        if self.roster.is_compact() {
            return self.record_first(n);
        }
        match thread::found(key) {
            Some(Lookup::Owned(shard, _)) => shard.ring().add(tick, n),
            // An event of this thread has begun this second there.
            Some(Lookup::CapReached { at }) if at == tick => self.roster.add_shared(tick, n),
            _ => self.record_first(n),
        }
    }

    /// The thread's first record on this meter, its first in a second if all shards are taken, or any
    /// on a compact meter.
    #[cold]
    #[inline(never)]
    fn record_first(&self, n: u64) {
        if n == 0 {
            return;
        }
        let key = self.start_once();
        if self.roster.is_compact() {
            return self.roster.add_shared(self.tick(), n);
        }
        let tick = self.tick();
        match thread::find(key, &self.roster, tick) {
            Some(shard) => shard.ring().add(tick, n),
            None => self.roster.add_shared(tick, n),
        }
    }

    /// All figures as of now, in one pass. It costs one reading of the clock and a pass over 61 buckets
    /// for each shard. It writes nothing that a recorder touches.
    ///
    /// ```
    /// let meter = tickring::Meter::new();
    /// meter.record_n(120);
    /// let now = meter.snapshot();
    /// assert_eq!((now.total(), now.events_per_second()), (120, 2.0));
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        loop {
            let mut snapshot = Snapshot::empty();
            if self.read_into(&mut snapshot, self.clock.now()) {
                return snapshot;
            }
        }
    }

    /// A snapshot, and the moment of the meter's clock as of which it is.
    #[cfg(feature = "service")]
    pub(crate) fn snapshot_and_moment(&self) -> (Snapshot, Moment) {
        loop {
            let (mut snapshot, now) = (Snapshot::empty(), self.clock.now());
            if self.read_into(&mut snapshot, now) {
                return (snapshot, now);
            }
        }
    }

    /// The figures as of `now`, a moment of `clock` that was read just before. They belong to a later
    /// moment if the meter has another clock, or if the clock has moved on too far since.
    #[cfg(feature = "service")]
    pub(crate) fn snapshot_as_of(&self, clock: &Clock, now: Moment) -> Snapshot {
        let mut snapshot = Snapshot::empty();
        if self.clock.is(clock) && self.read_into(&mut snapshot, now) {
            return snapshot;
        }
        self.snapshot()
    }

    /// Fills an empty snapshot as of `now`, in place. `false` if the clock moved on so far during the pass
    /// that writers may have replaced seconds of the window: the caller then tries again.
    #[inline]
    pub(crate) fn read_into(&self, snapshot: &mut Snapshot, now: Moment) -> bool {
        self.roster.read(now.tick(), snapshot.sums_mut());
        let in_time = self.ticks.load().0 <= now.tick().0 + GUARD;
        snapshot.set_times(now, self.started(now));
        if !in_time {
            // Before the caller tries again.
            spin_loop();
        }
        in_time
    }

    /// The calling thread's shard, if the cache has it.
    #[inline]
    pub(crate) fn shard(&self) -> Option<&'static Shard> {
        thread::cached(self.key.load(Ordering::Relaxed))
    }

    /// The calling thread's shard; joins the roster if need be. `None` if there is none to be had.
    pub(crate) fn find_shard(&self) -> Option<&'static Shard> {
        let key = self.start_once();
        thread::cached_beside(key).or_else(|| thread::find(key, &self.roster, self.tick()))
    }

    /// The second in which recorders count now.
    #[inline]
    pub(crate) fn tick(&self) -> Tick {
        self.ticks.load()
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How many shards the meter has. Each recording thread needs one; a thread that ends leaves its shard
    /// to the next.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.roster.len()
    }

    /// The key of the meter. The first call also starts the clock and the uptime.
    pub(crate) fn start_once(&self) -> u64 {
        match self.key.load(Ordering::Relaxed) {
            0 => self.start(),
            key => key,
        }
    }

    #[cold]
    fn start(&self) -> u64 {
        self.clock.start();
        self.started(self.clock.now());
        // Of several threads that come here at the same time, the first sets the key for all.
        let relaxed = Ordering::Relaxed;
        match self.key.compare_exchange(0, new_key(), relaxed, relaxed) {
            Ok(_) => self.key.load(relaxed),
            Err(key) => key,
        }
    }

    /// When the meter was first used: `now`, if this is the first use.
    fn started(&self, now: Moment) -> Moment {
        let now = u64::try_from(now.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut started = self.started.load(Ordering::Relaxed);
        if started == u64::MAX {
            started = self.note_use(now);
        }
        Moment::since_origin(Duration::from_nanos(started))
    }

    /// Several threads may use the meter for the first time at once: the earliest use counts.
    fn note_use(&self, now: u64) -> u64 {
        self.started.fetch_min(now, Ordering::Relaxed).min(now)
    }
}

#[cfg(not(loom))]
impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("total", &self.snapshot().total())
            .field("shards", &self.shards())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::engine::shards::roster::CAP;
    use crate::engine::time::ManualClock;

    /// Otherwise a timer would report the same, but all its threads would share what they write.
    #[test]
    fn a_timed_meters_shards_have_durations() {
        let clock = || ManualClock::new().into();
        for (meter, timed) in
            [(Meter::timed_with_clock(clock()), true), (Meter::with_clock(clock()), false)]
        {
            assert!(meter.shard().is_none());
            let shard = meter.find_shard().unwrap();
            assert_eq!(shard.durations().is_some(), timed);
            assert!(std::ptr::eq(meter.shard().unwrap(), shard));
        }
    }

    /// Two threads have found that the meter has no key.
    #[test]
    fn a_meter_gets_one_key() {
        let meter = Meter::with_clock(ManualClock::new());
        let key = meter.start();
        assert_ne!(key, 0);
        assert_eq!(meter.start(), key);
        assert_eq!(meter.start_once(), key);
    }

    /// Three threads have found no use before their own.
    #[test]
    fn the_earliest_of_several_first_uses_counts() {
        let meter = Meter::with_clock(ManualClock::new());
        assert_eq!([5, 3, 4].map(|now| meter.note_use(now)), [5, 3, 3]);
    }

    #[test]
    fn an_overtaken_reader_is_turned_away() {
        let clock = ManualClock::new();
        let meter = Meter::with_clock(clock.clone());
        meter.record();
        let now = clock.elapsed();
        for (second, in_time) in [(3, true), (4, false)] {
            clock.set(Duration::from_secs(second));
            let read = meter.read_into(&mut Snapshot::empty(), Moment::since_origin(now));
            assert_eq!(read, in_time, "at {second} s");
        }
        assert_eq!(meter.snapshot().total(), 1);
    }

    #[test]
    fn a_meter_shows_its_total_and_its_shards() {
        let meter = Meter::default();
        meter.record_n(12);
        assert_eq!(format!("{meter:?}"), "Meter { total: 12, shards: 1, .. }");
    }

    /// Past the cap a thread tries again in the next second, and only then.
    #[test]
    fn a_thread_past_the_cap_gets_a_shard_that_is_free() {
        let clock = ManualClock::new();
        let meter = Meter::with_clock(clock.clone());
        let mut all: Vec<_> = (0..CAP).map(|_| meter.local()).collect();
        let owned = || {
            meter.record();
            meter.roster().owned_total()
        };
        assert_eq!(owned(), 0);
        all.pop();
        assert_eq!([owned(), owned()], [0, 0]);
        clock.advance(Duration::from_secs(1));
        assert_eq!([owned(), owned()], [1, 2]);
        assert_eq!(meter.total(), 5);
    }
}
