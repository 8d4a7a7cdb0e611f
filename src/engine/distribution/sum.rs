//! Snapshots of several timers as of one moment, added up.

use super::figures::Figures;
use super::{Distribution, SinceStart, TimerSnapshot};
use crate::engine::durations::reader::Filled;
use crate::engine::durations::since_start::SinceStartSums;
use crate::engine::snapshot::Snapshot;
use crate::engine::time::Moment;

impl TimerSnapshot {
    /// The snapshot of a timer without events.
    pub(crate) fn empty() -> Self {
        Self::new(Snapshot::empty(), Vec::new(), SinceStartSums::default())
    }

    /// Adds the figures of another timer.
    pub(crate) fn add(&mut self, other: &Self) {
        self.events += &other.events;
        self.since_start.add(&other.since_start);
        self.distribution.filled = merged(&self.distribution.filled, &other.distribution.filled);
    }

    /// Adds events without durations of the minute.
    pub(crate) fn add_retired(
        &mut self,
        events: Option<&Snapshot>,
        durations: Option<&SinceStart>,
    ) {
        if let Some(events) = events {
            self.events += events;
        }
        if let Some(durations) = durations {
            self.since_start.add(durations);
        }
    }

    /// The events, to add those of a meter.
    pub(crate) fn events_mut(&mut self) -> &mut Snapshot {
        &mut self.events
    }

    /// Completes a sum as of `now`: dates it, and makes its figures of the counts.
    pub(crate) fn complete(&mut self, now: Moment, started: Moment) {
        self.events.set_times(now, started);
        let Distribution { filled, count, figures } = &mut self.distribution;
        *count = filled.iter().map(|found| found.count).sum();
        *figures = Figures::of(filled, *count, &self.since_start.0, self.events.total());
    }
}

impl SinceStart {
    /// Adds the durations of another timer.
    pub(crate) fn add(&mut self, other: &Self) {
        let (sums, others) = (&mut self.0, &other.0);
        for (sum, count) in sums.by_le.iter_mut().zip(&others.by_le) {
            *sum = sum.saturating_add(*count);
        }
        sums.sum = sums.sum.saturating_add(others.sum);
        sums.max = sums.max.max(others.max);
    }
}

/// Both are in the order of the buckets, and so is the result.
fn merged(one: &[Filled], other: &[Filled]) -> Vec<Filled> {
    let mut all = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    loop {
        let next = match (one.peek(), other.peek()) {
            (Some(a), Some(b)) if a.bucket == b.bucket => {
                let count = a.count + b.count;
                other.next();
                one.next().map(|found| Filled { count, ..*found })
            }
            (Some(a), Some(b)) if b.bucket < a.bucket => other.next().copied(),
            (None, _) => other.next().copied(),
            _ => one.next().copied(),
        };
        match next {
            Some(found) => all.push(found),
            None => return all,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::time::ManualClock;
    use crate::engine::timer::Timer;

    #[test]
    fn sum_of_two_timers_is_one_timer() {
        let clock = ManualClock::new();
        let timers = [(); 3].map(|()| Timer::with_clock(clock.clone()));
        let [one, other, both] = &timers;
        for (timer, nanos) in [(one, 5), (one, 700), (other, 5), (other, 90_000), (other, 3)] {
            timer.record_n(Duration::from_nanos(nanos), 2);
            both.record_n(Duration::from_nanos(nanos), 2);
            clock.advance(Duration::from_secs(4));
        }
        let mut sum = TimerSnapshot::empty();
        sum.add(&one.snapshot());
        sum.add(&other.snapshot());
        sum.add_retired(None, None);
        sum.complete(clock.now(), Moment::since_origin(Duration::ZERO));
        assert_eq!(sum, both.snapshot());
        sum.add_retired(Some(both.snapshot().events()), Some(both.snapshot().since_start()));
        assert_eq!((sum.events().total(), sum.since_start().count()), (20, 20));
    }
}
