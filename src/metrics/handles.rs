//! What counters and histograms of the facade record on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::metrics::{CounterFn, HistogramFn};

use crate::engine::{MeterHandle, TimerHandle};

/// A histogram of durations.
pub(super) struct Timed {
    pub(super) timer: TimerHandle,
    /// How many seconds a value of 1 is.
    pub(super) scale: f64,
}

impl HistogramFn for Timed {
    /// What is negative or not a number is no duration, and not recorded.
    fn record(&self, value: f64) {
        if let Ok(duration) = Duration::try_from_secs_f64(value * self.scale) {
            self.timer.record(duration);
        }
    }
}

/// A counter below the caps: it has a meter to itself.
pub(super) struct Counted {
    pub(super) meter: MeterHandle,
    /// Held from reading the total until it is raised, so that two raises don't add up.
    pub(super) raising: Arc<Mutex<()>>,
}

impl CounterFn for Counted {
    fn increment(&self, value: u64) {
        self.meter.record_n(value);
    }

    fn absolute(&self, value: u64) {
        let _raising = self.raising.lock().unwrap_or_else(PoisonError::into_inner);
        let total = self.meter.snapshot().total();
        // An increment in between counts as one that comes after.
        self.meter.record_n(value.saturating_sub(total));
    }
}

/// The meter that all counters past a cap share.
pub(super) struct Overflow(pub(super) MeterHandle);

impl CounterFn for Overflow {
    fn increment(&self, value: u64) {
        self.0.record_n(value);
    }

    fn absolute(&self, _: u64) {}
}
