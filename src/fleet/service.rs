//! A service: a name, and a meter for each kind of event.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use super::family::{Children, Family, TimedFamily};
use super::{EventKind, ServiceBuilder, ServiceError, ServiceSpec, catalogue};
use crate::engine::{Clock, MeterHandle, Moment, TimerHandle};

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
    /// Set when the events' children have become what the spec declares.
    pub(super) settled: OnceLock<()>,
}

impl Service {
    /// A service of the embedded [`catalogue`](catalogue()).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sports = tickring::Service::from_catalogue("sports-data")?;
    /// assert_eq!(sports.spec().events, ["api_call", "data_fetch"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotInCatalogue`], which lists the names that the catalogue has.
    pub fn from_catalogue(name: &str) -> Result<Self, ServiceError> {
        Self::builder_from_catalogue(name)?.build()
    }

    /// The builder of a service of the embedded [`catalogue`](catalogue()), to change it before
    /// it is built.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sports = tickring::Service::builder_from_catalogue("sports-data")?;
    /// let sports = sports.port(18005).event("cache_hit").build()?;
    /// assert_eq!(sports.events().len(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotInCatalogue`], which lists the names that the catalogue has.
    pub fn builder_from_catalogue(name: &str) -> Result<ServiceBuilder, ServiceError> {
        match catalogue().iter().find(|spec| spec.name == name) {
            Some(spec) => Ok(ServiceBuilder::from(spec.clone())),
            None => Err(ServiceError::NotInCatalogue {
                name: name.into(),
                known: catalogue().iter().map(|spec| spec.name.clone()).collect(),
            }),
        }
    }

    /// Begins to describe a service that is not in the catalogue. It needs at least one event.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let billing = tickring::Service::builder("billing").event("invoice").build()?;
    /// assert_eq!(billing.name(), "billing");
    /// # Ok(())
    /// # }
    /// ```
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

    /// The meter of an event. Look it up once and keep it: a look-up costs a hash of the name,
    /// and more than a record.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let billing = tickring::Service::builder("billing").event("invoice").build()?;
    /// let invoices = billing.meter("invoice")?;
    /// invoices.record();
    /// assert_eq!(
    ///     billing.meter("refund").unwrap_err().to_string(),
    ///     "unknown event \"refund\": service \"billing\" has: invoice"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ServiceError::UnknownEvent`], which lists the events of the service, and
    /// [`ServiceError::NotRecorded`] if the event has a source instead of a meter.
    pub fn meter(&self, event: &str) -> Result<MeterHandle, ServiceError> {
        match self.event(event).map(EventKind::meter) {
            Some(Some(meter)) => Ok(meter.clone()),
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
    /// that are timed.
    pub fn timer(&self, event: &str) -> Result<TimerHandle, ServiceError> {
        self.meter(event)?;
        match self.event(event).and_then(EventKind::timer) {
            Some(timer) => Ok(timer.clone()),
            None => Err(ServiceError::NotTimed {
                service: self.spec.name.clone(),
                event: event.into(),
                timed: self.spec.timed.clone(),
            }),
        }
    }

    /// The children of an event that has labels; [`Family`] has an example. `N` is the number of label
    /// keys, which follows from the values that are given later.
    ///
    /// # Errors
    ///
    /// Those of [`meter`](Self::meter); [`ServiceError::LabelCount`] if the event has another number of
    /// labels, or none; [`ServiceError::BadLabel`] if another service that [continues](ServiceBuilder::continuing)
    /// the same one was registered first, with another label in its place.
    pub fn family<const N: usize>(&self, event: &str) -> Result<Family<N>, ServiceError> {
        self.meter(event)?;
        let family = self.children_in_use(event)?;
        let fits = |_: &&Arc<Children>| self.spec.labels.get(event).map_or(0, Vec::len) == N;
        match family.filter(fits) {
            Some(family) => Ok(Family(Arc::clone(family))),
            None => Err(ServiceError::LabelCount {
                service: self.spec.name.clone(),
                event: event.into(),
                labels: self.spec.labels.get(event).cloned().unwrap_or_default(),
                asked: N,
            }),
        }
    }

    /// As [`family`](Self::family), of an event that is timed; [`TimedFamily`] has an example.
    ///
    /// # Errors
    ///
    /// Those of [`timer`](Self::timer) and [`family`](Self::family).
    pub fn timed_family<const N: usize>(
        &self,
        event: &str,
    ) -> Result<TimedFamily<N>, ServiceError> {
        self.timer(event)?;
        self.family(event).map(TimedFamily)
    }

    /// The children of an event that is recorded here; nothing if it has no labels. The first of their keys are
    /// those of the spec.
    #[cfg(feature = "tower")]
    pub(crate) fn children(&self, event: &str) -> Result<Option<&Arc<Children>>, ServiceError> {
        self.meter(event)?;
        self.children_in_use(event)
    }

    /// Retires the children of labelled events that were idle for long enough and that nobody holds; see
    /// [`Family`]. Returns how many. The router of the feature `http` does it at each `/metrics`.
    ///
    /// It costs what reading the children costs. Look-ups of sets that are known go on meanwhile.
    #[allow(clippy::must_use_candidate)] // It is called for its effect.
    pub fn retire_idle(&self) -> usize {
        let families = self.events.iter().flat_map(EventKind::families);
        families.map(|family| family.retire_idle()).sum()
    }

    /// Makes the children of labelled events what the spec declares. To be called when the service is put,
    /// under the lock of the registry: before that, they may be those of a service that stays.
    pub(super) fn settle(&mut self) {
        for event in &mut self.events {
            if let Some(declared) = self.spec.declared(&event.name) {
                event.figures.settle(declared);
            }
        }
        let _ = self.settled.set(());
    }

    /// The children of an event, whose first keys are those of the spec.
    fn children_in_use(&self, event: &str) -> Result<Option<&Arc<Children>>, ServiceError> {
        self.settle_in_use();
        let Some(family) = self.event(event).and_then(EventKind::children) else { return Ok(None) };
        let keys = family.keys();
        let declared = self.spec.labels.get(event).into_iter().flatten();
        match declared.zip(keys.iter()).find(|(label, key)| ***label != ***key) {
            None => Ok(Some(family)),
            // Its columns are those of another service until this one is put.
            Some((label, key)) => Err(ServiceError::BadLabel {
                service: self.spec.name.clone(),
                event: event.into(),
                label: label.clone(),
                why: format!(
                    "a service with {key:?} in its place was registered meanwhile: register this one first"
                ),
            }),
        }
    }

    /// The same as [`settle`](Self::settle), of a service that is used without a registry.
    fn settle_in_use(&self) {
        self.settled.get_or_init(|| {
            for event in &self.events {
                let declared = self.spec.declared(&event.name);
                if let (Some(family), Some(declared)) = (event.children(), declared)
                    && family.fits(declared.keys)
                {
                    family.change(declared, event.timer());
                }
            }
        });
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

    /// The time since the service was built, or since the first of those that it
    /// [continues](ServiceBuilder::continuing) was; or since the first use of a
    /// [meter of one's own](ServiceBuilder::meter), if that is earlier. By the service's clock.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.clock.now().since(self.started)
    }

    /// When the [uptime](Self::uptime) began, by the wall clock. For display: durations are never
    /// computed from it.
    #[must_use]
    pub fn started_at(&self) -> SystemTime {
        self.started_at
    }
}
