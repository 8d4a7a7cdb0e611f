//! Which service a counter or a histogram gets, and what counts each label set.

use std::collections::HashMap as Map;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::metrics::{Key, Unit};

use super::described::{Described, family_name};
use super::names::Names;
use crate::engine::{Meter, MeterHandle, TimerHandle};
use crate::fleet::{Children, ExportedAs, Labelled, Naming, OTHER, Registry};

/// The service of counters past the cap.
pub(super) const OVERFLOW_SERVICE: &str = "metrics-overflow";
/// The one event of a service that is registered here.
pub(super) const EVENT: &str = "event";

/// What the counters and histograms that were asked for are registered as.
pub(super) struct Admission {
    services: Naming,
    counters: Map<String, Metric>,
    histograms: Map<String, Metric>,
    pub(super) described: Described,
    pub(super) max_counters: usize,
    pub(super) max_label_sets: usize,
    /// Whether they are exported as families of their own names.
    pub(super) exports: bool,
    /// The buckets of histograms that have not all.
    pub(super) buckets: Map<String, Vec<Duration>>,
}

/// The service of a counter or of a histogram.
pub(super) struct Metric {
    service: String,
    /// The family that it is exported as, and its help text.
    family_name: Option<String>,
    help: Option<String>,
    buckets: Option<Vec<Duration>>,
    /// Why it can't be exported under its name. Whoever has it says so.
    pub(super) fault: Option<String>,
    timed: bool,
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
            described: Described::default(),
            max_counters: 256,
            max_label_sets: 64,
            exports: true,
            buckets: Map::new(),
        }
    }

    /// Notes the help text of a counter, which may be in use.
    pub(super) fn describe_counter(&mut self, name: &str, text: &str, registry: &Registry) {
        if self.described.counter(name, text)
            && let Some(known) = self.counters.get_mut(name)
        {
            known.redescribe(self.described.help(name, false), registry, self.max_label_sets);
        }
    }

    /// Notes the unit and the help text of a histogram, which may be in use.
    pub(super) fn describe_histogram(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        text: &str,
        registry: &Registry,
    ) {
        if self.described.histogram(name, unit, text)
            && let Some(known) = self.histograms.get_mut(name)
        {
            known.redescribe(self.described.help(name, true), registry, self.max_label_sets);
        }
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
            let metric = self.new_metric(&original, name, false, registry)?;
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
            let metric = self.new_metric(&original, name, true, registry)?;
            self.histograms.insert(name.into(), metric);
        }
        Some((self.histograms.get_mut(name)?, self.max_label_sets))
    }

    fn new_metric(
        &mut self,
        original: &str,
        name: &str,
        timed: bool,
        registry: &Registry,
    ) -> Option<Metric> {
        if self.counters.len() + self.histograms.len() >= self.max_counters {
            return None;
        }
        let services = registry.services();
        let service = self.services.name(original, |name| services.get(name).is_some())?;
        let (family_name, fault) = match self.exports.then(|| family_name(name, timed)) {
            Some(Ok(name)) => (Some(name), None),
            Some(Err(fault)) => (None, Some(fault)),
            None => (None, None),
        };
        Some(Metric {
            service,
            family_name,
            fault,
            buckets: self.buckets.get(name).filter(|_| timed).cloned(),
            help: self.described.help(name, timed).map(str::to_owned),
            timed,
            names: Names::default(),
            event: None,
            raising: Map::new(),
        })
    }
}

impl Metric {
    /// What counts a label set. `None` if it can't be had.
    pub(super) fn find(&mut self, key: &Key, registry: &Registry, cap: usize) -> Option<Found> {
        let learned = self.names.learn(key);
        if self.event.as_ref().is_none_or(|event| event.keys < self.names.shown.len()) {
            self.register(registry, cap)?;
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

    /// Registers the event with the keys and the help text that there are now.
    fn register(&mut self, registry: &Registry, cap: usize) -> Option<()> {
        let (help, buckets) = (self.help.as_deref(), self.buckets.as_deref());
        let exported = self.family_name.as_deref();
        let exported = exported.map(|name| ExportedAs { name, help, buckets });
        let keys = &self.names.shown;
        let labels = Labelled { keys, label_sets: cap, timed: self.timed, exported };
        let service = registry.admit_labelled(&self.service, EVENT, &labels).ok()?;
        let family = service.event(EVENT).and_then(|event| event.children().cloned());
        let timer = self.timed.then(|| service.timer(EVENT)).transpose().ok()?;
        let meter = service.meter(EVENT).ok()?;
        self.event = Some(Event { keys: keys.len(), meter, timer, family });
        Some(())
    }

    /// Changes the help text, also of what is registered.
    fn redescribe(&mut self, help: Option<&str>, registry: &Registry, cap: usize) {
        self.help = help.map(str::to_owned);
        if self.family_name.is_some() && self.event.is_some() {
            // If it fails, somebody has put a source in its place.
            let _ = self.register(registry, cap);
        }
    }

    fn found(&mut self, meter: MeterHandle, timer: Option<TimerHandle>, past_cap: bool) -> Found {
        let raising = self.raising.entry(std::ptr::from_ref::<Meter>(&meter).addr());
        let raising =
            raising.or_insert_with(|| Raising { _meter: meter.clone(), lock: Arc::default() });
        Found { raising: Arc::clone(&raising.lock), meter, timer, past_cap, full: false }
    }
}
