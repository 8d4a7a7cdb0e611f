//! Snapshots as serde writes them, under the names of the event-rate document.

use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::engine::{Distribution, SinceStart, Snapshot, TimerSnapshot};

/// How long the events of the last minute took, in milliseconds; part of the
/// [`EventFigures`](super::EventFigures) of a timed event, and the form in which a [`Distribution`]
/// serialises.
///
/// The count is exact; the durations are within 3.2 % of the truth. [`Distribution`] says which events
/// these are, and when its mean and its maximum are exact. Without any event, everything but the count
/// is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProcessingTime {
    /// The number of events that have a duration.
    pub count: u64,
    /// The mean.
    pub mean_ms: Option<f64>,
    /// The shortest duration.
    pub min_ms: Option<f64>,
    /// The median.
    pub p50_ms: Option<f64>,
    /// The 0.9-quantile.
    pub p90_ms: Option<f64>,
    /// The 0.99-quantile.
    pub p99_ms: Option<f64>,
    /// The 0.999-quantile.
    pub p999_ms: Option<f64>,
    /// The longest duration.
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

/// The figures under the names that the event-rate document gives them, without the seconds one by one.
impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Snapshot", 8)?;
        fields.serialize_field("events_per_second", &self.events_per_second())?;
        fields.serialize_field("events_per_hour", &self.events_per_hour())?;
        fields.serialize_field("total_events", &self.total())?;
        fields.serialize_field("uptime_seconds", &seconds(self.uptime()))?;
        fields.serialize_field("events_in_window", &self.events_in_window())?;
        fields.serialize_field("covered_seconds", &seconds(self.covered()))?;
        fields.serialize_field("peak_events_per_second", &self.peak_per_second())?;
        let age = self.last_event_age().map(seconds);
        fields.serialize_field("last_event_age_seconds", &age)?;
        fields.end()
    }
}

/// As [`ProcessingTime`].
impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ProcessingTime::of(self).serialize(serializer)
    }
}

/// `count`, `sum_ms` and `max_ms`.
impl Serialize for SinceStart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("SinceStart", 3)?;
        fields.serialize_field("count", &self.count())?;
        fields.serialize_field("sum_ms", &milliseconds(self.sum()))?;
        fields.serialize_field("max_ms", &self.max().map(milliseconds))?;
        fields.end()
    }
}

/// The figures of the meter as `events`, the durations of the last minute as `processing_time`, and those
/// since the start as `since_start`.
impl Serialize for TimerSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("TimerSnapshot", 3)?;
        fields.serialize_field("events", self.events())?;
        fields.serialize_field("processing_time", self.distribution())?;
        fields.serialize_field("since_start", self.since_start())?;
        fields.end()
    }
}

/// Rounded to the millisecond, which is finer than the figures are.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Rounded to the nanosecond: further digits would mean nothing.
#[allow(clippy::cast_precision_loss)] // An hour has 2^42 nanoseconds.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}
