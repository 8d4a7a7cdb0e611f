//! A place for threads to meet and leave at the same moment, round after round.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Unlike the standard library's barrier it keeps its threads awake: one that has to be woken
/// comes too late for a race.
pub(crate) struct Meeting {
    threads: usize,
    arrived: AtomicUsize,
}

impl Meeting {
    pub(crate) fn of(threads: usize) -> Self {
        Self { threads, arrived: AtomicUsize::new(0) }
    }

    /// Waits until all have come that many times.
    pub(crate) fn wait(&self) {
        let number = self.arrived.fetch_add(1, Ordering::AcqRel);
        let all = (number / self.threads + 1) * self.threads;
        let mut turns = 0_u32;
        while self.arrived.load(Ordering::Acquire) < all {
            turns += 1;
            // There may be fewer processors than threads.
            if turns.is_multiple_of(1000) { thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}
