//! A guard that times an event.

use std::time::{Duration, Instant};

use crate::engine::time::{Clock, ManualClock};
use crate::engine::timer::Timer;

/// An event under way; made by [`Timer::start`]. Records on its timer when it is dropped.
#[derive(Debug)]
#[must_use = "it records when it is dropped, which is at once if it is not kept"]
pub struct Timing<'a> {
    timer: &'a Timer,
    since: Since<'a>,
    /// Whether the event has been counted already and only its duration is to come.
    counted: bool,
}

/// When an event began, and by which clock.
#[derive(Debug)]
enum Since<'a> {
    /// Read directly: going through the crate's clock would cost half as much again.
    System(Instant),
    Manual(&'a ManualClock, Duration),
}

impl<'a> Timing<'a> {
    #[inline]
    pub(super) fn start(timer: &'a Timer) -> Self {
        let since = match timer.clock() {
            Clock::System => Since::System(Instant::now()),
            Clock::Manual(clock) => Since::Manual(clock, clock.elapsed()),
        };
        Self { timer, since, counted: false }
    }

    /// Counts the event at once; at the end only its duration is recorded.
    #[cfg(feature = "http")]
    pub(super) fn start_counted(timer: &'a Timer) -> Self {
        timer.meter().record();
        let mut timing = Self::start(timer);
        timing.counted = true;
        timing
    }

    /// The time since the start.
    #[inline]
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match &self.since {
            Since::System(start) => start.elapsed(),
            Since::Manual(clock, start) => clock.elapsed().saturating_sub(*start),
        }
    }

    /// Records now, and tells what was recorded.
    #[allow(clippy::must_use_candidate)] // For what it does.
    pub fn stop(self) -> Duration {
        let elapsed = self.elapsed();
        self.record(elapsed);
        self.discard();
        elapsed
    }

    #[inline]
    fn record(&self, elapsed: Duration) {
        if self.counted {
            self.timer.record_late(elapsed);
        } else {
            self.timer.record(elapsed);
        }
    }

    /// Records nothing at its end.
    pub fn discard(self) {
        std::mem::forget(self);
    }
}

impl Drop for Timing<'_> {
    #[inline]
    fn drop(&mut self) {
        self.record(self.elapsed());
    }
}
