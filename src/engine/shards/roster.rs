//! The shards of one meter: places that are filled in order and are read without a lock.
//!
//! A newcomer walks along the places and adopts the first shard without an owner. If there is none, it puts
//! a shard into the first empty place. Two threads that do so at the same time meet at the same place: one is first, the
//! other walks on. At [`CAP`] there are no more places. A thread that comes then gets no shard; it writes
//! to the shared ring of the meter. Places are only ever filled, and are freed with the meter, so a reader
//! needs no protection.
//!
//! The first place is in the roster. The others are in blocks, each larger than the one before, which are
//! allocated when a place in them is needed. So a reader finds the shards side by side: a list would make
//! it wait for each of them before it knows where the next one is.
//!
//! The shared ring is allocated when it is first needed, which for most meters is never. The allocator
//! may record while a thread allocates the ring, on this meter or on another one without a shared ring.
//! Such a record has no ring to go to, and stays in `unplaced`: it is in the total, and in no second. To move it to the ring later would need
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
#[cfg(not(any(loom, miri)))]
pub(crate) const CAP: usize = 256;
/// Small, so that a model can reach it, and Miri soon.
#[cfg(any(loom, miri))]
pub(crate) const CAP: usize = 2;

/// How many places each block has. With the first place they are [`CAP`].
#[cfg(not(loom))]
const BLOCKS: [usize; 4] = [3, 12, 48, 192];
#[cfg(loom)]
const BLOCKS: [usize; 1] = [1];

// Each place of a roster has a mark for moves.
const _: () = assert!(CAP <= Mover::MOST);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Roster {
    /// Where its shards come from.
    pool: &'static Pool,
    first: Place,
    blocks: [OnceLock<Box<[Place]>>; BLOCKS.len()],
    shared: OnceLock<Box<SharedRing>>,
    /// Events that the allocator recorded while the recording thread allocated `shared`. Relaxed: the
    /// number publishes nothing.
    unplaced: AtomicU64,
}

per_thread! {
    /// Whether this thread is allocating a shared ring.
    static ALLOCATING_SHARED: Cell<bool> = Cell::new(false);
}

type Place = OnceLock<&'static Shard>;

impl Roster {
    const_unless_loom! {
        pub(crate) fn new(pool: &'static Pool) -> Self {
            Self {
                pool,
                first: OnceLock::new(),
                blocks: empty_blocks(),
                shared: OnceLock::new(),
                unplaced: AtomicU64::new(0),
            }
        }
    }

    /// Whether threads get no shards here: all of them record on the shared ring.
    #[inline]
    pub(crate) fn is_compact(&self) -> bool {
        self.pool.has_none()
    }

    /// A shard for the caller alone, or `None` when the cap is reached.
    pub(crate) fn join(&self) -> Option<(&'static Shard, Token)> {
        if self.is_compact() {
            return None;
        }
        let blocks = self.blocks.iter().zip(BLOCKS).filter_map(|(block, places)| {
            // Allocated only when the places before it are taken: the iterator is lazy.
            block.get().or_else(|| {
                let _ = block.set((0..places).map(|_| OnceLock::new()).collect());
                block.get()
            })
        });
        let places = std::iter::once(&self.first).chain(blocks.flat_map(|block| block.iter()));
        places.enumerate().find_map(|(number, place)| self.take_place(place, number))
    }

    /// The shard at a place, if it has no owner; one from the pool, if the place is empty.
    fn take_place(&self, place: &Place, number: usize) -> Option<(&'static Shard, Token)> {
        if place.get().is_none()
            && let Some(taken) = self.fill(place, number)
        {
            return Some(taken);
        }
        let shard = place.get()?;
        shard.adopt().map(|token| (*shard, token))
    }

    /// Puts a shard that the caller owns into a place that was found empty.
    fn fill(&self, place: &Place, number: usize) -> Option<(&'static Shard, Token)> {
        let (shard, token) = self.pool.take(number);
        if place.set(shard).is_ok() {
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
        let blocks = self.blocks.iter().map_while(OnceLock::get).flat_map(|block| block.iter());
        // They are filled in order, so the first empty place ends them.
        let first = self.first.get().into_iter();
        first.chain(blocks.map_while(OnceLock::get)).copied()
    }

    /// Calls `visit` for each shard, by place. A loop over [`shards`](Self::shards) costs more: it has to
    /// find out again and again which of the blocks it is in.
    #[inline]
    fn visit(&self, mut visit: impl FnMut(&'static Shard)) {
        let Some(first) = self.first.get() else { return };
        visit(first);
        for block in &self.blocks {
            let Some(block) = block.get() else { return };
            for place in block {
                let Some(shard) = place.get() else { return };
                visit(shard);
            }
        }
    }

    /// How many shards there are.
    pub(crate) fn len(&self) -> usize {
        self.shards().count()
    }

    /// Adds the counts of all rings to `sums`, as of second `now`.
    pub(crate) fn read(&self, now: Tick, sums: &mut Sums) {
        sums.total = sums.total.saturating_add(self.unplaced.load(Ordering::Relaxed));
        self.visit(|shard| shard.ring().read(now, sums));
        if let Some(ring) = self.shared.get() {
            ring.read(now, sums);
        }
    }

    /// Adds the counts of the owned rings to `sums`, as of second `now`. `true` if all of them stood still:
    /// see [`Ring::read_still`](crate::engine::seconds::ring::Ring::read_still).
    pub(crate) fn read_owned(&self, now: Tick, sums: &mut Sums) -> bool {
        let mut still = true;
        self.visit(|shard| still &= shard.ring().read_still(now, sums));
        still
    }

    /// The events of the owned rings, modulo 2^64.
    #[inline]
    pub(crate) fn owned_total(&self) -> u64 {
        let mut total: u64 = 0;
        self.visit(|shard| total = total.wrapping_add(shard.ring().total()));
        total
    }

    /// All events.
    pub(crate) fn total(&self) -> u64 {
        let mut total = self.unplaced.load(Ordering::Relaxed);
        self.visit(|shard| total = total.saturating_add(shard.ring().total()));
        total.saturating_add(self.shared.get().map_or(0, |ring| ring.total()))
    }

    /// The last second that has an event.
    #[cfg(feature = "http")]
    pub(crate) fn last(&self) -> Option<Tick> {
        let mut last = self.shared.get().and_then(|ring| ring.last());
        self.visit(|shard| last = last.max(shard.ring().last()));
        last
    }

    /// The shared ring, if it may have events in the window of `now`.
    #[inline]
    pub(crate) fn shared_in_use(&self, now: Tick) -> Option<&SharedRing> {
        self.shared.get().map(AsRef::as_ref).filter(|ring| ring.is_in_use(now))
    }
}

impl Drop for Roster {
    fn drop(&mut self) {
        self.pool.put_back(self.shards());
    }
}

const_unless_loom! {
    fn empty_blocks() -> [OnceLock<Box<[Place]>>; BLOCKS.len()] {
        #[cfg(not(loom))]
        {
            [const { OnceLock::new() }; BLOCKS.len()]
        }
        #[cfg(loom)]
        {
            std::array::from_fn(|_| OnceLock::new())
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

    #[test]
    fn the_places_are_as_many_as_the_cap() {
        assert_eq!(1 + BLOCKS.iter().sum::<usize>(), CAP);
    }

    /// Two threads have found the same place empty.
    #[test]
    fn a_second_shard_for_a_place_goes_back() {
        let roster = Roster::new(&COUNTING);
        let (first, token) = roster.fill(&roster.first, 0).unwrap();
        assert!(roster.fill(&roster.first, 0).is_none());
        assert_eq!(roster.len(), 1);
        assert!(first.is_owned_by(token));
        let (second, _) = roster.join().unwrap();
        assert!(!std::ptr::eq(first, second));
        assert_eq!(roster.len(), 2);
    }

    /// The guard against the allocator is off again for the next meter of the thread.
    #[test]
    fn each_meter_of_a_thread_gets_a_shared_ring() {
        for _ in 0..2 {
            let roster = Roster::new(&COUNTING);
            roster.add_shared(Tick(1), 5);
            assert_eq!(roster.unplaced.load(Ordering::Relaxed), 0);
            assert_eq!(total(&roster, Tick(1)), 5);
        }
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

    #[test]
    fn rings_ahead_of_a_reader_do_not_stand_still() {
        let roster = Roster::new(&COUNTING);
        for second in [4, 5] {
            roster.join().unwrap().0.ring().add(Tick(second), 1);
        }
        let is_still = |now| roster.read_owned(Tick(now), &mut Sums::EMPTY.clone());
        assert_eq!([3, 4, 5].map(is_still), [false, false, true]);
    }
}
