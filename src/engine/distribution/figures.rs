//! The minimum, the maximum and the mean of a window: exact where that costs recorders nothing.

use crate::engine::durations::layout::{index, least, middle};
use crate::engine::durations::reader::Filled;
use crate::engine::durations::since_start::SinceStartSums;

/// In nanoseconds; zeroes without samples. Minimum ≤ mean ≤ maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) min: u64,
    pub(super) max: u64,
    pub(super) mean: u64,
}

impl Figures {
    /// The figures of the `count` samples in `filled`. `life` was read after them, and after that the
    /// meter, which had counted `events`.
    pub(super) fn of(filled: &[Filled], count: u64, life: &SinceStartSums, events: u64) -> Self {
        let (Some(first), Some(last)) = (filled.first(), filled.last()) else {
            return Self::default();
        };
        let [first, last] = [first, last].map(|found| usize::from(found.bucket));
        let (sum, n) = (u128::from(life.sum), u128::from(count));
        // The window has all samples. An event counts before its duration does: if there are no more
        // events than durations, then none was being recorded that is in the maximum or the sum, but not
        // in a count. (Being Relaxed, the sum may run ahead of the events; then the buckets bound it.)
        let exact = count == life.count()
            && count == events
            && life.sum != u64::MAX
            && index(life.max) == last
            && total(filled, least) <= sum
            && sum <= total(filled, |bucket| greatest(bucket).min(life.max));
        if exact {
            let (max, mean) = (life.max, narrow(sum / n));
            // What would be left for it, if all other samples were as long as the maximum.
            let least_possible = narrow(sum.saturating_sub(u128::from(max) * (n - 1)));
            let min = middle(first).clamp(least_possible, mean);
            return Self { min, max, mean };
        }
        let max = middle(last).min(life.max);
        let min = middle(first).min(max);
        let mean = narrow(total(filled, middle) / n).clamp(min, max);
        Self { min, max, mean }
    }
}

/// The sum of the samples, if `of` says how long those of a bucket are.
fn total(filled: &[Filled], of: impl Fn(usize) -> u64) -> u128 {
    let of = |found: &Filled| u128::from(of(usize::from(found.bucket))) * u128::from(found.count);
    filled.iter().map(of).sum()
}

/// The longest duration of a bucket, in nanoseconds.
fn greatest(bucket: usize) -> u64 {
    least(bucket + 1) - 1
}

/// A figure between samples, in nanoseconds.
fn narrow(nanos: u128) -> u64 {
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const BUCKET: u16 = 400;

    /// Of two samples in one bucket, if a reader has found this maximum and this sum.
    fn figures(max: u64, sum: u64, events: u64) -> [u64; 3] {
        let mut life = SinceStartSums { sum, max, ..Default::default() };
        life.by_le[0] = 2;
        let figures = Figures::of(&[Filled { bucket: BUCKET, count: 2 }], 2, &life, events);
        [figures.min, figures.mean, figures.max]
    }

    fn ends() -> [u64; 3] {
        [least, middle, greatest].map(|of| of(BUCKET.into()))
    }

    #[test]
    fn sums_that_the_buckets_allow_are_exact() {
        let [low, middle, high] = ends();
        for all in ends() {
            assert_eq!(figures(all, 2 * all, 2), [all; 3]);
        }
        assert_eq!(figures(high, low + high, 2), [middle, middle, high]);
        assert_eq!(figures(low + 2, 2 * low + 3, 2), [low + 1, low + 1, low + 2]);
    }

    /// Of a sample that is being recorded, a reader may have seen the sum or the maximum, but no count.
    #[test]
    fn sums_that_the_buckets_rule_out_are_not_used() {
        let [low, middle, high] = ends();
        for (max, sum, events) in [
            (high, 2 * high + 1, 2),
            (high, 3 * high, 2),
            (high, 2 * low - 1, 2),
            (high + 1, low + high, 2),
            (high, u64::MAX, 2),
            (high, low + high, 3),
        ] {
            let found = figures(max, sum, events);
            assert_eq!(found, [middle; 3], "max {max}, sum {sum}, {events} events");
        }
        // None is longer than the longest.
        assert_eq!(figures(low, 3 * low, 2), [low; 3]);
        assert_eq!(figures(low, 2 * low + 1, 2), [low; 3]);
    }
}
