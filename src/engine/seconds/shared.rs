//! A ring that any number of threads write: for compact meters, for threads past a meter's cap of shards,
//! and for records that a thread makes while it is being torn down, or while it is getting its first shard.
//!
//! # Cases
//!
//! Writer A has loaded tick k, which falls on slot i. B is any other writer.
//!
//! | case | what A found in slot i | what A does | what can come in between |
//! |---|---|---|---|
//! | 1 | a word of k's lap | `fetch_add` of its count | B replaces the word by one of a later lap. A was held up for 64 s, and its events count in the later second, which the clock showed during A's record |
//! | 2 | a word of an earlier lap, or none | compare-exchange with a fresh word that has A's count | B was first, or a straggler's `fetch_add` of case 1 was: A looks again. That happens at most once for each writer that was held up in an addition |
//! | 3 | a word of a later lap | as in case 1: A's tick is stale | as in case 1 |
//!
//! An addition never changes the lap: the count is above it in the word. An addition must not overflow
//! the word either, and a `fetch_add` can't be taken back. So small weights are added only while the
//! bucket is at most half full: to fill the other half, 32,768 writers would have to be between their
//! look and their addition at the same time. Larger weights go by compare-exchange, which is lock-free
//! but not wait-free.
//!
//! A slot that nobody wrote for 17 years looks like one of a later lap (case 3): its next events are missing
//! from the rate, but not from the total.
//!
//! # Orderings
//!
//! Pair 1 of [`seconds`](super): first the total (Relaxed), then the bucket (Release), in whichever way
//! it is changed. A `fetch_add` continues the release sequence of the store that it adds to. So a
//! reader that sees B's sum is ordered after A's addition to the total, too. The look at a bucket
//! before a change can be Relaxed: the exchange checks what was decided on it, or the decision is right
//! for any lap.

use super::ring::{TOTAL_MAX, read_buckets, total_plus};
use super::word::{self, COUNT_MAX, Word};
use super::{REACH, Sums};
use crate::engine::sync::{AtomicU64, Ordering, const_unless_loom};
use crate::engine::time::{SLOTS, Tick};

/// The largest weight that goes by `fetch_add`.
const SMALL: u64 = 1 << 24;

/// A total and the buckets of all recent seconds; see the [module](self).
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

    /// Counts `n` events in the second `tick`, or in a later one that the clock has shown meanwhile.
    pub(crate) fn add(&self, tick: Tick, n: u64) {
        if n == 0 {
            return;
        }
        self.add_to_total(n);
        // Relaxed: the Release of the bucket orders it before anybody sees the count.
        if self.last.load(Ordering::Relaxed) <= tick.0 {
            self.last.fetch_max(tick.0 + 1, Ordering::Relaxed);
        }
        let mut done = Err(Word(self.buckets[tick.slot()].load(Ordering::Relaxed)));
        while let Err(found) = done {
            done = self.add_to_bucket(tick, n, found);
        }
    }

    /// Tries once to add `n`, on the word `found` that the caller has loaded. `Err` has the word that is
    /// there instead.
    fn add_to_bucket(&self, tick: Tick, n: u64, found: Word) -> Result<(), Word> {
        let bucket = &self.buckets[tick.slot()];
        let live = found.belongs_to(tick) || found.is_after(tick);
        if live && n <= SMALL && found.count() <= COUNT_MAX / 2 {
            // Release: partner of the Acquire in `add_run`. The lap may have changed since the look
            // (case 1); the addition is right for any lap.
            bucket.fetch_add(Word::addend(n), Ordering::Release);
            return Ok(());
        }
        let base = if live { found } else { Word::empty(tick) };
        let word = base.saturating_plus(n);
        // Release: partner of the Acquire in `add_run`. Relaxed on failure: nothing but the next
        // attempt depends on it.
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

    /// Relaxed: the Release of the bucket, which follows, orders it.
    fn add_to_total(&self, n: u64) {
        // As with a bucket: below half of its range a small weight can't make the total wrap, however
        // many others add at the same time.
        if n <= SMALL && self.total.load(Ordering::Relaxed) < TOTAL_MAX {
            self.total.fetch_add(n, Ordering::Relaxed);
        } else {
            let add = |total| Some(total_plus(total, n));
            let _ = self.total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// All events. Relaxed: it is a number by itself, which only grows.
    #[inline]
    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// The last second that has an event. Relaxed: what was recorded before this call has set it.
    #[cfg(feature = "http")]
    pub(crate) fn last(&self) -> Option<Tick> {
        self.last.load(Ordering::Relaxed).checked_sub(1).map(Tick)
    }

    /// Whether a second of the window of `now`, or the one before it, may have events. Relaxed: a record
    /// that ended before this call set `last`, or saw it set.
    #[inline]
    pub(crate) fn is_in_use(&self, now: Tick) -> bool {
        self.last.load(Ordering::Relaxed) + REACH as u64 > now.0
    }

    /// Adds the counts of this ring to `sums`, as of second `now`.
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
    use super::*;

    fn read(ring: &SharedRing, now: Tick) -> Sums {
        let mut sums = Sums::EMPTY;
        ring.read(now, &mut sums);
        sums
    }

    #[test]
    fn a_stale_writer_counts_in_the_second_it_finds() {
        let ring = SharedRing::new();
        ring.add(Tick(70), 3);
        ring.add(Tick(6), 2);
        let sums = read(&ring, Tick(70));
        assert_eq!(sums.by_second[REACH], 5);
        assert_eq!((sums.total, sums.last), (5, Some(Tick(70))));
    }

    /// Case 1: no other writer makes a writer of small weights look again, as long as the bucket was at
    /// most half full.
    #[test]
    fn small_weights_never_look_again() {
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
    fn an_overtaken_writer_looks_again() {
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
    fn ring_that_begins_after_decades_counts() {
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

    /// Only at the end of a total's range can a test see which way a weight was added.
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
