//! The window: one meter's events by second, kept by many threads.
//!
//! From the bottom up: a [`word`] is one second's count, with the lap it belongs to, in one
//! word. A [`ring`] is 64 of them and a total, written by the one thread that owns it; a
//! [`shared`] ring is for any number of writers. A [`shard`](super::shards::shard) is a ring that changes
//! owners; a meter's shards hang on its [`roster`](super::shards::roster), and each thread finds its own through a
//! thread-local [`cache`](super::shards::cache).
//!
//! # Orderings
//!
//! Four pairs carry everything; all else is Relaxed and says so where it isn't obvious.
//!
//! 1. **ring `Release` → reader's `Acquire`.** A ring's owner stores all its words with Release,
//!    in an order from which a reader, who loads them with Acquire in an order of its own, can
//!    tell what belongs together ([`ring`] has the cases). In a shared ring it is the bucket's
//!    store alone that does. In both, whoever sees an event in a second has it in the total, too:
//!    window ≤ total in every read.
//! 2. **owner `Release` (give back) → owner `Acquire` (adopt).** The next owner of a shard goes on
//!    from the counts that the last one left.
//! 3. **roster link `Release` (append) → link `Acquire` (walk).** Who finds a shard on a roster
//!    finds it zeroed. (`OnceLock`, or its model, does this.)
//! 4. **pool mutex.** A recycled shard's zeroes are ordered before its next life.
//!
//! # Overtaken readers
//!
//! A bucket carries its lap, so nothing has to be cleared before a second begins: a word of an
//! older lap is skipped. Writers may be ahead of a reader's "now": what they record in seconds
//! s+1 to s+3 goes to the three slots outside the window. A reader that was held up for longer
//! than that notices (the published tick tells) and reads again.

pub(crate) mod ring;
pub(crate) mod shared;
pub(crate) mod word;

use crate::engine::time::{SLOTS, Tick};

/// Seconds that a window reaches back from the current one: 60 whole seconds counting the
/// current one, and one more for the part of it that is still less than 60 s old.
#[cfg(not(loom))]
pub(crate) const REACH: usize = 60;
/// In a model's ring of four.
#[cfg(loom)]
pub(crate) const REACH: usize = 2;

/// How far a writer may be ahead of a reader before it overwrites what the reader reads.
pub(crate) const GUARD: u64 = (SLOTS - REACH - 1) as u64;

/// What a reader collects over all rings of a meter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sums {
    /// Events by second, oldest first. The last is the reader's current second.
    pub(crate) by_second: [u64; REACH + 1],
    /// Events ever.
    pub(crate) total: u64,
    /// The last second in which something was recorded.
    pub(crate) last: Option<Tick>,
}

impl Sums {
    pub(crate) const EMPTY: Self = Self { by_second: [0; REACH + 1], total: 0, last: None };
}
