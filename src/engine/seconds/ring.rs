//! A total that one thread at a time writes, its owner, and a ring of 64 buckets that remembers
//! how much of the total came in each second.
//!
//! Recording is one addition to the total. The owner needs no read-modify-write for it: nobody
//! else stores here, so what it loaded is still there when it stores. What the total was when the
//! current second began is kept as well, so the current second's count is a difference, and
//! only on its way into the next second the owner puts that difference into a bucket.
//!
//! So the window cannot drift away from the total: its counts are pieces of it.
//!
//! # How a reader puts the pieces together
//!
//! The owner O goes from second k to k' in this order: bucket of k, base, second, total. A reader
//! R loads the second L, then base, total and the bucket of L, and then the buckets before it.
//! Each store is a Release and meets an Acquire, so whoever sees one of O's stores sees all those
//! before it.
//!
//! 1. *R finds the bucket of L not filled*: then base and total, loaded before it, are of L too.
//!    (Either from after L would have been stored after the bucket.) Their difference is L's
//!    count. And base is not from before L, nor the total from before what base says, since L
//!    came first. (Or the bucket is of a lap later: then O is so far ahead that R's pass is void.
//!    Even so base, loaded first, is no more than the total.)
//! 2. *R finds it filled*: O has left L, the bucket has L's final count. Base and total may be of
//!    L or of what came after it; so R does without base, and loads the total again, which now
//!    has all that the bucket has, and then the second, which is no earlier than that total's.
//! 3. *O goes on meanwhile*: R leaves the buckets of later seconds alone. Those before L are full
//!    ever since L began, and part of any total that R can see.
//! 4. *O is ahead of R's clock*: all of R's window is before L.
//!
//! So window ≤ total, and all figures are of the moment in which R looked at the total. Only in
//! case 2 the window is of the end of L, and total and last second are of a little later.
//!
//! # Lines
//!
//! The total is alone on its cache line, the only one that the owner writes more than once a
//! second, and a reader takes it from the owner once. Second and base are on another: the owner
//! reads the second for each record, and would wait for a line that a reader has taken.

use super::word::{self, COUNT_MAX, Word};
use super::{REACH, Sums};
use crate::engine::sync::{AtomicU64, Ordering, const_unless_loom, load_own};
use crate::engine::time::{SLOTS, Tick};

/// `second` of a ring in which nothing was ever recorded. No clock gets there.
const NEVER: u64 = u64::MAX;

/// Totals stop here, so that a few extreme weights cannot make a total wrap and go down.
pub(crate) const TOTAL_MAX: u64 = 1 << 63;

/// The largest weight that is added without a look at [`TOTAL_MAX`]. From there it would take
/// a day and a half of such weights, a thousand million of them a second, to wrap a total.
const LIGHT: u64 = 1 << 16;

/// What begins a cache line, of 64 bytes. Where lines are of 128, the total shares its line with the
/// second or with the first buckets, and the shard's ends with whatever is beside it in memory.
#[derive(Debug)]
#[repr(align(64))]
struct Line<T>(T);

/// See the [module](self).
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Ring {
    /// The last second in which something was recorded.
    second: AtomicU64,
    /// The total when `second` began.
    base: AtomicU64,
    /// Events ever.
    total: Line<AtomicU64>,
    /// The counts of the seconds before `second`.
    buckets: Line<[AtomicU64; SLOTS]>,
}

impl Ring {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                second: AtomicU64::new(NEVER),
                base: AtomicU64::new(0),
                total: Line(AtomicU64::new(0)),
                buckets: Line(word::zeroes()),
            }
        }
    }

    /// Counts `n` events in second `tick`. Only the ring's owner may call this.
    #[inline]
    pub(crate) fn add(&self, tick: Tick, n: u64) {
        if load_own(&self.second) == tick.0 && n <= LIGHT {
            // Release: partner of the Acquire in `read` (case 1).
            self.total.0.store(load_own(&self.total.0).wrapping_add(n), Ordering::Release);
        } else {
            self.add_slowly(tick, n);
        }
    }

    /// The owner's first record in a second, or a heavy one.
    #[cold]
    #[inline(never)]
    fn add_slowly(&self, tick: Tick, n: u64) {
        if n == 0 {
            return;
        }
        let second = load_own(&self.second);
        // Along a ring the clock doesn't go back; should it, the events count in the second that
        // it had already shown.
        if second == NEVER || second < tick.0 {
            self.turn(second, tick);
        }
        let (base, total) = (load_own(&self.base), load_own(&self.total.0));
        if n > COUNT_MAX - (total - base).min(COUNT_MAX) {
            crate::engine::diagnostics::count_saturated();
        }
        // Release: as in `add`.
        self.total.0.store(total_plus(total, n), Ordering::Release);
    }

    /// Leaves `second`, if there was one, for `tick`. The order of the stores matters: see the
    /// module. Each is a Release with an Acquire in `read` for a partner.
    fn turn(&self, second: u64, tick: Tick) {
        let (base, total) = (load_own(&self.base), load_own(&self.total.0));
        if second != NEVER {
            if total - base > COUNT_MAX {
                crate::engine::diagnostics::count_saturated();
            }
            let left = Tick(second);
            let word = Word::empty(left).saturating_plus(total - base);
            self.buckets.0[left.slot()].store(word.0, Ordering::Release);
        }
        self.base.store(total, Ordering::Release);
        self.second.store(tick.0, Ordering::Release);
    }

    /// Adds what this ring holds to `sums`, as of second `now`.
    pub(crate) fn read(&self, now: Tick, sums: &mut Sums) {
        // Acquire: partners of the owner's Releases. The order matters: see the module.
        let mut second = self.second.load(Ordering::Acquire);
        if second == NEVER {
            return;
        }
        let latest = Tick(second);
        let base = self.base.load(Ordering::Acquire);
        let mut total = self.total.0.load(Ordering::Acquire);
        let bucket = Word(self.buckets.0[latest.slot()].load(Ordering::Acquire));
        // A word of 0 was never written, though once in 34 years it looks like this lap's.
        let left = bucket.0 != 0 && bucket.is_of(latest);
        if left {
            // Case 2, in this order. Relaxed, since the total's Acquire holds the second back.
            total = self.total.0.load(Ordering::Acquire);
            second = self.second.load(Ordering::Relaxed);
        }
        // Totals only grow, and coherence keeps one reader's view of them from going back.
        sums.total = sums.total.saturating_add(total);
        sums.last = sums.last.max(Some(Tick(second)));
        // 0 as well if the owner is ahead of `now`.
        let age = usize::try_from(now.0.saturating_sub(latest.0)).unwrap_or(usize::MAX);
        // If it is beyond reach, all buckets are.
        let Some(last) = REACH.checked_sub(age) else { return };
        let others = sums.by_second[last];
        read_buckets(&self.buckets.0, latest.min(now), &mut sums.by_second[..=last]);
        if latest <= now {
            let count = if left { bucket.count() } else { (total - base).min(COUNT_MAX) };
            // In place of what the bucket added: it may have been filled since the look at it.
            sums.by_second[last] = others + count;
        }
    }

    /// Empties a ring that has no owner and no reader. Relaxed: the pool's mutex orders this
    /// before the ring's next life (pair 4).
    pub(crate) fn clear(&self) {
        for cell in &self.buckets.0 {
            cell.store(0, Ordering::Relaxed);
        }
        self.total.0.store(0, Ordering::Relaxed);
        self.base.store(0, Ordering::Relaxed);
        self.second.store(NEVER, Ordering::Relaxed);
    }
}

/// `total + n`, stopping at [`TOTAL_MAX`], and never less than `total`.
pub(crate) fn total_plus(total: u64, n: u64) -> u64 {
    total.saturating_add(n).min(TOTAL_MAX.max(total))
}

/// Adds the buckets of the seconds up to `last` to `sums`, of which each is one second's.
pub(crate) fn read_buckets(buckets: &[AtomicU64; SLOTS], last: Tick, sums: &mut [u64]) {
    // They are in two runs of slots: what is of the lap before, and what is of the last lap. In
    // the first lap the lap before is one that no bucket is ever of, but for empty ones.
    let (slot, reach) = (last.slot(), sums.len() - 1);
    let older = reach.saturating_sub(slot);
    let (before, current) = sums.split_at_mut(older);
    add_run(&buckets[SLOTS - older..], last.lap().wrapping_sub(1), before);
    add_run(&buckets[slot + older - reach..=slot], last.lap(), current);
}

#[inline]
fn add_run(buckets: &[AtomicU64], lap: u64, sums: &mut [u64]) {
    for (bucket, sum) in buckets.iter().zip(sums) {
        // Acquire: partner of the writers' Release (pair 1).
        let word = Word(bucket.load(Ordering::Acquire));
        *sum += if word.is_of_lap(lap) { word.count() } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_stop_and_never_go_down() {
        assert_eq!(total_plus(1, 2), 3);
        assert_eq!(total_plus(TOTAL_MAX - 1, 5), TOTAL_MAX);
        assert_eq!(total_plus(TOTAL_MAX, u64::MAX), TOTAL_MAX);
        assert_eq!(total_plus(TOTAL_MAX + 9, u64::MAX), TOTAL_MAX + 9);
        assert_eq!(total_plus(0, u64::MAX), TOTAL_MAX);
    }

    #[test]
    fn a_ring_that_begins_after_decades_counts_its_first_event() {
        // After 34 years, in the last of all laps, a bucket that was never written looks filled.
        for seconds in [31_557_600, 1_073_741_760, 1_073_741_823, 1_073_741_824, 1_300_000_000] {
            let (ring, now) = (Ring::new(), Tick(seconds));
            ring.add(now, 3);
            let mut sums = Sums::EMPTY;
            ring.read(now, &mut sums);
            assert_eq!((sums.by_second[REACH], sums.total), (3, 3), "at {seconds}");
        }
    }

    /// Which way a weight went shows at the end of a total's range only.
    #[test]
    fn light_weights_are_added_without_a_look_at_where_totals_stop() {
        let ring = Ring::new();
        let total = || {
            let mut sums = Sums::EMPTY;
            ring.read(Tick(1), &mut sums);
            sums.total
        };
        ring.add(Tick(1), u64::MAX);
        assert_eq!(total(), TOTAL_MAX);
        ring.add(Tick(1), LIGHT);
        assert_eq!(total(), TOTAL_MAX + LIGHT);
        ring.add(Tick(1), LIGHT + 1);
        assert_eq!(total(), TOTAL_MAX + LIGHT);
    }

    #[test]
    fn a_full_bucket_keeps_its_lap_and_the_total_goes_on() {
        let ring = Ring::new();
        ring.add(Tick(7), 5);
        ring.add(Tick(7), word::COUNT_MAX);
        ring.add(Tick(7), 1);
        let mut sums = Sums::EMPTY;
        ring.read(Tick(7), &mut sums);
        assert_eq!(sums.by_second[REACH], word::COUNT_MAX);
        assert_eq!(sums.total, word::COUNT_MAX + 6);
        // The next lap starts clean.
        ring.add(Tick(71), 2);
        let mut sums = Sums::EMPTY;
        ring.read(Tick(71), &mut sums);
        assert_eq!(sums.by_second.iter().sum::<u64>(), 2);
        assert_eq!(sums.last, Some(Tick(71)));
    }
}
