//! A ring that any number of threads write: the meter's last resort, for the threads past its
//! cap of shards and for records made while a thread is being torn down.
//!
//! # Cases
//!
//! Writer A has loaded tick k, slot i; B is any other writer.
//!
//! 1. *Slot i is of k's lap*: A adds with `fetch_add`. Between A's look and its addition B may
//!    have replaced the word by a later lap's (a lap later, 64 s: A was held up); A's events then
//!    count in that later second. The clock showed it between A's start and its end.
//! 2. *Slot i is of an earlier lap*: A puts in a fresh word with its own count by
//!    compare-exchange. If B was first, A looks again: case 1 or 3. If a straggler's `fetch_add`
//!    to the earlier lap came in between (case 1 from the other side), A looks again, too: as
//!    often as there are writers held up in the middle of an addition to that lap.
//! 3. *Slot i is of a later lap*: A's tick is stale. A adds to the later second, as in case 1.
//!
//! An addition never changes the lap: the count is above it in the word. Nor may it overflow the
//! word, and a `fetch_add` cannot be taken back. So small weights are added only while the bucket
//! is less than half full: it would take 32,768 writers between their look and their addition at
//! once to fill the other half. Larger weights go by compare-exchange (lock-free, not wait-free).
//!
//! # Orderings
//!
//! As in [`super`], pair 1: the total first (Relaxed), then the bucket (Release), whichever way
//! it is changed. A `fetch_add` continues the release sequence of the store that it adds to, so a
//! reader that sees B's sum is also ordered after A's total. A look at a bucket before changing
//! it can be Relaxed: what is decided on it is checked by the exchange or holds for any lap.

use super::Sums;
use super::ring::{TOTAL_MAX, read_buckets, total_plus};
use super::word::{self, COUNT_MAX, Word};
use crate::engine::sync::{AtomicU64, Ordering, const_unless_loom};
use crate::engine::time::{SLOTS, Tick};

/// The largest weight that goes by `fetch_add`.
const SMALL: u64 = 1 << 24;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct SharedRing {
    total: AtomicU64,
    /// The last second recorded in, plus one; 0 when there is none.
    last: AtomicU64,
    buckets: [AtomicU64; SLOTS],
}

impl SharedRing {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                total: AtomicU64::new(0),
                last: AtomicU64::new(0),
                buckets: word::zeroes(),
            }
        }
    }

    /// Counts `n` events in second `tick`, or in a later one that the clock has shown meanwhile.
    pub(crate) fn add(&self, tick: Tick, n: u64) {
        if n == 0 {
            return;
        }
        self.add_to_total(n);
        // Relaxed: the bucket's Release orders it for whoever sees the count.
        if self.last.load(Ordering::Relaxed) <= tick.0 {
            self.last.fetch_max(tick.0 + 1, Ordering::Relaxed);
        }
        let mut done = Err(Word(self.buckets[tick.slot()].load(Ordering::Relaxed)));
        while let Err(found) = done {
            done = self.add_to_bucket(tick, n, found);
        }
    }

    /// One attempt, after a look that found the bucket as it is told here; or what it is instead.
    fn add_to_bucket(&self, tick: Tick, n: u64, found: Word) -> Result<(), Word> {
        let bucket = &self.buckets[tick.slot()];
        let live = found.is_of(tick) || found.is_after(tick);
        if live && n <= SMALL && found.count() <= COUNT_MAX / 2 {
            // Release: partner of the reader's Acquire. The lap may have moved on since the
            // look (case 1); the addition is right for any lap.
            bucket.fetch_add(Word::addend(n), Ordering::Release);
            return Ok(());
        }
        let base = if live { found } else { Word::empty(tick) };
        let word = base.saturating_plus(n);
        // Release: partner of the reader's Acquire. Failure decides nothing but the next
        // look: Relaxed.
        match bucket.compare_exchange(found.0, word.0, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => {
                if word.count() - base.count() < n {
                    crate::engine::diagnostics::count_saturated();
                }
                Ok(())
            }
            Err(now) => Err(Word(now)),
        }
    }

    /// Relaxed: the bucket's Release, which follows, orders it.
    fn add_to_total(&self, n: u64) {
        // The same reasoning as for a bucket: below half of u64's range, a small weight cannot
        // make the total wrap, whoever else adds at the same time.
        if n <= SMALL && self.total.load(Ordering::Relaxed) < TOTAL_MAX {
            self.total.fetch_add(n, Ordering::Relaxed);
        } else {
            let add = |total| Some(total_plus(total, n));
            let _ = self.total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// Adds what this ring holds to `sums`, as of second `now`.
    pub(crate) fn read(&self, now: Tick, sums: &mut Sums) {
        read_buckets(&self.buckets, now, &mut sums.by_second);
        // After the buckets, so that window ≤ total.
        sums.total = sums.total.saturating_add(self.total.load(Ordering::Relaxed));
        let last = self.last.load(Ordering::Relaxed);
        sums.last = sums.last.max(last.checked_sub(1).map(Tick));
    }
}

#[cfg(test)]
mod tests {
    use super::super::REACH;
    use super::*;

    fn read(ring: &SharedRing, now: Tick) -> Sums {
        let mut sums = Sums::EMPTY;
        ring.read(now, &mut sums);
        sums
    }

    #[test]
    fn a_stale_writer_counts_in_the_second_that_it_finds() {
        let ring = SharedRing::new();
        ring.add(Tick(70), 3);
        ring.add(Tick(6), 2);
        let sums = read(&ring, Tick(70));
        assert_eq!(sums.by_second[REACH], 5);
        assert_eq!((sums.total, sums.last), (5, Some(Tick(70))));
    }

    /// Case 1: nobody who comes between makes a writer of small weights look again, as long as the
    /// bucket was found no more than half full.
    #[test]
    fn small_weights_are_added_whoever_came_between() {
        for (found, at_once) in
            [(1, true), (7, true), (COUNT_MAX / 2, true), (COUNT_MAX / 2 + 1, false)]
        {
            let ring = SharedRing::new();
            ring.add(Tick(6), found);
            let looked = Word(ring.buckets[6].load(Ordering::Relaxed));
            ring.add(Tick(6), 2);
            assert_eq!(ring.add_to_bucket(Tick(6), SMALL, looked).is_ok(), at_once, "{found}");
            assert!(ring.add_to_bucket(Tick(6), SMALL + 1, looked).is_err());
        }
    }

    /// Case 2: another writer comes between the look and the exchange.
    #[test]
    fn a_writer_that_is_overtaken_after_its_look_looks_again() {
        let ring = SharedRing::new();
        let looked = Word(ring.buckets[6].load(Ordering::Relaxed));
        ring.add(Tick(6), 2);
        let now = ring.add_to_bucket(Tick(6), 3, looked).unwrap_err();
        assert_eq!(now, Word::empty(Tick(6)).plus(2).unwrap());
        assert_eq!(read(&ring, Tick(6)).by_second[REACH], 2);
        assert_eq!(ring.add_to_bucket(Tick(6), 3, now), Ok(()));
        assert_eq!(read(&ring, Tick(6)).by_second[REACH], 5);
    }

    #[test]
    fn a_ring_that_begins_after_decades_counts_its_first_event() {
        for years in [1, 10, 20, 30, 40] {
            let (ring, now) = (SharedRing::new(), Tick(years * 31_557_600));
            ring.add(now, 3);
            assert_eq!(read(&ring, now).by_second[REACH], 3, "after {years} years");
        }
    }

    #[test]
    fn nothing_is_not_an_event() {
        let ring = SharedRing::new();
        ring.add(Tick(6), 0);
        assert_eq!(read(&ring, Tick(6)), Sums::EMPTY);
    }

    #[test]
    fn heavy_weights_saturate_the_second_only() {
        let ring = SharedRing::new();
        ring.add(Tick(1), COUNT_MAX);
        ring.add(Tick(1), 1);
        ring.add(Tick(1), SMALL + 1);
        let sums = read(&ring, Tick(1));
        assert_eq!(sums.by_second[REACH], COUNT_MAX);
        assert_eq!(sums.total, COUNT_MAX + 1 + SMALL + 1);
        ring.add(Tick(1), u64::MAX);
        ring.add(Tick(1), 1);
        assert_eq!(read(&ring, Tick(1)).total, TOTAL_MAX);
        ring.add(Tick(65), 4);
        assert_eq!(read(&ring, Tick(65)).by_second[REACH], 4);
        ring.add(Tick(65), COUNT_MAX);
        assert_eq!(read(&ring, Tick(65)).by_second[REACH], COUNT_MAX);
    }

    /// Which way a weight went shows at the end of a total's range only.
    #[test]
    fn small_weights_are_added_without_an_exchange() {
        let total = |n| {
            let ring = SharedRing::new();
            ring.add(Tick(1), TOTAL_MAX - 1);
            ring.add(Tick(1), n);
            read(&ring, Tick(1)).total
        };
        assert_eq!(total(1 << 24), TOTAL_MAX - 1 + (1 << 24));
        assert_eq!(total((1 << 24) + 1), TOTAL_MAX);
    }
}
