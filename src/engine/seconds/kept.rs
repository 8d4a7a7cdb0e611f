//! What the first reader of a second keeps for those that read later in it.
//!
//! Let s be a second, and *before* all that the owned rings of a meter counted up to the end of second
//! s-60. That time is over, so within s this number is constant, and so is the count of second s-60, the
//! *oldest* one. A reader that knows both needs no bucket:
//!
//! - events in the window = (sum of all totals) - before;
//! - the part of the oldest second that is less than 60 s old = (1 - f) × oldest.
//!
//! So the first reader in s makes a whole pass and keeps the two numbers here. Later readers load one
//! total for each ring. Recorders never touch this: it is on a cache line of the readers' own.
//!
//! # Cases
//!
//! | case | what happens | what is done |
//! |---|---|---|
//! | 1 | a ring turns while the first reader passes | the total that the reader loaded may have events of a second that its buckets don't have yet. It keeps nothing, and returns its own figures |
//! | 2 | a ring is ahead of the reader's second | the same |
//! | 3 | the shared ring adds to its total before its bucket | an event in between is in the one and not in the other. So *before* is about the owned rings alone, and the shared ring is read in full each time, unless nobody recorded there for a minute |
//! | 4 | two first readers, of the same second or of two | a version is odd while one of them writes. The other doesn't wait: it keeps nothing |
//! | 5 | a reader of a second that is over comes last | it keeps nothing: what is kept is never replaced by an earlier second |
//! | 6 | a reader finds the version odd, or changed after its loads, or of another second | it makes a pass |
//! | 7 | a recorder that loaded the tick of second k adds after the pass | its event is in a total, and so in the window, as it should be. Only one that is late by a minute counts as of now |
//! | 8 | a second holds more than its bucket can (2^40) | the pass leaves out what the bucket can't hold, and so do later readers of this second. What is recorded after the pass they count in full, where another pass would not: this is the better figure |
//! | 9 | a thread gets its first shard after the pass | its ring began at zero, so *before* is right without it |
//! | 10 | a clock jumps | another second, another pass |
//! | 11 | the clock moves on while a reader adds up the totals | it finds the published tick moved, and reads again |
//! | 12 | writers run more than [`GUARD`](super::GUARD) seconds ahead of a pass | its figures are void, and it keeps nothing |
//! | 13 | a process forks while another thread is in `keep` | in the child the version stays odd: each reader makes a pass |
//! | 14 | totals reach the end of their range, 2^64 in all | nothing is kept |
//!
//! # Orderings
//!
//! One word, the *version*, says which second the others belong to: it is 2·(s+1), and one less while a
//! thread writes them. It only grows, and the words are written once for each version. So it is a sequence
//! lock, of which the sequence is the second. A writer takes it by an exchange to the odd number
//! (**Acquire**), stores the words with **Release**, and stores the even number with **Release**. A reader
//! loads the version (**Acquire**), the words (**Acquire**), and the version again (Relaxed: the Acquire of
//! the words keeps it behind them).
//!
//! - A reader that finds its second's version sees the words that were stored before it.
//! - A reader that sees a word of a later writer sees that writer's odd version, or a later one, in its
//!   second load, and gives up.
//! - A reader loads the totals with Acquire, and then the published tick (Relaxed). A recorder stores a
//!   total with Release after it has loaded the tick. So a reader that counts an event of a later second
//!   finds the tick moved (case 11).
//! - The writer's loads of the totals happened before a reader's loads of them. So the reader's totals are
//!   no smaller, and the difference can't be negative.

use crate::engine::sync::{AtomicU64, Ordering, const_unless_loom};
use crate::engine::time::Tick;

/// What is constant within a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// All events of the owned rings before the window, modulo 2^64.
    pub(crate) before: u64,
    /// The events of the owned rings in the oldest second, a part of which is in the window.
    pub(crate) oldest: u64,
}

/// See the [module](self).
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Kept {
    version: AtomicU64,
    before: AtomicU64,
    oldest: AtomicU64,
}

impl Kept {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                version: AtomicU64::new(0),
                before: AtomicU64::new(0),
                oldest: AtomicU64::new(0),
            }
        }
    }

    /// What is kept for second `now`, if anything is.
    #[inline]
    pub(crate) fn get(&self, now: Tick) -> Option<Closed> {
        // Acquire: partner of the Release of the version in `keep`.
        if self.version.load(Ordering::Acquire) != version(now) {
            return None;
        }
        // Acquire: partners of the Releases of the words in `keep`.
        let before = self.before.load(Ordering::Acquire);
        let oldest = self.oldest.load(Ordering::Acquire);
        // Case 6.
        (self.version.load(Ordering::Relaxed) == version(now)).then_some(Closed { before, oldest })
    }

    /// Keeps what a pass in second `now` has found, unless another thread is doing so, or this second or a
    /// later one is kept already.
    pub(crate) fn keep(&self, now: Tick, found: Closed) {
        let (then, version) = (self.version.load(Ordering::Relaxed), version(now));
        // Cases 4 and 5.
        if then >= version || !then.is_multiple_of(2) {
            return;
        }
        // Acquire: partner of the Release of the version below, by which the stores of two writers have an
        // order. Relaxed on failure: another thread keeps what it has found (case 4).
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        if self.version.compare_exchange(then, version - 1, acquire, relaxed).is_ok() {
            // Release: partners of the Acquires in `get`.
            self.before.store(found.before, Ordering::Release);
            self.oldest.store(found.oldest, Ordering::Release);
            // Release: partner of the Acquires of the version in `get` and above.
            self.version.store(version, Ordering::Release);
        }
    }
}

/// The version of what is kept for second `now`.
#[inline]
const fn version(now: Tick) -> u64 {
    2 * (now.0 + 1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const ONE: Closed = Closed { before: 5, oldest: 2 };
    const OTHER: Closed = Closed { before: 7, oldest: 0 };

    #[test]
    fn what_is_kept_belongs_to_one_second() {
        let kept = Kept::new();
        assert_eq!(kept.get(Tick(0)), None, "nothing yet");
        kept.keep(Tick(0), ONE);
        assert_eq!((kept.get(Tick(0)), kept.get(Tick(1))), (Some(ONE), None));
        kept.keep(Tick(9), OTHER);
        assert_eq!((kept.get(Tick(0)), kept.get(Tick(9))), (None, Some(OTHER)));
    }

    /// Case 5.
    #[test]
    fn an_earlier_second_replaces_nothing() {
        let kept = Kept::new();
        kept.keep(Tick(9), OTHER);
        kept.keep(Tick(8), ONE);
        assert_eq!((kept.get(Tick(8)), kept.get(Tick(9))), (None, Some(OTHER)));
        kept.keep(Tick(10), ONE);
        assert_eq!(kept.get(Tick(10)), Some(ONE));
    }

    /// Cases 4 and 6.
    #[test]
    fn nobody_waits_for_a_writer_that_was_held_up() {
        let kept = Kept::new();
        kept.keep(Tick(9), ONE);
        kept.version.store(version(Tick(10)) - 1, Ordering::Relaxed);
        for tick in 9..12 {
            assert_eq!(kept.get(Tick(tick)), None);
            kept.keep(Tick(tick), OTHER);
        }
        kept.version.store(version(Tick(10)), Ordering::Relaxed);
        assert_eq!(kept.get(Tick(10)), Some(ONE), "nobody wrote meanwhile");
    }
}
