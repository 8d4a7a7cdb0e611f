//! The extension module `tickring._core`: the crate's engine, services and documents for Python.
//!
//! | file | what is in it |
//! |---|---|
//! | `meter`, `timer`, `clock`, `snapshot` | the engine's types |
//! | `service`, `description` | a service: its meters, its documents, its HTTP answers; how it is described |
//! | `answers` | HTTP requests, answered without a server |
//! | `family` | the children of an event that has labels |
//! | `counting` | which event each of its methods counts |
//! | `forward` | sending a service's sums to a server, from a thread that needs no interpreter |
//! | `process` | what has to happen once in each process, and after each fork |
//! | `fast` | the methods that count, by hand |
//! | `arguments` | what callers pass, which counting never answers with an exception |
//!
//! Every class is frozen, and all state is in atomics or under a lock that no Python code runs under. So
//! the module needs no global interpreter lock, and says so.
//!
//! A record is one call into this module: the engine's record, and a load that says whether the process has
//! something to attend to (see `process`).

use pyo3::pymodule;

mod answers;
mod arguments;
mod clock;
mod counting;
mod description;
mod family;
mod fast;
mod forward;
mod meter;
mod process;
mod service;
mod snapshot;
mod timer;

#[pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::clock::ManualClock;
    #[pymodule_export]
    use super::family::Family;
    #[pymodule_export]
    use super::meter::Meter;
    #[pymodule_export]
    use super::process::{after_fork, at_exit};
    #[pymodule_export]
    use super::service::Service;
    #[pymodule_export]
    use super::snapshot::{Snapshot, TimerSnapshot};
    #[pymodule_export]
    use super::timer::{Timer, Timing};

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, PyModule>) -> PyResult<()> {
        super::process::watch_forks();
        super::fast::add::<Meter>(module.py(), super::meter::METHODS)?;
        super::fast::add::<Service>(module.py(), super::counting::METHODS)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
