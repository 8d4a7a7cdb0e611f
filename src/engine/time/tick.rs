//! A tick is a whole second since the origin of its clock; a moment is a tick and a fraction of it.

// Public for `internals` only.
#![cfg_attr(not(feature = "internals"), allow(unreachable_pub))]

use std::time::Duration;

/// The number of buckets in a ring, and so the number of ticks in a lap.
#[cfg(not(loom))]
pub(crate) const SLOTS: usize = 64;
/// Small, so that a model can go round the ring and look at all of it.
#[cfg(loom)]
pub(crate) const SLOTS: usize = 4;

/// A whole second since the origin of a clock. To compare ticks of different clocks means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub(crate) u64);

impl Tick {
    /// The tick that begins `seconds` after the clock's origin.
    #[cfg(any(test, loom, feature = "internals"))]
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Whole seconds between the origin of the clock and the start of this tick.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// The bucket of a ring that this tick falls on.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // Below 64.
    pub(crate) const fn slot(self) -> usize {
        (self.0 % SLOTS as u64) as usize
    }

    /// How many laps around the ring there were before this tick.
    #[inline]
    pub(crate) const fn lap(self) -> u64 {
        self.0 / SLOTS as u64
    }
}

/// A point in time by a clock, as a reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(Duration);

impl Moment {
    pub(crate) const fn since_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    pub(crate) const fn tick(self) -> Tick {
        Tick(self.0.as_secs())
    }

    /// How much of the current second has passed, in [0, 1).
    pub(crate) fn fraction(self) -> f64 {
        // A division would cost a reader of a rate a tenth of the time.
        f64::from(self.0.subsec_nanos()) * 1e-9
    }

    pub(crate) const fn elapsed(self) -> Duration {
        self.0
    }

    /// The time since `earlier`, or zero if that is in the future.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_knows_its_slot_and_its_lap() {
        let slots = SLOTS as u64;
        for (second, slot, lap) in [(0, 0, 0), (slots - 1, SLOTS - 1, 0), (slots + 1, 1, 1)] {
            let tick = Tick::from_seconds(second);
            assert_eq!((tick.slot(), tick.lap(), tick.as_seconds()), (slot, lap, second));
        }
    }

    #[test]
    fn a_moment_is_a_tick_and_a_fraction() {
        let moment = Moment::since_origin(Duration::from_millis(7250));
        assert_eq!(moment.tick(), Tick(7));
        assert!((moment.fraction() - 0.25).abs() < 1e-9);
        let later = Moment::since_origin(Duration::from_millis(7500));
        assert_eq!(later.since(moment), Duration::from_millis(250));
        assert_eq!(moment.since(later), Duration::ZERO);
    }
}
