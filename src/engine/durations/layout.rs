//! Which bucket a duration falls in.
//!
//! Log-linear, in nanoseconds: each power of two is divided into 16 buckets of equal width, and
//! below 32 ns each nanosecond has its own. So a bucket is at most a sixteenth of its lower end
//! wide, and its middle is within a thirty-second (3.125 %) of whatever fell in it.
//!
//! This is what the crates `histogram` (grouping power 4) and `hdrhistogram` compute, too, but
//! neither lets others use the arithmetic: it is private in both, behind histograms that own
//! their counts. Here it is five instructions, and keeps the engine free of dependencies.

use std::time::Duration;

/// The longest duration that is told apart from longer ones: an hour, in nanoseconds.
pub(crate) const LONGEST: u64 = 3_600_000_000_000;

/// How many buckets there are.
#[cfg(not(loom))]
pub(crate) const BUCKETS: usize = index(LONGEST) + 1;
/// Two, so that a model can look at all of them.
#[cfg(loom)]
pub(crate) const BUCKETS: usize = 2;

/// Buckets that are read together: as many of an owner's words are on a cache line. Each time a
/// reader comes to a line that its owner writes, the owner waits for it to come back; so it had
/// better be once for them all. Also the bits of a byte.
pub(crate) const RUN: usize = 8;
pub(crate) const RUNS: usize = BUCKETS.div_ceil(RUN);

/// Buckets for each power of two, as a power of two.
const GROUP: u32 = 4;

/// The bounds, in nanoseconds, of the classes in which durations are counted since the start;
/// each is inclusive. Any two are further apart than a bucket is wide.
#[cfg(not(loom))]
pub(crate) const BOUNDS: [u64; 22] = [
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
/// One class is enough for a model.
#[cfg(loom)]
pub(crate) const BOUNDS: [u64; 1] = [u64::MAX];

pub(crate) const CLASSES: usize = BOUNDS.len();

/// Marks a bucket in which a bound falls, so that it is of two classes.
const SPLIT: u8 = 1 << 7;

/// The class of the least duration of each bucket.
static CLASS_OF_BUCKET: [u8; BUCKETS] = classes_of_buckets();

/// A duration in nanoseconds, at most [`LONGEST`].
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    // A branch, which the processor foresees, rather than two minima, for which it would wait.
    if duration.as_secs() >= LONGEST / SECOND {
        return LONGEST;
    }
    duration.as_secs() * SECOND + u64::from(duration.subsec_nanos())
}

/// The bucket of a duration of `nanos`, at most [`LONGEST`].
#[inline]
#[allow(clippy::cast_possible_truncation)] // At most 618.
pub(crate) const fn index(nanos: u64) -> usize {
    #[cfg(loom)]
    return if nanos == 0 { 0 } else { 1 };
    // Below 32 the width is 1, as it is from 16 on by the same rule.
    #[allow(unreachable_code)]
    let highest_bit = u64::BITS - 1 - (nanos | ((2 << GROUP) - 1)).leading_zeros();
    let shift = highest_bit - GROUP;
    (shift << GROUP) as usize + (nanos >> shift) as usize
}

/// The class of a duration of `nanos` that falls in `bucket`.
#[inline]
pub(crate) fn class(bucket: usize, nanos: u64) -> usize {
    let class = CLASS_OF_BUCKET[bucket];
    if class & SPLIT == 0 {
        return usize::from(class);
    }
    let lower = usize::from(class & !SPLIT);
    lower + usize::from(nanos > BOUNDS[lower])
}

/// The least duration of a bucket, in nanoseconds.
const fn least(bucket: usize) -> u64 {
    if bucket < 2 << GROUP {
        return bucket as u64;
    }
    let shift = (bucket >> GROUP) - 1;
    let group = 1 << GROUP;
    ((group + bucket % group) as u64) << shift
}

/// What stands for all that fell in a bucket: its middle, rounded down.
pub(crate) fn middle(bucket: usize) -> u64 {
    // As wide as the power of two of its least duration says; up to the 32nd it is one.
    let width = 1 << (bucket >> GROUP).saturating_sub(1);
    least(bucket) + (width - 1) / 2
}

#[allow(clippy::cast_possible_truncation)] // Below CLASSES.
const fn classes_of_buckets() -> [u8; BUCKETS] {
    let mut classes = [0; BUCKETS];
    let (mut bucket, mut class) = (0, 0);
    while bucket < BUCKETS {
        while least(bucket) > BOUNDS[class] {
            class += 1;
        }
        classes[bucket] = class as u8;
        if least(bucket + 1) - 1 > BOUNDS[class] {
            classes[bucket] |= SPLIT;
        }
        bucket += 1;
    }
    classes
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
        around.chain(spread).chain([LONGEST]).filter(|&nanos| nanos <= LONGEST)
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
    fn classes_are_exact() {
        for nanos in
            samples().chain(BOUNDS.into_iter().flat_map(|bound| [bound, bound.saturating_add(1)]))
        {
            let nanos = nanos.min(LONGEST);
            let exact = BOUNDS.iter().position(|&bound| nanos <= bound).unwrap();
            assert_eq!(class(index(nanos), nanos), exact, "{nanos}");
        }
    }

    #[test]
    fn durations_end_at_an_hour() {
        assert_eq!(nanos(Duration::ZERO), 0);
        assert_eq!(nanos(Duration::new(3599, 999_999_999)), LONGEST - 1);
        for long in [3600, 3601, u64::MAX] {
            assert_eq!(nanos(Duration::new(long, 5)), LONGEST);
        }
    }
}
