//! The shared part of a timer's window: for each bucket a word for each of twelve steps.
//!
//! See the [module above](super) for who puts what here, and when.

use super::layout::{BUCKETS, RUN, RUNS};
use super::since_start::Life;
use super::word::{Mover, STEPS, SharedWord, Step};
use crate::engine::sync::{AtomicU64, Ordering};

/// The largest weight that goes by `fetch_add`; with half a word left free, 32,768 writers can
/// be between their look and their addition at once.
const SMALL: u64 = 1 << 17;

/// How often a mover tries to get its count in before it puts the move off.
const TRIES: usize = 3;

/// Runs of buckets whose bits are in one word.
const RUNS_IN_WORD: usize = u64::BITS as usize / RUN;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Steps {
    /// Step by step within a bucket, so that a reader goes straight through.
    buckets: Box<[[AtomicU64; STEPS]]>,
    /// A bit for each bucket in which there was ever anything, by run.
    used: [AtomicU64; RUNS.div_ceil(RUNS_IN_WORD)],
    /// What those without a shard recorded since the start.
    pub(crate) life: Life,
}

/// What became of an attempt to [`Steps::take_in`] a count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TakenIn {
    /// It is in, and marked as being moved until [`Steps::let_go`].
    Marked,
    /// Its step is out of every window: nobody misses it.
    TooOld,
    /// Others are at work on this word.
    NotNow,
}

impl Steps {
    pub(crate) fn new() -> Self {
        let words = || std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            buckets: (0..BUCKETS).map(|_| words()).collect(),
            used: std::array::from_fn(|_| AtomicU64::new(0)),
            life: Life::new(),
        }
    }

    /// Tells readers to look into a bucket from now on. Everybody calls this before they put the
    /// first thing there, so it is true of whatever a reader has to see: see the module above.
    pub(crate) fn will_use(&self, bucket: usize) {
        let (word, bit) = (&self.used[bucket / 64], 1 << (bucket % 64));
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// The runs in which a bucket was ever used, and which buckets of the run were.
    pub(crate) fn used(&self) -> impl Iterator<Item = (usize, u8)> + '_ {
        let words = self.used.iter().map(|word| word.load(Ordering::Relaxed).to_le_bytes());
        words.flatten().enumerate().filter(|&(_, buckets)| buckets != 0)
    }

    /// Adds `n` to a bucket's count of `step`, or of a later one that falls on the same word and
    /// that the clock has shown meanwhile. Cases as in `window::shared`.
    pub(crate) fn add(&self, step: Step, bucket: usize, n: u64) {
        self.will_use(bucket);
        let word = &self.buckets[bucket][step.slot()];
        // Relaxed: what is decided on this look is checked by the exchange or holds for any lap.
        let mut found = SharedWord(word.load(Ordering::Relaxed));
        loop {
            let live = found.is_of(step) || found.is_after(step);
            if live && n <= SMALL && found.count() <= SharedWord::COUNT_MAX / 2 {
                // Release: partner of the reader's Acquire in `read` (pair 2). Leaves a mark of
                // somebody else's alone.
                word.fetch_add(SharedWord::addend(n), Ordering::Release);
                return;
            }
            let base = if live { found } else { SharedWord::empty(step) };
            let new = base.saturating_plus(n);
            // Release: as above. Failure decides nothing but the next look.
            match word.compare_exchange(found.0, new.0, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => {
                    if new.count() - base.count() < n {
                        crate::engine::diagnostics::count_saturated();
                    }
                    return;
                }
                Err(now) => found = SharedWord(now),
            }
        }
    }

    /// Adds the count `n` that `mover` has in its own word to a bucket's count of `step`, and
    /// marks the word. Only if nobody else's mark is on it; tries a fixed number of times.
    pub(crate) fn take_in(&self, step: Step, bucket: usize, n: u64, mover: Mover) -> TakenIn {
        let word = &self.buckets[bucket][step.slot()];
        let mut found = SharedWord(word.load(Ordering::Relaxed));
        for _ in 0..TRIES {
            if found.is_after(step) {
                return TakenIn::TooOld;
            }
            let base = if found.is_of(step) { found } else { SharedWord::empty(step) };
            if base.mover() != Mover::NOBODY {
                return TakenIn::NotNow;
            }
            let new = base.saturating_plus(n);
            let marked = new.with_mover(mover).0;
            // Release: partner of the reader's Acquire in `read` (pair 2).
            match word.compare_exchange(found.0, marked, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => {
                    if new.count() - base.count() < n {
                        crate::engine::diagnostics::count_saturated();
                    }
                    return TakenIn::Marked;
                }
                Err(now) => found = SharedWord(now),
            }
        }
        TakenIn::NotNow
    }

    /// Takes `mover`'s mark off again. Called after its own word has been replaced.
    pub(crate) fn let_go(&self, step: Step, bucket: usize, mover: Mover) {
        let word = &self.buckets[bucket][step.slot()];
        let unmark = |now| {
            let now = SharedWord(now);
            // If the mover was held up for a lap, its mark is gone with the count, and what is
            // there now is another's.
            (now.mover() == mover).then(|| now.with_mover(Mover::NOBODY).0)
        };
        // Release: partner of the reader's Acquire in `read` (pair 3). Tried again only when a
        // straggler has added to this step, which is over: at most once for each of them.
        let _ = word.fetch_update(Ordering::Release, Ordering::Relaxed, unmark);
    }

    /// A bucket's words.
    pub(crate) fn read(&self, bucket: usize) -> [SharedWord; STEPS] {
        // Acquire: partner of the Release of all that write here (pairs 2 and 3).
        std::array::from_fn(|slot| SharedWord(self.buckets[bucket][slot].load(Ordering::Acquire)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn count(steps: &Steps, step: Step) -> u64 {
        let word = steps.read(7)[step.slot()];
        if word.is_of(step) { word.count() } else { 0 }
    }

    #[test]
    fn a_mark_keeps_other_movers_out_but_not_additions() {
        let (steps, step) = (Steps::new(), Step(30));
        assert_eq!(steps.take_in(step, 7, 5, Mover::at(0)), TakenIn::Marked);
        assert_eq!(steps.take_in(step, 7, 2, Mover::at(1)), TakenIn::NotNow);
        steps.add(step, 7, 1);
        steps.let_go(step, 7, Mover::at(1));
        assert_eq!(steps.take_in(step, 7, 2, Mover::at(1)), TakenIn::NotNow);
        steps.let_go(step, 7, Mover::at(0));
        assert_eq!(steps.take_in(step, 7, 2, Mover::at(1)), TakenIn::Marked);
        assert_eq!(count(&steps, step), 8);
    }

    #[test]
    fn a_later_step_replaces_count_and_mark() {
        let (steps, step, later) = (Steps::new(), Step(30), Step(42));
        assert_eq!(steps.take_in(step, 7, 5, Mover::at(0)), TakenIn::Marked);
        assert_eq!(steps.take_in(later, 7, 2, Mover::at(1)), TakenIn::Marked);
        // The one that was held up comes too late for anything.
        steps.let_go(step, 7, Mover::at(0));
        assert_eq!(steps.take_in(step, 7, 5, Mover::at(0)), TakenIn::TooOld);
        assert_eq!((count(&steps, step), count(&steps, later)), (0, 2));
        assert_eq!(steps.read(7)[later.slot()].mover(), Mover::at(1));
    }

    #[test]
    fn heavy_weights_fill_a_word_and_no_more() {
        let (steps, step) = (Steps::new(), Step(30));
        for n in [SharedWord::COUNT_MAX - 1, 1, 1, SMALL + 1, u64::MAX] {
            steps.add(step, 7, n);
        }
        assert_eq!(count(&steps, step), SharedWord::COUNT_MAX);
        assert_eq!(steps.take_in(step, 7, 3, Mover::at(0)), TakenIn::Marked);
        assert_eq!(count(&steps, step), SharedWord::COUNT_MAX);
    }
}
