//! The words of a timer that all threads write: for each bucket one word for each of twelve steps.
//!
//! The [module above](super) says which samples are counted here, and when.

use super::layout::{BUCKETS, LINES, PER_LINE};
use super::word::{Mover, STEPS, SharedWord, Step};
use crate::engine::sync::{AtomicU64, Ordering};

/// The largest weight that goes by `fetch_add`. Half of a word is left free, so 32,768 writers can be
/// between their look and their addition at the same time.
const SMALL: u64 = 1 << 17;

/// How often an owner tries to move its count before it puts the move off.
const TRIES: usize = 3;

/// How many lines of buckets have their bits in one word.
const LINES_IN_WORD: usize = u64::BITS as usize / PER_LINE;

/// What all threads of a timer share; see the [module](self).
#[derive(Debug)]
pub(crate) struct SharedDurations {
    /// The steps of a bucket are side by side, in the order in which a reader loads them.
    buckets: Box<[[AtomicU64; STEPS]]>,
    /// A bit for each bucket that was ever used.
    used: [AtomicU64; LINES.div_ceil(LINES_IN_WORD)],
}

/// What became of a [`SharedDurations::receive_move`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// The count is here, and marked as being moved until [`SharedDurations::finish_move`].
    Marked,
    /// The step has left every window: no reader wants the count.
    TooOld,
    /// The word has the mark of another owner, or others changed it in each attempt.
    Busy,
}

impl SharedDurations {
    pub(crate) fn new() -> Self {
        let words = || std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            buckets: (0..BUCKETS).map(|_| words()).collect(),
            used: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Makes readers look into a bucket from now on. Each writer calls this before it puts its first
    /// sample there. Relaxed: see "Buckets that were never used" in the [module above](super).
    pub(crate) fn mark_used(&self, bucket: usize) {
        let (word, bit) = (&self.used[bucket / 64], 1 << (bucket % 64));
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// The lines that have a used bucket, each with a bit for each bucket of it.
    pub(crate) fn used(&self) -> impl Iterator<Item = (usize, u8)> + '_ {
        let words = self.used.iter().map(|word| word.load(Ordering::Relaxed).to_le_bytes());
        words.flatten().enumerate().filter(|&(_, buckets)| buckets != 0)
    }

    /// Adds `n` to a bucket's count of `step`, or of a later step that falls on the same word and that
    /// the clock has shown meanwhile. The cases are those of
    /// [`seconds::shared`](crate::engine::seconds::shared).
    pub(crate) fn add(&self, step: Step, bucket: usize, n: u64) {
        self.mark_used(bucket);
        let word = &self.buckets[bucket][step.slot()];
        // Relaxed: the exchange checks what is decided on this look, or the decision is right for any
        // lap.
        let mut done = Err(SharedWord(word.load(Ordering::Relaxed)));
        while let Err(found) = done {
            done = add_to_word(word, step, n, found);
        }
    }

    /// Step m1 of a move: adds the count `n` of the owner `mover` to a bucket's count of `step`, and
    /// sets the owner's mark. Fails if the word has a mark; tries a fixed number of times.
    pub(crate) fn receive_move(&self, step: Step, bucket: usize, n: u64, mover: Mover) -> Received {
        let word = &self.buckets[bucket][step.slot()];
        receive_in_word(word, step, n, mover, SharedWord(word.load(Ordering::Relaxed)), TRIES)
    }

    /// Step m3 of a move: takes the mark of `mover` off. Its own word has been replaced before (m2).
    pub(crate) fn finish_move(&self, step: Step, bucket: usize, mover: Mover) {
        let word = &self.buckets[bucket][step.slot()];
        let unmark = |now| {
            let now = SharedWord(now);
            // If the owner was held up for a lap, its mark is gone together with the count, and the mark
            // that is here belongs to another owner.
            (now.mover() == mover).then(|| now.with_mover(Mover::NOBODY).0)
        };
        // Release: partner of the Acquire in `read` (pair 3). A next attempt follows only when a
        // straggler has added to this step, which is over: at most once for each straggler.
        let _ = word.fetch_update(Ordering::Release, Ordering::Relaxed, unmark);
    }

    /// The words of a bucket, by slot.
    pub(crate) fn read(&self, bucket: usize) -> [SharedWord; STEPS] {
        // Acquire: partner of the Release of every writer of these words (pairs 2 and 3).
        std::array::from_fn(|slot| SharedWord(self.buckets[bucket][slot].load(Ordering::Acquire)))
    }
}

/// Tries once to add `n` to a word, which the caller has loaded as `found`. `Err` has the word that is there
/// instead.
fn add_to_word(word: &AtomicU64, step: Step, n: u64, found: SharedWord) -> Result<(), SharedWord> {
    let live = found.belongs_to(step) || found.is_after(step);
    if live && n <= SMALL && found.count() <= SharedWord::COUNT_MAX / 2 {
        // Release: partner of the Acquire in `read` (pair 2). The mark, if there is one, stays.
        word.fetch_add(SharedWord::addend(n), Ordering::Release);
        return Ok(());
    }
    let base = if live { found } else { SharedWord::empty(step) };
    let new = base.saturating_plus(n);
    // Release: as above. Relaxed on failure: nothing but the next attempt depends on it.
    match word.compare_exchange(found.0, new.0, Ordering::Release, Ordering::Relaxed) {
        Ok(_) => {
            if new.count() - base.count() < n {
                crate::engine::diagnostics::count_saturated();
            }
            Ok(())
        }
        Err(now) => Err(SharedWord(now)),
    }
}

/// The rest of [`SharedDurations::receive_move`], with the word as it was loaded.
fn receive_in_word(
    word: &AtomicU64,
    step: Step,
    n: u64,
    mover: Mover,
    mut found: SharedWord,
    tries: usize,
) -> Received {
    for _ in 0..tries {
        if found.is_after(step) {
            return Received::TooOld;
        }
        let base = if found.belongs_to(step) { found } else { SharedWord::empty(step) };
        if base.mover() != Mover::NOBODY {
            return Received::Busy;
        }
        let new = base.saturating_plus(n);
        let marked = new.with_mover(mover).0;
        // Release: partner of the Acquire in `read` (pair 2).
        match word.compare_exchange(found.0, marked, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => {
                if new.count() - base.count() < n {
                    crate::engine::diagnostics::count_saturated();
                }
                return Received::Marked;
            }
            Err(now) => found = SharedWord(now),
        }
    }
    Received::Busy
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn count(steps: &SharedDurations, step: Step) -> u64 {
        let word = steps.read(7)[step.slot()];
        if word.belongs_to(step) { word.count() } else { 0 }
    }

    #[test]
    fn a_mark_keeps_other_movers_out_but_not_additions() {
        let (steps, step) = (SharedDurations::new(), Step(30));
        assert_eq!(steps.receive_move(step, 7, 5, Mover::at(0)), Received::Marked);
        assert_eq!(steps.receive_move(step, 7, 2, Mover::at(1)), Received::Busy);
        steps.add(step, 7, 1);
        steps.finish_move(step, 7, Mover::at(1));
        assert_eq!(steps.receive_move(step, 7, 2, Mover::at(1)), Received::Busy);
        steps.finish_move(step, 7, Mover::at(0));
        assert_eq!(steps.receive_move(step, 7, 2, Mover::at(1)), Received::Marked);
        assert_eq!(count(&steps, step), 8);
    }

    /// Another writer comes between the look and the exchange.
    #[test]
    fn an_overtaken_writer_looks_again() {
        let (steps, step) = (SharedDurations::new(), Step(30));
        let word = &steps.buckets[7][step.slot()];
        let looked = SharedWord(word.load(Ordering::Relaxed));
        steps.add(step, 7, 2);
        let now = add_to_word(word, step, 3, looked).unwrap_err();
        assert_eq!((now, count(&steps, step)), (SharedWord::empty(step).saturating_plus(2), 2));
        assert_eq!(add_to_word(word, step, SMALL + 1, looked), Err(now));
        assert_eq!(add_to_word(word, step, 3, now), Ok(()));
        assert_eq!(count(&steps, step), 5);
    }

    /// A bucket that is more than half full is changed by exchanges only, which can't overflow it.
    #[test]
    fn small_weights_never_look_again() {
        let half = SharedWord::COUNT_MAX / 2;
        for (found, at_once) in [(1, true), (half, true), (half + 1, false)] {
            let (steps, step) = (SharedDurations::new(), Step(30));
            let word = &steps.buckets[7][step.slot()];
            steps.add(step, 7, found);
            let looked = SharedWord(word.load(Ordering::Relaxed));
            steps.add(step, 7, 2);
            assert_eq!(add_to_word(word, step, SMALL, looked).is_ok(), at_once, "{found}");
            assert!(add_to_word(word, step, SMALL + 1, looked).is_err());
        }
    }

    #[test]
    fn an_overtaken_mover_looks_again() {
        let (steps, step, mover) = (SharedDurations::new(), Step(30), Mover::at(4));
        let word = &steps.buckets[7][step.slot()];
        let looked = SharedWord(word.load(Ordering::Relaxed));
        steps.add(step, 7, 2);
        assert_eq!(receive_in_word(word, step, 5, mover, looked, 1), Received::Busy);
        assert_eq!(count(&steps, step), 2);
        assert_eq!(receive_in_word(word, step, 5, mover, looked, TRIES), Received::Marked);
        assert_eq!((count(&steps, step), steps.read(7)[step.slot()].mover()), (7, mover));
        // A later step has come meanwhile.
        steps.add(Step(42), 7, 1);
        assert_eq!(receive_in_word(word, step, 5, mover, looked, TRIES), Received::TooOld);
        assert_eq!((count(&steps, step), count(&steps, Step(42))), (0, 1));
    }

    #[test]
    fn a_later_step_replaces_count_and_mark() {
        let (steps, step, later) = (SharedDurations::new(), Step(30), Step(42));
        assert_eq!(steps.receive_move(step, 7, 5, Mover::at(0)), Received::Marked);
        assert_eq!(steps.receive_move(later, 7, 2, Mover::at(1)), Received::Marked);
        // The one that was held up comes too late for anything.
        steps.finish_move(step, 7, Mover::at(0));
        assert_eq!(steps.receive_move(step, 7, 5, Mover::at(0)), Received::TooOld);
        assert_eq!((count(&steps, step), count(&steps, later)), (0, 2));
        assert_eq!(steps.read(7)[later.slot()].mover(), Mover::at(1));
    }

    #[test]
    fn heavy_weights_fill_a_word_and_no_more() {
        let (steps, step) = (SharedDurations::new(), Step(30));
        for n in [SharedWord::COUNT_MAX - 1, 1, 1, SMALL + 1, u64::MAX] {
            steps.add(step, 7, n);
        }
        assert_eq!(count(&steps, step), SharedWord::COUNT_MAX);
        assert_eq!(steps.receive_move(step, 7, 3, Mover::at(0)), Received::Marked);
        assert_eq!(count(&steps, step), SharedWord::COUNT_MAX);
    }
}
