//! A ring of 64 buckets and a total, written by one thread at a time: its owner.
//!
//! The owner needs no read-modify-write: nobody else stores here, so what it loaded is still
//! there when it stores. It remembers the last second that it recorded in; as long as the clock
//! shows the same second, that second's bucket is known to be of the current lap, and recording
//! is an addition to the total and one to the bucket.
//!
//! Invariant: if `last` is tick k, then the bucket of k's slot is of k's lap. It holds for a new
//! owner too, since `last` and the bucket come to it together (pair 2 of the module above).

use super::bucket::{self, Word};
use super::{REACH, Sums};
use crate::sync::{AtomicU64, Ordering, const_unless_loom, load_own};
use crate::tick::{SLOTS, Tick};

/// `last` of a ring in which nothing was ever recorded. No clock gets there.
const NEVER: u64 = u64::MAX;

/// Totals stop here, so that a few extreme weights cannot make a total wrap and go down.
pub(crate) const TOTAL_MAX: u64 = 1 << 63;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Ring {
    total: AtomicU64,
    last: AtomicU64,
    buckets: [AtomicU64; SLOTS],
}

impl Ring {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                total: AtomicU64::new(0),
                last: AtomicU64::new(NEVER),
                buckets: bucket::zeroes(),
            }
        }
    }

    /// Counts `n` events in second `tick`. Only the ring's owner may call this.
    #[inline]
    pub(crate) fn add(&self, tick: Tick, n: u64) {
        if load_own(&self.last) == tick.0
            && let Some(word) = Word(load_own(&self.buckets[tick.slot()])).plus(n)
        {
            // At most COUNT_MAX a second is added here, so even a total at its maximum has a
            // hundred days until it would wrap.
            self.write(tick, load_own(&self.total).wrapping_add(n), word);
            return;
        }
        self.turn(tick, n);
    }

    /// The owner's first record in a second, or one that does not fit its bucket.
    #[cold]
    #[inline(never)]
    fn turn(&self, tick: Tick, n: u64) {
        let found = Word(load_own(&self.buckets[tick.slot()]));
        let base = if found.is_of(tick) { found } else { Word::empty(tick) };
        let word = base.saturating_plus(n);
        if word.count() - base.count() < n {
            crate::diagnostics::count_saturated();
        }
        // Before the bucket, so that a reader who sees the count sees when it was. Relaxed: the
        // bucket's store orders it.
        self.last.store(tick.0, Ordering::Relaxed);
        self.write(tick, total_plus(load_own(&self.total), n), word);
    }

    /// Puts a new total and the bucket of `tick` in place. Only the owner may call this.
    #[inline]
    fn write(&self, tick: Tick, total: u64, word: Word) {
        // The total first (pair 1). Relaxed: the bucket's store orders it.
        self.total.store(total, Ordering::Relaxed);
        // Release: partner of the Acquire in `read_buckets`.
        self.buckets[tick.slot()].store(word.0, Ordering::Release);
    }

    /// Adds what this ring holds to `sums`, as of second `now`.
    pub(crate) fn read(&self, now: Tick, sums: &mut Sums) {
        read_buckets(&self.buckets, now, sums);
        // After the buckets (their Acquire holds this back): window ≤ total. Relaxed: totals
        // only grow, and coherence keeps one reader's view of them from going back.
        sums.total = sums.total.saturating_add(self.total.load(Ordering::Relaxed));
        let last = self.last.load(Ordering::Relaxed);
        if last != NEVER {
            sums.last = sums.last.max(Some(Tick(last)));
        }
    }

    /// Empties a ring that has no owner and no reader. Relaxed: the pool's mutex orders this
    /// before the ring's next life (pair 4).
    pub(crate) fn clear(&self) {
        for cell in &self.buckets {
            cell.store(0, Ordering::Relaxed);
        }
        self.total.store(0, Ordering::Relaxed);
        self.last.store(NEVER, Ordering::Relaxed);
    }
}

/// `total + n`, stopping at [`TOTAL_MAX`], and never less than `total`.
pub(crate) fn total_plus(total: u64, n: u64) -> u64 {
    total.saturating_add(n).min(TOTAL_MAX.max(total))
}

/// Adds the buckets of the 61 seconds up to `now` to `sums`.
pub(crate) fn read_buckets(buckets: &[AtomicU64; SLOTS], now: Tick, sums: &mut Sums) {
    for (age, sum) in sums.by_second.iter_mut().rev().enumerate() {
        debug_assert!(age <= REACH);
        let Some(second) = now.0.checked_sub(age as u64) else { break };
        let tick = Tick(second);
        // Acquire: partner of the writers' Release (pair 1).
        let word = Word(buckets[tick.slot()].load(Ordering::Acquire));
        if word.is_of(tick) {
            *sum += word.count();
        }
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
    fn a_full_bucket_keeps_its_lap_and_the_total_goes_on() {
        let ring = Ring::new();
        ring.add(Tick(7), 5);
        ring.add(Tick(7), bucket::COUNT_MAX);
        ring.add(Tick(7), 1);
        let mut sums = Sums::EMPTY;
        ring.read(Tick(7), &mut sums);
        assert_eq!(sums.by_second[REACH], bucket::COUNT_MAX);
        assert_eq!(sums.total, bucket::COUNT_MAX + 6);
        // The next lap starts clean.
        ring.add(Tick(71), 2);
        let mut sums = Sums::EMPTY;
        ring.read(Tick(71), &mut sums);
        assert_eq!(sums.by_second.iter().sum::<u64>(), 2);
        assert_eq!(sums.last, Some(Tick(71)));
    }
}
