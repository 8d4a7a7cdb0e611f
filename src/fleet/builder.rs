//! Building a service.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use super::event::{FiguresFrom, Source};
use super::{EventKind, RateBasis, Service, ServiceError, ServiceSpec};
use crate::engine::{Clock, Meter, MeterHandle, Moment, Snapshot, TimerHandle};

/// Builds a [`Service`]; [`Service::builder`] makes one.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tickring::{RateBasis, Service};
///
/// let billing = Service::builder("billing")
///     .port(9001)
///     .category("business")
///     .basis(RateBasis::Lifetime)
///     .event("invoice")
///     .timed_event("payment")
///     .build()?;
/// billing.meter("invoice")?.record();
/// billing.timer("payment")?.record(Duration::from_millis(20));
/// assert_eq!(billing.snapshot()?.total(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is built until `build` is called"]
pub struct ServiceBuilder {
    spec: ServiceSpec,
    clock: Clock,
    /// Those of the events whose figures the program has already.
    given: HashMap<String, FiguresFrom>,
    /// The one whose clock and start are kept comes first.
    previous: Vec<Arc<Service>>,
    /// Those of the events that are registered on first sight.
    admitted: HashSet<String>,
    keep_admitted: bool,
}

impl From<ServiceSpec> for ServiceBuilder {
    fn from(spec: ServiceSpec) -> Self {
        Self {
            spec,
            clock: Clock::System,
            given: HashMap::new(),
            previous: Vec::new(),
            admitted: HashSet::new(),
            keep_admitted: false,
        }
    }
}

impl ServiceBuilder {
    /// Describes a service as it is, and continues it.
    pub(super) fn unchanged(service: &Arc<Service>) -> Self {
        let mut builder = Self::from(service.spec().clone()).continuing(service);
        let admitted = service.events().iter().filter(|event| event.admitted);
        builder.admitted = admitted.map(|event| event.name.to_string()).collect();
        builder
    }

    pub(super) fn new(name: String) -> Self {
        Self::from(ServiceSpec::new(name))
    }

    /// The port of the service's own endpoint, which a server opens on the loopback address if
    /// it is asked to. The default is none.
    pub fn port(mut self, port: u16) -> Self {
        self.spec.port = Some(port);
        self
    }

    /// The group that the service belongs to, in one word. The default is `other`.
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.spec.category = category.into();
        self
    }

    /// What the service's `events_per_second` means. The default is [`RateBasis::Rolling`].
    pub fn basis(mut self, basis: RateBasis) -> Self {
        self.spec.basis = basis;
        self
    }

    /// Adds a kind of event to count.
    pub fn event(mut self, name: impl Into<String>) -> Self {
        self.spec.events.push(name.into());
        self
    }

    /// Adds a kind of event that has a duration: it gets a [timer](Service::timer) as well as a
    /// meter.
    pub fn timed_event(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.spec.timed.push(name.clone());
        self.event(name)
    }

    /// Gives labels to the event that was added last: it has a child for each set of values, which
    /// [`Service::family`] finds. Its figures are the sum of its children's.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::Service;
    ///
    /// let shop = Service::builder("shop").event("request").labels(["route", "method"]).build()?;
    /// shop.family("request")?.record(["/items", "GET"]);
    /// let bad = Service::builder("shop").event("request").labels(["le"]).build();
    /// assert_eq!(
    ///     bad.unwrap_err().to_string(),
    ///     "bad label \"le\" of event \"request\" of service \"shop\": it is reserved: these are le, \
    ///      quantile, service, event"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn labels<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let keys = keys.into_iter().map(Into::into).collect();
        self.spec.labels.insert(self.last_event(), keys);
        self
    }

    /// The most sets of label values of the event that was added last. The default is 256. What is past
    /// that counts on the child whose values are all `other`.
    pub fn label_sets(mut self, max: usize) -> Self {
        self.spec.label_sets.insert(self.last_event(), max);
        self
    }

    /// After how long without an event a set of label values makes room; see [`Family`](super::Family). The
    /// default is an hour. It is whole seconds, and two minutes at least.
    pub fn retire_after(mut self, idle: Duration) -> Self {
        self.spec.retire_after_seconds = Some(idle.as_secs());
        self
    }

    /// Without one, `build` refuses the empty name.
    fn last_event(&self) -> String {
        self.spec.events.last().cloned().unwrap_or_default()
    }

    /// Adds a kind of event that a meter of one's own counts: a static one, or one in an [`Arc`].
    /// What it has counted before belongs to the service, whose uptime then begins with the meter's
    /// first use, if both have the same clock. An event that is described already gets this meter.
    ///
    /// Two services may have the same meter: both show its events, and a sum over services counts
    /// them twice.
    ///
    /// ```
    /// use std::sync::{Arc, OnceLock};
    /// use tickring::{Meter, Service};
    ///
    /// static FRAMES: Meter = Meter::new();
    ///
    /// let dropped = Arc::new(Meter::new());
    /// let camera = Service::builder("camera")
    ///     .meter("frame", &FRAMES)
    ///     .meter("dropped", dropped.clone())
    ///     .build()
    ///     .unwrap();
    /// FRAMES.record_n(24);
    /// dropped.record();
    /// assert_eq!(camera.snapshot().unwrap().total(), 25);
    /// ```
    pub fn meter(self, event: impl Into<String>, meter: impl Into<MeterHandle>) -> Self {
        self.given(event.into(), FiguresFrom::given(meter.into(), None))
    }

    /// Adds a kind of event that a timer of one's own counts and times, as [`meter`](Self::meter)
    /// adds one with a meter. Its durations are in the service's document and in `/metrics`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tickring::{Service, Timer};
    ///
    /// static QUERIES: Timer = Timer::new();
    ///
    /// let store = Service::builder("store").timer("query", &QUERIES).build().unwrap();
    /// QUERIES.record(Duration::from_millis(3));
    /// assert_eq!(store.timer("query").unwrap().snapshot().since_start().count(), 1);
    /// ```
    pub fn timer(mut self, event: impl Into<String>, timer: impl Into<TimerHandle>) -> Self {
        let (event, timer) = (event.into(), timer.into());
        if !self.spec.timed.contains(&event) {
            self.spec.timed.push(event.clone());
        }
        self.given(event, FiguresFrom::given(timer.clone().into(), Some(timer)))
    }

    /// An event that is given figures twice is there twice, which `build` refuses.
    fn given(mut self, event: String, figures: FiguresFrom) -> Self {
        let first = self.given.insert(event.clone(), figures).is_none();
        if first && self.spec.events.contains(&event) { self } else { self.event(event) }
    }

    /// Adds a kind of event whose figures `source` returns: a snapshot of a meter that exists
    /// already, or of anything that can fail. While a source returns an error or panics, the
    /// figures of this service are unavailable; other services are not affected. It is called at
    /// each reading, on the thread that reads, so it should not block.
    ///
    /// ```
    /// use tickring::{EventRate, Meter, Service};
    ///
    /// static REQUESTS: Meter = Meter::new();
    /// let service = Service::builder("front")
    ///     .source("request", || Ok(REQUESTS.snapshot()))
    ///     .source("cache_hit", || Err("the cache is not up yet".into()))
    ///     .build()
    ///     .unwrap();
    /// assert!(matches!(service.event_rate(), EventRate::Unavailable { .. }));
    /// ```
    pub fn source<F>(mut self, event: impl Into<String>, source: F) -> Self
    where
        F: Fn() -> Result<Snapshot, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    {
        let event = event.into();
        self.spec.events.push(event.clone());
        self.given.insert(event, FiguresFrom::Source(Source::new(source)));
        self
    }

    /// The clock of the service and its meters. The default is the system's.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use tickring::{ManualClock, Service};
    ///
    /// let clock = ManualClock::new();
    /// let billing = Service::builder("billing").event("invoice").clock(clock.clone()).build()?;
    /// clock.advance(Duration::from_secs(90));
    /// assert_eq!(billing.uptime(), Duration::from_secs(90));
    /// # Ok(())
    /// # }
    /// ```
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Keeps clock, start and counters of `previous`; use it to change a running service.
    ///
    /// Each event that `previous` has under the same name goes on with the same meter, timer or
    /// source: handles that threads hold stay valid, and no count is lost. Events that only
    /// `previous` has are left out. An event can become timed, or stop being timed. Nothing of this changes
    /// `previous`: its labels are what they were until a registry has the new service.
    ///
    /// Called again, it adds an earlier service: events that `previous` doesn't have go on from
    /// that one.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{Registry, Service};
    ///
    /// let registry = Registry::new();
    /// let billing = Service::builder("billing").event("invoice").build()?;
    /// let billing = registry.register(billing)?;
    /// let invoices = billing.meter("invoice")?;
    /// invoices.record();
    ///
    /// let more = Service::builder("billing").event("invoice").event("refund");
    /// let billing = registry.replace(more.continuing(&billing).build()?);
    /// invoices.record(); // the same meter as before
    /// billing.meter("refund")?.record();
    /// assert_eq!(billing.snapshot()?.total(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn continuing(mut self, previous: &Arc<Service>) -> Self {
        if self.previous.is_empty() {
            self.clock = previous.clock.clone();
        }
        self.previous.push(Arc::clone(previous));
        self
    }

    /// Keeps those events of the first service that it [continues](Self::continuing) that were
    /// registered on first sight ([`Registry::admit`](super::Registry::admit)), after its own events.
    /// Use it when the description of a service changes.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{AutoRegister, Registry, Service};
    ///
    /// let registry = Registry::new();
    /// registry.register(Service::builder("shop").event("order").build()?)?;
    /// let shop = registry.admit("shop", Some("visit"), AutoRegister::new())?;
    ///
    /// let described = Service::builder("shop").event("refund").continuing(&shop);
    /// let shop = registry.replace(described.keep_admitted().build()?);
    /// assert_eq!(shop.spec().events, ["refund", "visit"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_admitted(mut self) -> Self {
        self.keep_admitted = true;
        self
    }

    /// Adds a kind of event that is registered on first sight.
    pub(super) fn admitted_event(self, name: &str) -> Self {
        let mut builder = self.event(name);
        builder.admitted.insert(name.into());
        builder
    }

    /// Gives labels to an event.
    #[cfg(feature = "metrics")]
    pub(super) fn labels_of(mut self, event: &str, keys: &[String], label_sets: usize) -> Self {
        self.spec.labels.insert(event.into(), keys.to_vec());
        self.spec.label_sets.insert(event.into(), label_sets);
        self
    }

    /// Leaves out all events but these.
    pub(super) fn retain_events(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.spec.events.retain(|event| keep(event));
        self.spec.timed.retain(|event| keep(event));
        self.spec.labels.retain(|event, _| keep(event));
        self.spec.label_sets.retain(|event, _| keep(event));
        self
    }

    fn add_admitted(&mut self) {
        let Some(previous) = self.previous.first().filter(|_| self.keep_admitted) else { return };
        for event in previous.events().iter().filter(|event| event.admitted) {
            if !self.spec.events.iter().any(|described| **described == *event.name) {
                self.spec.events.push(event.name.to_string());
                self.admitted.insert(event.name.to_string());
            }
        }
    }

    /// The service. Its uptime starts now, or goes on from the one that it
    /// [continues](Self::continuing).
    ///
    /// ```
    /// let error = tickring::Service::builder("billing").build().unwrap_err();
    /// assert_eq!(error.to_string(), "service \"billing\" has no events: it needs at least one");
    /// ```
    ///
    /// # Errors
    ///
    /// If a name is not 1 to 128 of `A-Z a-z 0-9 _ -` (in an event's name with dots between), if there
    /// is no event, if two have the same name or the same meter, if the spec calls an event timed or labelled
    /// that it doesn't have, if an event with a static [`meter`](Self::meter) is to be timed, or if a label is
    /// reserved, is not named as Prometheus wants it, or belongs to an event that has a source.
    pub fn build(mut self) -> Result<Service, ServiceError> {
        self.add_admitted();
        let Self { spec, clock, mut given, previous, admitted, .. } = self;
        spec.check()?;
        let sourced = |event: &&String| matches!(given.get(*event), Some(FiguresFrom::Source(_)));
        if let Some(event) = spec.labels.keys().find(sourced) {
            let (service, event) = (spec.name.clone(), event.clone());
            return Err(ServiceError::NotRecorded { service, event });
        }
        let any_given = !given.is_empty();
        let now = clock.now();
        let mut age = Duration::ZERO;
        let mut events = Vec::with_capacity(spec.events.len());
        for name in &spec.events {
            let known = previous.iter().find_map(|previous| previous.event(name));
            let timed = spec.timed.contains(name);
            let figures = match (given.remove(name), known) {
                (Some(mut given), known) => {
                    if let Some(known) = known {
                        given.keep_families(&known.figures);
                    }
                    age = age.max(given.age(&clock, now));
                    given.continued(timed)
                }
                (None, Some(known)) => known.figures.continued(timed),
                (None, None) => Some(FiguresFrom::recorded(&clock, timed)),
            };
            let Some(figures) = figures else {
                return Err(ServiceError::NoDurations { service: spec.name, event: name.clone() });
            };
            let figures = match spec.declared(name) {
                Some(declared) => figures.with_labels(declared),
                None => figures,
            };
            let admitted = admitted.contains(name);
            events.push(EventKind { name: name.as_str().into(), figures, admitted });
        }
        if any_given {
            check_meters(&spec.name, &events)?;
        }
        let by_name = events.iter().enumerate().map(|(index, event)| (event.name.clone(), index));
        let by_name = by_name.collect();
        let (started, started_at) = if let Some(previous) = previous.first() {
            (previous.started, previous.started_at)
        } else {
            let wall = SystemTime::now();
            let started = Moment::since_origin(now.elapsed().saturating_sub(age));
            (started, wall.checked_sub(age).unwrap_or(wall))
        };
        Ok(Service { spec, clock, started, started_at, events, by_name, settled: OnceLock::new() })
    }
}

/// Checks that no two events have the same meter: the total of a service is the sum of its events.
fn check_meters(service: &str, events: &[EventKind]) -> Result<(), ServiceError> {
    let mut seen = HashMap::new();
    for event in events {
        let Some(meter) = event.meter() else { continue };
        if let Some(first) = seen.insert(std::ptr::from_ref::<Meter>(meter), event) {
            let events = [first, event].map(|event| event.name.to_string());
            return Err(ServiceError::SharedMeter { service: service.into(), events });
        }
    }
    Ok(())
}
