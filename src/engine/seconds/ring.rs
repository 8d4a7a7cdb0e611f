//! A total that one thread at a time writes, its owner, and a ring of 64 buckets that remembers how
//! much of the total came in each second.
//!
//! To record is one addition to the total. The owner needs no read-modify-write for it: nobody else
//! stores here, so the value that it loaded is still there when it stores. The ring also keeps
//! *base*, which is the total when the current second began. So the count of the current second is a
//! difference, total - base. The owner writes a bucket only when it leaves a second.
//!
//! Therefore the window can't drift away from the total: its counts are pieces of it.
//!
//! # How a reader puts the pieces together
//!
//! The owner leaves second L for a later one by four stores, in this order:
//!
//! 1. the bucket of L, with L's final count;
//! 2. base;
//! 3. second;
//! 4. the total, with the first event of the later second.
//!
//! The reader loads the second, finds L, and then loads base, the total, the bucket of L, and the
//! buckets before L. Each store is a Release and each load an Acquire. So a reader that sees one of the
//! owner's stores also sees all stores before it.
//!
//! | case | what the reader saw | what the owner has done | what is counted for L |
//! |---|---|---|---|
//! | 1 | the bucket of L isn't filled | not left L when the reader loaded base and total | total - base |
//! | 2 | the bucket of L is filled | left L; base and total may belong to L or to a later second | the bucket; the total is loaded again |
//! | 3 | buckets of later seconds | gone on during the pass | nothing: the reader leaves them alone |
//! | 4 | L is after the reader's own second | run ahead of the reader's clock | nothing: the whole window is before L |
//!
//! *Why case 1 is right.* Base and total belong to L: if either had been stored after L was left, its
//! load (Acquire) would have shown the bucket filled. Base isn't from before L, and the total isn't
//! from before base, since the reader saw the second first. One exception: the bucket may already
//! belong to the next lap, and so looks unfilled. Then the owner is so far ahead that the pass is void;
//! even so base, loaded first, is at most the total.
//!
//! *Why case 2 is right.* The bucket has L's final count. The second load of the total has all that the
//! bucket has. The second is loaded once more after it, and is no earlier than that total's.
//!
//! *Why case 3 is right.* The buckets before L have been final since L began, and every total that the
//! reader can see contains them.
//!
//! So window ≤ total, and all figures belong to the moment at which the reader loaded the total. Only in
//! cases 2 and 4 the window ends earlier than that, and the total and the last second are a little later.
//! A pass that writers have overtaken by more than the guard is void in every case.
//!
//! # Cache lines
//!
//! The total is alone on its cache line. It is the only line that the owner writes more than once a
//! second, and a reader takes it from the owner once. The second and base are on another line: the
//! owner reads the second for each record, and would have to wait for a line that a reader has taken.

use super::word::{self, COUNT_MAX, Word};
use super::{REACH, Sums};
use crate::engine::sync::{AtomicU64, Ordering, const_unless_loom, load_own};
use crate::engine::time::{SLOTS, Tick};

/// The `second` of a ring without any event. No clock gets there.
const NEVER: u64 = u64::MAX;

/// Totals stop here, so that a few extreme weights can't make a total wrap and go down.
pub(crate) const TOTAL_MAX: u64 = 1 << 63;

/// The largest weight that is added without a look at [`TOTAL_MAX`]. It takes a day and a half of
/// such weights, a thousand million of them a second, to get from there to the end of the range.
const LIGHT: u64 = 1 << 16;

/// A value at the beginning of a cache line of 64 bytes. On machines with lines of 128 bytes the total
/// shares its line with the second or with the first buckets.
#[derive(Debug)]
#[repr(align(64))]
struct Line<T>(T);

/// A total and the buckets of past seconds; see the [module](self). The bucket of the current second
/// is not written: its count is the difference of `total` and `base`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Ring {
    /// The last second that has an event.
    second: AtomicU64,
    /// The total when `second` began.
    base: AtomicU64,
    /// All events.
    total: Line<AtomicU64>,
    /// The final counts of the seconds before `second`.
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

    /// Counts `n` events in the second `tick`. Only the owner may call this.
    #[inline]
    pub(crate) fn add(&self, tick: Tick, n: u64) {
        if load_own(&self.second) == tick.0 && n <= LIGHT {
            // Release: partner of the Acquire in `read` (case 1).
            self.total.0.store(load_own(&self.total.0).wrapping_add(n), Ordering::Release);
        } else {
            self.add_slowly(tick, n);
        }
    }

    /// The owner's first record in a second, or one of a large weight.
    #[cold]
    #[inline(never)]
    fn add_slowly(&self, tick: Tick, n: u64) {
        if n == 0 {
            return;
        }
        // Before the second: a signal handler that interrupts this between the loads, and turns the ring,
        // then leaves nothing here to turn. In the other order this would overwrite the full bucket.
        self.add_loaded(load_own(&self.base), load_own(&self.total.0), tick, n);
    }

    /// The rest of `add_slowly`, with base and total as they were loaded.
    fn add_loaded(&self, mut base: u64, total: u64, tick: Tick, n: u64) {
        let second = load_own(&self.second);
        // A thread loads the tick of its first record before it adopts a shard, which its former owner may
        // have turned since. Then the events count in the later second, which the clock has shown.
        if second == NEVER || second < tick.0 {
            self.turn(second, base, total, tick);
            base = total;
        }
        if n > COUNT_MAX - (total - base).min(COUNT_MAX) {
            crate::engine::diagnostics::count_saturated();
        }
        // Release: as in `add`.
        self.total.0.store(total_plus(total, n), Ordering::Release);
    }

    /// Leaves `second`, if there was one, for `tick`. The order of the stores matters: see the
    /// module. Each is a Release whose partner is an Acquire in `read`.
    fn turn(&self, second: u64, base: u64, total: u64, tick: Tick) {
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

    /// Adds the counts of this ring to `sums`, as of second `now`.
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
        // A word of 0 was never written, though once in 34 years its lap looks like this one.
        let left = bucket.0 != 0 && bucket.belongs_to(latest);
        if left {
            // Case 2, in this order. Relaxed: the Acquire of the total keeps this load after it.
            total = self.total.0.load(Ordering::Acquire);
            second = self.second.load(Ordering::Relaxed);
        }
        // Totals only grow, and coherence keeps one reader from seeing them go back.
        sums.total = sums.total.saturating_add(total);
        sums.last = sums.last.max(Some(Tick(second)));
        // How many seconds `latest` is before `now`; also 0 if the owner is ahead of `now`.
        let age = usize::try_from(now.0.saturating_sub(latest.0)).unwrap_or(usize::MAX);
        // If it is beyond the window, so are all buckets.
        let Some(last) = REACH.checked_sub(age) else { return };
        let others = sums.by_second[last];
        read_buckets(&self.buckets.0, latest.min(now), &mut sums.by_second[..=last]);
        if latest <= now {
            let count = if left { bucket.count() } else { (total - base).min(COUNT_MAX) };
            // Replaces what the bucket added: it may have been filled since it was loaded above.
            sums.by_second[last] = others + count;
        }
    }

    /// Does the same. `true` if the ring stood still meanwhile, in second `now` or an earlier one: then the
    /// total and the counts that were added belong together, for as long as `now` is the current second.
    pub(crate) fn read_still(&self, now: Tick, sums: &mut Sums) -> bool {
        // Relaxed: `read` loads it again, and can't find an earlier one.
        let before = self.second.load(Ordering::Relaxed);
        self.read(now, sums);
        // Relaxed: the Acquire of the total in `read` keeps this load after it. A total with an event of a
        // later second was stored after that second.
        let after = self.second.load(Ordering::Relaxed);
        before == after && (after == NEVER || after <= now.0)
    }

    /// All events.
    #[inline]
    pub(crate) fn total(&self) -> u64 {
        // Acquire: partner of the Release in `add`. A reader that looks at the published tick after this
        // finds no earlier second than the recorder did (case 11 in `kept`).
        self.total.0.load(Ordering::Acquire)
    }

    /// The last second that has an event. Relaxed: what was recorded before this call has set it.
    #[cfg(feature = "http")]
    pub(crate) fn last(&self) -> Option<Tick> {
        let last = self.second.load(Ordering::Relaxed);
        (last != NEVER).then_some(Tick(last))
    }

    /// Empties a ring that has no owner and no reader. Relaxed: the mutex of the pool orders this
    /// before the next use of the ring (pair 4 in [`shards`](crate::engine::shards)).
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

/// Adds the bucket of each second up to `last` to the place of that second in `sums`, oldest first.
pub(crate) fn read_buckets(buckets: &[AtomicU64; SLOTS], last: Tick, sums: &mut [u64]) {
    // The window may wrap around the ring: first slots of the lap before, then slots of `last`'s lap.
    // In lap 0 the lap before matches only buckets that were never written, which count 0.
    let (slot, reach) = (last.slot(), sums.len() - 1);
    let older = reach.saturating_sub(slot);
    let (before, current) = sums.split_at_mut(older);
    add_run(&buckets[SLOTS - older..], last.lap().wrapping_sub(1), before);
    add_run(&buckets[slot + older - reach..=slot], last.lap(), current);
}

#[inline]
fn add_run(buckets: &[AtomicU64], lap: u64, sums: &mut [u64]) {
    for (bucket, sum) in buckets.iter().zip(sums) {
        // Acquire: partner of the Release in `Ring::turn`, and of those in `SharedRing::add_to_bucket`.
        let word = Word(bucket.load(Ordering::Acquire));
        *sum += if word.belongs_to_lap(lap) { word.count() } else { 0 };
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

    /// A signal handler turns the ring after the interrupted record has loaded base and total, before it
    /// loads the second.
    #[test]
    fn a_nested_turn_wipes_no_second() {
        let ring = Ring::new();
        ring.add(Tick(6), 1_000);
        let (base, total) = (load_own(&ring.base), load_own(&ring.total.0));
        ring.add(Tick(7), 1);
        ring.add_loaded(base, total, Tick(7), 1);
        let mut sums = Sums::EMPTY;
        ring.read(Tick(7), &mut sums);
        assert_eq!(
            sums.by_second[REACH - 1..],
            [1_000, 1],
            "the handler's event alone may be lost"
        );
    }

    #[test]
    fn ring_that_begins_after_decades_counts() {
        // After 34 years, in the last of all laps, a bucket that was never written looks filled.
        for seconds in [31_557_600, 1_073_741_760, 1_073_741_823, 1_073_741_824, 1_300_000_000] {
            let (ring, now) = (Ring::new(), Tick(seconds));
            ring.add(now, 3);
            let mut sums = Sums::EMPTY;
            ring.read(now, &mut sums);
            assert_eq!((sums.by_second[REACH], sums.total), (3, 3), "at {seconds}");
        }
    }

    /// Only at the end of a total's range can a test see which way a weight was added.
    #[test]
    fn light_weights_pass_where_totals_stop() {
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
