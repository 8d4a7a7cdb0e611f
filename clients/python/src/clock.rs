//! The clock for tests.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A clock for tests: it moves only when it is told to. Give it to a meter, a timer or a service as
/// ``clock=``.
///
///     clock = tickring.ManualClock()
///     meter = tickring.Meter(clock=clock)
///     meter.record(120)
///     clock.advance(61)
///     assert meter.events_per_second() == 0
#[pyclass(frozen, module = "tickring")]
#[derive(Debug)]
pub(crate) struct ManualClock(pub(crate) tickring::ManualClock);

#[pymethods]
impl ManualClock {
    #[new]
    fn new() -> Self {
        Self(tickring::ManualClock::new())
    }

    /// Moves the clock forward by a number of seconds.
    fn advance(&self, seconds: f64) -> PyResult<()> {
        self.0.advance(span(seconds)?);
        Ok(())
    }

    /// The seconds since the clock was made.
    fn elapsed(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    fn __repr__(&self) -> String {
        format!("ManualClock(elapsed={})", self.elapsed())
    }
}

fn span(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| {
        PyValueError::new_err(format!("a clock can't move by {seconds} seconds: {error}"))
    })
}

/// The clock that a caller chose: the system's, unless another is given.
pub(crate) fn chosen(clock: Option<&Bound<'_, ManualClock>>) -> tickring::Clock {
    clock.map_or(tickring::Clock::System, |clock| clock.get().0.clone().into())
}

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The time on a clock, for the difference of two.
pub(crate) fn elapsed(clock: &tickring::Clock) -> Duration {
    match clock {
        tickring::Clock::Manual(clock) => clock.elapsed(),
        _ => ORIGIN.elapsed(),
    }
}
