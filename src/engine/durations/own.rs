//! The part of a timer that one thread writes: a word for each bucket, and its [`Life`].
//!
//! A word holds the count of one step. When the clock shows another, the first sample that falls
//! in the bucket moves the count to the shared [`Steps`] and starts the word anew; each bucket
//! turns by itself. See the [module above](super).

use crossbeam_utils::CachePadded;

use super::layout::{BUCKETS, class, index};
use super::shared::{Steps, TakenIn};
use super::since_start::{Life, LifeSums};
use super::word::{Mover, OwnWord, STEPS, Step};
use crate::engine::sync::{AtomicU64, Ordering, load_own};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Times {
    life: Life,
    /// One more than the place of this shard on its roster; 0 while it has none. Relaxed: set
    /// before the shard is published.
    place: AtomicU64,
    /// From the start of a line, as a reader takes them; and so no two shards share one.
    buckets: CachePadded<[AtomicU64; BUCKETS]>,
}

// What `Diagnostics` says of it.
#[cfg(all(not(loom), target_arch = "x86_64"))]
const _: () = assert!(size_of::<Times>() == 5248);

impl Times {
    pub(crate) fn new() -> Self {
        Self {
            life: Life::new(),
            place: AtomicU64::new(0),
            buckets: CachePadded::new(std::array::from_fn(|_| AtomicU64::new(OwnWord::NEVER.0))),
        }
    }

    /// Counts `n` samples of `nanos` in `step`. Only the owner may call this. `steps` is asked for
    /// when the bucket turns.
    #[inline]
    pub(crate) fn add<'a>(
        &self,
        step: Step,
        nanos: u64,
        n: u64,
        steps: impl FnOnce() -> &'a Steps,
    ) {
        let bucket = index(nanos);
        self.life.add_owned(class(bucket, nanos), nanos, n);
        let word = OwnWord(load_own(&self.buckets[bucket]));
        match word.plus(n) {
            Some(more) if word.is_of(step) => self.write(bucket, more),
            _ => self.turn(step, bucket, n, steps()),
        }
    }

    #[inline]
    fn write(&self, bucket: usize, word: OwnWord) {
        // Release: partner of the reader's Acquire in `load` (pair 1).
        self.buckets[bucket].store(word.0, Ordering::Release);
    }

    /// The first sample of a bucket in a step, or one that does not fit.
    #[cold]
    #[inline(never)]
    fn turn(&self, step: Step, bucket: usize, n: u64, steps: &Steps) {
        // A word that was never written comes here (see `OwnWord::NEVER`), so this is said in time.
        steps.will_use(bucket);
        let found = OwnWord(load_own(&self.buckets[bucket]));
        let base = match found.age(step) {
            _ if found.count() == 0 => OwnWord::empty(step),
            // Of this step or a later one.
            Some(0) | None => found,
            Some(age) if age >= STEPS as u64 => OwnWord::empty(step),
            Some(age) => {
                let then = Step(step.0 - age);
                let mover = self.mover();
                match steps.take_in(then, bucket, found.count(), mover) {
                    TakenIn::Marked => {
                        self.begin(bucket, OwnWord::empty(step), n);
                        steps.let_go(then, bucket, mover);
                        return;
                    }
                    TakenIn::TooOld => OwnWord::empty(step),
                    TakenIn::NotNow => {
                        steps.add(step, bucket, n);
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

    /// A bucket's word, for a reader.
    pub(crate) fn load(&self, bucket: usize) -> OwnWord {
        // Acquire: partner of the owner's Release (pair 1).
        OwnWord(self.buckets[bucket].load(Ordering::Acquire))
    }

    pub(crate) fn read_life(&self, sums: &mut LifeSums) {
        self.life.read(sums);
    }

    /// Who this is when it moves a count.
    pub(crate) fn mover(&self) -> Mover {
        match self.place.load(Ordering::Relaxed) {
            0 => Mover::NOBODY,
            #[allow(clippy::cast_possible_truncation)] // It was a usize before.
            place => Mover::at(place as usize - 1),
        }
    }

    /// Tells the shard its place on the roster that it is about to be put on.
    pub(crate) fn set_place(&self, place: usize) {
        self.place.store(place as u64 + 1, Ordering::Relaxed);
    }

    /// Empties what has no owner and no reader.
    pub(crate) fn clear(&self) {
        self.buckets.iter().for_each(|word| word.store(OwnWord::NEVER.0, Ordering::Relaxed));
        self.life.clear();
    }
}
