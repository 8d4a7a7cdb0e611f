//! The engine's inner pieces, for the models, the fuzz targets and the benches of this
//! workspace. Not part of the public interface: anything here may change in any release.

use std::time::Duration;

use crate::engine::meter::Meter;
use crate::engine::seconds::{self, Sums, ring, shared};
use crate::engine::shards::key;
use crate::engine::shards::pool::COUNTING;
use crate::engine::shards::roster;
use crate::engine::shards::shard::{self, Token};
use crate::engine::snapshot::Snapshot;
use crate::engine::time::{self, ManualClock, Moment};
use crate::engine::timer::Timer;

pub use crate::engine::durations::internals::{Durations, STEP_SECONDS, STEPS};
pub use crate::engine::time::tick::Tick;

/// Buckets of a ring.
pub const SLOTS: u64 = time::SLOTS as u64;
/// Whole seconds that a reader looks back from the current one.
pub const REACH: usize = seconds::REACH;
/// The most shards that a meter can have.
pub const CAP: usize = roster::CAP;

/// What a reader collects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reading {
    /// Events by second, oldest first; the last is the reader's current second.
    pub by_second: [u64; REACH + 1],
    /// Events ever.
    pub total: u64,
    /// The last second in which something was recorded.
    pub last: Option<Tick>,
}

impl Reading {
    /// Events in all the seconds that the reader looked at.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.by_second.iter().sum()
    }
}

impl From<Sums> for Reading {
    fn from(sums: Sums) -> Self {
        Self { by_second: sums.by_second, total: sums.total, last: sums.last }
    }
}

fn reading(read: impl FnOnce(&mut Sums)) -> Reading {
    let mut sums = Sums::EMPTY;
    read(&mut sums);
    sums.into()
}

/// A ring with one writer.
#[derive(Debug)]
pub struct Ring(ring::Ring);

impl Ring {
    /// An empty ring.
    #[allow(clippy::new_without_default)]
    #[must_use]
    pub fn new() -> Self {
        Self(ring::Ring::new())
    }

    /// Counts `n` events in second `tick`. For one thread only.
    pub fn add(&self, tick: Tick, n: u64) {
        self.0.add(tick, n);
    }

    /// What it holds as of second `now`.
    #[must_use]
    pub fn read(&self, now: Tick) -> Reading {
        reading(|sums| self.0.read(now, sums))
    }
}

/// A ring with any number of writers.
#[derive(Debug)]
pub struct SharedRing(shared::SharedRing);

impl SharedRing {
    /// An empty ring.
    #[allow(clippy::new_without_default)]
    #[must_use]
    pub fn new() -> Self {
        Self(shared::SharedRing::new())
    }

    /// Counts `n` events in second `tick`, or in a later one.
    pub fn add(&self, tick: Tick, n: u64) {
        self.0.add(tick, n);
    }

    /// What it holds as of second `now`.
    #[must_use]
    pub fn read(&self, now: Tick) -> Reading {
        reading(|sums| self.0.read(now, sums))
    }
}

/// A ring that changes owners.
#[derive(Clone, Copy, Debug)]
pub struct Shard(&'static shard::Shard);

/// The right to write on a shard.
#[derive(Debug)]
pub struct Ownership {
    shard: Shard,
    token: Token,
}

impl Shard {
    /// A shard from the pool, or a new one.
    #[must_use]
    pub fn take() -> Ownership {
        let (shard, token) = COUNTING.take(0);
        Ownership { shard: Self(shard), token }
    }

    /// The ownership of this shard, if it has no owner.
    #[must_use]
    pub fn adopt(self) -> Option<Ownership> {
        self.0.adopt().map(|token| Ownership { shard: self, token })
    }

    /// What it holds as of second `now`.
    #[must_use]
    pub fn read(self, now: Tick) -> Reading {
        reading(|sums| self.0.ring().read(now, sums))
    }

    /// Clears it and puts it into the pool.
    pub fn recycle(self) {
        COUNTING.put_back(std::iter::once(self.0));
    }

    /// Whether both are the same shard.
    #[must_use]
    pub fn is(self, other: Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Ownership {
    /// The shard that is owned.
    #[must_use]
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// The number of its token.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token.0
    }

    /// Counts `n` events in second `tick`.
    pub fn add(&self, tick: Tick, n: u64) {
        self.shard.0.ring().add(tick, n);
    }

    /// Ends the ownership, if it is still in force.
    pub fn give_back(self) {
        self.shard.0.give_back(self.token);
    }
}

/// The shards of one meter.
#[derive(Debug)]
pub struct Roster(roster::Roster);

impl Roster {
    /// Without any shard.
    #[allow(clippy::new_without_default)]
    #[must_use]
    pub fn new() -> Self {
        Self(roster::Roster::new(&COUNTING))
    }

    /// A shard for the caller alone, or nothing when all are taken.
    #[must_use]
    pub fn join(&self) -> Option<Ownership> {
        self.0.join().map(|(shard, token)| Ownership { shard: Shard(shard), token })
    }

    /// What all its shards hold as of second `now`.
    #[must_use]
    pub fn read(&self, now: Tick) -> Reading {
        reading(|sums| self.0.read(now, sums))
    }
}

/// A published tick.
#[derive(Debug)]
pub struct TickCell(time::TickCell);

impl TickCell {
    /// At the origin.
    #[allow(clippy::new_without_default)]
    #[must_use]
    pub fn new() -> Self {
        Self(time::TickCell::new())
    }

    /// The tick as a recorder sees it.
    #[must_use]
    pub fn load(&self) -> Tick {
        self.0.load()
    }

    /// Moves the tick up to `tick`.
    pub fn advance_to(&self, tick: Tick) {
        self.0.advance_to(tick);
    }
}

/// The second that a reader finds on `clock`; helps the published tick there.
#[must_use]
pub fn read_clock(clock: &ManualClock) -> Tick {
    clock.now().tick()
}

/// The key that threads find their shard of `meter` by.
#[must_use]
pub fn key(meter: &Meter) -> u64 {
    meter.start_once()
}

/// The first shard of a meter.
#[must_use]
pub fn first_shard(meter: &Meter) -> Option<Shard> {
    meter.roster().shards().next().map(Shard)
}

/// How many keys were given out before this one, plus one.
#[must_use]
pub fn key_number(key: u64) -> u64 {
    key::key_number(key)
}

/// Records how long an event took that was counted on the timer's meter before.
pub fn record_duration_only(timer: &Timer, duration: Duration) {
    timer.record_duration_only(duration);
}

/// One attempt of a reader that took the time (since the clock's origin) before its pass:
/// nothing, if the clock moved on too far meanwhile.
#[must_use]
pub fn read_at(meter: &Meter, now: Duration) -> Option<Reading> {
    let mut snapshot = Snapshot::empty();
    let in_time = meter.read_into(&mut snapshot, Moment::since_origin(now));
    in_time.then(|| snapshot.sums_mut().clone().into())
}
