//! A service: a name, and a meter for each kind of event.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{EventRate, ServiceBuilder, ServiceError, ServiceSpec, Unavailable, catalogue};
use crate::engine::{Clock, Meter, Moment, Snapshot, Timer};

/// A service of the fleet: a name, what it counts, and since when.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tickring::Service;
///
/// let billing = Service::builder("billing").port(9001).event("invoice").build()?;
/// let invoices = billing.meter("invoice")?; // look it up once, keep it
/// invoices.record();
/// assert_eq!(billing.snapshot()?.total(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Service {
    pub(super) spec: ServiceSpec,
    pub(super) clock: Clock,
    pub(super) started: Moment,
    pub(super) started_at: SystemTime,
    pub(super) events: Vec<EventKind>,
    pub(super) by_name: HashMap<Box<str>, usize>,
}

/// One kind of event that a service counts.
#[derive(Debug)]
pub struct EventKind {
    pub(super) name: Box<str>,
    pub(super) figures: FiguresFrom,
}

#[derive(Clone, Debug)]
pub(super) enum FiguresFrom {
    Meter(Arc<Meter>),
    /// And the timer's meter.
    Timer(Arc<Timer>, Arc<Meter>),
    /// The same when the event is no longer timed. The timer is kept for when it is again: of two
    /// timers on one meter each would have a part of the durations.
    Untimed(Arc<Timer>, Arc<Meter>),
    Source(Source),
}

type BoxedError = Box<dyn Error + Send + Sync>;

/// Where an event's figures come from when no meter of this service counts it.
#[derive(Clone)]
pub(super) struct Source(Arc<dyn Fn() -> Result<Snapshot, BoxedError> + Send + Sync>);

impl Source {
    pub(super) fn new<F>(ask: F) -> Self
    where
        F: Fn() -> Result<Snapshot, BoxedError> + Send + Sync + 'static,
    {
        Self(Arc::new(ask))
    }

    fn ask(&self) -> Result<Snapshot, BoxedError> {
        (self.0)()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl FiguresFrom {
    /// A meter of its own, and a timer if wanted.
    pub(super) fn recorded(clock: &Clock, timed: bool) -> Self {
        if timed {
            let meter = Arc::new(Meter::timed_with_clock(clock.clone()));
            Self::Timer(Arc::new(Timer::of_meter(Arc::clone(&meter))), meter)
        } else {
            Self::Meter(Arc::new(Meter::with_clock(clock.clone())))
        }
    }

    /// The same figures, with or without a timer from now on.
    pub(super) fn carried_over(&self, timed: bool) -> Self {
        match self {
            Self::Meter(meter) if timed => {
                Self::Timer(Arc::new(Timer::of_meter(Arc::clone(meter))), Arc::clone(meter))
            }
            Self::Timer(kept, meter) if !timed => {
                Self::Untimed(Arc::clone(kept), Arc::clone(meter))
            }
            Self::Untimed(kept, meter) if timed => Self::Timer(Arc::clone(kept), Arc::clone(meter)),
            _ => self.clone(),
        }
    }
}

impl EventKind {
    /// The event's name, unique within its service.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The meter that counts this event; `None` if a source of the service's own tells its
    /// figures.
    #[must_use]
    pub fn meter(&self) -> Option<&Arc<Meter>> {
        match &self.figures {
            FiguresFrom::Meter(meter)
            | FiguresFrom::Timer(_, meter)
            | FiguresFrom::Untimed(_, meter) => Some(meter),
            FiguresFrom::Source(_) => None,
        }
    }

    /// The timer that counts this event and its durations; `None` if it is not timed, or if a
    /// source of the service's own tells its figures.
    #[must_use]
    pub fn timer(&self) -> Option<&Arc<Timer>> {
        match &self.figures {
            FiguresFrom::Timer(timer, _) => Some(timer),
            FiguresFrom::Meter(_) | FiguresFrom::Untimed(..) | FiguresFrom::Source(_) => None,
        }
    }

    /// The event's figures now.
    ///
    /// # Errors
    ///
    /// If the event has a source and that fails or panics.
    pub fn snapshot(&self) -> Result<Snapshot, Unavailable> {
        self.read(Meter::snapshot)
    }

    /// As [`Meter::snapshot_as_of`], where there is a meter.
    pub(super) fn snapshot_as_of(
        &self,
        clock: &Clock,
        now: Moment,
    ) -> Result<Snapshot, Unavailable> {
        self.read(|meter| meter.snapshot_as_of(clock, now))
    }

    fn read(&self, meter_read: impl FnOnce(&Meter) -> Snapshot) -> Result<Snapshot, Unavailable> {
        match &self.figures {
            FiguresFrom::Meter(meter)
            | FiguresFrom::Timer(_, meter)
            | FiguresFrom::Untimed(_, meter) => Ok(meter_read(meter)),
            // A source that panics half-way is asked again next time, from the start: what it
            // left behind is its own affair.
            FiguresFrom::Source(source) => match catch_unwind(AssertUnwindSafe(|| source.ask())) {
                Ok(answer) => answer.map_err(|error| Unavailable::failed(&self.name, error)),
                Err(panic) => Err(Unavailable::panicked(&self.name, panic.as_ref())),
            },
        }
    }
}

impl Service {
    /// A service of the embedded [`catalogue`](catalogue()).
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotInCatalogue`], which lists the names that are.
    pub fn from_catalogue(name: &str) -> Result<Self, ServiceError> {
        Self::builder_from_catalogue(name)?.build()
    }

    /// A service of the embedded [`catalogue`](catalogue()), to be changed before it is built.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotInCatalogue`], which lists the names that are.
    pub fn builder_from_catalogue(name: &str) -> Result<ServiceBuilder, ServiceError> {
        match catalogue().iter().find(|spec| spec.name == name) {
            Some(spec) => Ok(ServiceBuilder::from(spec.clone())),
            None => Err(ServiceError::NotInCatalogue {
                name: name.into(),
                known: catalogue().iter().map(|spec| spec.name.clone()).collect(),
            }),
        }
    }

    /// A service of one's own.
    pub fn builder(name: impl Into<String>) -> ServiceBuilder {
        ServiceBuilder::new(name.into())
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What the service was built from.
    #[must_use]
    pub fn spec(&self) -> &ServiceSpec {
        &self.spec
    }

    /// The meter of an event. Look it up once and keep it: that is what makes recording cheap.
    ///
    /// # Errors
    ///
    /// [`ServiceError::UnknownEvent`], which lists the events there are, and
    /// [`ServiceError::NotRecorded`] if the event has a source instead of a meter.
    pub fn meter(&self, event: &str) -> Result<Arc<Meter>, ServiceError> {
        match self.event(event).map(EventKind::meter) {
            Some(Some(meter)) => Ok(Arc::clone(meter)),
            Some(None) => Err(ServiceError::NotRecorded {
                service: self.spec.name.clone(),
                event: event.into(),
            }),
            None => Err(ServiceError::UnknownEvent {
                service: self.spec.name.clone(),
                event: event.into(),
                known: self.spec.events.clone(),
            }),
        }
    }

    /// The timer of an event that is timed. It counts on the event's [`meter`](Self::meter).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use tickring::Service;
    ///
    /// let billing = Service::builder("billing").timed_event("invoice").build()?;
    /// let invoices = billing.timer("invoice")?;
    /// invoices.record(Duration::from_millis(3));
    /// assert_eq!(billing.snapshot()?.total(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`meter`](Self::meter), and [`ServiceError::NotTimed`], which lists the events
    /// that are.
    pub fn timer(&self, event: &str) -> Result<Arc<Timer>, ServiceError> {
        self.meter(event)?;
        match self.event(event).and_then(EventKind::timer) {
            Some(timer) => Ok(Arc::clone(timer)),
            None => Err(ServiceError::NotTimed {
                service: self.spec.name.clone(),
                event: event.into(),
                timed: self.spec.timed.clone(),
            }),
        }
    }

    /// An event by its name.
    #[must_use]
    pub fn event(&self, name: &str) -> Option<&EventKind> {
        self.by_name.get(name).map(|&index| &self.events[index])
    }

    /// The service's events, in the order of its spec.
    #[must_use]
    pub fn events(&self) -> &[EventKind] {
        &self.events
    }

    /// The time since the service was built.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.clock.now().since(self.started)
    }

    /// When the service was built, by the wall clock. For display: durations are never computed
    /// from it.
    #[must_use]
    pub fn started_at(&self) -> SystemTime {
        self.started_at
    }

    /// The figures of all events together. Its uptime is the service's.
    ///
    /// # Errors
    ///
    /// If an event has a source and that fails or panics.
    pub fn snapshot(&self) -> Result<Snapshot, Unavailable> {
        Ok(Snapshot::sum(self.snapshots()?.iter(), self.uptime()))
    }

    /// The figures of each event, in the order of [`events`](Self::events); their uptime is the
    /// service's.
    ///
    /// # Errors
    ///
    /// If an event has a source and that fails or panics.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, Unavailable> {
        let now = self.clock.now();
        let uptime = now.since(self.started);
        let mut snapshots = Vec::with_capacity(self.events.len());
        for event in &self.events {
            let mut snapshot = event.snapshot_as_of(&self.clock, now)?;
            snapshot.set_uptime(uptime);
            snapshots.push(snapshot);
        }
        Ok(snapshots)
    }

    /// The event-rate document: what `GET /api/v1/event-rate` answers.
    #[must_use]
    pub fn event_rate(&self) -> EventRate {
        EventRate::of(self, false)
    }

    /// The event-rate document with the last 60 seconds one by one.
    #[must_use]
    pub fn event_rate_with_series(&self) -> EventRate {
        EventRate::of(self, true)
    }
}
