//! The naive answer: every event with its exact time, counted anew each time somebody asks.

use std::collections::VecDeque;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Events in the order in which they came, with their exact times.
#[derive(Debug, Default)]
pub(crate) struct Deque {
    events: VecDeque<(Duration, u64)>,
    total: u64,
    last: Option<Duration>,
}

impl Deque {
    pub(crate) fn record(&mut self, at: Duration, n: u64) {
        if n != 0 {
            self.events.push_back((at, n));
            self.total += n;
            self.last = Some(at);
        }
    }

    /// Forgets what no window can contain any more; keeps the deque short, changes no answer.
    pub(crate) fn prune(&mut self, now: Duration) {
        let oldest = now.as_secs().saturating_sub(61);
        while self.events.front().is_some_and(|(at, _)| at.as_secs() < oldest) {
            self.events.pop_front();
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Events in clock second `second`.
    fn in_second(&self, second: u64) -> u64 {
        self.count(|at| at.as_secs() == second)
    }

    fn count(&self, wanted: impl Fn(Duration) -> bool) -> u64 {
        self.events.iter().filter(|(at, _)| wanted(*at)).map(|(_, n)| n).sum()
    }

    /// The last 60 clock seconds, oldest first.
    pub(crate) fn per_second(&self, now: Duration) -> [u64; 60] {
        let mut seconds = [0; 60];
        for (at, n) in &self.events {
            if let Some(age) = now.as_secs().checked_sub(at.as_secs())
                && age < 60
            {
                seconds[usize::try_from(59 - age).unwrap()] += n;
            }
        }
        seconds
    }

    /// The second before these 60, part of which is less than a minute old.
    pub(crate) fn oldest_second(&self, now: Duration) -> u64 {
        now.as_secs().checked_sub(60).map_or(0, |second| self.in_second(second))
    }

    /// Events less than a minute old, to the nanosecond.
    pub(crate) fn last_minute(&self, now: Duration) -> u64 {
        self.count(|at| now < at + MINUTE)
    }

    /// The time since the end of the second of the last event.
    pub(crate) fn last_event_age(&self, now: Duration) -> Option<Duration> {
        let end = Duration::from_secs(self.last?.as_secs() + 1);
        Some(now.saturating_sub(end))
    }
}
