//! The meter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

use crate::clock::{ManualClock, chosen};
use crate::fast::{Counts, Method};
use crate::forward::Held;
use crate::process;
use crate::snapshot::Snapshot;

/// Counts events and reports their rate. To record never raises, waits, or takes a lock, from any number
/// of threads.
///
///     frames = tickring.Meter()
///     frames.record()
///     frames.record(128)
///     frames.total(), frames.events_per_second()
#[pyclass(frozen, module = "tickring")]
#[derive(Debug)]
pub(crate) struct Meter {
    counts: tickring::MeterHandle,
    refused: AtomicU64,
    /// Keeps the service alive for its forwarder.
    _held: Option<Arc<Held>>,
}

impl Meter {
    pub(crate) fn of(meter: tickring::MeterHandle, held: Option<Arc<Held>>) -> Self {
        Self { counts: meter, refused: AtomicU64::new(0), _held: held }
    }
}

impl Counts for Meter {
    #[inline]
    fn count<const EVENT: usize>(&self, count: u64) {
        self.counts.record_n(count);
        process::recorded();
    }

    #[cold]
    fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) const METHODS: [Method; 1] = [Method::counting::<Meter, 0>(
    "record\0",
    "record($self, count=1)\n--\n\nCounts ``count`` events, now. A count that makes no sense (negative, not an \
      integer) counts\nnothing, and shows in ``refused``.\0",
)];

#[pymethods]
impl Meter {
    #[new]
    #[pyo3(signature = (*, clock=None))]
    fn new(clock: Option<&Bound<'_, ManualClock>>) -> Self {
        Self::of(Arc::new(tickring::Meter::with_clock(chosen(clock))).into(), None)
    }

    /// All events so far.
    fn total(&self) -> u64 {
        self.counts.total()
    }

    /// The events of the last 60 clock seconds, the current one included: exact.
    fn events_in_window(&self) -> u64 {
        self.counts.events_in_window()
    }

    /// Events per second over the last 60 s.
    fn events_per_second(&self) -> f64 {
        self.counts.events_per_second()
    }

    /// ``events_per_second`` times 3600.
    fn events_per_hour(&self) -> f64 {
        self.counts.events_per_second() * 3600.0
    }

    /// All figures as of now.
    fn snapshot(&self) -> Snapshot {
        Snapshot(self.counts.snapshot())
    }

    /// Calls of ``record`` on this object that could not count, since they made no sense.
    #[getter]
    fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn __repr__(&self) -> String {
        format!("<tickring.Meter: {}>", self.counts.snapshot())
    }
}
