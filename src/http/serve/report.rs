//! What the log says about connections that are closed or not accepted: a line a second at most,
//! however many there are. Each line says what has come since the one before it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::http::counters::Running;

const PERIOD: Duration = Duration::from_secs(1);

/// Looks at the counts each second, and never ends.
pub(super) async fn report(running: Arc<Running>) {
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = Counts::of(&running);
    loop {
        period.tick().await;
        let now = Counts::of(&running);
        if let Some(closed) = now.closed_since(&before) {
            tracing::warn!("closed connections to make room for others: {closed}");
        }
        let failures = now.failures - before.failures;
        if let Some(error) = running.take_last_failure() {
            tracing::warn!(%error, failures, "can't accept connections");
        }
        before = now;
    }
}

struct Counts {
    evicted: Vec<(&'static str, u64)>,
    failures: u64,
}

impl Counts {
    fn of(running: &Running) -> Self {
        Self { evicted: running.evictions().collect(), failures: running.accept_failures() }
    }

    /// How many connections were closed since then, by what they waited for.
    fn closed_since(&self, before: &Self) -> Option<String> {
        let mut text = String::new();
        for ((stage, now), (_, before)) in self.evicted.iter().zip(&before.evicted) {
            if now > before {
                let comma = if text.is_empty() { "" } else { ", " };
                // Writing to a string can't fail.
                let _ = write!(text, "{comma}{stage} {}", now - before);
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_says_what_is_new() {
        let counts =
            |idle, body| Counts { evicted: vec![("idle", idle), ("body", body)], failures: 0 };
        assert_eq!(counts(5, 7).closed_since(&counts(2, 6)).unwrap(), "idle 3, body 1");
        assert_eq!(counts(5, 7).closed_since(&counts(5, 6)).unwrap(), "body 1");
        assert_eq!(counts(5, 7).closed_since(&counts(5, 7)), None);
    }
}
