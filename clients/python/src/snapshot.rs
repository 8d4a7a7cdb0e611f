//! Plain values: what a meter or a timer had at one moment.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// All figures of a meter as of one moment.
#[pyclass(frozen, module = "tickring")]
#[derive(Debug)]
pub(crate) struct Snapshot(pub(crate) tickring::Snapshot);

#[pymethods]
impl Snapshot {
    /// All events since the start.
    #[getter]
    fn total(&self) -> u64 {
        self.0.total()
    }

    /// The events of the last 60 clock seconds, the current one included: exact.
    #[getter]
    fn events_in_window(&self) -> u64 {
        self.0.events_in_window()
    }

    /// Events per second over the last 60 s.
    #[getter]
    fn events_per_second(&self) -> f64 {
        self.0.events_per_second()
    }

    /// ``events_per_second`` times 3600.
    #[getter]
    fn events_per_hour(&self) -> f64 {
        self.0.events_per_hour()
    }

    /// All events, divided by the uptime, which counts as a second at least.
    #[getter]
    fn lifetime_per_second(&self) -> f64 {
        self.0.lifetime_per_second()
    }

    /// Seconds since the first use.
    #[getter]
    fn uptime_seconds(&self) -> f64 {
        self.0.uptime().as_secs_f64()
    }

    /// Seconds of the window that the meter has lived through.
    #[getter]
    fn covered_seconds(&self) -> f64 {
        self.0.covered().as_secs_f64()
    }

    /// The largest count of one second of the window.
    #[getter]
    fn peak_per_second(&self) -> u64 {
        self.0.peak_per_second()
    }

    /// Seconds since the last event, to the second; ``None`` before the first one.
    #[getter]
    fn last_event_age_seconds(&self) -> Option<f64> {
        self.0.last_event_age().map(|age| age.as_secs_f64())
    }

    /// The counts of the last 60 seconds, oldest first.
    #[getter]
    fn per_second(&self) -> Vec<u64> {
        self.0.per_second().to_vec()
    }

    /// Events per second over the last 1 to 60 seconds.
    fn events_per_second_over(&self, seconds: u32) -> PyResult<f64> {
        if (1..=60).contains(&seconds) {
            return Ok(self.0.events_per_second_over(seconds));
        }
        Err(PyValueError::new_err(format!("{seconds} s: a rate is over the last 1 to 60 seconds")))
    }

    fn __repr__(&self) -> String {
        format!("<tickring.Snapshot: {}>", self.0)
    }
}

/// All figures of a timer as of one moment. Durations are in seconds. Those of the last minute are within
/// 3.2 % of the truth; those since the start are exact.
#[pyclass(frozen, module = "tickring")]
#[derive(Debug)]
pub(crate) struct TimerSnapshot(pub(crate) tickring::TimerSnapshot);

#[pymethods]
impl TimerSnapshot {
    /// The figures of the events.
    #[getter]
    fn events(&self) -> Snapshot {
        Snapshot(self.0.events().clone())
    }

    /// How many events of the last minute have a duration.
    #[getter]
    fn count(&self) -> u64 {
        self.0.distribution().count()
    }

    /// The mean of the last minute, in seconds; ``None`` without an event.
    #[getter]
    fn mean(&self) -> Option<f64> {
        self.0.distribution().mean().map(|mean| mean.as_secs_f64())
    }

    /// The shortest of the last minute, in seconds; ``None`` without an event.
    #[getter]
    fn min(&self) -> Option<f64> {
        self.0.distribution().min().map(|min| min.as_secs_f64())
    }

    /// The longest of the last minute, in seconds; ``None`` without an event.
    #[getter]
    fn max(&self) -> Option<f64> {
        self.0.distribution().max().map(|max| max.as_secs_f64())
    }

    /// A quantile of the last minute, in seconds: 0.5 is the median. ``None`` without an event.
    fn quantile(&self, q: f64) -> PyResult<Option<f64>> {
        if (0.0..=1.0).contains(&q) {
            return Ok(self.0.distribution().quantile(q).map(|found| found.as_secs_f64()));
        }
        Err(PyValueError::new_err(format!("{q} is no quantile: one is from 0 to 1")))
    }

    /// How many events since the start have a duration.
    #[getter]
    fn count_since_start(&self) -> u64 {
        self.0.since_start().count()
    }

    /// The sum of all durations since the start, in seconds.
    #[getter]
    fn sum_since_start(&self) -> f64 {
        self.0.since_start().sum().as_secs_f64()
    }

    /// The longest since the start, in seconds; ``None`` without an event.
    #[getter]
    fn max_since_start(&self) -> Option<f64> {
        self.0.since_start().max().map(|max| max.as_secs_f64())
    }

    fn __repr__(&self) -> String {
        self.repr("TimerSnapshot")
    }
}

impl TimerSnapshot {
    pub(crate) fn repr(&self, class: &str) -> String {
        format!("<tickring.{class}: {}; {} durations>", self.0.events(), self.count())
    }
}
