//! The count of one bucket and the step that it belongs to, in one word.
//!
//! As in [`seconds::word`](crate::engine::seconds::word), a reader can't see one without the other, and
//! a stale word needs no clearing: a writer that comes with a later step replaces it. The count is on
//! top, where an addition can't spill into the rest.

use crate::engine::time::Tick;

/// Seconds in a step.
#[cfg(not(loom))]
pub(crate) const STEP_SECONDS: u64 = 5;
#[cfg(loom)]
pub(crate) const STEP_SECONDS: u64 = 1;

/// Steps in the window, the current one included.
#[cfg(not(loom))]
pub(crate) const STEPS: usize = 12;
/// Small, so that a model can go round.
#[cfg(loom)]
pub(crate) const STEPS: usize = 2;

/// Five seconds of a clock, counted from its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step(pub(crate) u64);

impl Step {
    #[inline]
    pub(crate) const fn of(tick: Tick) -> Self {
        Self(tick.as_seconds() / STEP_SECONDS)
    }

    /// Which of the shared words of a bucket this step falls on.
    #[allow(clippy::cast_possible_truncation)] // Below 12.
    pub(crate) const fn slot(self) -> usize {
        (self.0 % STEPS as u64) as usize
    }

    pub(crate) const fn lap(self) -> u64 {
        self.0 / STEPS as u64
    }
}

/// A word that one thread writes: 36 bits of count, 28 bits of step. Steps repeat after 42 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnWord(pub(crate) u64);

impl OwnWord {
    const STEP_BITS: u32 = 28;
    const STEP_MASK: u64 = (1 << Self::STEP_BITS) - 1;

    /// An unused word: its step is 2^28 - 1. For five seconds every 42 years that is the current step;
    /// a thread's first sample in a bucket then shows from the next step on, since its bucket isn't
    /// marked as used before.
    pub(crate) const NEVER: Self = Self(Self::STEP_MASK);

    pub(crate) const fn empty(step: Step) -> Self {
        Self(step.0 & Self::STEP_MASK)
    }

    pub(crate) const fn count(self) -> u64 {
        self.0 >> Self::STEP_BITS
    }

    #[inline]
    pub(crate) const fn belongs_to(self, step: Step) -> bool {
        self.0 & Self::STEP_MASK == step.0 & Self::STEP_MASK
    }

    pub(crate) const fn has_step_of(self, other: Self) -> bool {
        (self.0 ^ other.0) & Self::STEP_MASK == 0
    }

    /// How many steps the step of this word is before `now`, or `None` if it is after `now`.
    pub(crate) const fn age(self, now: Step) -> Option<u64> {
        let age = now.0.wrapping_sub(self.0) & Self::STEP_MASK;
        if age <= Self::STEP_MASK / 2 { Some(age) } else { None }
    }

    /// The word with `n` more samples, or `None` if they don't fit.
    #[inline]
    pub(crate) const fn plus(self, n: u64) -> Option<Self> {
        if n > u64::MAX >> Self::STEP_BITS {
            return None;
        }
        match self.0.checked_add(n << Self::STEP_BITS) {
            Some(word) => Some(Self(word)),
            None => None,
        }
    }

    /// The word with `n` more samples, or a full one if they don't fit.
    pub(crate) fn saturating_plus(self, n: u64) -> Self {
        self.plus(n).unwrap_or(Self(self.0 | !Self::STEP_MASK))
    }
}

/// A word that all threads write: 33 bits of count, 9 of the mark, 22 of lap. Laps repeat after 8
/// years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SharedWord(pub(crate) u64);

impl SharedWord {
    const LAP_BITS: u32 = 22;
    const LAP_MASK: u64 = (1 << Self::LAP_BITS) - 1;
    const MOVER_BITS: u32 = 9;
    const MOVER_MASK: u64 = ((1 << Self::MOVER_BITS) - 1) << Self::LAP_BITS;
    const COUNT_SHIFT: u32 = Self::LAP_BITS + Self::MOVER_BITS;

    /// The largest count.
    pub(crate) const COUNT_MAX: u64 = u64::MAX >> Self::COUNT_SHIFT;

    pub(crate) const fn empty(step: Step) -> Self {
        Self(step.lap() & Self::LAP_MASK)
    }

    pub(crate) const fn count(self) -> u64 {
        self.0 >> Self::COUNT_SHIFT
    }

    /// The lap, modulo 2^22.
    pub(crate) const fn lap(self) -> u64 {
        self.0 & Self::LAP_MASK
    }

    /// Whether this word counts `step`, given that it is in `step`'s slot.
    pub(crate) const fn belongs_to(self, step: Step) -> bool {
        self.lap() == Self::empty(step).lap()
    }

    /// Whether this word counts a later step than `step`, given that it is in `step`'s slot. Laps wrap:
    /// the nearer half of the circle is later. A word that was never written is not.
    pub(crate) const fn is_after(self, step: Step) -> bool {
        let ahead = self.0.wrapping_sub(step.lap()) & Self::LAP_MASK;
        self.count() != 0 && ahead != 0 && ahead <= Self::LAP_MASK / 2
    }

    pub(crate) const fn mover(self) -> Mover {
        Mover(self.0 & Self::MOVER_MASK)
    }

    pub(crate) const fn with_mover(self, mover: Mover) -> Self {
        Self(self.0 & !Self::MOVER_MASK | mover.0)
    }

    /// What to add to a word for `n` more samples; `n` is at most [`Self::COUNT_MAX`].
    pub(crate) const fn addend(n: u64) -> u64 {
        n << Self::COUNT_SHIFT
    }

    /// The word with `n` more samples, or a full one if they don't fit.
    pub(crate) const fn saturating_plus(self, n: u64) -> Self {
        let room = Self::COUNT_MAX - self.count();
        Self(self.0 + Self::addend(if n < room { n } else { room }))
    }
}

/// The mark of an owner that moves a count into a shared word: the place of its shard on the roster,
/// plus one, shifted to where the word has its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mover(pub(super) u64);

impl Mover {
    pub(crate) const NOBODY: Self = Self(0);

    /// How many places can have a mark.
    pub(crate) const MOST: usize = (1 << SharedWord::MOVER_BITS) - 1;

    /// The mark of the owner whose shard is at this place of the roster.
    pub(crate) const fn at(place: usize) -> Self {
        Self((place as u64 + 1) << SharedWord::LAP_BITS)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn own_words_keep_count_and_step_apart() {
        let step = Step(7);
        let word = OwnWord::empty(step).plus(3).unwrap();
        assert_eq!(word.count(), 3);
        assert!(word.belongs_to(step) && !word.belongs_to(Step(8)));
        assert!(word.has_step_of(OwnWord::empty(step)));
        let full = word.saturating_plus(u64::MAX);
        assert_eq!((full.count(), full.plus(1)), ((1 << 36) - 1, None));
        assert!(full.belongs_to(step));
        assert_eq!(word.age(Step(7)), Some(0));
        assert_eq!(word.age(Step(19)), Some(12));
        assert_eq!(word.age(Step(6)), None);
        // Steps repeat after 2^28.
        assert_eq!(OwnWord::empty(Step((1 << 28) - 1)).age(Step(1 << 28)), Some(1));
    }

    /// 28 bits of step and 22 of lap: a count comes back after 42 and 8 years, and not before.
    #[test]
    fn steps_and_laps_repeat_after_years() {
        for bit in 0..28 {
            assert!(!OwnWord::empty(Step(7)).belongs_to(Step(7 + (1 << bit))), "2^{bit} steps");
        }
        for bit in 0..22 {
            assert!(!SharedWord::empty(Step(7)).belongs_to(Step(7 + (12 << bit))), "2^{bit} laps");
        }
    }

    #[test]
    fn shared_words_keep_count_mover_and_lap_apart() {
        let step = Step(12 * 5 + 3);
        let word = SharedWord::empty(step).saturating_plus(3).with_mover(Mover::at(255));
        assert_eq!((word.count(), word.mover()), (3, Mover::at(255)));
        assert!(word.belongs_to(step) && !word.is_after(step));
        assert!(word.is_after(Step(12 * 4 + 3)) && !word.is_after(Step(12 * 6 + 3)));
        let more = SharedWord(word.0 + SharedWord::addend(4));
        assert_eq!((more.count(), more.mover()), (7, Mover::at(255)));
        assert_eq!(more.with_mover(Mover::NOBODY).mover(), Mover::NOBODY);
        // A word that was never written is later than nothing, whatever the clock shows.
        for lap in [0, 1, SharedWord::LAP_MASK / 2, SharedWord::LAP_MASK / 2 + 1] {
            assert!(!SharedWord(0).is_after(Step(12 * lap + 3)));
        }
        let full = more.saturating_plus(u64::MAX);
        assert_eq!((full.count(), full.mover()), (SharedWord::COUNT_MAX, Mover::at(255)));
        assert!(full.belongs_to(step));
    }

    #[test]
    fn words_hold_as_much_as_they_have_bits_for() {
        let (own, shared) = (OwnWord::empty(Step(1)), SharedWord::empty(Step(12 * 5)));
        assert_eq!(own.plus((1 << 36) - 1).map(OwnWord::count), Some((1 << 36) - 1));
        assert!(own.plus(1 << 36).is_none());
        assert!(shared.saturating_plus(1).is_after(Step(12 * 3)), "two laps later");
        assert_eq!(Mover::MOST, 511);
    }
}
