//! The shards of one meter: a list that grows at its end and is read without a lock.
//!
//! A newcomer walks the list and adopts the first shard without an owner. At the end it appends a shard.
//! Two threads that append at the same time meet at the same link: one is first, the other walks on.
//! Appending stops at [`CAP`]. A thread that comes then gets no shard; it writes to the shared ring of
//! the meter. Links are only ever set, and are freed with the meter, so a reader needs no protection.
//!
//! The shared ring is allocated when it is first needed, which for most meters is never. The allocator
//! may record on this very meter while a thread allocates the ring. Such a record has no ring to go to,
//! and stays in `unplaced`: it is in the total, and in no second. To move it to the ring later would need
//! two steps, and a reader between them would see a total that goes down.

use std::cell::Cell;

use super::pool::Pool;
use super::shard::{Shard, Token};
use crate::engine::durations::word::Mover;
use crate::engine::seconds::Sums;
use crate::engine::seconds::shared::SharedRing;
use crate::engine::sync::{AtomicU64, OnceLock, Ordering, const_unless_loom, per_thread};
use crate::engine::time::Tick;

/// The most shards that a meter can have.
#[cfg(not(loom))]
pub(crate) const CAP: usize = 256;
/// Small, so that a model can reach it.
#[cfg(loom)]
pub(crate) const CAP: usize = 2;

// Each place of a roster has a mark for moves.
const _: () = assert!(CAP <= Mover::MOST);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Roster {
    /// Where its shards come from.
    pool: &'static Pool,
    first: OnceLock<Box<Entry>>,
    shared: OnceLock<Box<SharedRing>>,
    /// Events that the allocator recorded while the recording thread allocated `shared`. Relaxed: the
    /// number publishes nothing.
    unplaced: AtomicU64,
}

per_thread! {
    /// Whether this thread is allocating a shared ring.
    static ALLOCATING_SHARED: Cell<bool> = Cell::new(false);
}

#[derive(Debug)]
struct Entry {
    shard: &'static Shard,
    next: OnceLock<Box<Entry>>,
}

impl Roster {
    const_unless_loom! {
        pub(crate) fn new(pool: &'static Pool) -> Self {
            Self {
                pool,
                first: OnceLock::new(),
                shared: OnceLock::new(),
                unplaced: AtomicU64::new(0),
            }
        }
    }

    /// A shard for the caller alone, or `None` when the cap is reached.
    pub(crate) fn join(&self) -> Option<(&'static Shard, Token)> {
        let mut link = &self.first;
        for place in 0..CAP {
            if link.get().is_none()
                && let Some(appended) = self.append(link, place)
            {
                return Some(appended);
            }
            let entry = link.get()?;
            if let Some(token) = entry.shard.adopt() {
                return Some((entry.shard, token));
            }
            link = &entry.next;
        }
        None
    }

    /// Appends a shard that the caller owns to a link that was found empty.
    fn append(&self, link: &OnceLock<Box<Entry>>, place: usize) -> Option<(&'static Shard, Token)> {
        let (shard, token) = self.pool.take(place);
        if link.set(Box::new(Entry { shard, next: OnceLock::new() })).is_ok() {
            return Some((shard, token));
        }
        // Another thread was first: the caller walks on from there, and this shard isn't needed.
        self.pool.put_back(std::iter::once(shard));
        None
    }

    /// Counts `n` events of a thread that has no shard in the second `tick`.
    pub(crate) fn add_shared(&self, tick: Tick, n: u64) {
        match self.shared.get().map(AsRef::as_ref).or_else(|| self.allocate_shared()) {
            Some(ring) => ring.add(tick, n),
            None => _ = self.unplaced.fetch_add(n, Ordering::Relaxed),
        }
    }

    /// The shared ring, or `None` if this thread is in the middle of allocating one.
    #[cold]
    fn allocate_shared(&self) -> Option<&SharedRing> {
        if ALLOCATING_SHARED.try_with(|allocating| allocating.replace(true)).unwrap_or(false) {
            return None;
        }
        // If another thread is first, its ring is the one.
        let _ = self.shared.set(Box::new(SharedRing::new()));
        let _ = ALLOCATING_SHARED.try_with(|allocating| allocating.set(false));
        self.shared.get().map(AsRef::as_ref)
    }

    /// The shards, by place.
    pub(crate) fn shards(&self) -> impl Iterator<Item = &'static Shard> {
        let first = self.first.get();
        std::iter::successors(first, |entry| entry.next.get()).map(|entry| entry.shard)
    }

    /// How many shards there are.
    pub(crate) fn len(&self) -> usize {
        self.shards().count()
    }

    /// Adds the counts of all rings to `sums`, as of second `now`.
    pub(crate) fn read(&self, now: Tick, sums: &mut Sums) {
        sums.total = sums.total.saturating_add(self.unplaced.load(Ordering::Relaxed));
        for shard in self.shards() {
            shard.ring().read(now, sums);
        }
        if let Some(ring) = self.shared.get() {
            ring.read(now, sums);
        }
    }
}

impl Drop for Roster {
    fn drop(&mut self) {
        self.pool.put_back(self.shards());
        // Link by link: to drop the first entry would recurse down the whole list.
        #[cfg(not(loom))]
        {
            let mut entry = self.first.take();
            while let Some(mut held) = entry {
                entry = held.next.take();
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::pool::COUNTING;
    use super::*;

    fn total(roster: &Roster, now: Tick) -> u64 {
        let mut sums = Sums::EMPTY;
        roster.read(now, &mut sums);
        sums.total
    }

    /// Two threads have found the same link empty.
    #[test]
    fn a_second_append_at_a_link_fails() {
        let roster = Roster::new(&COUNTING);
        let (first, token) = roster.append(&roster.first, 0).unwrap();
        assert!(roster.append(&roster.first, 0).is_none());
        assert_eq!(roster.len(), 1);
        assert!(first.is_owned_by(token));
        let (second, _) = roster.join().unwrap();
        assert!(!std::ptr::eq(first, second));
        assert_eq!(roster.len(), 2);
    }

    /// As when the allocator records while the thread allocates the shared ring.
    #[test]
    fn unplaced_events_are_in_the_total_at_once() {
        let roster = Roster::new(&COUNTING);
        ALLOCATING_SHARED.set(true);
        roster.add_shared(Tick(1), 5);
        assert_eq!(total(&roster, Tick(1)), 5, "there is no ring yet");
        ALLOCATING_SHARED.set(false);
        roster.add_shared(Tick(1), 2);
        assert_eq!(total(&roster, Tick(1)), 7);
    }
}
