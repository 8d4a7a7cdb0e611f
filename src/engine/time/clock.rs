//! Clocks, and the published tick that recorders load.

use crossbeam_utils::CachePadded;

use super::ManualClock;
#[cfg(not(loom))]
use super::system;
use super::tick::{Moment, Tick};
use crate::engine::sync::{AtomicU64, Ordering, const_unless_loom};

/// What a meter takes its seconds from.
///
/// A [`ManualClock`] converts into one, so `Meter::with_clock` takes either.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Clock {
    /// The monotonic clock of the machine. Its origin is its first use in the process.
    #[default]
    System,
    /// A clock that moves when it is told to, for tests and simulations.
    Manual(ManualClock),
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self::Manual(clock)
    }
}

impl Clock {
    /// The cell that this clock's recorders load.
    pub(crate) fn published(&self) -> &'static TickCell {
        match self {
            #[cfg(not(loom))]
            Self::System => system::published(),
            #[cfg(loom)]
            Self::System => unimplemented!("models run on a manual clock"),
            Self::Manual(clock) => clock.published(),
        }
    }

    /// The real time now. Helps the published tick forward if it is behind.
    pub(crate) fn now(&self) -> Moment {
        match self {
            #[cfg(not(loom))]
            Self::System => system::now(),
            #[cfg(loom)]
            Self::System => unimplemented!("models run on a manual clock"),
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Whether both are one clock, so that a moment of one is a moment of the other.
    #[cfg(feature = "service")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.published(), other.published())
    }

    /// Makes sure that somebody advances the published tick. Called at a meter's first use.
    pub(crate) fn start(&self) {
        #[cfg(not(loom))]
        if let Self::System = self {
            system::start();
        }
    }
}

/// A published tick, alone on its cache line, since every recorder loads it all the time.
#[derive(Debug)]
pub(crate) struct TickCell(CachePadded<AtomicU64>);

impl TickCell {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self(CachePadded::new(AtomicU64::new(0)))
        }
    }

    #[inline]
    pub(crate) fn load(&self) -> Tick {
        Tick(self.0.load(Ordering::Relaxed))
    }

    /// Moves the tick up to `tick`; it never goes back. Does not write when there is nothing to
    /// move, so that readers leave the line alone that all recorders share.
    pub(crate) fn advance_to(&self, tick: Tick) {
        if self.load() < tick {
            self.0.fetch_max(tick.0, Ordering::Relaxed);
        }
    }

    /// Back to the origin, for a cell that no meter uses any more.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(all(test, feature = "service", not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_itself_and_its_clones_and_no_other() {
        let [one, other] = [(); 2].map(|()| Clock::from(ManualClock::new()));
        assert!(Clock::System.is(&Clock::System) && one.is(&one.clone()));
        assert!(!one.is(&other) && !one.is(&Clock::System) && !Clock::System.is(&one));
    }
}
