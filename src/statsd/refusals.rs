//! Saying what was not used, without saying it too often.

use std::time::{Duration, Instant};

use crate::fleet::{RejectionReason, Rejections};

/// The least time between two log lines of one reason.
const QUIET: Duration = Duration::from_secs(1);
/// How much of a line is logged.
const SHOWN: usize = 120;

/// Counts what a listener could not use, and logs it at most once a second for each reason.
#[derive(Debug)]
pub(super) struct Refusals {
    rejections: Rejections,
    said: [Said; RejectionReason::ALL.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct Said {
    last: Option<Instant>,
    /// How many were not logged since.
    unsaid: u64,
}

impl Said {
    /// How many to speak of, if it is time to speak again.
    fn speak(&mut self, count: u64, now: Instant) -> Option<u64> {
        self.unsaid += count;
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < QUIET) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

impl Refusals {
    pub(super) fn new(rejections: Rejections) -> Self {
        Self { rejections, said: Default::default() }
    }

    #[cold]
    pub(super) fn refuse(&mut self, reason: RejectionReason, line: &[u8]) {
        self.rejections.count(reason);
        if let Some(count) = self.said[reason as usize].speak(1, Instant::now()) {
            let line = line[..line.len().min(SHOWN)].escape_ascii();
            tracing::warn!(%reason, count, %line, "StatsD lines not used, of which the last");
        }
    }

    pub(super) fn dropped(&mut self, datagrams: u64) {
        let reason = RejectionReason::KernelDrop;
        self.rejections.count_n(reason, datagrams);
        if let Some(count) = self.said[reason as usize].speak(datagrams, Instant::now()) {
            tracing::warn!(%reason, count, "StatsD datagrams dropped: the receive buffer was full");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_speaks_once_a_second_and_then_of_all() {
        let mut said = Said::default();
        let start = Instant::now();
        assert_eq!(said.speak(1, start), Some(1));
        assert_eq!(said.speak(1, start), None);
        assert_eq!(said.speak(3, start + QUIET / 2), None);
        assert_eq!(said.speak(1, start + QUIET), Some(5));
        assert_eq!(said.speak(1, start + QUIET), None);
    }
}
