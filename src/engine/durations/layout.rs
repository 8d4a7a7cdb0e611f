//! Which bucket a duration falls in.
//!
//! Log-linear, in nanoseconds: each power of two is divided into 16 buckets of equal width, and
//! below 32 ns each nanosecond has its own. So a bucket is at most a sixteenth of its lower end
//! wide, and its middle is within a thirty-second (3.125 %) of every sample in it.
//!
//! The crates `histogram` (grouping power 4) and `hdrhistogram` compute the same, but in both the
//! arithmetic is private, behind histograms that own their counts. Here it is five instructions, and
//! keeps the engine free of dependencies.

use std::time::Duration;

/// The longest duration, an hour in nanoseconds. Longer ones count as this.
pub(crate) const MAX_NANOS: u64 = 3_600_000_000_000;

/// The number of buckets.
#[cfg(not(loom))]
pub(crate) const BUCKETS: usize = index(MAX_NANOS) + 1;
/// Two, so that a model can look at all of them.
#[cfg(loom)]
pub(crate) const BUCKETS: usize = 2;

/// Words on a cache line of 64 bytes. A reader takes the words of a line together: each time that it
/// takes a line, the owner has to wait for the line to come back. One byte of
/// [`SharedDurations::used`](super::shared::SharedDurations::used) covers a line.
pub(crate) const PER_LINE: usize = 8;
pub(crate) const LINES: usize = BUCKETS.div_ceil(PER_LINE);

/// Buckets for each power of two, as a power of two.
const GROUP: u32 = 4;

/// The inclusive upper bounds, in nanoseconds, by which durations are counted since the start: the `le`
/// of a Prometheus histogram. Any two are further apart than a bucket is wide.
#[cfg(not(loom))]
pub(crate) const LE_BOUNDS: [u64; 22] = [
    1_000,
    10_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
    300_000_000_000,
    u64::MAX,
];
/// One bound is enough for a model.
#[cfg(loom)]
pub(crate) const LE_BOUNDS: [u64; 1] = [u64::MAX];

pub(crate) const LE_COUNT: usize = LE_BOUNDS.len();

/// Marks a bucket that a bound divides.
const STRADDLES: u8 = 1 << 7;

/// For each bucket, the place in [`LE_BOUNDS`] of its least duration.
static LE_OF_BUCKET: [u8; BUCKETS] = le_of_buckets();

/// `duration` in nanoseconds, at most [`MAX_NANOS`].
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    // A branch, which the processor predicts, costs less than two minima, for which it waits.
    if duration.as_secs() >= MAX_NANOS / SECOND {
        return MAX_NANOS;
    }
    duration.as_secs() * SECOND + u64::from(duration.subsec_nanos())
}

/// The bucket of a duration of `nanos`, at most [`MAX_NANOS`].
#[inline]
#[allow(clippy::cast_possible_truncation)] // At most 618.
pub(crate) const fn index(nanos: u64) -> usize {
    // A model has a bucket for 0 ns and one for all others.
    let nanos = if cfg!(loom) { (nanos != 0) as u64 } else { nanos };
    // Below 32 the width is 1, as it is from 16 on by the same rule.
    let highest_bit = u64::BITS - 1 - (nanos | ((2 << GROUP) - 1)).leading_zeros();
    let shift = highest_bit - GROUP;
    (shift << GROUP) as usize + (nanos >> shift) as usize
}

/// The place in [`LE_BOUNDS`] of a duration of `nanos`, which falls in `bucket`.
#[inline]
pub(crate) fn le_index(bucket: usize, nanos: u64) -> usize {
    let le = LE_OF_BUCKET[bucket];
    if le & STRADDLES == 0 {
        return usize::from(le);
    }
    let lower = usize::from(le & !STRADDLES);
    lower + usize::from(nanos > LE_BOUNDS[lower])
}

/// The least duration of a bucket, in nanoseconds.
pub(crate) const fn least(bucket: usize) -> u64 {
    if bucket < 2 << GROUP {
        return bucket as u64;
    }
    let shift = (bucket >> GROUP) - 1;
    let group = 1 << GROUP;
    ((group + bucket % group) as u64) << shift
}

/// The duration that stands for all samples of a bucket: its middle, rounded down.
pub(crate) fn middle(bucket: usize) -> u64 {
    // The width follows from the power of two of the least duration; up to the 32nd bucket it is 1 ns.
    let width = 1 << (bucket >> GROUP).saturating_sub(1);
    least(bucket) + (width - 1) / 2
}

#[allow(clippy::cast_possible_truncation)] // Below LE_COUNT.
const fn le_of_buckets() -> [u8; BUCKETS] {
    let mut of_bucket = [0; BUCKETS];
    let (mut bucket, mut le) = (0, 0);
    while bucket < BUCKETS {
        while least(bucket) > LE_BOUNDS[le] {
            le += 1;
        }
        of_bucket[bucket] = le as u8;
        if least(bucket + 1) - 1 > LE_BOUNDS[le] {
            of_bucket[bucket] |= STRADDLES;
        }
        bucket += 1;
    }
    of_bucket
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Around every bucket's ends, and a spread of others.
    fn samples() -> impl Iterator<Item = u64> {
        let ends = (0..BUCKETS).map(least);
        let around = ends.flat_map(|end| [end.saturating_sub(1), end, end + 1]);
        let spread =
            (0..42).flat_map(|power| (0..97).map(move |part| (1 << power) * (97 + part) / 97));
        around.chain(spread).chain([MAX_NANOS]).filter(|&nanos| nanos <= MAX_NANOS)
    }

    #[test]
    fn buckets_are_in_order_and_without_gap() {
        assert_eq!(BUCKETS, 619);
        for bucket in 0..BUCKETS {
            assert_eq!(index(least(bucket)), bucket);
            assert_eq!(index(least(bucket + 1) - 1), bucket);
        }
    }

    #[test]
    fn the_middle_is_within_3_2_percent() {
        for nanos in samples() {
            let middle = middle(index(nanos));
            assert!(middle.abs_diff(nanos) * 1000 <= nanos * 32, "{nanos} reads as {middle}");
        }
    }

    #[test]
    fn le_bounds_are_exact() {
        for nanos in samples()
            .chain(LE_BOUNDS.into_iter().flat_map(|bound| [bound, bound.saturating_add(1)]))
        {
            let nanos = nanos.min(MAX_NANOS);
            let exact = LE_BOUNDS.iter().position(|&bound| nanos <= bound).unwrap();
            assert_eq!(le_index(index(nanos), nanos), exact, "{nanos}");
        }
    }

    #[test]
    fn the_table_of_bounds_is_what_its_function_says() {
        assert_eq!(LE_OF_BUCKET, le_of_buckets());
    }

    #[test]
    fn durations_end_at_an_hour() {
        assert_eq!(nanos(Duration::ZERO), 0);
        assert_eq!(nanos(Duration::new(3599, 999_999_999)), MAX_NANOS - 1);
        for long in [3600, 3601, u64::MAX] {
            assert_eq!(nanos(Duration::new(long, 5)), MAX_NANOS);
        }
    }
}
