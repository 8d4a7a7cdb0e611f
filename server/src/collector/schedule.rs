//! When a remote service is asked. A state machine over a clock that is an argument.
//!
//! ```text
//!              success                        enough failures
//!   ┌───────────────────────────► closed ───────────────────────► open ◄──┐
//!   │                               ▲  │ every interval, with               │ failure: the pause
//!   │                               └──┘ retries after a failure            │ doubles, up to a limit
//!   └── half-open: one question, without retries ◄── after the pause ──────┴
//! ```
//!
//! A poll is a question and its retries. A poll that fails is one failure. The breaker is for the remote: one
//! that is down is not asked each few seconds by everybody who knows it.

use std::time::Duration;

/// How often and how patiently a remote is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// From the begin of a poll to that of the next.
    pub(crate) interval: Duration,
    /// For an answer to be complete.
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    /// Before the first retry. It doubles before each further one.
    pub(crate) retry_delay: Duration,
    /// How many polls fail in a row before the breaker opens.
    pub(crate) failures: u32,
    /// How long the breaker is open at first.
    pub(crate) pause: Duration,
    /// How long it is open at most.
    pub(crate) longest_pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            retries: 2,
            retry_delay: Duration::from_millis(500),
            failures: 3,
            pause: Duration::from_secs(5),
            longest_pause: Duration::from_secs(300),
        }
    }
}

/// Whether a remote is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breaker {
    /// It is, each interval.
    Closed,
    /// It is asked once, when a pause has passed.
    Open,
}

/// When one remote is asked next.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pace: Pace,
    due: Duration,
    /// When the current poll began; `None` between two polls.
    poll: Option<Duration>,
    /// The retries of the current poll so far.
    retries: u32,
    /// The polls in a row that failed.
    failures: u32,
    /// The present pause; `None` while the breaker is closed.
    pause: Option<Duration>,
}

impl Schedule {
    /// The first question is due at once.
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, due: Duration::ZERO, poll: None, retries: 0, failures: 0, pause: None }
    }

    /// When the next question is due.
    pub(crate) fn due(&self) -> Duration {
        self.due
    }

    pub(crate) fn breaker(&self) -> Breaker {
        if self.pause.is_some() { Breaker::Open } else { Breaker::Closed }
    }

    /// Whether the poll goes on with a retry.
    pub(crate) fn is_retrying(&self) -> bool {
        self.poll.is_some()
    }

    /// How long the breaker is open this time; `None` while it is closed.
    pub(crate) fn pause(&self) -> Option<Duration> {
        self.pause
    }

    /// The polls in a row that failed.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// A question was answered that was asked at `asked`.
    pub(crate) fn succeeded(&mut self, asked: Duration, now: Duration) {
        let begun = self.poll.unwrap_or(asked);
        *self = Self { due: (begun + self.pace.interval).max(now), ..Self::new(self.pace) };
    }

    /// A question that was asked at `asked` failed. `chance` is from 0 to 1: by it a retry comes up to a
    /// fifth earlier or later, so that many who ask don't do it at the same time.
    pub(crate) fn failed(&mut self, asked: Duration, now: Duration, chance: f64) {
        if let Some(pause) = self.pause {
            return self.open(now, (2 * pause).min(self.pace.longest_pause));
        }
        let begun = *self.poll.get_or_insert(asked);
        if self.retries < self.pace.retries {
            let delay = self.pace.retry_delay.saturating_mul(1 << self.retries.min(16));
            self.due = now + delay.mul_f64(0.8 + 0.4 * chance);
            self.retries += 1;
            return;
        }
        if self.failures + 1 >= self.pace.failures {
            return self.open(now, self.pace.pause.min(self.pace.longest_pause));
        }
        (self.failures, self.retries, self.poll) = (self.failures + 1, 0, None);
        self.due = (begun + self.pace.interval).max(now + self.pace.retry_delay);
    }

    fn open(&mut self, now: Duration, pause: Duration) {
        self.failures = self.failures.saturating_add(1);
        (self.retries, self.poll, self.pause) = (0, None, Some(pause));
        self.due = now + pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a question is answered, how long that takes, and when the next one is due then.
    fn run(steps: &[(bool, u64, u64)]) -> Schedule {
        let mut schedule = Schedule::new(Pace::default());
        for (index, &(answered, takes, due)) in steps.iter().enumerate() {
            let asked = schedule.due();
            let now = asked + Duration::from_millis(takes);
            if answered {
                schedule.succeeded(asked, now);
            } else {
                schedule.failed(asked, now, 0.5);
            }
            assert_eq!(schedule.due().as_millis(), due.into(), "after step {index}");
        }
        schedule
    }

    #[test]
    fn answered_questions_come_each_interval() {
        let schedule = run(&[(true, 10, 5_000), (true, 1_900, 10_000), (true, 10, 15_000)]);
        assert_eq!((schedule.breaker(), schedule.failures()), (Breaker::Closed, 0));
    }

    #[test]
    fn failed_question_is_asked_twice_more() {
        // It is refused at once; the second retry works, and the interval counts from the first question.
        let schedule = run(&[(false, 0, 500), (false, 0, 1_500), (true, 0, 5_000)]);
        assert_eq!(schedule.failures(), 0);
        // With timeouts a poll takes longer than an interval.
        run(&[(false, 2_000, 2_500), (false, 2_000, 5_500), (false, 2_000, 8_000)]);
    }

    #[test]
    fn breaker_opens_after_three_polls_and_doubles() {
        let poll = |begun: u64| {
            [(false, 0, begun + 500), (false, 0, begun + 1_500), (false, 0, begun + 5_000)]
        };
        let mut steps = [poll(0), poll(5_000)].concat();
        assert_eq!(run(&steps).breaker(), Breaker::Closed);
        steps.extend([(false, 0, 10_500), (false, 0, 11_500)]);
        // Each time it is asked once, without retries.
        let mut due = 11_500;
        for pause in [5, 10, 20, 40, 80, 160, 300, 300, 300] {
            due += pause * 1000;
            steps.push((false, 0, due));
            assert_eq!(run(&steps).breaker(), Breaker::Open);
        }
        assert_eq!(run(&steps).failures(), 3 + 8);
        steps.push((true, 100, due + 5_000));
        let mut schedule = run(&steps);
        assert_eq!((schedule.breaker(), schedule.failures()), (Breaker::Closed, 0));
        // And from the start: with retries, and with a short pause.
        schedule.failed(schedule.due(), schedule.due(), 0.5);
        assert_eq!(schedule.breaker(), Breaker::Closed);
    }

    #[test]
    fn chance_moves_retries_by_a_fifth() {
        for (chance, millis) in [(0.0, 400), (0.5, 500), (1.0, 600)] {
            let mut schedule = Schedule::new(Pace::default());
            schedule.failed(Duration::ZERO, Duration::ZERO, chance);
            assert_eq!(schedule.due().as_millis(), millis);
        }
    }

    #[test]
    fn extreme_paces_overflow_nothing() {
        let pace = Pace { retries: u32::MAX, failures: 1, ..Pace::default() };
        let mut schedule = Schedule::new(pace);
        for _ in 0..100 {
            schedule.failed(schedule.due(), schedule.due(), 1.0);
        }
        let mut impatient = Schedule::new(Pace { retries: 0, failures: 1, ..pace });
        impatient.failed(Duration::ZERO, Duration::ZERO, 0.0);
        assert_eq!((impatient.breaker(), impatient.due()), (Breaker::Open, pace.pause));
    }
}
