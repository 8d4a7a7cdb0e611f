//! The children of an event that has labels.

use std::fmt;
use std::sync::Arc;

use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use tickring::{MeterHandle, Series, TimerHandle};

use crate::forward::Held;
use crate::meter::Meter;
use crate::snapshot::Snapshot;
use crate::timer::{Timed, Timer};

/// The children of an event. The crate's type has the number of labels in it, which Python's can't have.
pub(crate) trait Children: fmt::Debug + Send + Sync {
    /// The meter of these values, of which there are as many as labels.
    fn with(&self, values: &[&str]) -> MeterHandle;

    /// The children in the order in which they came. The first is that without values.
    fn series(&self) -> Vec<Series>;

    /// The figures of the event.
    fn snapshot(&self) -> tickring::Snapshot;

    /// Look-ups with a set of values past the cap.
    fn overflowed(&self) -> u64;

    /// The timer of these values, if the event is timed.
    fn timer(&self, _values: &[&str]) -> Option<TimerHandle> {
        None
    }

    /// The figures of the event with durations, if it is timed.
    fn timer_snapshot(&self) -> Option<tickring::TimerSnapshot> {
        None
    }
}

fn array<'a, const N: usize>(values: &[&'a str]) -> [&'a str; N] {
    let mut array = [""; N];
    array.iter_mut().zip(values).for_each(|(place, value)| *place = value);
    array
}

impl<const N: usize> Children for tickring::Family<N> {
    fn with(&self, values: &[&str]) -> MeterHandle {
        self.with(array(values))
    }

    fn series(&self) -> Vec<Series> {
        self.series()
    }

    fn snapshot(&self) -> tickring::Snapshot {
        self.snapshot()
    }

    fn overflowed(&self) -> u64 {
        self.overflowed()
    }
}

impl<const N: usize> Children for tickring::TimedFamily<N> {
    fn with(&self, values: &[&str]) -> MeterHandle {
        self.family().with(array(values))
    }

    fn series(&self) -> Vec<Series> {
        self.family().series()
    }

    fn snapshot(&self) -> tickring::Snapshot {
        self.family().snapshot()
    }

    fn overflowed(&self) -> u64 {
        self.family().overflowed()
    }

    fn timer(&self, values: &[&str]) -> Option<TimerHandle> {
        Some(self.with(array(values)))
    }

    fn timer_snapshot(&self) -> Option<tickring::TimerSnapshot> {
        Some(self.snapshot())
    }
}

/// The children of an event, if it has labels.
pub(crate) fn of(service: &tickring::Service, event: &str) -> Option<Arc<dyn Children>> {
    macro_rules! by_number {
        ($($number:literal)*) => {
            match service.event(event)?.labels().len() {
                $($number => match service.timed_family::<$number>(event) {
                    Ok(family) => Some(Arc::new(family)),
                    Err(_) => Some(Arc::new(service.family::<$number>(event).ok()?)),
                },)*
                // The crate allows no more.
                _ => None,
            }
        };
    }
    by_number!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

/// The children of an event that has labels: a meter for each set of values. The figures of the event are the
/// sum of its children's.
///
///     shop = tickring.Service("shop", events=["request"], labels={"request": ["route", "method"]})
///     requests = shop.family("request")
///     items = requests.with_("/items/{id}", "GET")   # keep it, or look it up each time
///     items.record()
///     requests.with_(route="/items/{id}").record()   # a label that is left out is empty
#[pyclass(frozen, module = "tickring")]
#[derive(Debug)]
pub(crate) struct Family {
    event: String,
    keys: Vec<String>,
    children: Arc<dyn Children>,
    clock: tickring::Clock,
    held: Arc<Held>,
}

impl Family {
    pub(crate) fn new(
        event: &str,
        keys: Vec<String>,
        children: Arc<dyn Children>,
        clock: tickring::Clock,
        held: Arc<Held>,
    ) -> Self {
        Self { event: event.into(), keys, children, clock, held }
    }

    /// Looks up what counts these values.
    fn on<T>(
        &self,
        values: &Bound<'_, PyTuple>,
        by_label: Option<&Bound<'_, PyDict>>,
        find: impl FnOnce(&[&str]) -> T,
    ) -> PyResult<T> {
        let mut texts = vec![String::new(); self.keys.len()];
        match by_label.filter(|by_label| !by_label.is_empty()) {
            None if values.len() == self.keys.len() => {
                for (place, value) in texts.iter_mut().zip(values) {
                    *place = text(&value)?;
                }
            }
            Some(by_label) if values.is_empty() => {
                for (label, value) in by_label {
                    let label: String = label.extract()?;
                    match self.keys.iter().position(|key| *key == label) {
                        Some(place) => texts[place] = text(&value)?,
                        None => return Err(self.wrong(format_args!("{label} is not one"))),
                    }
                }
            }
            None => return Err(self.wrong(format_args!("{} values are given", values.len()))),
            Some(_) => return Err(self.wrong("values are given in order or by name, not both")),
        }
        Ok(find(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    fn wrong(&self, what: impl fmt::Display) -> PyErr {
        let (event, keys) = (&self.event, self.keys.join(", "));
        PyTypeError::new_err(format!("event {event:?} has the labels {keys}: {what}"))
    }
}

#[pymethods]
impl Family {
    /// The meter of these values: one for each label, in their order, or by name. What is not a text is
    /// made one; ``None`` is the empty value. ``TypeError`` for another number of values, or an unknown label.
    ///
    /// Past as many sets of values as ``label_sets`` says, it is the meter whose values are all ``other``.
    #[pyo3(signature = (*values, **by_label))]
    fn with_(
        &self,
        values: &Bound<'_, PyTuple>,
        by_label: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Meter> {
        let meter = self.on(values, by_label, |values| self.children.with(values))?;
        Ok(Meter::of(meter, Some(Arc::clone(&self.held))))
    }

    /// The timer of these values, of an event that is timed. ``KeyError`` if it isn't. A service that forwards
    /// sends its events, and not their durations.
    #[pyo3(signature = (*values, **by_label))]
    fn timer(
        &self,
        values: &Bound<'_, PyTuple>,
        by_label: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Timer> {
        let Some(timer) = self.on(values, by_label, |values| self.children.timer(values))? else {
            return Err(PyKeyError::new_err(format!("event {:?} is not timed", self.event)));
        };
        let child = Timed::new(timer, self.clock.clone(), None);
        Ok(Timer::of(child, Some(Arc::clone(&self.held))))
    }

    /// The names of the labels, in the order of the values.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.keys.clone()
    }

    /// How many look-ups came with a set of values past ``label_sets``.
    #[getter]
    fn overflowed(&self) -> u64 {
        self.children.overflowed()
    }

    /// The figures of the event as of now: of all its children together.
    fn snapshot(&self) -> Snapshot {
        Snapshot(self.children.snapshot())
    }

    fn __repr__(&self) -> String {
        let (event, keys) = (&self.event, self.keys.join(", "));
        format!("<tickring.Family {event} by {keys}: {}>", self.children.snapshot())
    }
}

fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if value.is_none() {
        return Ok(String::new());
    }
    let text = match value.cast::<PyString>() {
        Ok(text) => text.clone(),
        Err(_) => value.str()?,
    };
    // Half of a pair that makes a character stands for none: it is replaced.
    Ok(text.to_string_lossy().into_owned())
}
