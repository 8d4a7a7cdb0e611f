//! How an event is admitted to a service that does not describe it.

use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::time::Duration;

use super::{Registry, Service, ServiceBuilder, ServiceError};
#[cfg(any(feature = "metrics", feature = "tower"))]
use crate::engine::MeterHandle;

/// The event of a new service, if none is named.
const FIRST_EVENT: &str = "event";

/// Caps for registering unknown services and events on first sight; see [`Registry::admit`].
///
/// ```
/// let caps = tickring::AutoRegister::new().max_services(20);
/// assert_eq!((caps.max_services, caps.max_events), (20, 64));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AutoRegister {
    /// The most services that the registry may have, including those that were described. A new
    /// service is registered only below this number.
    pub max_services: usize,
    /// The most events that a service may have, including those that were described. A new event
    /// is registered only below this number.
    pub max_events: usize,
}

impl AutoRegister {
    #[cfg(any(feature = "metrics", feature = "tower"))]
    const UNCAPPED: Self = Self::new().max_services(usize::MAX).max_events(usize::MAX);

    /// 256 services of 64 events.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_services: 256, max_events: 64 }
    }

    /// Sets [`max_services`](Self::max_services).
    #[must_use]
    pub const fn max_services(mut self, max: usize) -> Self {
        self.max_services = max;
        self
    }

    /// Sets [`max_events`](Self::max_events).
    #[must_use]
    pub const fn max_events(mut self, max: usize) -> Self {
        self.max_events = max;
        self
    }
}

/// The labels of an event that is admitted.
#[cfg(feature = "metrics")]
pub(crate) struct Labelled<'a> {
    pub(crate) keys: &'a [String],
    pub(crate) label_sets: usize,
    pub(crate) timed: bool,
    pub(crate) exported: Option<ExportedAs<'a>>,
}

/// The family that an event is exported as.
#[cfg(feature = "metrics")]
#[derive(Clone, Copy)]
pub(crate) struct ExportedAs<'a> {
    pub(crate) name: &'a str,
    pub(crate) help: Option<&'a str>,
    /// Of a timed event; `None` for all that there are.
    pub(crate) buckets: Option<&'a [Duration]>,
}

impl Default for AutoRegister {
    /// As [`new`](Self::new).
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// The service of this name, which has the event. What isn't there is registered, as far as
    /// the caps allow; what is there keeps its counts. `None` stands for the first event of the
    /// service, which is called `event` if the service is new.
    ///
    /// For names that come in from outside. [`Forgetting`](super::Forgetting) removes them again when
    /// they are idle. Costs the lock of [`update`](Self::update), so keep
    /// the event's meter.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{AutoRegister, Registry};
    ///
    /// let registry = Registry::new();
    /// let caps = AutoRegister::new().max_events(2);
    /// registry.admit("shop", Some("order"), caps)?.meter("order")?.record();
    /// registry.admit("shop", Some("visit"), caps)?.meter("visit")?.record();
    /// let error = registry.admit("shop", Some("refund"), caps).unwrap_err();
    /// assert_eq!(error.to_string(), "service \"shop\" may have no more than 2 events");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ServiceError::TooManyServices`] or [`ServiceError::TooManyEvents`] if a cap is reached,
    /// [`ServiceError::Elsewhere`] if the name is [reserved](Self::reserve), and [`ServiceError::BadName`]. The registry is then as it was.
    pub fn admit(
        &self,
        service: &str,
        event: Option<&str>,
        caps: AutoRegister,
    ) -> Result<Arc<Service>, ServiceError> {
        self.admit_as(service, event, caps, ServiceBuilder::admitted_event)
    }

    /// Admits an event, which `add` adds to its service.
    fn admit_as(
        &self,
        service: &str,
        event: Option<&str>,
        caps: AutoRegister,
        add: impl FnOnce(ServiceBuilder, &str) -> ServiceBuilder,
    ) -> Result<Arc<Service>, ServiceError> {
        let admitted = self.update(|services| {
            let builder = match services.get(service) {
                // Described, or admitted by another thread just before.
                Some(known) if event.is_none_or(|event| known.event(event).is_some()) => {
                    return Err(Ok(Arc::clone(known)));
                }
                Some(known) if known.events().len() >= caps.max_events => {
                    let (service, max) = (service.into(), caps.max_events);
                    return Err(Err(ServiceError::TooManyEvents { service, max }));
                }
                Some(known) => ServiceBuilder::unchanged(known),
                None if services.is_reserved(service) => {
                    return Err(Err(ServiceError::Elsewhere { service: service.into() }));
                }
                None if services.len() >= caps.max_services => {
                    return Err(Err(ServiceError::TooManyServices { max: caps.max_services }));
                }
                None if caps.max_events == 0 => {
                    let service = service.into();
                    return Err(Err(ServiceError::TooManyEvents { service, max: 0 }));
                }
                None => Service::builder(service),
            };
            let earlier = services.earlier(service).into_iter();
            let builder = earlier.fold(builder, ServiceBuilder::continuing);
            add(builder, event.unwrap_or(FIRST_EVENT)).build().map_err(Err)
        });
        admitted.or_else(|known_or_error| known_or_error)
    }

    /// The service of an event that is admitted with these labels, without a cap on services and events, since
    /// the caller has its own. An event that is there gets the labels. So nobody may describe it as well.
    ///
    /// # Errors
    ///
    /// If a name is bad, or the event has a source.
    #[cfg(feature = "metrics")]
    pub(crate) fn admit_labelled(
        &self,
        service: &str,
        event: &str,
        labels: &Labelled<'_>,
    ) -> Result<Arc<Service>, ServiceError> {
        self.update(|services| {
            let known = services.get(service);
            let is_there = known.is_some_and(|known| known.event(event).is_some());
            let earlier = services.earlier(service).into_iter();
            let builder =
                known.map_or_else(|| Service::builder(service), ServiceBuilder::unchanged);
            let builder = earlier.fold(builder, ServiceBuilder::continuing);
            let builder = match labels.timed {
                _ if is_there => builder,
                true => builder.timed_event(event),
                false => builder.event(event),
            };
            let builder = builder.labels_of(event, labels.keys, labels.label_sets);
            builder.export_of(event, labels.exported).build()
        })
    }

    /// The meter of an event that is admitted without a cap, since the caller has its own.
    ///
    /// # Errors
    ///
    /// If a name is bad, or the event has a source.
    #[cfg(any(feature = "metrics", feature = "tower"))]
    pub(crate) fn admit_meter(
        &self,
        service: &str,
        event: &str,
    ) -> Result<MeterHandle, ServiceError> {
        // Its caller goes on recording on the meter, so it must not be forgotten.
        let described = |builder: ServiceBuilder, event: &str| builder.event(event);
        self.admit_as(service, Some(event), AutoRegister::UNCAPPED, described)?.meter(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admission_keeps_counts_and_heeds_the_caps() {
        let registry = Registry::new();
        let caps = AutoRegister::new().max_services(1).max_events(2);
        let admit = |service, event| registry.admit(service, Some(event), caps);
        admit("a", "x").unwrap().meter("x").unwrap().record_n(3);
        admit("a", "y").unwrap().meter("y").unwrap().record_n(4);
        assert_eq!(admit("a", "x").unwrap().snapshot().unwrap().total(), 7);
        let error = admit("a", "z").unwrap_err();
        assert_eq!(error, ServiceError::TooManyEvents { service: "a".into(), max: 2 });
        assert_eq!(error.to_string(), "service \"a\" may have no more than 2 events");
        let error = admit("b", "x").unwrap_err();
        assert_eq!(error, ServiceError::TooManyServices { max: 1 });
        let none = AutoRegister::new().max_events(0);
        assert!(registry.admit("b", None, none).is_err());
        assert_eq!(registry.services().len(), 1);
        registry.admit("a", None, none).unwrap();
        assert_eq!(registry.get("a").unwrap().spec().events, ["x", "y"]);
    }

    #[test]
    fn unnamed_event_is_the_first_of_a_new_service() {
        let registry = Registry::new();
        let service = registry.admit("a", None, AutoRegister::default()).unwrap();
        assert_eq!(service.spec().events, ["event"]);
    }

    #[test]
    fn bad_names_are_refused() {
        let registry = Registry::new();
        for (service, event) in [("a b", "x"), ("a", "x y"), ("a", ""), ("", "x")] {
            let refused = registry.admit(service, Some(event), AutoRegister::default());
            assert!(matches!(refused, Err(ServiceError::BadName { .. })), "{service} {event}");
        }
        assert!(registry.services().is_empty());
    }
}
