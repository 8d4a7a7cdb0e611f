//! The timer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

use crate::arguments;
use crate::clock::{ManualClock, chosen, elapsed};
use crate::forward::{Durations, Held};
use crate::process;
use crate::snapshot::TimerSnapshot;

/// An event that is timed, and where its durations go.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    timer: tickring::TimerHandle,
    clock: tickring::Clock,
    /// What is to be sent to a server, if the service forwards.
    forwarded: Option<Arc<Durations>>,
}

impl Timed {
    pub(crate) fn new(
        timer: tickring::TimerHandle,
        clock: tickring::Clock,
        forwarded: Option<Arc<Durations>>,
    ) -> Self {
        Self { timer, clock, forwarded }
    }

    pub(crate) fn record(&self, duration: Duration) {
        self.timer.record(duration);
        // After the event: what is sent has then at most as many durations as events.
        if let Some(forwarded) = &self.forwarded {
            forwarded.push(duration);
        }
        process::recorded();
    }

    pub(crate) fn snapshot(&self) -> tickring::TimerSnapshot {
        self.timer.snapshot()
    }

    fn now(&self) -> Duration {
        elapsed(&self.clock)
    }
}

/// Counts events, and how long they took. Durations are in seconds.
///
///     queries = tickring.Timer()
///     queries.record(0.012)
///     with queries.time():
///         ...
///     queries.snapshot().quantile(0.99)
#[pyclass(frozen, module = "tickring")]
#[derive(Debug)]
pub(crate) struct Timer {
    timed: Timed,
    refused: AtomicU64,
    held: Option<Arc<Held>>,
}

impl Timer {
    pub(crate) fn of(timed: Timed, held: Option<Arc<Held>>) -> Self {
        Self { timed, refused: AtomicU64::new(0), held }
    }
}

#[pymethods]
impl Timer {
    #[new]
    #[pyo3(signature = (*, clock=None))]
    fn new(clock: Option<&Bound<'_, ManualClock>>) -> Self {
        let clock = chosen(clock);
        let timer =
            tickring::TimerHandle::from(Arc::new(tickring::Timer::with_clock(clock.clone())));
        Self::of(Timed::new(timer, clock, None), None)
    }

    /// Counts one event that took so many seconds. A duration that makes no sense (negative, not a
    /// number, more than 1e9) counts nothing, and shows in ``refused``. More than an hour counts as an hour.
    fn record(&self, seconds: &Bound<'_, PyAny>) -> PyResult<()> {
        match arguments::duration(seconds)? {
            Some(duration) => self.timed.record(duration),
            None => _ = self.refused.fetch_add(1, Ordering::Relaxed),
        }
        Ok(())
    }

    /// A context that counts one event, and how long the context took; also when it raises.
    fn time(&self) -> Timing {
        Timing::of(self.timed.clone(), self.held.clone())
    }

    /// All events so far.
    fn total(&self) -> u64 {
        self.timed.snapshot().events().total()
    }

    /// All figures as of now.
    fn snapshot(&self) -> TimerSnapshot {
        TimerSnapshot(self.timed.snapshot())
    }

    /// Calls of ``record`` on this object that could not count, since they made no sense.
    #[getter]
    fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn __repr__(&self) -> String {
        self.snapshot().repr("Timer")
    }
}

/// What ``Timer.time`` returns.
#[pyclass(frozen, module = "tickring")]
#[derive(Debug)]
pub(crate) struct Timing {
    timed: Timed,
    /// No Python code runs under this lock.
    began: Mutex<Option<Duration>>,
    _held: Option<Arc<Held>>,
}

impl Timing {
    pub(crate) fn of(timed: Timed, held: Option<Arc<Held>>) -> Self {
        Self { timed, began: Mutex::new(None), _held: held }
    }
}

#[pymethods]
impl Timing {
    fn __enter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        let now = this.timed.now();
        *this.began.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        this
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, _error: &Bound<'_, pyo3::types::PyTuple>) {
        let began = self.began.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(began) = began {
            self.timed.record(self.timed.now().saturating_sub(began));
        }
    }
}
