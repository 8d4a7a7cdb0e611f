//! Counts what could not be used, and logs it, and admissions, at a bounded rate.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::fleet::{RejectionReason, Rejections};

/// The least time between two log lines of one reason.
const QUIET: Duration = Duration::from_secs(1);
/// The bytes of a line that are logged.
const SHOWN: usize = 120;
const REASONS: usize = RejectionReason::ALL.len();

/// Counts what listeners could not use. Logs it, and what they admitted, at most once a second for each
/// reason. Clones share counts and log.
#[derive(Clone, Debug)]
pub(super) struct Refusals {
    rejections: Rejections,
    /// One for each reason, then for admissions and for failures.
    logs: Arc<[Mutex<Throttle>; REASONS + 2]>,
}

/// Bounds the log lines of one reason.
#[derive(Clone, Copy, Debug, Default)]
struct Throttle {
    last: Option<Instant>,
    /// What no log line has reported yet.
    unreported: u64,
}

impl Throttle {
    /// Adds `count` occurrences. Returns how many to report, if a log line is due.
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
        Self { rejections, logs: Arc::default() }
    }

    #[cold]
    pub(super) fn refuse(&self, reason: RejectionReason, line: &[u8]) {
        self.rejections.count_example(reason, line);
        if reason == RejectionReason::Ignored {
            return;
        }
        let Some(count) = self.to_report(reason as usize, 1) else { return };
        let line = line[..line.len().min(SHOWN)].escape_ascii();
        if reason == RejectionReason::Untimed {
            tracing::warn!(%reason, count, %line, "StatsD durations not kept, of which the last");
        } else {
            tracing::warn!(%reason, count, %line, "StatsD lines not used, of which the last");
        }
    }

    pub(super) fn dropped(&self, datagrams: u64) {
        let reason = RejectionReason::KernelDrop;
        self.rejections.count_n(reason, datagrams);
        if let Some(count) = self.to_report(reason as usize, datagrams) {
            tracing::warn!(%reason, count, "StatsD datagrams dropped: the receive buffer was full");
        }
    }

    /// Logs that a name was registered on first sight.
    pub(super) fn admitted(&self, service: &str, event: Option<&str>) {
        if let Some(count) = self.to_report(REASONS, 1) {
            tracing::info!(
                count,
                service,
                event,
                "names registered on first sight, of which the last"
            );
        }
    }

    /// Logs that nothing could be received.
    pub(super) fn failed(&self, error: &io::Error) {
        if let Some(count) = self.to_report(REASONS + 1, 1) {
            tracing::error!(count, %error, "StatsD: can't receive");
        }
    }

    /// The lock is held for a comparison, and no log is written under it.
    fn to_report(&self, log: usize, count: u64) -> Option<u64> {
        let mut throttle = self.logs[log].lock().unwrap_or_else(PoisonError::into_inner);
        throttle.report(count, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_logged_once_a_second_with_all_of_it() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.report(1, start), Some(1));
        assert_eq!(throttle.report(1, start), None);
        assert_eq!(throttle.report(3, start + QUIET / 2), None);
        assert_eq!(throttle.report(1, start + QUIET), Some(5));
        assert_eq!(throttle.report(1, start + QUIET), None);
    }

    #[test]
    fn listeners_share_the_log_of_a_reason() {
        let first = Refusals::new(Rejections::new());
        let second = first.clone();
        assert_eq!(first.to_report(REASONS, 1), Some(1));
        assert_eq!(second.to_report(REASONS, 1), None);
        assert_eq!(second.to_report(0, 2), Some(2));
    }
}
