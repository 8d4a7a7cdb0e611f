//! Counts what could not be used, and logs it at a bounded rate.

use std::time::{Duration, Instant};

use crate::fleet::{RejectionReason, Rejections};

/// The least time between two log lines of one reason.
const QUIET: Duration = Duration::from_secs(1);
/// The bytes of a line that are logged.
const SHOWN: usize = 120;

/// Counts what a listener could not use, and logs it at most once a second for each reason.
#[derive(Debug)]
pub(super) struct Refusals {
    rejections: Rejections,
    logs: [Throttle; RejectionReason::ALL.len()],
}

/// Bounds the log lines of one reason.
#[derive(Clone, Copy, Debug, Default)]
struct Throttle {
    last: Option<Instant>,
    /// Refusals that no log line has reported yet.
    unreported: u64,
}

impl Throttle {
    /// Adds `count` refusals. Returns how many to report, if a log line is due.
    fn report(&mut self, count: u64, now: Instant) -> Option<u64> {
        self.unreported += count;
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < QUIET) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unreported))
    }
}

impl Refusals {
    pub(super) fn new(rejections: Rejections) -> Self {
        Self { rejections, logs: Default::default() }
    }

    #[cold]
    pub(super) fn refuse(&mut self, reason: RejectionReason, line: &[u8]) {
        self.rejections.count(reason);
        if let Some(count) = self.logs[reason as usize].report(1, Instant::now()) {
            let line = line[..line.len().min(SHOWN)].escape_ascii();
            tracing::warn!(%reason, count, %line, "StatsD lines not used, of which the last");
        }
    }

    pub(super) fn dropped(&mut self, datagrams: u64) {
        let reason = RejectionReason::KernelDrop;
        self.rejections.count_n(reason, datagrams);
        if let Some(count) = self.logs[reason as usize].report(datagrams, Instant::now()) {
            tracing::warn!(%reason, count, "StatsD datagrams dropped: the receive buffer was full");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_logged_once_a_second_with_all_refusals() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.report(1, start), Some(1));
        assert_eq!(throttle.report(1, start), None);
        assert_eq!(throttle.report(3, start + QUIET / 2), None);
        assert_eq!(throttle.report(1, start + QUIET), Some(5));
        assert_eq!(throttle.report(1, start + QUIET), None);
    }
}
