//! Which service a counter or a histogram gets, and what counts each label set.

use std::collections::HashMap as Map;
use std::sync::{Arc, Mutex};

use ::metrics::{Key, Unit};

use super::names::Names;
use crate::engine::{Meter, MeterHandle, TimerHandle};
use crate::fleet::{Children, Labelled, Naming, OTHER, Registry};

/// The service of counters past the cap.
pub(super) const OVERFLOW_SERVICE: &str = "metrics-overflow";
/// The one event of a service that is registered here.
const EVENT: &str = "event";

/// What the counters and histograms that were asked for are registered as.
pub(super) struct Admission {
    services: Naming,
    counters: Map<String, Metric>,
    histograms: Map<String, Metric>,
    /// As they were described.
    units: Map<String, Unit>,
    pub(super) max_counters: usize,
    pub(super) max_label_sets: usize,
}

/// The service of a counter or of a histogram.
pub(super) struct Metric {
    service: String,
    names: Names,
    /// The event as it is registered with the keys so far.
    event: Option<Event>,
    /// What holds raises apart, by the address of what is raised: two keys may mean the same labels.
    raising: Map<usize, Raising>,
}

struct Event {
    /// How many keys it is registered with.
    keys: usize,
    meter: MeterHandle,
    timer: Option<TimerHandle>,
    /// `None` without labels.
    family: Option<Arc<Children>>,
}

/// What counts a label set.
pub(super) struct Found {
    pub(super) meter: MeterHandle,
    pub(super) timer: Option<TimerHandle>,
    /// Held from reading the total until it is raised, so that two raises don't add up.
    pub(super) raising: Arc<Mutex<()>>,
    pub(super) past_cap: bool,
    pub(super) full: bool,
}

struct Raising {
    /// Kept, so that no other has its address.
    _meter: MeterHandle,
    lock: Arc<Mutex<()>>,
}

impl Admission {
    pub(super) fn new() -> Self {
        let mut services = Naming::default();
        services.reserve(OVERFLOW_SERVICE);
        Self {
            services,
            counters: Map::new(),
            histograms: Map::new(),
            units: Map::new(),
            max_counters: 256,
            max_label_sets: 64,
        }
    }

    /// Notes the unit of a histogram.
    pub(super) fn describe(&mut self, histogram: &str, unit: Unit) {
        self.units.insert(histogram.into(), unit);
    }

    /// The service of a counter, and the cap of its label sets; `None` if there are too many.
    pub(super) fn counter(
        &mut self,
        name: &str,
        registry: &Registry,
    ) -> Option<(&mut Metric, usize)> {
        if !self.counters.contains_key(name) {
            let original = if self.histograms.contains_key(name) {
                format!("{name} counter")
            } else {
                name.into()
            };
            let metric = self.new_metric(&original, registry)?;
            self.counters.insert(name.into(), metric);
        }
        Some((self.counters.get_mut(name)?, self.max_label_sets))
    }

    /// The same of a histogram.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        registry: &Registry,
    ) -> Option<(&mut Metric, usize)> {
        if !self.histograms.contains_key(name) {
            // A counter may have the same name.
            let original = if self.counters.contains_key(name) {
                format!("{name} histogram")
            } else {
                name.into()
            };
            let metric = self.new_metric(&original, registry)?;
            self.histograms.insert(name.into(), metric);
        }
        Some((self.histograms.get_mut(name)?, self.max_label_sets))
    }

    fn new_metric(&mut self, original: &str, registry: &Registry) -> Option<Metric> {
        if self.counters.len() + self.histograms.len() >= self.max_counters {
            return None;
        }
        let services = registry.services();
        let service = self.services.name(original, |name| services.get(name).is_some())?;
        Some(Metric { service, names: Names::default(), event: None, raising: Map::new() })
    }

    /// How many seconds a histogram's 1 is; `None` if it is no time.
    pub(super) fn seconds_of(&self, histogram: &str) -> Option<f64> {
        match self.units.get(histogram) {
            Some(Unit::Seconds) => Some(1.0),
            Some(Unit::Milliseconds) => Some(1e-3),
            Some(Unit::Microseconds) => Some(1e-6),
            Some(Unit::Nanoseconds) => Some(1e-9),
            Some(_) => None,
            None => histogram.ends_with("_seconds").then_some(1.0),
        }
    }
}

impl Metric {
    /// What counts a label set. `None` if it can't be had.
    pub(super) fn find(
        &mut self,
        key: &Key,
        registry: &Registry,
        cap: usize,
        has_timer: bool,
    ) -> Option<Found> {
        let learned = self.names.learn(key);
        let keys = self.names.shown.len();
        if self.event.as_ref().is_none_or(|event| event.keys < keys) {
            let labels = Labelled { keys: &self.names.shown, label_sets: cap, timed: has_timer };
            let service = registry.admit_labelled(&self.service, EVENT, &labels).ok()?;
            let family = service.event(EVENT).and_then(|event| event.children().cloned());
            let timer = has_timer.then(|| service.timer(EVENT)).transpose().ok()?;
            let meter = service.meter(EVENT).ok()?;
            self.event = Some(Event { keys, meter, timer, family });
        }
        let Event { meter, timer, family, .. } = self.event.as_ref()?;
        let Some(family) = family else {
            let (meter, timer) = (meter.clone(), timer.clone());
            return Some(self.found(meter, timer, false));
        };
        let mut values = self.names.values(key);
        if learned.is_none() {
            // Without the keys that are too many it would be another label set.
            values.fill(OTHER);
        }
        let (meter, timer) = family.on(&values, |child| {
            (child.meter().clone(), timer.as_ref().map(|_| child.timer().clone()))
        });
        let past_cap = family.is_overflow(&meter);
        let full = family.is_full();
        Some(Found { full, ..self.found(meter, timer, past_cap) })
    }

    fn found(&mut self, meter: MeterHandle, timer: Option<TimerHandle>, past_cap: bool) -> Found {
        let raising = self.raising.entry(std::ptr::from_ref::<Meter>(&meter).addr());
        let raising =
            raising.or_insert_with(|| Raising { _meter: meter.clone(), lock: Arc::default() });
        Found { raising: Arc::clone(&raising.lock), meter, timer, past_cap, full: false }
    }
}
