//! The clocks that a meter can have.

use super::cell::TickCell;
use super::custom::CustomClock;
use super::manual::ManualClock;
#[cfg(not(loom))]
use super::system;
use super::tick::{Moment, Tick};

/// The clock from which a meter takes its seconds.
///
/// A [`ManualClock`] and a [`CustomClock`] convert into one, so `Meter::with_clock` takes each of them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Clock {
    /// The machine's monotonic clock. Its origin is its first use in the process.
    #[default]
    System,
    /// A clock that moves only when a caller moves it, for tests and simulations; or a [`CustomClock`], which
    /// nobody else can move.
    Manual(ManualClock),
}

impl From<CustomClock> for Clock {
    fn from(clock: CustomClock) -> Self {
        Self::Manual(clock.into_manual())
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self::Manual(clock)
    }
}

impl Clock {
    /// The published tick, which recorders load.
    pub(crate) fn published(&self) -> &'static TickCell {
        match self {
            #[cfg(not(loom))]
            Self::System => system::published(),
            #[cfg(loom)]
            Self::System => unimplemented!("models run on a manual clock"),
            Self::Manual(clock) => clock.published(),
        }
    }

    /// The real time. Helps the published tick forward if that is behind.
    pub(crate) fn now(&self) -> Moment {
        match self {
            #[cfg(not(loom))]
            Self::System => system::now(),
            #[cfg(loom)]
            Self::System => unimplemented!("models run on a manual clock"),
            Self::Manual(clock) => clock.now(),
        }
    }

    /// The second, for a reader that needs no fraction of it: the published tick, which is checked against
    /// the real time now and then.
    #[inline]
    pub(crate) fn tick_for_reader(&self) -> Tick {
        match self {
            #[cfg(not(loom))]
            Self::System => system::tick_for_reader(),
            #[cfg(loom)]
            Self::System => unimplemented!("models run on a manual clock"),
            Self::Manual(clock) => clock.now().tick(),
        }
    }

    /// As [`tick_for_reader`](Self::tick_for_reader), but `None` where that has more to do than a load or two.
    #[inline]
    pub(crate) fn tick_at_hand(&self) -> Option<Tick> {
        match self {
            #[cfg(not(loom))]
            Self::System => Some(system::tick_for_reader()),
            #[cfg(loom)]
            Self::System => unimplemented!("models run on a manual clock"),
            Self::Manual(clock) => clock.tick_at_hand(),
        }
    }

    /// Whether both are the same clock, so that a moment of one is a moment of the other.
    #[cfg(feature = "service")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.published(), other.published())
    }

    /// Makes sure that the published tick advances. Called at the first use of a meter.
    pub(crate) fn start(&self) {
        #[cfg(not(loom))]
        if let Self::System = self {
            // Without a thread to be had, readers move the tick, and try again to start a ticker.
            let _ = system::start();
        }
    }
}

#[cfg(all(test, feature = "service", not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_itself_and_its_clones() {
        let [one, other] = [(); 2].map(|()| Clock::from(ManualClock::new()));
        assert!(Clock::System.is(&Clock::System) && one.is(&one.clone()));
        assert!(!one.is(&other) && !one.is(&Clock::System) && !Clock::System.is(&one));
    }
}
