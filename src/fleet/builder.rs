//! Building a service: what it is. `labels` and `exports` have what is said of one event, `build` builds it.

mod build;
mod exports;
mod labels;

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::sync::Arc;

use super::event::{FiguresFrom, Source};
use super::{RateBasis, Service, ServiceError, ServiceSpec};
use crate::engine::{Clock, MeterHandle, Snapshot, TimerHandle};

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
    /// The event that was added last, or given its figures.
    last: String,
    /// The first thing that is wrong, and that the spec can't hold.
    fault: Option<ServiceError>,
}

impl From<ServiceSpec> for ServiceBuilder {
    fn from(spec: ServiceSpec) -> Self {
        Self {
            last: spec.events.last().cloned().unwrap_or_default(),
            spec,
            clock: Clock::System,
            given: HashMap::new(),
            previous: Vec::new(),
            admitted: HashSet::new(),
            keep_admitted: false,
            fault: None,
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
        self.last = name.into();
        self.spec.events.push(self.last.clone());
        self
    }

    /// Adds a kind of event that has a duration: it gets a [timer](Service::timer) as well as a
    /// meter.
    pub fn timed_event(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.spec.timed.push(name.clone());
        self.event(name)
    }

    /// Without one, `build` refuses the empty name.
    fn last_event(&self) -> String {
        self.last.clone()
    }

    /// Adds a kind of event that a meter of one's own counts: a static one, or one in an [`Arc`].
    /// What it has counted before belongs to the service, whose uptime then begins with the meter's
    /// first use, if both have the same clock. An event that is described already gets this meter, and counts as
    /// the one that was added last.
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
        if first && self.spec.events.contains(&event) {
            self.last = event;
            return self;
        }
        self.event(event)
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
        self.given.insert(event.clone(), FiguresFrom::Source(Source::new(source)));
        self.event(event)
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

    /// Leaves out all events but these.
    pub(super) fn retain_events(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.spec.retain_events(keep);
        self
    }
}
