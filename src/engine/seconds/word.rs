//! The count of one second and the lap that it belongs to, in one word.
//!
//! The count is in the high 40 bits, the lap in the low 24. So an addition to the count can't spill
//! into the lap (it would overflow the word, which the processor reports for nothing), and a reader
//! can't see one without the other. 40 bits hold 10^12 events a second and ring. A lap is 64 s, so
//! laps repeat after 34 years. The first lap has number 1: a word of zero was never written.

use crate::engine::sync::{AtomicU64, const_unless_loom};
use crate::engine::time::{SLOTS, Tick};

const LAP_BITS: u32 = 24;
const LAP_MASK: u64 = (1 << LAP_BITS) - 1;

/// The largest count. What exceeds it is missing from the second, but not from the total.
pub(crate) const COUNT_MAX: u64 = u64::MAX >> LAP_BITS;

/// The value of a bucket: see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    /// No event yet in the second `tick`.
    #[inline]
    pub(crate) const fn empty(tick: Tick) -> Self {
        Self((tick.lap() + 1) & LAP_MASK)
    }

    #[inline]
    pub(crate) const fn count(self) -> u64 {
        self.0 >> LAP_BITS
    }

    /// Whether this word counts the second `tick`, given that it is in `tick`'s slot.
    #[inline]
    pub(crate) const fn belongs_to(self, tick: Tick) -> bool {
        self.belongs_to_lap(tick.lap())
    }

    /// Whether this word belongs to the ring's lap number `lap`.
    #[inline]
    pub(crate) const fn belongs_to_lap(self, lap: u64) -> bool {
        self.0 & LAP_MASK == lap.wrapping_add(1) & LAP_MASK
    }

    /// Whether this word counts a later second than `tick`, given that it is in `tick`'s slot. Laps
    /// wrap: the nearer half of the circle is later, the other half is earlier. A word that was never
    /// written is not later.
    #[inline]
    pub(crate) const fn is_after(self, tick: Tick) -> bool {
        let ahead = self.0.wrapping_sub(tick.lap() + 1) & LAP_MASK;
        self.count() != 0 && ahead != 0 && ahead <= LAP_MASK / 2
    }

    /// The word with `n` more events, or `None` if they don't fit.
    #[inline]
    pub(crate) const fn plus(self, n: u64) -> Option<Self> {
        if n > COUNT_MAX {
            return None;
        }
        match self.0.checked_add(Self::addend(n)) {
            Some(word) => Some(Self(word)),
            None => None,
        }
    }

    /// The word with `n` more events, or a full one if they don't fit.
    pub(crate) const fn saturating_plus(self, n: u64) -> Self {
        match self.plus(n) {
            Some(word) => word,
            None => Self(self.0 | !LAP_MASK),
        }
    }

    /// What to add to a word for `n` more events; `n` is at most [`COUNT_MAX`].
    #[inline]
    pub(crate) const fn addend(n: u64) -> u64 {
        n << LAP_BITS
    }
}

const_unless_loom! {
    /// The buckets of a ring, none of them written.
    pub(crate) fn zeroes() -> [AtomicU64; SLOTS] {
        #[cfg(not(loom))]
        {
            [const { AtomicU64::new(0) }; SLOTS]
        }
        #[cfg(loom)]
        {
            std::array::from_fn(|_| AtomicU64::new(0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_laps_do_not_touch() {
        let tick = Tick(64 * 5 + 3);
        let word = Word::empty(tick).plus(7).unwrap();
        assert_eq!(word.count(), 7);
        assert!(word.belongs_to(tick) && !word.belongs_to(Tick(64 * 6 + 3)));
        let full = word.plus(COUNT_MAX - 7).unwrap();
        assert_eq!(full.count(), COUNT_MAX);
        assert!(full.belongs_to(tick));
        assert_eq!(full.plus(1), None);
        assert_eq!(word.plus(COUNT_MAX - 6), None);
        assert_eq!(word.plus(u64::MAX), None);
        assert_eq!(Word::empty(tick).plus(COUNT_MAX), Some(full));
        assert_eq!(Word::empty(tick).plus(COUNT_MAX + 1), None);
        assert_eq!(word.saturating_plus(u64::MAX), full);
        assert_eq!(word.saturating_plus(1).count(), 8);
    }

    /// 24 bits: a count of an earlier lap comes back after 34 years, and not before.
    #[test]
    fn laps_repeat_after_34_years() {
        for bit in 0..24 {
            assert!(!Word::empty(Tick(7)).belongs_to(Tick(7 + (64 << bit))), "after 2^{bit} laps");
        }
        assert!(Word::empty(Tick(7)).belongs_to(Tick(7 + (64 << 24))));
    }

    #[test]
    fn later_and_earlier_laps() {
        let of = |tick| Word::empty(tick).saturating_plus(1);
        let word = of(Tick(64 * 5));
        assert!(word.is_after(Tick(64 * 4)));
        assert!(!word.is_after(Tick(64 * 5)));
        assert!(!word.is_after(Tick(64 * 6)));
        // A count above does not matter, and laps wrap after 2^24.
        let first_of_next_circle = Word::empty(Tick(64 << LAP_BITS)).saturating_plus(u64::MAX);
        assert!(first_of_next_circle.is_after(Tick((64 << LAP_BITS) - 64)));
        assert!(!of(Tick((64 << LAP_BITS) - 64)).is_after(Tick(64 << LAP_BITS)));
        // Exactly half the circle ahead is not later, one less is.
        assert!(of(Tick(64 * (LAP_MASK / 2))).is_after(Tick(0)));
        assert!(!of(Tick(64 * (LAP_MASK / 2 + 1))).is_after(Tick(0)));
        // A word that was never written is later than nothing.
        for lap in [0, 1, LAP_MASK / 2, LAP_MASK / 2 + 1, LAP_MASK] {
            assert!(!Word(0).is_after(Tick(64 * lap)));
        }
    }
}
