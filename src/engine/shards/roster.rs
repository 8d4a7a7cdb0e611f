//! The shards of one meter: a list that grows at its end and is read without a lock.
//!
//! A newcomer walks the list and adopts the first shard without owner; at the end it appends one
//! of its own. Two that append at once meet at the same link: one is first, the other walks on.
//! Appending stops at [`CAP`]; who comes then gets no shard and writes to the meter's shared ring.
//! Links are only ever set, and freed with the meter, so a reader needs no protection.
//!
//! The shared ring is made when it is first needed, which most meters never see. Making it
//! allocates, and the allocator may record on this very meter: such a record, made while its
//! thread makes a shared ring, has no ring to go to. It is put aside (`spill`), and added by the
//! next that writes to the shared ring: the thread itself, or else a reader.

use std::cell::Cell;

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

// Every place of a roster has a mover of its own.
const _: () = assert!(CAP <= Mover::MOST);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Roster {
    /// Whether the shards are those of a timer.
    timed: bool,
    first: OnceLock<Box<Entry>>,
    overflow: OnceLock<Box<SharedRing>>,
    /// Events put aside. Relaxed: it doesn't matter who takes them out.
    spill: AtomicU64,
}

per_thread! {
    /// Whether the thread is making a shared ring.
    static MAKING: Cell<bool> = Cell::new(false);
}

#[derive(Debug)]
struct Entry {
    shard: &'static Shard,
    next: OnceLock<Box<Entry>>,
}

impl Roster {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                timed: false,
                first: OnceLock::new(),
                overflow: OnceLock::new(),
                spill: AtomicU64::new(0),
            }
        }
    }

    const_unless_loom! {
        /// The roster of a timer.
        pub(crate) fn timed() -> Self {
            Self {
                timed: true,
                first: OnceLock::new(),
                overflow: OnceLock::new(),
                spill: AtomicU64::new(0),
            }
        }
    }

    /// A shard for the caller alone, or nothing when the cap is reached.
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

    /// Hangs a shard of the caller's own on a link that was found empty.
    fn append(&self, link: &OnceLock<Box<Entry>>, place: usize) -> Option<(&'static Shard, Token)> {
        let (shard, token) = Shard::take(self.timed, place);
        if link.set(Box::new(Entry { shard, next: OnceLock::new() })).is_ok() {
            return Some((shard, token));
        }
        // Somebody was first: on from theirs, and back with ours.
        Shard::recycle(self.timed, std::iter::once(shard));
        None
    }

    /// Counts `n` events of a thread that has no shard in second `tick`, and what was put aside.
    pub(crate) fn add_shared(&self, tick: Tick, n: u64) {
        match self.overflow.get().map(AsRef::as_ref).or_else(|| self.make_overflow()) {
            Some(ring) => ring.add(tick, n.saturating_add(self.spill.swap(0, Ordering::Relaxed))),
            None => _ = self.spill.fetch_add(n, Ordering::Relaxed),
        }
    }

    /// The shared ring, unless the thread is in the middle of making one.
    #[cold]
    fn make_overflow(&self) -> Option<&SharedRing> {
        if MAKING.try_with(|making| making.replace(true)).unwrap_or(false) {
            return None;
        }
        // If another thread is first, its ring is the one.
        let _ = self.overflow.set(Box::new(SharedRing::new()));
        let _ = MAKING.try_with(|making| making.set(false));
        self.overflow.get().map(AsRef::as_ref)
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
        if self.spill.load(Ordering::Relaxed) != 0 {
            self.add_shared(now, 0);
        }
        for shard in self.shards() {
            shard.ring().read(now, sums);
        }
        if let Some(ring) = self.overflow.get() {
            ring.read(now, sums);
        }
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn total(roster: &Roster, now: Tick) -> u64 {
        let mut sums = Sums::EMPTY;
        roster.read(now, &mut sums);
        sums.total
    }

    /// Two have found the same link empty.
    #[test]
    fn who_comes_second_at_a_link_goes_on_from_the_firsts() {
        let roster = Roster::new();
        let (first, token) = roster.append(&roster.first, 0).unwrap();
        assert!(roster.append(&roster.first, 0).is_none());
        assert_eq!(roster.len(), 1);
        assert!(first.is_owned_by(token));
        let (second, _) = roster.join().unwrap();
        assert!(!std::ptr::eq(first, second));
        assert_eq!(roster.len(), 2);
    }

    /// As when the allocator records while the thread makes the shared ring.
    #[test]
    fn what_is_put_aside_shows_in_the_next_read() {
        let roster = Roster::new();
        MAKING.set(true);
        roster.add_shared(Tick(1), 5);
        assert_eq!(roster.spill.load(Ordering::Relaxed), 5);
        assert_eq!(total(&roster, Tick(1)), 0, "there is no ring yet");
        MAKING.set(false);
        assert_eq!(total(&roster, Tick(1)), 5);
        assert_eq!(total(&roster, Tick(1)), 5);
    }
}
