//! A service: its meters, its documents and its HTTP answers.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use tickring::http::Router;
use tickring::{AutoRegister, RateBasis, Registry};

use crate::answers;
use crate::arguments::{self, wrong};
use crate::clock::{ManualClock, chosen};
use crate::counting::{EVENT, KNOWN};
use crate::description::Description;
use crate::family::{self, Children, Family};
use crate::fast::Counts;
use crate::forward::{self, Durations, Held, Route, Target};
use crate::meter::Meter;
use crate::process;
use crate::snapshot::{Snapshot, TimerSnapshot};
use crate::timer::{Timed, Timer, Timing};

/// The most durations of one call: further events of it are counted without.
const MOST_DURATIONS: u64 = 1000;

/// The base of ``tickring.Service``, which describes it.
#[pyclass(frozen, subclass, module = "tickring._core")]
#[derive(Debug)]
pub(crate) struct Service {
    name: String,
    /// A loaded handle for each event that has a method.
    pub(crate) known: [Option<tickring::MeterHandle>; KNOWN.len()],
    timed: HashMap<String, Timed>,
    families: HashMap<String, Arc<dyn Children>>,
    clock: tickring::Clock,
    /// Replaced when an event is added. No Python code runs under this lock.
    current: RwLock<Arc<tickring::Service>>,
    registry: Registry,
    router: Router,
    pub(crate) refused: AtomicU64,
    held: Arc<Held>,
    forwards: bool,
}

impl Service {
    fn current(&self) -> Arc<tickring::Service> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn document(&self, series: bool) -> tickring::EventRate {
        let service = self.current();
        if series { service.event_rate_with_series() } else { service.event_rate() }
    }

    fn unavailable(error: impl std::fmt::Display) -> PyErr {
        pyo3::exceptions::PyRuntimeError::new_err(error.to_string())
    }
}

fn unknown(error: impl std::fmt::Display) -> PyErr {
    PyKeyError::new_err(error.to_string())
}

#[pymethods]
impl Service {
    #[new]
    #[pyo3(signature = (name, events=None, *, timed=vec![], labels=BTreeMap::new(), label_sets=BTreeMap::new(), port=None, category=None, basis=None, forward=None, beside=None, clock=None))]
    #[allow(clippy::too_many_arguments)] // Each has a name at the caller's.
    fn new(
        name: String,
        events: Option<Vec<String>>,
        timed: Vec<String>,
        labels: BTreeMap<String, Vec<String>>,
        label_sets: BTreeMap<String, usize>,
        port: Option<u16>,
        category: Option<String>,
        basis: Option<String>,
        forward: Option<String>,
        beside: Option<&Bound<'_, Self>>,
        clock: Option<&Bound<'_, ManualClock>>,
    ) -> PyResult<Self> {
        let target = forward.as_deref().map(Target::parse).transpose().map_err(wrong)?;
        let clock = chosen(clock);
        let description =
            Description { name, events, timed, labels, label_sets, port, category, basis };
        let service = description.builder()?.clock(clock.clone()).build().map_err(wrong)?;
        let registry = beside.map_or_else(Registry::new, |beside| beside.get().registry.clone());
        let service = registry.register(service).map_err(wrong)?;
        let name = service.name().to_owned();
        let held = Arc::new(Held);
        let durations = |event: &tickring::EventKind| {
            (target.is_some() && event.timer().is_some()).then(|| Arc::new(Durations::new()))
        };
        let mut route = target.clone().map(|target| Route::new(&name, target, &held));
        let (mut timers, mut families) = (HashMap::new(), HashMap::new());
        for event in service.events() {
            let durations = durations(event);
            if let (Some(route), Some(meter)) = (&mut route, event.meter()) {
                route.add(event.name(), meter.clone(), durations.clone());
            }
            if let Some(timer) = event.timer() {
                let timed = Timed::new(timer.clone(), clock.clone(), durations);
                timers.insert(event.name().to_owned(), timed);
            }
            if let Some(children) = family::of(&service, event.name()) {
                if let Some(route) = &mut route {
                    route.add_family(event.name(), Arc::clone(&children));
                }
                families.insert(event.name().to_owned(), children);
            }
        }
        let forwards = route.is_some();
        if let Some(route) = route {
            forward::add(route);
        }
        Ok(Self {
            known: KNOWN.map(|event| service.meter(event).ok()),
            timed: timers,
            families,
            clock,
            current: RwLock::new(service),
            router: Router::new(registry.clone(), name.as_str()).map_err(wrong)?,
            registry,
            refused: AtomicU64::new(0),
            held,
            forwards,
            name,
        })
    }

    /// The service's name.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// The names of the service's events.
    #[getter]
    fn events(&self) -> Vec<String> {
        self.current().spec().events.clone()
    }

    /// The names of those of its events that are timed.
    #[getter]
    fn timed_events(&self) -> Vec<String> {
        self.current().spec().timed.clone()
    }

    /// The labels of those of its events that have some.
    #[getter]
    fn labels(&self) -> BTreeMap<String, Vec<String>> {
        self.current().spec().labels.clone()
    }

    /// The service's port, as its description says.
    #[getter]
    fn port(&self) -> Option<u16> {
        self.current().spec().port
    }

    /// ``"rolling"`` if ``get_events_per_second`` is over the last minute, ``"lifetime"`` if it is over the
    /// uptime.
    #[getter]
    fn basis(&self) -> String {
        self.current().spec().basis.to_string()
    }

    /// Calls that could not be counted, since they made no sense: an unknown event, a negative count.
    #[getter]
    fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    // Recording.

    /// Counts ``count`` events, each of which took ``duration`` seconds, if that is given. Durations are
    /// kept for events that are timed. Never raises: what makes no sense counts as ``refused``.
    #[pyo3(signature = (event, count=None, duration=None))]
    fn record(
        &self,
        event: &Bound<'_, PyAny>,
        count: Option<&Bound<'_, PyAny>>,
        duration: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let Ok(event) = event.extract::<String>() else {
            self.refuse();
            return Ok(());
        };
        let wanted = duration.map(arguments::duration).transpose()?;
        let (Some(count), false) = (arguments::count(count)?, wanted == Some(None)) else {
            self.refuse();
            return Ok(());
        };
        let Ok(meter) = self.current().meter(&event) else {
            self.refuse();
            return Ok(());
        };
        let mut rest = count;
        if let (Some(duration), Some(timed)) = (wanted.flatten(), self.timed.get(&event)) {
            for _ in 0..count.min(MOST_DURATIONS) {
                timed.record(duration);
            }
            rest = count.saturating_sub(MOST_DURATIONS);
        }
        if rest > 0 {
            meter.record_n(rest);
            process::recorded();
        }
        Ok(())
    }

    /// Counts one ``event``, and the seconds that it took.
    #[pyo3(signature = (processing_time=None))]
    fn record_processing(&self, processing_time: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let Some(seconds) = processing_time else {
            self.count::<EVENT>(1);
            return Ok(());
        };
        match (self.timed.get(KNOWN[EVENT]), arguments::duration(seconds)?) {
            (Some(timed), Some(duration)) => timed.record(duration),
            (None, Some(_)) => self.count::<EVENT>(1),
            (_, None) => self.refuse(),
        }
        Ok(())
    }

    /// The meter of an event. Look it up once and keep it. ``KeyError`` if the service has no such event. Of
    /// an event that has labels, it is the meter of the events without values for them.
    fn meter(&self, event: &str) -> PyResult<Meter> {
        let meter = self.current().meter(event).map_err(unknown)?;
        Ok(Meter::of(meter, Some(Arc::clone(&self.held))))
    }

    /// The children of an event that has labels. ``KeyError`` if it has none.
    fn family(&self, event: &str) -> PyResult<Family> {
        let current = self.current();
        current.meter(event).map_err(unknown)?;
        let Some(children) = self.families.get(event) else {
            return Err(unknown(format_args!("event {event:?} has no labels")));
        };
        let keys = current.spec().labels[event].clone();
        let (children, clock) = (Arc::clone(children), self.clock.clone());
        Ok(Family::new(event, keys, children, clock, Arc::clone(&self.held)))
    }

    /// The timer of an event that is timed. ``KeyError`` if it isn't.
    fn timer(&self, event: &str) -> PyResult<Timer> {
        match self.timed.get(event) {
            Some(timed) => Ok(Timer::of(timed.clone(), Some(Arc::clone(&self.held)))),
            None => Err(unknown(self.current().timer(event).err().map_or_else(
                || format!("event {event:?} is not timed"),
                |error| error.to_string(),
            ))),
        }
    }

    /// A context that counts one event, and how long the context took, if the event is timed.
    fn timed(&self, event: &str) -> PyResult<Timing> {
        let timed = self.timed.get(event).ok_or_else(|| {
            let current = self.current();
            unknown(current.timer(event).map_or_else(|error| error.to_string(), |_| String::new()))
        })?;
        Ok(Timing::of(timed.clone(), Some(Arc::clone(&self.held))))
    }

    /// The meter of an event, which is added if the service doesn't have it. ``ValueError`` if the name
    /// has no such form, or if the service has 1024 events.
    fn add_event(&self, event: &str) -> PyResult<Meter> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let caps = AutoRegister::new().max_events(1024);
        *current = self.registry.admit(&self.name, Some(event), caps).map_err(wrong)?;
        let meter = current.meter(event).map_err(wrong)?;
        drop(current);
        if self.forwards {
            forward::with(&self.held, |route| route.add(event, meter.clone(), None));
        }
        Ok(Meter::of(meter, Some(Arc::clone(&self.held))))
    }

    // Reading.

    /// Events per second: over the last 60 s, or over the uptime (see ``basis``).
    fn get_events_per_second(&self) -> PyResult<f64> {
        let service = self.current();
        if let ([event], RateBasis::Rolling) = (service.events(), service.spec().basis)
            && let Some(meter) = event.meter()
            && self.families.is_empty()
        {
            return Ok(meter.events_per_second());
        }
        let now = service.snapshot().map_err(Self::unavailable)?;
        Ok(match service.spec().basis {
            RateBasis::Lifetime => now.lifetime_per_second(),
            _ => now.events_per_second(),
        })
    }

    /// ``get_events_per_second`` times 3600.
    fn get_events_per_hour(&self) -> PyResult<f64> {
        Ok(self.get_events_per_second()? * 3600.0)
    }

    /// All events since the start.
    fn get_total_events(&self) -> u64 {
        let service = self.current();
        let of = |event: &tickring::EventKind| match self.families.get(event.name()) {
            Some(children) => children.snapshot().total(),
            None => event.meter().map_or(0, |meter| meter.total()),
        };
        service.events().iter().map(of).sum()
    }

    /// Seconds since the service was made, by the monotonic clock.
    fn get_uptime_seconds(&self) -> f64 {
        self.current().uptime().as_secs_f64()
    }

    /// The figures of all events together, as of now.
    fn snapshot(&self) -> PyResult<Snapshot> {
        self.current().snapshot().map(Snapshot).map_err(Self::unavailable)
    }

    /// The figures of an event that is timed, as of now; durations in seconds. ``KeyError`` if it isn't.
    fn timer_snapshot(&self, event: &str) -> PyResult<TimerSnapshot> {
        if let Some(sum) = self.families.get(event).and_then(|children| children.timer_snapshot()) {
            return Ok(TimerSnapshot(sum));
        }
        let timer = self.current().timer(event).map_err(unknown)?;
        Ok(TimerSnapshot(timer.snapshot()))
    }

    /// The document that ``/api/v1/event-rate`` answers. With ``series`` it has the counts of the last 60
    /// seconds, oldest first; with ``labels`` the children of events that have labels.
    #[pyo3(signature = (*, series=false, labels=false))]
    fn event_rate<'py>(
        &self,
        py: Python<'py>,
        series: bool,
        labels: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        if labels {
            let json = PyBytes::new(py, &answers::labelled(&self.router, series)?);
            return py.import("json")?.call_method1("loads", (json,));
        }
        Ok(pythonize::pythonize(py, &self.document(series))?)
    }

    /// The document that ``/api/v1/event-rate`` answers, as JSON. With ``series`` it has the counts of the
    /// last 60 seconds; with ``labels`` the children of events that have labels.
    #[pyo3(signature = (*, series=false, labels=false))]
    fn event_rate_json<'py>(
        &self,
        py: Python<'py>,
        series: bool,
        labels: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let json = if labels {
            answers::labelled(&self.router, series)?
        } else {
            serde_json::to_vec(&self.document(series)).map_err(Self::unavailable)?
        };
        Ok(PyBytes::new(py, &json))
    }

    /// Answers a request as the crate's server does, for this service and those that were made
    /// ``beside`` it: status, headers and body.
    #[pyo3(signature = (method, path, query="", accept=None, accept_encoding=None))]
    #[allow(clippy::type_complexity)] // Python's form of a response.
    fn answer<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        path: &str,
        query: &str,
        accept: Option<&str>,
        accept_encoding: Option<&str>,
    ) -> PyResult<(u16, Vec<(String, String)>, Bound<'py, PyBytes>)> {
        let uri = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let headers = [("accept", accept), ("accept-encoding", accept_encoding)];
        let (status, headers, body) = answers::answer(&self.router, method, &uri, headers)?;
        Ok((status, headers, PyBytes::new(py, &body)))
    }

    // Forwarding.

    /// Sends what was counted up to now. True if it was all handed to the system, or if the service
    /// doesn't forward. Never raises and never waits.
    fn flush(&self, py: Python<'_>) -> bool {
        py.detach(|| forward::with(&self.held, Route::flush)).unwrap_or(true)
    }

    /// Sends what was counted up to now, and nothing after that. The service goes on counting.
    fn close(&self, py: Python<'_>) -> bool {
        let sent = self.flush(py);
        py.detach(|| forward::remove(&self.held));
        sent
    }

    /// How forwarding goes: ``address``; the events ``sent``; those ``pending`` after the last try; those
    /// ``lost``, because the server refused them when they had left; and the last ``error``, or ``None``.
    /// ``None`` if the service doesn't forward.
    #[getter]
    fn forwarding<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some((address, standing)) =
            py.detach(|| forward::with(&self.held, |route| route.standing()))
        else {
            return Ok(None);
        };
        let shown = PyDict::new(py);
        shown.set_item("address", address)?;
        shown.set_item("sent", standing.sent)?;
        shown.set_item("pending", standing.pending)?;
        shown.set_item("lost", standing.lost)?;
        shown.set_item("error", standing.error)?;
        Ok(Some(shown))
    }

    fn __repr__(&self) -> PyResult<String> {
        let now = self.current().snapshot().map_err(Self::unavailable)?;
        Ok(format!("<tickring.Service {}: {now}>", self.name))
    }
}
