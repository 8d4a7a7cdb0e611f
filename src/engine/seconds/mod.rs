//! Counts by second.
//!
//! A [`word`] is the count of one second and the lap that it belongs to. A [`ring`] is 64 words and
//! a total; the one thread that owns it writes it. A [`shared`] ring is written by any number of
//! threads. What is constant within a second is [`kept`] for readers. All of them take the current second as an argument: nothing here reads a clock.
//!
//! # Orderings
//!
//! **Pair 1: the writer's `Release`, the reader's `Acquire`.** The owner of a ring stores all its words
//! with Release, in an order from which a reader, which loads them with Acquire in an order of its
//! own, can work out which of them belong together ([`ring`] has the cases). In a shared ring only
//! the store of the bucket is a Release. In both, a reader that sees an event in a second also sees
//! it in the total: window ≤ total in every read.
//!
//! [`kept`] has orderings of its own. All other accesses are Relaxed, and say why where it isn't obvious.
//!
//! # Readers that are overtaken
//!
//! A bucket carries its lap, so nothing has to be cleared before a second begins: readers skip a word
//! of an older lap. Writers may be ahead of a reader's "now" (s). What they record in the seconds s+1
//! to s+3 goes to the three slots outside the window. A reader that was held up for longer finds the
//! published tick more than [`GUARD`] seconds on, and reads again.

pub(crate) mod kept;
pub(crate) mod ring;
pub(crate) mod shared;
pub(crate) mod word;

use crate::engine::time::{SLOTS, Tick};

/// How many seconds before the current one a window reaches: 60 whole seconds, the current one
/// included, and one more, of which a part is still less than 60 s old.
#[cfg(not(loom))]
pub(crate) const REACH: usize = 60;
/// In a model's ring of four.
#[cfg(loom)]
pub(crate) const REACH: usize = 2;

/// How many seconds a writer may be ahead of a reader before it overwrites what the reader reads.
pub(crate) const GUARD: u64 = (SLOTS - REACH - 1) as u64;

/// What a reader adds up over all rings of a meter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sums {
    /// Events by second, oldest first. The last one is the reader's current second.
    pub(crate) by_second: [u64; REACH + 1],
    /// All events.
    pub(crate) total: u64,
    /// The last second that has an event.
    pub(crate) last: Option<Tick>,
}

impl Sums {
    pub(crate) const EMPTY: Self = Self { by_second: [0; REACH + 1], total: 0, last: None };
}
