//! Building a service.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::service::FiguresFrom;
use super::{Basis, Event, Profile, Service, ServiceError};
use crate::engine::{Clock, Snapshot};

type BoxedError = Box<dyn Error + Send + Sync>;

/// Where an event's figures come from when no meter of this service counts it.
#[derive(Clone)]
pub(super) struct Source(Arc<dyn Fn() -> Result<Snapshot, BoxedError> + Send + Sync>);

impl Source {
    pub(super) fn ask(&self) -> Result<Snapshot, BoxedError> {
        (self.0)()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// Builds a [`Service`]; made by [`Service::builder`].
#[derive(Debug)]
#[must_use = "nothing is built until `build` is called"]
pub struct ServiceBuilder {
    profile: Profile,
    clock: Clock,
    sources: HashMap<String, Source>,
    former: Option<Arc<Service>>,
}

impl From<Profile> for ServiceBuilder {
    fn from(profile: Profile) -> Self {
        Self { profile, clock: Clock::System, sources: HashMap::new(), former: None }
    }
}

impl ServiceBuilder {
    pub(super) fn new(name: String) -> Self {
        Self::from(Profile::new(name))
    }

    /// The loopback port of the service's own endpoint.
    pub fn port(mut self, port: u16) -> Self {
        self.profile.port = Some(port);
        self
    }

    /// A word to group services by. The default is `other`.
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.profile.category = category.into();
        self
    }

    /// What the service's rate is. The default is [`Basis::Rolling`].
    pub fn basis(mut self, basis: Basis) -> Self {
        self.profile.basis = basis;
        self
    }

    /// One more kind of event to count.
    pub fn event(mut self, name: impl Into<String>) -> Self {
        self.profile.events.push(name.into());
        self
    }

    /// One more kind of event to count, which also takes a while that is to be known.
    pub fn timed_event(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.profile.timed.push(name.clone());
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
        self.profile.events.push(event.clone());
        self.sources.insert(event, Source(Arc::new(source)));
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
    pub fn carry_over(mut self, former: &Arc<Service>) -> Self {
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
        let Self { profile, clock, mut sources, former } = self;
        profile.check()?;
        let event = |name: &String| {
            let former = former.as_ref().and_then(|former| former.event(name));
            let timed = profile.timed.contains(name);
            let figures = match (sources.remove(name), former) {
                (Some(source), _) => FiguresFrom::Source(source),
                (None, Some(former)) => former.figures.carried_over(timed),
                (None, None) => FiguresFrom::recorded(&clock, timed),
            };
            Event { name: name.as_str().into(), figures }
        };
        let events: Vec<Event> = profile.events.iter().map(event).collect();
        let by_name = events.iter().enumerate().map(|(index, event)| (event.name.clone(), index));
        let by_name = by_name.collect();
        let started = former.as_ref().map_or_else(|| clock.now(), |former| former.started);
        let started_at = former.as_ref().map_or_else(SystemTime::now, |former| former.started_at);
        Ok(Service { profile, clock, started, started_at, events, by_name })
    }
}
