//! The published tick of a clock.

use crossbeam_utils::CachePadded;

use super::tick::Tick;
use crate::engine::sync::{AtomicU64, Ordering, const_unless_loom};

/// A published tick. It is alone on its cache line, since every recorder loads it for each record.
#[derive(Debug)]
pub(crate) struct TickCell(CachePadded<AtomicU64>);

impl TickCell {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self(CachePadded::new(AtomicU64::new(0)))
        }
    }

    /// The tick, for a recorder. Relaxed: see the [module above](super).
    #[inline]
    pub(crate) fn load(&self) -> Tick {
        Tick(self.0.load(Ordering::Relaxed))
    }

    /// The tick, for a reader that loads the time of the clock next.
    pub(super) fn load_before_time(&self) -> Tick {
        // Acquire: partner of the Release in `advance_to`.
        Tick(self.0.load(Ordering::Acquire))
    }

    /// Moves the tick up to `tick`; it never goes back. Writes only if the tick moves, so that readers
    /// don't take the line from all recorders.
    pub(crate) fn advance_to(&self, tick: Tick) {
        if self.load() < tick {
            // Release: partner of the Acquire in `load_before_time`.
            self.0.fetch_max(tick.0, Ordering::Release);
        }
    }

    /// Goes back to the origin, for a cell that no meter uses any more.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
