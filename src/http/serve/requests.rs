//! Where a server counts the requests that it serves.

use std::sync::Arc;

use crate::engine::{Meter, MeterHandle, Timer, TimerHandle, Timing};
use crate::fleet::Registry;

/// What counts the requests of a [`Server`](super::Server): see
/// [`count_requests`](super::Server::count_requests).
///
/// It is made from a [`Meter`] or a [`Timer`] that is static or in an [`Arc`], or from its handle, so both
/// `count_requests(service.meter("request")?)` and `count_requests(&METER)` work.
#[derive(Clone, Debug)]
pub struct RequestCounter(Target);

#[derive(Clone, Debug)]
enum Target {
    Event(Event),
    FirstEventOf(Arc<str>),
}

/// What counts one request.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Meter(MeterHandle),
    Timer(TimerHandle),
}

impl RequestCounter {
    /// The first event of the service with this name in the router's registry, with its duration
    /// if the event is timed. The event is looked up for each request, so counting goes on when
    /// the service is replaced. Nothing is counted while there is no such service, or while its
    /// first event has a source instead of a meter.
    ///
    /// ```
    /// use tickring::http::{RequestCounter, Router, Server};
    /// use tickring::{Registry, Service};
    ///
    /// let registry = Registry::new();
    /// registry.register(Service::from_catalogue("admin-api").unwrap()).unwrap();
    /// let counter = RequestCounter::first_event_of("admin-api");
    /// let server = Server::new(Router::new(registry, "admin-api").unwrap()).count_requests(counter);
    /// # drop(server);
    /// ```
    #[must_use]
    pub fn first_event_of(service: impl Into<String>) -> Self {
        Self(Target::FirstEventOf(service.into().into()))
    }

    /// What counts a request that begins now.
    pub(super) fn event(&self, registry: &Registry) -> Option<Event> {
        match &self.0 {
            Target::Event(event) => Some(event.clone()),
            Target::FirstEventOf(service) => {
                let service = registry.get(service)?;
                let event = service.events().first()?;
                match event.timer() {
                    Some(timer) => Some(Event::Timer(timer.clone())),
                    None => event.meter().map(|meter| Event::Meter(meter.clone())),
                }
            }
        }
    }
}

impl Event {
    /// Counts a request. If this is a timer, the duration is recorded when the guard is dropped.
    pub(super) fn begin(&self) -> Option<Timing<'_>> {
        match self {
            Self::Meter(meter) => {
                meter.record();
                None
            }
            Self::Timer(timer) => Some(timer.start_counted()),
        }
    }
}

impl From<MeterHandle> for RequestCounter {
    fn from(meter: MeterHandle) -> Self {
        Self(Target::Event(Event::Meter(meter)))
    }
}

impl From<TimerHandle> for RequestCounter {
    fn from(timer: TimerHandle) -> Self {
        Self(Target::Event(Event::Timer(timer)))
    }
}

impl From<Arc<Meter>> for RequestCounter {
    fn from(meter: Arc<Meter>) -> Self {
        MeterHandle::from(meter).into()
    }
}

impl From<Arc<Timer>> for RequestCounter {
    fn from(timer: Arc<Timer>) -> Self {
        TimerHandle::from(timer).into()
    }
}

impl From<&'static Meter> for RequestCounter {
    fn from(meter: &'static Meter) -> Self {
        MeterHandle::from(meter).into()
    }
}

impl From<&'static Timer> for RequestCounter {
    fn from(timer: &'static Timer) -> Self {
        TimerHandle::from(timer).into()
    }
}
