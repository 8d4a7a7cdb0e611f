//! How long an event took over the last minute, for the event-rate document.

use std::time::Duration;

use serde::Serialize;

use crate::engine::Distribution;

/// How long the events of the last minute took, in milliseconds; part of
/// [`EventFigures`](super::EventFigures) of a timed event. Which events these are, and how exact
/// this is: see [`Distribution`]. Without any, everything but the count is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProcessingTime {
    /// How many there were.
    pub count: u64,
    /// Their mean.
    pub mean_ms: Option<f64>,
    /// The shortest.
    pub min_ms: Option<f64>,
    /// The median.
    pub p50_ms: Option<f64>,
    /// The 0.9-quantile.
    pub p90_ms: Option<f64>,
    /// The 0.99-quantile.
    pub p99_ms: Option<f64>,
    /// The 0.999-quantile.
    pub p999_ms: Option<f64>,
    /// The longest.
    pub max_ms: Option<f64>,
}

impl ProcessingTime {
    pub(super) fn of(window: &Distribution) -> Self {
        let quantiles = window.quantiles([0.5, 0.9, 0.99, 0.999]);
        let [median, p90, p99, p999] = quantiles.map(|found| found.map(milliseconds));
        Self {
            count: window.count(),
            mean_ms: window.mean().map(milliseconds),
            min_ms: window.min().map(milliseconds),
            p50_ms: median,
            p90_ms: p90,
            p99_ms: p99,
            p999_ms: p999,
            max_ms: window.max().map(milliseconds),
        }
    }
}

/// To the nanosecond, without digits that mean nothing.
#[allow(clippy::cast_precision_loss)] // An hour has 2^42 nanoseconds.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}
