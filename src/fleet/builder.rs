//! Building a service.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use super::service::{FiguresFrom, Source};
use super::{EventKind, RateBasis, Service, ServiceError, ServiceSpec};
use crate::engine::{Clock, Snapshot};

/// Builds a [`Service`]; made by [`Service::builder`].
#[derive(Debug)]
#[must_use = "nothing is built until `build` is called"]
pub struct ServiceBuilder {
    spec: ServiceSpec,
    clock: Clock,
    sources: HashMap<String, Source>,
    former: Option<Arc<Service>>,
}

impl From<ServiceSpec> for ServiceBuilder {
    fn from(spec: ServiceSpec) -> Self {
        Self { spec, clock: Clock::System, sources: HashMap::new(), former: None }
    }
}

impl ServiceBuilder {
    pub(super) fn new(name: String) -> Self {
        Self::from(ServiceSpec::new(name))
    }

    /// The loopback port of the service's own endpoint.
    pub fn port(mut self, port: u16) -> Self {
        self.spec.port = Some(port);
        self
    }

    /// A word to group services by. The default is `other`.
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.spec.category = category.into();
        self
    }

    /// What the service's rate is. The default is [`RateBasis::Rolling`].
    pub fn basis(mut self, basis: RateBasis) -> Self {
        self.spec.basis = basis;
        self
    }

    /// One more kind of event to count.
    pub fn event(mut self, name: impl Into<String>) -> Self {
        self.spec.events.push(name.into());
        self
    }

    /// One more kind of event to count, which also takes a while that is to be known.
    pub fn timed_event(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.spec.timed.push(name.clone());
        self.event(name)
    }

    /// One more kind of event, whose figures the service gets elsewhere: from a meter that it
    /// has already, or from anything that can fail. A source that returns an error or panics
    /// makes this service's figures unavailable while it does, and nothing else.
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
        self.sources.insert(event, Source::new(source));
        self
    }

    /// The clock of the service and its meters. The default is the system's.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Goes on from `former`: same clock and start, and for each event that it has already the
    /// same meter, timer or source, so that no count is lost when a service is described anew.
    /// An event that was not timed before can be from now on.
    pub fn continuing(mut self, former: &Arc<Service>) -> Self {
        self.clock = former.clock.clone();
        self.former = Some(Arc::clone(former));
        self
    }

    /// The service, starting now.
    ///
    /// # Errors
    ///
    /// If a name is not of the form that names have, or an event is missing, comes twice or is
    /// timed without being an event.
    pub fn build(self) -> Result<Service, ServiceError> {
        let Self { spec, clock, mut sources, former } = self;
        spec.check()?;
        let event = |name: &String| {
            let former = former.as_ref().and_then(|former| former.event(name));
            let timed = spec.timed.contains(name);
            let figures = match (sources.remove(name), former) {
                (Some(source), _) => FiguresFrom::Source(source),
                (None, Some(former)) => former.figures.carried_over(timed),
                (None, None) => FiguresFrom::recorded(&clock, timed),
            };
            EventKind { name: name.as_str().into(), figures }
        };
        let events: Vec<EventKind> = spec.events.iter().map(event).collect();
        let by_name = events.iter().enumerate().map(|(index, event)| (event.name.clone(), index));
        let by_name = by_name.collect();
        let started = former.as_ref().map_or_else(|| clock.now(), |former| former.started);
        let started_at = former.as_ref().map_or_else(SystemTime::now, |former| former.started_at);
        Ok(Service { spec, clock, started, started_at, events, by_name })
    }
}
