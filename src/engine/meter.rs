//! The meter: what a service records on and reads from.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::engine::seconds::{GUARD, Sums};
use crate::engine::shards::cache;
use crate::engine::shards::roster::Roster;
use crate::engine::shards::shard::{Shard, Token, unique_number};
use crate::engine::snapshot::Snapshot;
use crate::engine::sync::{AtomicU64, Ordering, spin_loop};
use crate::engine::time::{Clock, TickCell};
use crate::engine::time::{Moment, Tick};

/// Counts events and tells their rate.
///
/// Recording costs less than one uncontended atomic addition, from any number of threads at once:
/// each thread has a total and a ring of per-second buckets of its own, and recording is a plain
/// load and a plain store. After a thread's first record on a meter, recording takes no lock, allocates
/// nothing, makes no system call, reads no clock and never loops. A reader writes nothing that a
/// recorder touches; a snapshot costs a thread that is recording the way of one cache line to
/// the reader and back (on one EPYC 30 ns between two cores that are close, 170 between two that
/// aren't).
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
/// # Limits
///
/// A meter takes up 704 bytes for each thread that records on it at the same time, up to 256
/// threads; any further threads share one ring, where recording costs an atomic addition. A
/// second of one thread holds 2^40 events; more are missing from the rate, but not from the
/// total, which is exact up to 2^63.
///
/// A signal handler that interrupts a record on the same thread and records on the same meter
/// can lose the interrupted record.
pub struct Meter {
    /// Unique among all meters of the process; 0 until the first use. Relaxed: it publishes
    /// nothing, the roster has its own orderings.
    key: AtomicU64,
    /// The clock's published tick, at hand for the recorders.
    ticks: &'static TickCell,
    clock: Clock,
    /// Nanoseconds from the clock's origin to the first use; `u64::MAX` before that. Relaxed: the
    /// least of all that are put here counts.
    started: AtomicU64,
    roster: Roster,
}

impl Meter {
    /// A meter on the system's monotonic clock. It costs nothing until its first use.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            key: AtomicU64::new(0),
            ticks: crate::engine::time::system_ticks(),
            clock: Clock::System,
            started: AtomicU64::new(u64::MAX),
            roster: Roster::new(),
        }
    }

    /// A meter on a clock of the caller's choice; see [`ManualClock`](crate::ManualClock).
    #[must_use]
    pub fn with_clock(clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        Self {
            key: AtomicU64::new(0),
            ticks: clock.published(),
            clock,
            started: AtomicU64::new(u64::MAX),
            roster: Roster::new(),
        }
    }

    /// A meter whose shards also count durations, for a [`Timer`](crate::Timer).
    #[cfg(not(loom))]
    pub(crate) const fn timed() -> Self {
        Self {
            key: AtomicU64::new(0),
            ticks: crate::engine::time::system_ticks(),
            clock: Clock::System,
            started: AtomicU64::new(u64::MAX),
            roster: Roster::timed(),
        }
    }

    /// The same on another clock.
    pub(crate) fn timed_with_clock(clock: Clock) -> Self {
        Self { roster: Roster::timed(), ..Self::with_clock(clock) }
    }

    /// Counts one event, now.
    #[inline]
    pub fn record(&self) {
        self.record_n(1);
    }

    /// Counts `n` events (or bytes, or whatever the meter counts), now.
    #[inline]
    pub fn record_n(&self, n: u64) {
        let key = self.key.load(Ordering::Relaxed);
        match cache::get(key) {
            Some(shard) => shard.ring().add(self.ticks.load(), n),
            None => self.record_uncached(n),
        }
    }

    /// The thread's first record on this meter, or one whose cache entry another meter took.
    #[cold]
    #[inline(never)]
    fn record_uncached(&self, n: u64) {
        if n == 0 {
            return;
        }
        let key = self.key();
        let tick = self.ticks.load();
        match cache::find(key, &self.roster, tick) {
            Some(shard) => shard.ring().add(tick, n),
            None => self.roster.add_shared(tick, n),
        }
    }

    /// A recorder with a shard of its own, for the tightest loops: it needs no look-up, and
    /// recording on it costs a third. Past the meter's 256 shards it records on the ring
    /// that all share.
    ///
    /// ```
    /// static BYTES: tickring::Meter = tickring::Meter::new();
    /// let mut bytes = BYTES.local();
    /// for packet in [&b"one"[..], b"three"] {
    ///     bytes.record_n(packet.len() as u64);
    /// }
    /// assert_eq!(BYTES.snapshot().total(), 8);
    /// ```
    #[must_use]
    pub fn local(&self) -> LocalMeter<'_> {
        // Gives the meter its start, and its clock a ticker.
        self.key();
        LocalMeter {
            meter: self,
            ticks: self.ticks,
            own: self.roster.join(),
            _not_sync: PhantomData,
        }
    }

    /// All figures as of now, in one pass. Costs one reading of the clock, and a pass over 61
    /// buckets for each thread that records; writes nothing that a recorder touches.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        loop {
            let mut snapshot = Snapshot::empty();
            if self.read_into(&mut snapshot, self.clock.now()) {
                return snapshot;
            }
        }
    }

    /// The figures as of `now`, a moment of `clock` that was read just before; of a later moment if
    /// that isn't the meter's clock, or if it moved on too far since.
    #[cfg(feature = "service")]
    pub(crate) fn snapshot_as_of(&self, clock: &Clock, now: Moment) -> Snapshot {
        let mut snapshot = Snapshot::empty();
        if self.clock.is(clock) && self.read_into(&mut snapshot, now) {
            return snapshot;
        }
        self.snapshot()
    }

    /// Fills an empty snapshot, in place, as of `now`. False if the clock moved on too far before
    /// the pass was over.
    #[inline]
    pub(crate) fn read_into(&self, snapshot: &mut Snapshot, now: Moment) -> bool {
        let in_time = self.read(now, snapshot.sums_mut());
        snapshot.set_times(now, self.started(now));
        if !in_time {
            // Before the caller tries again.
            spin_loop();
        }
        in_time
    }

    /// Adds the sums as of `now` to `sums`. False if the clock moved on so far during the pass
    /// that writers may have replaced seconds that belong to it.
    pub(crate) fn read(&self, now: Moment, sums: &mut Sums) -> bool {
        self.roster.read(now.tick(), sums);
        self.ticks.load().0 <= now.tick().0 + GUARD
    }

    /// The calling thread's shard, if it is at hand.
    #[inline]
    pub(crate) fn shard(&self) -> Option<&'static Shard> {
        cache::get(self.key.load(Ordering::Relaxed))
    }

    /// The calling thread's shard, looked for in earnest; nothing if there is none to be had.
    pub(crate) fn find_shard(&self) -> Option<&'static Shard> {
        cache::find(self.key(), &self.roster, self.tick())
    }

    /// The second to record in.
    #[inline]
    pub(crate) fn tick(&self) -> Tick {
        self.ticks.load()
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How many shards the meter has. One thread needs one; a thread that ends leaves its own to
    /// the next.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.roster.len()
    }

    /// The meter's key; the first call assigns it, starts the uptime and the clock.
    pub(crate) fn key(&self) -> u64 {
        match self.key.load(Ordering::Relaxed) {
            0 => self.start(),
            key => key,
        }
    }

    #[cold]
    fn start(&self) -> u64 {
        self.clock.start();
        self.started(self.clock.now());
        // Of several threads that come here at once, the first sets the key for all.
        let relaxed = Ordering::Relaxed;
        match self.key.compare_exchange(0, unique_number(), relaxed, relaxed) {
            Ok(_) => self.key.load(relaxed),
            Err(key) => key,
        }
    }

    /// When the meter was first used; `now`, if this is the first use.
    fn started(&self, now: Moment) -> Moment {
        let now = u64::try_from(now.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut started = self.started.load(Ordering::Relaxed);
        if started == u64::MAX {
            started = self.started.fetch_min(now, Ordering::Relaxed).min(now);
        }
        Moment::since_origin(Duration::from_nanos(started))
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

/// Records on a [`Meter`] through a shard of its own; made by [`Meter::local`].
///
/// It can move to another thread, but not be used by two at once. Dropping it gives the shard,
/// with its counts, to the meter's next recorder.
#[derive(Debug)]
pub struct LocalMeter<'a> {
    meter: &'a Meter,
    /// The meter's own, one step nearer.
    ticks: &'static TickCell,
    /// Nothing if the meter had no shard left.
    own: Option<(&'static Shard, Token)>,
    _not_sync: PhantomData<std::cell::Cell<()>>,
}

impl LocalMeter<'_> {
    /// Counts one event, now.
    #[inline]
    pub fn record(&mut self) {
        self.record_n(1);
    }

    /// Counts `n` events, now.
    #[inline]
    pub fn record_n(&mut self, n: u64) {
        match self.own {
            Some((shard, _)) => shard.ring().add(self.ticks.load(), n),
            None => self.record_shared(n),
        }
    }

    #[cold]
    #[inline(never)]
    fn record_shared(&self, n: u64) {
        if n != 0 {
            self.meter.roster.add_shared(self.ticks.load(), n);
        }
    }
}

impl Drop for LocalMeter<'_> {
    fn drop(&mut self) {
        if let Some((shard, token)) = self.own {
            shard.give_back(token);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::engine::time::ManualClock;

    /// Without it a timer would tell the same, but all its threads would share what they write.
    #[test]
    fn a_timed_meters_shards_have_room_for_durations_and_are_at_hand() {
        let clock = || ManualClock::new().into();
        for (meter, timed) in
            [(Meter::timed_with_clock(clock()), true), (Meter::with_clock(clock()), false)]
        {
            assert!(meter.shard().is_none());
            let shard = meter.find_shard().unwrap();
            assert_eq!(shard.times().is_some(), timed);
            assert!(std::ptr::eq(meter.shard().unwrap(), shard));
        }
    }

    /// Two threads have found that the meter has no key.
    #[test]
    fn who_comes_second_with_a_key_takes_the_firsts() {
        let meter = Meter::with_clock(ManualClock::new());
        let key = meter.start();
        assert_ne!(key, 0);
        assert_eq!(meter.start(), key);
        assert_eq!(meter.key(), key);
    }

    #[test]
    fn a_reader_that_the_clock_has_overtaken_is_told() {
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
}
