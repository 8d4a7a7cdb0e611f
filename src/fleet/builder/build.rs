//! From a description to a service.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use super::ServiceBuilder;
use crate::engine::{Meter, Moment};
use crate::fleet::event::FiguresFrom;
use crate::fleet::{EventKind, Service, ServiceError};

impl ServiceBuilder {
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
    /// reserved, is not named as Prometheus wants it, or belongs to an event that has a source; if an event
    /// can't be [exported as](Self::exported_as) what it is to be, or has other [buckets](Self::buckets) than
    /// there are.
    pub fn build(mut self) -> Result<Service, ServiceError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
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
