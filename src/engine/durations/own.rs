//! The words of a timer that one thread writes: one for each bucket, and the counts since the start.
//!
//! A word has the count of one step. When the clock shows another step, the first sample in the bucket
//! moves the count to the [`SharedDurations`] and starts the word anew. Each bucket turns
//! independently: see the [module above](super).

use crossbeam_utils::CachePadded;

use super::layout::{BUCKETS, index, le_index};
use super::shared::{Received, SharedDurations};
use super::since_start::{SinceStartCells, SinceStartSums};
use super::word::{Mover, OwnWord, STEPS, Step};
use crate::engine::sync::{AtomicU64, Ordering, load_own};

/// What one recording thread has of a timer; see the [module](self).
#[derive(Debug)]
pub(crate) struct OwnDurations {
    since_start: SinceStartCells,
    /// The mark that this shard sets when it moves a count. Relaxed: set before the roster publishes
    /// the shard.
    mover: AtomicU64,
    /// Aligned to cache lines: a reader takes a line at a time, and no two shards share one.
    buckets: CachePadded<[AtomicU64; BUCKETS]>,
}

// `Diagnostics::timed_shards` states this size.
#[cfg(all(not(loom), target_arch = "x86_64"))]
const _: () = assert!(size_of::<OwnDurations>() == 5248);

impl OwnDurations {
    pub(crate) fn new() -> Self {
        Self {
            since_start: SinceStartCells::new(),
            mover: AtomicU64::new(Mover::NOBODY.0),
            buckets: CachePadded::new(std::array::from_fn(|_| AtomicU64::new(OwnWord::NEVER.0))),
        }
    }

    /// Counts `n` samples of `nanos` in `step`. Only the owner may call this. `shared` is called when
    /// the bucket turns.
    #[inline]
    pub(crate) fn add<'a>(
        &self,
        step: Step,
        nanos: u64,
        n: u64,
        shared: impl FnOnce() -> Option<&'a SharedDurations>,
    ) {
        let bucket = index(nanos);
        self.since_start.add_own(le_index(bucket, nanos), nanos, n);
        let word = OwnWord(load_own(&self.buckets[bucket]));
        match word.plus(n) {
            Some(more) if word.belongs_to(step) => self.write(bucket, more),
            _ => self.turn(step, bucket, n, shared()),
        }
    }

    #[inline]
    fn write(&self, bucket: usize, word: OwnWord) {
        // Release: partner of the Acquire in `load` (pair 1).
        self.buckets[bucket].store(word.0, Ordering::Release);
    }

    /// The first sample of a bucket in a step, or one that doesn't fit into the word.
    #[cold]
    #[inline(never)]
    fn turn(&self, step: Step, bucket: usize, n: u64, shared: Option<&SharedDurations>) {
        // The allocator records while this thread allocates `shared`: the sample is in no window.
        let Some(shared) = shared else { return };
        // A word that was never written comes here (see `OwnWord::NEVER`), so its bucket is marked in
        // time.
        shared.mark_used(bucket);
        let found = OwnWord(load_own(&self.buckets[bucket]));
        let base = match found.age(step) {
            _ if found.count() == 0 => OwnWord::empty(step),
            // This step, or a later one.
            Some(0) | None => found,
            Some(age) if age >= STEPS as u64 => OwnWord::empty(step),
            Some(age) => {
                let then = Step(step.0 - age);
                let mover = self.mover();
                match shared.receive_move(then, bucket, found.count(), mover) {
                    Received::Marked => {
                        self.begin(bucket, OwnWord::empty(step), n);
                        shared.finish_move(then, bucket, mover);
                        return;
                    }
                    Received::TooOld => OwnWord::empty(step),
                    Received::Busy => {
                        shared.add(step, bucket, n);
                        return;
                    }
                }
            }
        };
        self.begin(bucket, base, n);
    }

    fn begin(&self, bucket: usize, base: OwnWord, n: u64) {
        let word = base.saturating_plus(n);
        if word.count() - base.count() < n {
            crate::engine::diagnostics::count_saturated();
        }
        self.write(bucket, word);
    }

    /// The word of a bucket, for a reader.
    pub(crate) fn load(&self, bucket: usize) -> OwnWord {
        // Acquire: partner of the Release in `write` (pair 1).
        OwnWord(self.buckets[bucket].load(Ordering::Acquire))
    }

    pub(crate) fn read_since_start(&self, sums: &mut SinceStartSums) {
        self.since_start.read(sums);
    }

    /// The mark that this shard sets when it moves a count.
    pub(crate) fn mover(&self) -> Mover {
        Mover(self.mover.load(Ordering::Relaxed))
    }

    /// Gives the shard the mark of the place on the roster that it is about to take.
    pub(crate) fn set_mover(&self, mover: Mover) {
        self.mover.store(mover.0, Ordering::Relaxed);
    }

    /// Empties words that have no owner and no reader. Relaxed: the mutex of the pool orders this before
    /// their next use.
    pub(crate) fn clear(&self) {
        self.buckets.iter().for_each(|word| word.store(OwnWord::NEVER.0, Ordering::Relaxed));
        self.since_start.clear();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const NANOS: u64 = 1;

    fn add(own: &OwnDurations, step: u64, n: u64, shared: &SharedDurations) {
        own.add(Step(step), NANOS, n, || Some(shared));
    }

    /// What the shared word of a step has, and the mark in it.
    fn there(shared: &SharedDurations, step: u64) -> (u64, Mover) {
        let word = shared.read(index(NANOS))[Step(step).slot()];
        assert!(word.count() == 0 || word.belongs_to(Step(step)));
        (word.count(), word.mover())
    }

    #[test]
    fn a_move_leaves_the_count_and_no_mark() {
        let (own, shared) = (OwnDurations::new(), SharedDurations::new());
        own.set_mover(Mover::at(3));
        add(&own, 30, 5, &shared);
        assert_eq!(there(&shared, 30), (0, Mover::NOBODY));
        add(&own, 31, 2, &shared);
        assert_eq!(there(&shared, 30), (5, Mover::NOBODY));
        let word = own.load(index(NANOS));
        assert!(word.belongs_to(Step(31)));
        assert_eq!(word.count(), 2);
    }

    #[test]
    fn a_count_stays_while_another_moves() {
        let (own, shared) = (OwnDurations::new(), SharedDurations::new());
        own.set_mover(Mover::at(3));
        add(&own, 30, 5, &shared);
        let other = Mover::at(4);
        assert_eq!(shared.receive_move(Step(30), index(NANOS), 1, other), Received::Marked);
        add(&own, 31, 2, &shared);
        assert_eq!(own.load(index(NANOS)).count(), 5);
        assert_eq!((there(&shared, 30), there(&shared, 31)), ((1, other), (2, Mover::NOBODY)));
    }

    /// The owner was held up: its clock shows a step of the window, and that of another thread a later one.
    #[test]
    fn a_count_that_is_too_old_is_discarded() {
        let (own, shared) = (OwnDurations::new(), SharedDurations::new());
        own.set_mover(Mover::at(3));
        add(&own, 30, 5, &shared);
        shared.add(Step(30 + STEPS as u64), index(NANOS), 1);
        add(&own, 31, 2, &shared);
        assert_eq!(there(&shared, 30 + STEPS as u64), (1, Mover::NOBODY));
        let word = own.load(index(NANOS));
        assert!(word.belongs_to(Step(31)));
        assert_eq!(word.count(), 2);
    }

    #[test]
    fn a_full_word_stays_full() {
        let (own, shared) = (OwnDurations::new(), SharedDurations::new());
        for n in [3, u64::MAX, 1] {
            add(&own, 30, n, &shared);
        }
        let word = own.load(index(NANOS));
        assert!(word.belongs_to(Step(30)));
        assert_eq!(word.count(), (1 << 36) - 1);
    }

    #[test]
    fn a_cleared_set_has_nothing() {
        let (own, shared) = (OwnDurations::new(), SharedDurations::new());
        add(&own, 30, 5, &shared);
        own.clear();
        assert_eq!(own.load(index(NANOS)), OwnWord::NEVER);
        let mut sums = SinceStartSums::default();
        own.read_since_start(&mut sums);
        assert_eq!(sums, SinceStartSums::default());
    }
}
