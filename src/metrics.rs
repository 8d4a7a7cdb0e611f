//! A recorder for the `metrics` facade: counters of any crate that is instrumented with
//! `metrics::counter!` become meters of a registry.
//!
//! ```
//! use tickring::{Registry, metrics::Recorder};
//!
//! let registry = Registry::new();
//! let recorder = Recorder::new(registry.clone());
//! // In a program: recorder.install()?; once, and then all counters of the process count here.
//! metrics::with_local_recorder(&recorder, || {
//!     metrics::counter!("http.requests", "method" => "GET").increment(3);
//! });
//! let requests = registry.get("http_requests").unwrap();
//! assert_eq!(requests.family("event").unwrap().with(["GET"]).total(), 3);
//! ```
//!
//! # Names
//!
//! A counter's name becomes a service with one event, `event`, whose [labels](crate::Family) are the counter's.
//! In the service's name, what is not a letter, a digit, `_` or `-` becomes `_`. If another counter has the
//! name already, or if the registry has a service of this name, a mark made from the original is added
//! (`http_requests-1c2d3e4f`). So different counters are never added up. Of two counters, the one that is
//! registered first gets the name without a mark.
//!
//! Label keys may come in any order, and later ones may be new; a label set that lacks a key has no value for
//! it. An empty value is none, as in Prometheus. In a key, what Prometheus doesn't take becomes `_`, and a
//! reserved key is marked: `service` becomes `exported_service`.
//!
//! # Caps
//!
//! At most 256 names get a service, and 64 label sets of each are told apart; see
//! [`Recorder::counters`] and [`Recorder::label_sets`]. Label sets past the cap count under the value `other`,
//! and counters past the cap as the event `overflow` of the service `metrics-overflow`. The facade keeps what
//! it has registered, so no label set retires.
//!
//! # What is recorded
//!
//! `increment` records on the meter, and costs what that costs. `absolute` means *at least*: if
//! the total is lower than the value, it is raised to the value by events of the current second;
//! that reads the meter and takes a lock. Past a cap an absolute value is ignored, because
//! nobody knows how much of it is new.
//!
//! A histogram whose values are durations becomes a service with a timed event in the same way. They are
//! durations if it was described with a unit of time, or if it has no unit and its name ends with `_seconds`.
//!
//! Gauges and other histograms are refused: [`Recorder::refused`] has their names, and if the crate logs, the
//! log says each once. To keep them, install another exporter's recorder beside this one
//! (`metrics_util::layers::FanoutBuilder`).

mod admission;
mod names;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ::metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, SetRecorderError,
    SharedString, Unit,
};
use papaya::HashMap;

use self::admission::{Admission, Found, OVERFLOW_SERVICE};
use crate::engine::{Meter, MeterHandle, TimerHandle};
use crate::fleet::{OTHER, Registry};

const OVERFLOW: &str = "overflow";
/// The most names of what was refused that are kept.
const REFUSED_MAX: usize = 256;

/// Feeds counters of the `metrics` facade into a [`Registry`]; see the [module](self). Clones
/// share their counters and caps.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    registry: Registry,
    counters: HashMap<Key, Arc<Counted>>,
    histograms: HashMap<Key, Arc<Timed>>,
    /// By the name of each counter that has reached the cap of label sets: what counts the rest.
    full: HashMap<String, Arc<Overflow>>,
    /// `None` within if that service has a source in its place.
    overflow: OnceLock<Option<Arc<Overflow>>>,
    /// How often each name was refused.
    refused: HashMap<String, Arc<Meter>>,
    /// Also the lock under which counters are admitted.
    admission: Mutex<Admission>,
}

impl Recorder {
    /// A recorder that registers a service in `registry` for each counter; see the example of the
    /// [module](self).
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self(Arc::new(Inner {
            registry,
            counters: HashMap::new(),
            histograms: HashMap::new(),
            full: HashMap::new(),
            overflow: OnceLock::new(),
            refused: HashMap::new(),
            admission: Mutex::new(Admission::new()),
        }))
    }

    /// The number of names, of counters and of histograms, that get a service each. The default is 256.
    ///
    /// ```
    /// use tickring::{Registry, metrics::Recorder};
    ///
    /// let registry = Registry::new();
    /// let recorder = Recorder::new(registry.clone()).counters(1);
    /// metrics::with_local_recorder(&recorder, || {
    ///     metrics::counter!("first").increment(1);
    ///     metrics::counter!("second").increment(2);
    /// });
    /// let overflow = registry.get("metrics-overflow").unwrap();
    /// assert_eq!(overflow.snapshot().unwrap().total(), 2);
    /// ```
    #[must_use]
    pub fn counters(self, max: usize) -> Self {
        self.0.admission().max_counters = max;
        self
    }

    /// The number of label sets of each counter that are told apart. The default is 64.
    ///
    /// ```
    /// use tickring::{Registry, metrics::Recorder};
    ///
    /// let registry = Registry::new();
    /// let recorder = Recorder::new(registry.clone()).label_sets(1);
    /// metrics::with_local_recorder(&recorder, || {
    ///     metrics::counter!("requests", "code" => "200").increment(1);
    ///     metrics::counter!("requests", "code" => "404").increment(2);
    /// });
    /// let requests = registry.get("requests").unwrap();
    /// assert_eq!(requests.family("event").unwrap().with(["other"]).total(), 2);
    /// assert_eq!(requests.snapshot().unwrap().total(), 3);
    /// ```
    #[must_use]
    pub fn label_sets(self, max: usize) -> Self {
        self.0.admission().max_label_sets = max;
        self
    }

    /// The gauges and histograms that can't be recorded here, each with how often it was asked for. After 256
    /// names further ones are counted as `other`.
    ///
    /// ```
    /// let recorder = tickring::metrics::Recorder::new(tickring::Registry::new());
    /// metrics::with_local_recorder(&recorder, || metrics::gauge!("depth").set(3.0));
    /// assert_eq!(recorder.refused(), [("depth".into(), 1)]);
    /// ```
    #[must_use]
    pub fn refused(&self) -> Vec<(String, u64)> {
        let refused = self.0.refused.pin();
        let mut all: Vec<_> =
            refused.iter().map(|(name, count)| (name.clone(), count.total())).collect();
        all.sort_unstable();
        all
    }

    /// Makes this the recorder of the process.
    ///
    /// ```
    /// use tickring::{Registry, metrics::Recorder};
    ///
    /// let registry = Registry::new();
    /// Recorder::new(registry.clone()).install().expect("no other recorder is installed");
    /// metrics::counter!("requests").increment(3);
    /// assert_eq!(registry.get("requests").unwrap().snapshot().unwrap().total(), 3);
    /// ```
    ///
    /// # Errors
    ///
    /// If the process has a recorder already. To have both, put them into a fan-out and install
    /// that.
    pub fn install(self) -> Result<(), SetRecorderError<Self>> {
        ::metrics::set_global_recorder(self)
    }
}

impl Inner {
    fn admission(&self) -> std::sync::MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counter(&self, key: &Key) -> Counter {
        if let Some(counted) = self.counters.pin().get(key) {
            return Counter::from_arc(Arc::clone(counted));
        }
        if let Some(overflow) = self.full.pin().get(key.name()) {
            return Counter::from_arc(Arc::clone(overflow));
        }
        self.admit(key)
    }

    /// What counts for counters past the cap. The first call registers it.
    fn overflow(&self) -> Counter {
        let overflow = self.overflow.get_or_init(|| {
            let meter = self.registry.admit_meter(OVERFLOW_SERVICE, OVERFLOW).ok()?;
            Some(Arc::new(Overflow(meter)))
        });
        overflow
            .as_ref()
            .map_or_else(Counter::noop, |overflow| Counter::from_arc(Arc::clone(overflow)))
    }

    /// The counter of a key that has none yet.
    #[cold]
    fn admit(&self, key: &Key) -> Counter {
        let mut admission = self.admission();
        let counters = self.counters.pin();
        // Another thread may have been here first.
        if let Some(counted) = counters.get(key) {
            return Counter::from_arc(Arc::clone(counted));
        }
        let Some((known, max)) = admission.counter(key.name(), &self.registry) else {
            return self.overflow();
        };
        match known.find(key, &self.registry, max, false) {
            Some(Found { meter, past_cap: true, full, .. }) => {
                let overflow = Arc::new(Overflow(meter));
                if full {
                    self.full.pin().insert(key.name().into(), Arc::clone(&overflow));
                }
                Counter::from_arc(overflow)
            }
            Some(Found { meter, raising, .. }) => {
                let counted = Arc::new(Counted { meter, raising });
                counters.insert(key.clone(), Arc::clone(&counted));
                Counter::from_arc(counted)
            }
            // The service has a source in its place.
            None => Counter::noop(),
        }
    }

    fn histogram(&self, key: &Key) -> Histogram {
        if let Some(timed) = self.histograms.pin().get(key) {
            return Histogram::from_arc(Arc::clone(timed));
        }
        let mut admission = self.admission();
        let Some(scale) = admission.seconds_of(key.name()) else {
            drop(admission);
            self.refuse("histogram", key.name());
            return Histogram::noop();
        };
        let Some((known, max)) = admission.histogram(key.name(), &self.registry) else {
            return Histogram::noop();
        };
        match known.find(key, &self.registry, max, true) {
            Some(Found { timer: Some(timer), past_cap, .. }) => {
                let found = Arc::new(Timed { timer, scale });
                if !past_cap {
                    self.histograms.pin().insert(key.clone(), Arc::clone(&found));
                }
                Histogram::from_arc(found)
            }
            _ => Histogram::noop(),
        }
    }

    /// Counts what can't be recorded, and says so once for each name.
    fn refuse(&self, kind: &str, name: &str) {
        let refused = self.refused.pin();
        if let Some(count) = refused.get(name) {
            return count.record();
        }
        let name = if refused.len() < REFUSED_MAX { name } else { OTHER };
        #[cfg(any(feature = "http", feature = "statsd"))]
        if refused.get(name).is_none() {
            tracing::warn!(kind, name, "not recorded: only counters and durations are");
        }
        #[cfg(not(any(feature = "http", feature = "statsd")))]
        let _ = kind;
        refused.get_or_insert_with(name.into(), || Arc::new(Meter::compact())).record();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("counters", &self.0.counters.pin().len())
            .finish_non_exhaustive()
    }
}

impl ::metrics::Recorder for Recorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        if let Some(unit) = unit {
            self.0.admission().describe(name.as_str(), unit);
        }
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.0.counter(key)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.0.refuse("gauge", key.name());
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.0.histogram(key)
    }
}

/// A histogram of durations.
struct Timed {
    timer: TimerHandle,
    /// How many seconds a value of 1 is.
    scale: f64,
}

impl HistogramFn for Timed {
    /// What is negative or not a number is no duration, and not recorded.
    fn record(&self, value: f64) {
        if let Ok(duration) = Duration::try_from_secs_f64(value * self.scale) {
            self.timer.record(duration);
        }
    }
}

/// A counter below the caps: it has a meter to itself.
struct Counted {
    meter: MeterHandle,
    /// Held from reading the total until it is raised, so that two raises don't add up.
    raising: Arc<Mutex<()>>,
}

impl CounterFn for Counted {
    fn increment(&self, value: u64) {
        self.meter.record_n(value);
    }

    fn absolute(&self, value: u64) {
        let _raising = self.raising.lock().unwrap_or_else(PoisonError::into_inner);
        let total = self.meter.snapshot().total();
        // An increment in between counts as one that comes after.
        self.meter.record_n(value.saturating_sub(total));
    }
}

/// The meter that all counters past a cap share.
struct Overflow(MeterHandle);

impl CounterFn for Overflow {
    fn increment(&self, value: u64) {
        self.0.record_n(value);
    }

    fn absolute(&self, _: u64) {}
}
