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
//! Gauges and other histograms are refused: [`Recorder::refused`] has their names, `/metrics` has their number
//! (`tickring_refused_metrics_total`), and if the crate logs, the log says each name once. So are histograms past
//! the cap. To keep them, install another exporter's recorder beside this one
//! (`metrics_util::layers::FanoutBuilder`).
//!
//! # In `/metrics`
//!
//! What is recorded is in tickring's own families, and as a family of its own name as well
//! ([exported](crate::ServiceBuilder::exported_as)), so that existing dashboards carry over: the counter
//! `http.requests` or `http_requests_total` is `http_requests_total{service="http_requests",method="GET"}`. A
//! histogram is in seconds, whatever its unit is, so its name ends with `_seconds`: `latency` is
//! `latency_seconds_bucket`; [`Recorder::buckets`] chooses its buckets. Text that `describe_counter!` and `describe_histogram!` give is the help text of
//! that family. They may come before the first use or after it; the last text holds. A name that can't be one of
//! a family, such as `tickring_x` or `x_count`, is in tickring's own families only, without a text of its own, and
//! the log says so. [`Recorder::export_by_name`] turns all of this off.

mod admission;
mod described;
mod handles;
mod inner;
mod names;
mod refused;

use std::fmt;
use std::sync::Arc;

use ::metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, SetRecorderError, SharedString, Unit,
};

use self::inner::Inner;
use self::refused::Why;
use crate::fleet::{InstrumentKind, Registry, ServiceError, bounds_of, fault_of_buckets};

/// Feeds counters of the `metrics` facade into a [`Registry`]; see the [module](self). Clones
/// share their counters and caps.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

impl Recorder {
    /// A recorder that registers a service in `registry` for each counter; see the example of the
    /// [module](self).
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self(Arc::new(Inner::new(registry)))
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

    /// Whether what is recorded is shown in `/metrics` as families of its own names as well; see the
    /// [module](self#in-metrics). It is by default. Turn it off if another exporter shows these names already.
    ///
    /// ```
    /// use tickring::{Registry, metrics::Recorder};
    ///
    /// let registry = Registry::new();
    /// let recorder = Recorder::new(registry.clone()).export_by_name(false);
    /// metrics::with_local_recorder(&recorder, || metrics::counter!("jobs_total").increment(1));
    /// assert!(registry.get("jobs_total").unwrap().spec().exported_as.is_empty());
    /// ```
    #[must_use]
    pub fn export_by_name(self, on: bool) -> Self {
        self.0.admission().exports = on;
        self
    }

    /// The buckets of the family of a histogram's own name, as [`ServiceBuilder::buckets`] has them for an event.
    /// To be called before the histogram is used.
    ///
    /// ```
    /// use tickring::{Registry, metrics::Recorder};
    ///
    /// let recorder = Recorder::new(Registry::new()).buckets("job_seconds", [0.01, 0.1, 1.0]).unwrap();
    /// assert!(recorder.buckets("job_seconds", [0.3]).is_err(), "timers don't count by 0.3 s");
    /// ```
    ///
    /// [`ServiceBuilder::buckets`]: crate::ServiceBuilder::buckets
    ///
    /// # Errors
    ///
    /// [`ServiceError::BadBuckets`], which lists the bounds that there are.
    pub fn buckets(
        self,
        histogram: impl Into<String>,
        seconds: impl IntoIterator<Item = f64>,
    ) -> Result<Self, ServiceError> {
        let histogram = histogram.into();
        let sound = |bounds: Vec<_>| fault_of_buckets(&bounds).map_or(Ok(bounds), Err);
        match bounds_of(seconds).and_then(sound) {
            Ok(bounds) => drop(self.0.admission().buckets.insert(histogram, bounds)),
            Err(why) => {
                let event = admission::EVENT.into();
                return Err(ServiceError::BadBuckets { service: histogram, event, why });
            }
        }
        Ok(self)
    }

    /// What can't be recorded here, each name with how often it was asked for. After 256 names further ones are
    /// counted as `other`. `/metrics` shows the sums by kind as `tickring_refused_metrics_total`.
    ///
    /// ```
    /// let recorder = tickring::metrics::Recorder::new(tickring::Registry::new());
    /// metrics::with_local_recorder(&recorder, || metrics::gauge!("depth").set(3.0));
    /// assert_eq!(recorder.refused(), [("depth".into(), 1)]);
    /// ```
    #[must_use]
    pub fn refused(&self) -> Vec<(String, u64)> {
        self.0.refused.by_name()
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

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("counters", &self.0.counters()).finish_non_exhaustive()
    }
}

impl ::metrics::Recorder for Recorder {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        self.0.admission().describe_counter(name.as_str(), &text, &self.0.registry);
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.0.admission().describe_histogram(name.as_str(), unit, &text, &self.0.registry);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.0.counter(key)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.0.refused.count(InstrumentKind::Gauge, key.name(), Why::NoDuration);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.0.histogram(key)
    }
}
