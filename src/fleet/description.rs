//! How the descriptions of services change while the services run.
//!
//! No count is lost when a name goes and comes back, whoever brings it back: another description, or an
//! event that is admitted. There is never a second meter for the same name, whose counts would have to be
//! added to those of the first. So the registry keeps, for each name that was described, a service with
//! all the events that it had. It is changed under the lock under which events are admitted.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Registry, Service, ServiceBuilder, ServiceError, ServiceSpec};

impl Registry {
    /// Changes a service to what `spec` describes, or adds it.
    ///
    /// An event that the service has goes on with its count. So does an event that an earlier description
    /// had. Events that were registered on first sight stay.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{Registry, Service};
    ///
    /// let spec = |events: &[&str]| {
    ///     let builder = Service::builder("shop");
    ///     let builder = events.iter().fold(builder, |builder, event| builder.event(*event));
    ///     builder.build().map(|service| service.spec().clone())
    /// };
    /// let registry = Registry::new();
    /// registry.describe(spec(&["order", "visit"])?)?.meter("visit")?.record_n(3);
    /// assert_eq!(registry.describe(spec(&["order"])?)?.snapshot()?.total(), 0);
    /// assert_eq!(registry.describe(spec(&["visit"])?)?.snapshot()?.total(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ServiceBuilder::build`]. The registry is then as it was.
    pub fn describe(&self, spec: ServiceSpec) -> Result<Arc<Service>, ServiceError> {
        self.change(|services| {
            let name = spec.name.clone();
            let (live, earlier) = (services.get(&name), services.earlier(&name));
            let previous = live.into_iter().chain(earlier);
            let builder = previous.fold(ServiceBuilder::from(spec), ServiceBuilder::continuing);
            let mut now = builder.keep_admitted().build()?;
            now.settle();
            let now = Arc::new(now);
            // What is admitted may be forgotten.
            let all =
                union(live.into_iter().chain([&now]).chain(earlier), |event| !event.admitted)?;
            services.keep(all);
            Ok(services.put_settled(now))
        })
    }

    /// Removes a service that may come back. If it is described again, or if one of its events is
    /// [admitted](Self::admit), its start, its clock and its counts go on.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{AutoRegister, Registry};
    ///
    /// let registry = Registry::from_catalogue();
    /// registry.get("sports-data").ok_or("it is in the catalogue")?.meter("api_call")?.record();
    /// registry.undescribe("sports-data");
    /// assert!(registry.get("sports-data").is_none());
    /// let sports = registry.admit("sports-data", Some("api_call"), AutoRegister::new())?;
    /// assert_eq!(sports.snapshot()?.total(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[allow(clippy::must_use_candidate)] // It is called for its effect.
    pub fn undescribe(&self, name: &str) -> Option<Arc<Service>> {
        self.change(|services| {
            let service = services.take(name)?;
            let all = union([&service].into_iter().chain(services.earlier(name)), |_| true);
            // It can't fail: both were built before.
            if let Ok(all) = all {
                services.keep(all);
            }
            Some(service)
        })
    }
}

/// A service that has each event that any of these services has, if it counts.
fn union<'a>(
    services: impl Iterator<Item = &'a Arc<Service>> + Clone,
    counts: impl Fn(&super::EventKind) -> bool,
) -> Result<Arc<Service>, ServiceError> {
    let name = services.clone().next().map_or("", |service| service.name());
    let events = services.clone().flat_map(|service| service.events());
    let mut seen = HashSet::new();
    let events = events.filter(|event| counts(event) && seen.insert(event.name()));
    let builder = events.fold(Service::builder(name), |builder, event| builder.event(event.name()));
    services.fold(builder, ServiceBuilder::continuing).build().map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::AutoRegister;
    use std::time::Duration;

    fn spec(events: &[&str]) -> ServiceSpec {
        let builder = Service::builder("a");
        let builder = events.iter().fold(builder, |builder, event| builder.event(*event));
        builder.build().unwrap().spec().clone()
    }

    fn record(registry: &Registry, event: &str, n: u64) {
        let a = registry.admit("a", Some(event), AutoRegister::new()).unwrap();
        a.meter(event).unwrap().record_n(n);
    }

    fn total(registry: &Registry) -> u64 {
        registry.get("a").unwrap().snapshot().unwrap().total()
    }

    #[test]
    fn event_admitted_between_descriptions_keeps_counts() {
        let registry = Registry::new();
        registry.describe(spec(&["x", "y"])).unwrap();
        record(&registry, "y", 10);
        registry.describe(spec(&["x"])).unwrap();
        assert_eq!(total(&registry), 0);
        record(&registry, "y", 7);
        assert_eq!(total(&registry), 10 + 7);
        registry.describe(spec(&["x", "y"])).unwrap();
        record(&registry, "y", 1);
        assert_eq!(total(&registry), 10 + 7 + 1);
    }

    #[test]
    fn service_admitted_between_descriptions_keeps_counts() {
        let registry = Registry::new();
        let first = registry.describe(spec(&["x"])).unwrap();
        record(&registry, "x", 10);
        record(&registry, "admitted", 5);
        assert!(registry.undescribe("a").is_some());
        assert!(registry.undescribe("a").is_none());
        record(&registry, "x", 7);
        assert_eq!(total(&registry), 10 + 7);
        record(&registry, "admitted", 1);
        let now = registry.describe(spec(&["x"])).unwrap();
        assert_eq!(now.spec().events, ["x", "admitted"]);
        assert_eq!(total(&registry), 10 + 7 + 5 + 1);
        assert_eq!(now.started_at(), first.started_at());
    }

    /// The first description finds what was admitted before it.
    #[test]
    fn event_that_was_admitted_can_go_and_come_back() {
        let registry = Registry::new();
        record(&registry, "x", 3);
        registry.describe(spec(&["x"])).unwrap();
        registry.describe(spec(&["y"])).unwrap();
        assert_eq!(total(&registry), 0);
        record(&registry, "x", 4);
        assert_eq!(total(&registry), 3 + 4);
    }

    /// With a second timer, each would have a part of the durations.
    #[test]
    fn timed_event_comes_back_with_its_durations() {
        let registry = Registry::new();
        let both = Service::builder("a").timed_event("y").event("x");
        let both = both.build().unwrap().spec().clone();
        let first = registry.describe(both.clone()).unwrap();
        first.timer("y").unwrap().record(Duration::from_millis(2));
        registry.describe(spec(&["x"])).unwrap();
        record(&registry, "y", 1);
        let timer = registry.describe(both).unwrap().timer("y").unwrap();
        let now = timer.snapshot();
        assert_eq!((now.events().total(), now.since_start().count()), (2, 1));
    }

    #[test]
    fn bad_description_changes_nothing() {
        let registry = Registry::new();
        registry.describe(spec(&["x"])).unwrap();
        record(&registry, "x", 3);
        let mut bad = spec(&["x"]);
        bad.events.push("x".into());
        registry.describe(bad).unwrap_err();
        assert_eq!(total(&registry), 3);
        assert_eq!(registry.get("a").unwrap().spec().events, ["x"]);
    }
}
