//! What a timer has seen since its start: counts by `le` bound, the sum and the maximum.
//!
//! One thread writes it, as a part of its shard; or many do, for threads without a shard.
//!
//! # Orderings
//!
//! A writer comes here after it has counted the event on the meter. It writes the maximum, then the
//! sum, then the count with **Release**. A reader loads the counts with **Acquire**, then the sum and
//! the maximum, then the meter. So for each sample that a reader counts it also sees
//!
//! - a maximum that is at least as long as the sample;
//! - a sum that contains the sample, and perhaps samples that are being recorded and aren't counted yet;
//! - the event on the meter: samples since the start ≤ events, as long as the meter's total is below 2^63,
//!   where it stops.
//!
//! The maximum and the sum are Relaxed: the count orders them.

use super::layout::{LE_BOUNDS, LE_COUNT};
use crate::engine::sync::{AtomicU64, Ordering, const_unless_loom, load_own};

/// The cells; see the [module](self).
#[derive(Debug)]
pub(crate) struct SinceStartCells {
    by_le: [AtomicU64; LE_COUNT],
    /// In nanoseconds. It stops at 2^64 - 1, which is 584 years.
    sum: AtomicU64,
    max: AtomicU64,
}

/// What a reader adds up over all [`SinceStartCells`] of a timer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SinceStartSums {
    pub(crate) by_le: [u64; LE_COUNT],
    pub(crate) sum: u64,
    pub(crate) max: u64,
}

impl SinceStartCells {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                by_le: zeroes(),
                sum: AtomicU64::new(0),
                max: AtomicU64::new(0),
            }
        }
    }

    /// Counts `n` samples. Only the owner may call this.
    #[inline]
    pub(crate) fn add_own(&self, le: usize, nanos: u64, n: u64) {
        let relaxed = Ordering::Relaxed;
        if nanos > load_own(&self.max) {
            self.max.store(nanos, relaxed);
        }
        let sum = load_own(&self.sum).saturating_add(nanos.saturating_mul(n));
        self.sum.store(sum, relaxed);
        let count = &self.by_le[le];
        // Release: partner of the Acquire in `read`.
        count.store(load_own(count).saturating_add(n), Ordering::Release);
    }

    /// Counts `n` samples. Any thread may call this, on cells where nobody calls `add_own`.
    pub(crate) fn add_shared(&self, le: usize, nanos: u64, n: u64) {
        let relaxed = Ordering::Relaxed;
        let plus = |cell: &AtomicU64, n: u64, order: Ordering| {
            // Below half of the range a small addition can't make the sum wrap, however many others
            // add at the same time. Otherwise the addition must saturate.
            if n <= u64::MAX >> 16 && cell.load(relaxed) <= u64::MAX >> 1 {
                cell.fetch_add(n, order);
            } else {
                let _ = cell.fetch_update(order, relaxed, |sum| Some(sum.saturating_add(n)));
            }
        };
        self.max.fetch_max(nanos, relaxed);
        plus(&self.sum, nanos.saturating_mul(n), relaxed);
        // Release: partner of the Acquire in `read`. Additions by others continue its release sequence.
        plus(&self.by_le[le], n, Ordering::Release);
    }

    pub(crate) fn read(&self, sums: &mut SinceStartSums) {
        for (sum, count) in sums.by_le.iter_mut().zip(&self.by_le) {
            // Acquire: partner of the Release in `add_own` and `add_shared`. The counts come first.
            *sum = sum.saturating_add(count.load(Ordering::Acquire));
        }
        sums.sum = sums.sum.saturating_add(self.sum.load(Ordering::Relaxed));
        sums.max = sums.max.max(self.max.load(Ordering::Relaxed));
    }

    /// Empties cells that have no writer and no reader. Relaxed: the mutex of the pool orders this before
    /// their next use.
    pub(crate) fn clear(&self) {
        let all = self.by_le.iter().chain([&self.sum, &self.max]);
        all.for_each(|cell| cell.store(0, Ordering::Relaxed));
    }
}

const_unless_loom! {
    fn zeroes() -> [AtomicU64; LE_COUNT] {
        #[cfg(not(loom))]
        {
            [const { AtomicU64::new(0) }; LE_COUNT]
        }
        #[cfg(loom)]
        {
            std::array::from_fn(|_| AtomicU64::new(0))
        }
    }
}

impl SinceStartSums {
    pub(crate) fn count(&self) -> u64 {
        self.by_le.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// How many samples are at most as long as each bound, in nanoseconds; the last one has no bound.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let mut sum = 0_u64;
        LE_BOUNDS.iter().zip(&self.by_le).map(move |(&bound, &count)| {
            sum = sum.saturating_add(count);
            ((bound != u64::MAX).then_some(bound), sum)
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_agree() {
        let (owned, shared) = (SinceStartCells::new(), SinceStartCells::new());
        for (le, nanos, n) in
            [(0, 900, 1), (5, 1_000_000, 3), (21, u64::MAX >> 1, 2), (0, 0, u64::MAX), (0, 1, 1)]
        {
            owned.add_own(le, nanos, n);
            shared.add_shared(le, nanos, n);
        }
        let (mut one, mut other) = (SinceStartSums::default(), SinceStartSums::default());
        owned.read(&mut one);
        shared.read(&mut other);
        assert_eq!(one, other);
        assert_eq!((one.by_le[0], one.by_le[5], one.sum), (u64::MAX, 3, u64::MAX));
        assert_eq!((one.max, one.count()), (u64::MAX >> 1, u64::MAX));
        owned.clear();
        let mut none = SinceStartSums::default();
        owned.read(&mut none);
        assert_eq!(none, SinceStartSums::default());
    }

    /// What `fetch_add` would wrap.
    #[test]
    fn shared_sums_stop_at_their_end() {
        for (first, then) in [(u64::MAX - 3, 7), (1 << 40, u64::MAX - (1 << 20))] {
            let cells = SinceStartCells::new();
            cells.add_shared(0, 1, first);
            cells.add_shared(0, 1, then);
            let mut sums = SinceStartSums::default();
            cells.read(&mut sums);
            assert_eq!((sums.by_le[0], sums.sum), (u64::MAX, u64::MAX), "{first} and {then}");
        }
    }
}
