//! The durations that are still to be sent.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Durations of an event that are sent in full between two sends. Further events are sent as a count,
/// so that memory and traffic stay bounded.
const MOST: usize = 1000;

/// Takes durations from any thread without waiting, and gives them to one that sends. A duration that is
/// pushed while others are taken may be overwritten: its event is then sent as a count.
///
/// Relaxed throughout: a cell stands for itself.
#[derive(Debug)]
pub(crate) struct Durations {
    next: AtomicUsize,
    /// Nanoseconds and 1, or 0.
    cells: Box<[AtomicU64]>,
}

impl Durations {
    pub(crate) fn new() -> Self {
        let cells = (0..MOST).map(|_| AtomicU64::new(0)).collect();
        Self { next: AtomicUsize::new(0), cells }
    }

    pub(crate) fn push(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        // A plain load first, so that a full house doesn't count on until it overflows.
        if self.next.load(Ordering::Relaxed) < MOST {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            if let Some(cell) = self.cells.get(next) {
                cell.store(nanos, Ordering::Relaxed);
            }
        }
    }

    /// Moves all of them to `out`, which then has no more than the bound.
    pub(super) fn take(&self, out: &mut Vec<Duration>) {
        let found = self.cells.iter().map(|cell| cell.swap(0, Ordering::Relaxed));
        for nanos in found.filter(|&nanos| nanos != 0) {
            if out.len() < MOST {
                out.push(Duration::from_nanos(nanos - 1));
            }
        }
        self.next.store(0, Ordering::Relaxed);
    }

    /// In a forked child: they are the parent's.
    pub(super) fn clear(&self) {
        self.cells.iter().for_each(|cell| cell.store(0, Ordering::Relaxed));
        self.next.store(0, Ordering::Relaxed);
    }
}
