//! What a timer has seen since its start: counts by class, the sum and the longest.
//!
//! Written by one thread, as a part of its shard, or by many, for those without a shard.
//! Relaxed throughout: whoever sees a sample in a bucket sees it here, too, by the Release and
//! Acquire on the bucket (pair 1 of the module above).

use super::layout::{BOUNDS, CLASSES};
use crate::engine::sync::{AtomicU64, Ordering, load_own};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Life {
    by_class: [AtomicU64; CLASSES],
    /// In nanoseconds; it stops at 2^64 - 1, which is 584 years of durations.
    sum: AtomicU64,
    longest: AtomicU64,
}

/// What a reader collects over all [`Life`]s of a timer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LifeSums {
    pub(crate) by_class: [u64; CLASSES],
    pub(crate) sum: u64,
    pub(crate) longest: u64,
}

impl Life {
    pub(crate) fn new() -> Self {
        Self {
            by_class: std::array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        }
    }

    /// Counts `n` samples. Only the owner may call this.
    #[inline]
    pub(crate) fn add_owned(&self, class: usize, nanos: u64, n: u64) {
        let relaxed = Ordering::Relaxed;
        let count = &self.by_class[class];
        count.store(load_own(count).saturating_add(n), relaxed);
        let sum = load_own(&self.sum).saturating_add(nanos.saturating_mul(n));
        self.sum.store(sum, relaxed);
        if nanos > load_own(&self.longest) {
            self.longest.store(nanos, relaxed);
        }
    }

    /// Counts `n` samples. Anybody may call this, if nobody calls the other.
    pub(crate) fn add_shared(&self, class: usize, nanos: u64, n: u64) {
        let relaxed = Ordering::Relaxed;
        let plus = |cell: &AtomicU64, n: u64| {
            // Up to here a small addition can't make the sum wrap, whoever else adds at the
            // same time; past it, or with a large one, it must be looked at.
            if n <= u64::MAX >> 16 && cell.load(relaxed) <= u64::MAX >> 1 {
                cell.fetch_add(n, relaxed);
            } else {
                let _ = cell.fetch_update(relaxed, relaxed, |sum| Some(sum.saturating_add(n)));
            }
        };
        plus(&self.by_class[class], n);
        plus(&self.sum, nanos.saturating_mul(n));
        self.longest.fetch_max(nanos, relaxed);
    }

    pub(crate) fn read(&self, sums: &mut LifeSums) {
        let relaxed = Ordering::Relaxed;
        for (sum, count) in sums.by_class.iter_mut().zip(&self.by_class) {
            *sum = sum.saturating_add(count.load(relaxed));
        }
        sums.sum = sums.sum.saturating_add(self.sum.load(relaxed));
        sums.longest = sums.longest.max(self.longest.load(relaxed));
    }

    pub(crate) fn clear(&self) {
        let all = self.by_class.iter().chain([&self.sum, &self.longest]);
        all.for_each(|cell| cell.store(0, Ordering::Relaxed));
    }
}

impl LifeSums {
    pub(crate) fn count(&self) -> u64 {
        self.by_class.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// How many were no longer than each bound, in nanoseconds; the last has no bound.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let mut sum = 0_u64;
        BOUNDS.iter().zip(&self.by_class).map(move |(&bound, &count)| {
            sum = sum.saturating_add(count);
            ((bound != u64::MAX).then_some(bound), sum)
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_come_to_the_same() {
        let (owned, shared) = (Life::new(), Life::new());
        for (class, nanos, n) in
            [(0, 900, 1), (5, 1_000_000, 3), (21, u64::MAX >> 1, 2), (0, 0, u64::MAX), (0, 1, 1)]
        {
            owned.add_owned(class, nanos, n);
            shared.add_shared(class, nanos, n);
        }
        let (mut one, mut other) = (LifeSums::default(), LifeSums::default());
        owned.read(&mut one);
        shared.read(&mut other);
        assert_eq!(one, other);
        assert_eq!((one.by_class[0], one.by_class[5], one.sum), (u64::MAX, 3, u64::MAX));
        assert_eq!((one.longest, one.count()), (u64::MAX >> 1, u64::MAX));
        owned.clear();
        let mut none = LifeSums::default();
        owned.read(&mut none);
        assert_eq!(none, LifeSums::default());
    }
}
