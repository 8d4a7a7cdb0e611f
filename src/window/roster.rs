//! The shards of one meter: a list that grows at its end and is read without a lock.
//!
//! A newcomer walks the list and adopts the first shard without owner; at the end it appends one
//! of its own. Two that append at once meet at the same link: one is first, the other walks on.
//! Appending stops at [`CAP`]; who comes then gets no shard and writes to the meter's shared ring.
//! Links are only ever set, and freed with the meter, so a reader needs no protection.
//!
//! The shared ring is part of the roster: a record that finds no shard must not allocate, since
//! it may be the allocator's own, made while its thread is joining.

use super::Sums;
use super::shard::{Shard, Token};
use super::shared::SharedRing;
use crate::sync::{OnceLock, const_unless_loom};
use crate::tick::Tick;

/// The most shards that a meter can have.
#[cfg(not(loom))]
pub(crate) const CAP: usize = 256;
/// Small, so that a model can reach it.
#[cfg(loom)]
pub(crate) const CAP: usize = 2;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Roster {
    /// Whether the shards are those of a timer.
    timed: bool,
    first: OnceLock<Box<Entry>>,
    overflow: SharedRing,
}

#[derive(Debug)]
struct Entry {
    shard: &'static Shard,
    next: OnceLock<Box<Entry>>,
}

impl Roster {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { timed: false, first: OnceLock::new(), overflow: SharedRing::new() }
        }
    }

    const_unless_loom! {
        /// The roster of a timer.
        pub(crate) fn timed() -> Self {
            Self { timed: true, first: OnceLock::new(), overflow: SharedRing::new() }
        }
    }

    /// A shard for the caller alone, or nothing when the cap is reached.
    pub(crate) fn join(&self) -> Option<(&'static Shard, Token)> {
        let mut link = &self.first;
        for place in 0..CAP {
            if link.get().is_none() {
                let (shard, token) = Shard::take(self.timed, place);
                match link.set(Box::new(Entry { shard, next: OnceLock::new() })) {
                    Ok(()) => return Some((shard, token)),
                    // Somebody was first: on from theirs, and back with ours.
                    Err(_) => Shard::recycle(self.timed, std::iter::once(shard)),
                }
            }
            let entry = link.get()?;
            if let Some(token) = entry.shard.adopt() {
                return Some((entry.shard, token));
            }
            link = &entry.next;
        }
        None
    }

    /// The ring for those who have no shard.
    pub(crate) fn overflow(&self) -> &SharedRing {
        &self.overflow
    }

    /// The shards by place.
    pub(crate) fn shards(&self) -> impl Iterator<Item = &'static Shard> {
        let first = self.first.get();
        std::iter::successors(first, |entry| entry.next.get()).map(|entry| entry.shard)
    }

    /// How many shards there are.
    pub(crate) fn len(&self) -> usize {
        self.shards().count()
    }

    /// Adds what all rings hold to `sums`, as of second `now`.
    pub(crate) fn read(&self, now: Tick, sums: &mut Sums) {
        for shard in self.shards() {
            shard.ring().read(now, sums);
        }
        self.overflow.read(now, sums);
    }
}

impl Drop for Roster {
    fn drop(&mut self) {
        Shard::recycle(self.timed, self.shards());
        // Link by link: dropping the first entry would recurse down the whole list.
        #[cfg(not(loom))]
        {
            let mut entry = self.first.take();
            while let Some(mut held) = entry {
                entry = held.next.take();
            }
        }
    }
}
