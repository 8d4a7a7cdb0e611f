//! What callers pass to a method that counts. Nonsense is `None`, never an exception: the caller counts it
//! as refused. What a caller's own code raises meanwhile is not nonsense, and is passed on.

use std::time::Duration;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

/// The longest duration that counts, in seconds: more is a mistake, such as a time of day.
const LONGEST: f64 = 1e9;

/// The error for what is wrong at set-up.
pub(crate) fn wrong(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A number of events. One that is left out is 1.
#[inline]
pub(crate) fn count(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<u64>> {
    value.map_or(Ok(Some(1)), |value| value.extract::<u64>().map(Some).or_else(|e| own(value, e)))
}

/// A duration in seconds.
pub(crate) fn duration(seconds: &Bound<'_, PyAny>) -> PyResult<Option<Duration>> {
    match seconds.extract::<f64>() {
        Ok(seconds) if (0.0..LONGEST).contains(&seconds) => {
            Ok(Some(Duration::from_secs_f64(seconds)))
        }
        Ok(_) => Ok(None),
        Err(error) => own(seconds, error),
    }
}

/// Whether an error is about the value: then it is nonsense.
fn own<T>(value: &Bound<'_, PyAny>, error: PyErr) -> PyResult<Option<T>> {
    let py = value.py();
    let nonsense = error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyOverflowError>(py)
        || error.is_instance_of::<PyValueError>(py);
    if nonsense { Ok(None) } else { Err(error) }
}
