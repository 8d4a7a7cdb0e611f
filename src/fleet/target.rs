//! What an event that comes in from outside is recorded on.

use std::time::Duration;

use crate::engine::{Meter, MeterHandle, Timer, TimerHandle};

/// The meter of an event, and its timer if durations are to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) meter: MeterHandle,
    /// It counts on `meter`.
    pub(crate) timer: Option<TimerHandle>,
}

/// A [`Target`] that somebody else has.
#[derive(Clone, Copy)]
pub(crate) struct TargetRef<'a> {
    pub(crate) meter: &'a Meter,
    pub(crate) timer: Option<&'a Timer>,
}

impl Target {
    pub(crate) fn as_ref(&self) -> TargetRef<'_> {
        TargetRef { meter: &self.meter, timer: self.timer.as_deref() }
    }
}

impl TargetRef<'_> {
    /// Counts `n` events.
    pub(crate) fn record(self, n: u64) {
        self.meter.record_n(n);
    }

    /// Counts `n` events that took `ms` milliseconds each. Without a timer they only count.
    pub(crate) fn record_ms(self, ms: f64, n: u64) {
        match self.timer {
            Some(timer) => timer.record_n(milliseconds(ms), n),
            None => self.record(n),
        }
    }
}

/// The doors refuse what is negative or not a number. What is longer than a `Duration` can be
/// becomes the longest one: a timer records anything above an hour as an hour.
fn milliseconds(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Service;

    #[test]
    fn durations_count_with_and_without_a_timer() {
        let service = Service::builder("s").timed_event("timed").event("plain").build().unwrap();
        let timer = service.timer("timed").unwrap();
        let meter = service.meter("timed").unwrap();
        let target = Target { meter, timer: Some(timer.clone()) };
        target.as_ref().record_ms(2.5, 2);
        target.as_ref().record_ms(1e300, 1);
        target.as_ref().record(4);
        let since_start = timer.snapshot().since_start().clone();
        assert_eq!((since_start.count(), timer.snapshot().events().total()), (3, 7));
        assert_eq!(since_start.max(), Some(Duration::from_secs(3600)));
        let plain = Target { meter: service.meter("plain").unwrap(), timer: None };
        plain.as_ref().record_ms(2.5, 3);
        assert_eq!(plain.meter.snapshot().total(), 3);
    }
}
