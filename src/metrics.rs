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
//! assert_eq!(requests.event("method_GET").unwrap().snapshot().unwrap().total(), 3);
//! ```
//!
//! # Names
//!
//! A counter's name becomes a service and each of its label sets an event, so that the service's
//! total is the counter's sum over all labels. In names, what is not a letter, a digit, `_` or
//! `-` becomes `_`. Labels are sorted by their keys: `method="GET", code="200"` is
//! `code_200_method_GET`. A counter without labels is the event `event`. If another counter or
//! label set has the name already, or if the registry has a service of this name, a mark made
//! from the original is added (`http_requests-1c2d3e4f`). So different counters are never added
//! up. Of two counters, the one that is registered first gets the name without a mark.
//!
//! # Caps
//!
//! At most 256 counter names get a service, and 64 label sets of each get an event; see
//! [`Recorder::counters`] and [`Recorder::label_sets`]. Label sets past the cap count together as
//! the event `overflow` of their service, and counters past the cap as the event `overflow` of
//! the service `metrics-overflow`. Each of these is registered with the first counter past a cap.
//!
//! # What is recorded
//!
//! `increment` records on the meter, and costs what that costs. `absolute` means *at least*: if
//! the total is lower than the value, it is raised to the value by events of the current second;
//! that reads the meter and takes a lock. In an `overflow` an absolute value is ignored, because
//! nobody knows how much of it is new.
//!
//! Gauges, histograms, descriptions and units are accepted and ignored. To keep them, install
//! another exporter's recorder beside this one (`metrics_util::layers::FanoutBuilder`).

use std::borrow::Cow;
use std::collections::HashMap as Map;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ::metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, SetRecorderError, SharedString,
    Unit,
};
use papaya::HashMap;

use crate::engine::MeterHandle;
use crate::fleet::{Naming, Registry};

const OVERFLOW: &str = "overflow";
const OVERFLOW_SERVICE: &str = "metrics-overflow";
/// The event of a counter without labels.
const UNLABELLED: &str = "event";

/// Feeds counters of the `metrics` facade into a [`Registry`]; see the [module](self). Clones
/// share their counters and caps.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    registry: Registry,
    counters: HashMap<Key, Arc<Counted>>,
    /// By the name of each counter that has reached the cap of label sets: what counts the rest.
    full: HashMap<String, Arc<Overflow>>,
    /// `None` within if that service has a source in its place.
    overflow: OnceLock<Option<Arc<Overflow>>>,
    /// Also the lock under which counters are admitted.
    admission: Mutex<Admission>,
}

struct Admission {
    services: Naming,
    admitted: Map<String, LabelSets>,
    max_counters: usize,
    max_label_sets: usize,
}

/// The events of a counter.
struct LabelSets {
    service: String,
    naming: Naming,
    count: usize,
}

impl Recorder {
    /// A recorder that registers a service in `registry` for each counter; see the example of the
    /// [module](self).
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        let mut services = Naming::default();
        services.reserve(OVERFLOW_SERVICE);
        let admission =
            Admission { services, admitted: Map::new(), max_counters: 256, max_label_sets: 64 };
        Self(Arc::new(Inner {
            registry,
            counters: HashMap::new(),
            full: HashMap::new(),
            overflow: OnceLock::new(),
            admission: Mutex::new(admission),
        }))
    }

    /// The number of counter names that get a service each. The default is 256.
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

    /// The number of label sets of each counter that get an event each. The default is 64.
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
    /// assert_eq!(requests.spec().events, ["code_200", "overflow"]);
    /// assert_eq!(requests.snapshot().unwrap().total(), 3);
    /// ```
    #[must_use]
    pub fn label_sets(self, max: usize) -> Self {
        self.0.admission().max_label_sets = max;
        self
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
        let Some((label_sets, max)) = admission.label_sets(key.name(), &self.registry) else {
            return self.overflow();
        };
        let name = (label_sets.count < max).then(|| label_sets.name(key)).flatten();
        let meter = name.map(|name| self.registry.admit_meter(&label_sets.service, &name));
        if let Some(Ok(meter)) = meter {
            label_sets.count += 1;
            let counted = Arc::new(Counted { meter, raising: Mutex::new(()) });
            counters.insert(key.clone(), Arc::clone(&counted));
            return Counter::from_arc(counted);
        }
        match self.registry.admit_meter(&label_sets.service, OVERFLOW) {
            Ok(meter) => {
                let overflow = Arc::new(Overflow(meter));
                if label_sets.count >= max {
                    self.full.pin().insert(key.name().into(), Arc::clone(&overflow));
                }
                Counter::from_arc(overflow)
            }
            // The service has a source in its place.
            Err(_) => Counter::noop(),
        }
    }
}

impl Admission {
    /// The label sets of a counter, and their cap; `None` if there are too many counters.
    fn label_sets(
        &mut self,
        counter: &str,
        registry: &Registry,
    ) -> Option<(&mut LabelSets, usize)> {
        if !self.admitted.contains_key(counter) {
            if self.admitted.len() >= self.max_counters {
                return None;
            }
            let services = registry.services();
            let service = self.services.name(counter, |name| services.get(name).is_some())?;
            let mut naming = Naming::default();
            naming.reserve(OVERFLOW);
            self.admitted.insert(counter.into(), LabelSets { service, naming, count: 0 });
        }
        let max = self.max_label_sets;
        self.admitted.get_mut(counter).map(|label_sets| (label_sets, max))
    }
}

impl LabelSets {
    fn name(&mut self, key: &Key) -> Option<String> {
        let mut labels: Vec<_> = key.labels().collect();
        labels.sort();
        let original = labels.iter().fold(String::new(), |mut original, label| {
            let _ = write!(original, "{}={:?},", label.key(), label.value());
            original
        });
        let original = if labels.is_empty() { Cow::from(UNLABELLED) } else { original.into() };
        self.naming.name(&original, |_| false)
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

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.0.counter(key)
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// A counter below the caps: it has a meter to itself.
struct Counted {
    meter: MeterHandle,
    /// Held from reading the total until it is raised, so that two raises don't add up.
    raising: Mutex<()>,
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
