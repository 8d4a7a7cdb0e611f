//! Which thread writes which ring, and how it finds it.
//!
//! A [`shard`] is a ring that changes owners. The shards of a meter are on its [`roster`]. A shard
//! whose meter is gone waits in a [`pool`]. Each thread finds its own shard of a meter through
//! thread-locals ([`thread`]).
//!
//! # Orderings
//!
//! **Pair 1** is in [`seconds`](super::seconds); [`durations`](super::durations) counts its own. The others
//! are here:
//!
//! - **Pair 2: the owner's `Release` (give back), the next owner's `Acquire` (adopt).** The next owner
//!   of a shard goes on from the counts that the last one left.
//! - **Pair 3: `Release` of a roster's link (append), `Acquire` (walk).** A thread that finds a shard
//!   on a roster finds it zeroed. `OnceLock`, or its model, does this.
//! - **Pair 4: the mutex of a pool.** The zeroes of a recycled shard come before its next use. Its former
//!   owners' stores come before the zeroes: whoever drops the meter has it alone.
//!
//! All other accesses are Relaxed, and say why where it isn't obvious.

mod cache;
pub(crate) mod key;
pub(crate) mod pool;
pub(crate) mod roster;
pub(crate) mod shard;
pub(crate) mod table;
pub(crate) mod thread;
