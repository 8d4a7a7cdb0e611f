//! Makes the registry from descriptions, and changes it when they change.

use std::fmt;

use tickring::{Registry, ServiceError, ServiceSpec};

/// A registry whose services are described, and what was described before.
#[derive(Debug)]
pub(crate) struct Described {
    registry: Registry,
    specs: Vec<ServiceSpec>,
}

/// What a change of the descriptions did.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Changes {
    /// `SERVICE` or `SERVICE.EVENT`, no longer served.
    pub(crate) dropped: Vec<String>,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped.is_empty() {
            return f.write_str("nothing");
        }
        f.write_str(&self.dropped.join(", "))
    }
}

impl Described {
    /// A registry of the described services.
    pub(crate) fn new(specs: &[ServiceSpec]) -> Result<Self, ServiceError> {
        let registry = Registry::new();
        let mut described = Self { registry, specs: Vec::new() };
        described.redescribe(specs)?;
        Ok(described)
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Changes the registry to what `specs` describes. A service or event that stays keeps its counts;
    /// so does one that was dropped and comes back. Services and events that were registered on first
    /// sight stay as well.
    pub(crate) fn redescribe(&mut self, specs: &[ServiceSpec]) -> Result<Changes, ServiceError> {
        let mut changes = Changes::default();
        for spec in specs {
            let was = self.specs.iter().find(|was| was.name == spec.name);
            if was == Some(spec) {
                continue;
            }
            let events = was.iter().flat_map(|was| &was.events);
            let dropped = events.filter(|event| !spec.events.contains(event));
            changes.dropped.extend(dropped.map(|event| format!("{}.{event}", spec.name)));
            self.registry.describe(spec.clone())?;
        }
        for was in &self.specs {
            if !specs.iter().any(|spec| spec.name == was.name) {
                self.registry.undescribe(&was.name);
                changes.dropped.push(was.name.clone());
            }
        }
        self.specs = specs.to_vec();
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickring::{AutoRegister, Service};

    fn spec(name: &str, events: &[&str]) -> ServiceSpec {
        let builder = Service::builder(name);
        let builder = events.iter().fold(builder, |builder, event| builder.event(*event));
        builder.build().unwrap().spec().clone()
    }

    fn names(registry: &Registry) -> Vec<String> {
        registry.services().iter().map(|service| service.name().into()).collect()
    }

    #[test]
    fn counts_go_on_and_undescribed_services_go() {
        let first = [spec("a", &["x", "y"]), spec("b", &["x"]), spec("c", &["x"])];
        let mut described = Described::new(&first).unwrap();
        let registry = described.registry().clone();
        for (service, event, count) in [("a", "x", 3), ("a", "y", 4), ("b", "x", 5)] {
            registry.get(service).unwrap().meter(event).unwrap().record_n(count);
        }
        // Admitted meanwhile: an event of `a`, and a service.
        let caps = AutoRegister::new();
        let a = registry.admit("a", Some("admitted"), caps).unwrap();
        a.meter("admitted").unwrap().record_n(6);
        registry.admit("d", Some("x"), caps).unwrap();

        let second = [spec("a", &["z", "x"]), spec("b", &["x"]), spec("e", &["x"])];
        let changes = described.redescribe(&second).unwrap();
        assert_eq!(changes.to_string(), "a.y, c");
        assert_eq!(names(&registry), ["a", "b", "d", "e"]);
        let a = registry.get("a").unwrap();
        assert_eq!(a.spec().events, ["z", "x", "admitted"]);
        assert_eq!(a.snapshot().unwrap().total(), 3 + 6);
        assert_eq!(registry.get("b").unwrap().snapshot().unwrap().total(), 5);
    }

    #[test]
    fn what_comes_back_goes_on_with_its_counts() {
        let both = [spec("a", &["x", "y"]), spec("b", &["x"])];
        let mut described = Described::new(&both).unwrap();
        let registry = described.registry().clone();
        registry.get("a").unwrap().meter("y").unwrap().record_n(4);
        registry.get("b").unwrap().meter("x").unwrap().record_n(5);
        for round in 0..3 {
            let changes = described.redescribe(&[spec("a", &["x"])]).unwrap();
            assert_eq!(changes.dropped, ["a.y", "b"]);
            assert_eq!(registry.get("a").unwrap().snapshot().unwrap().total(), 0);
            assert_eq!(described.redescribe(&both).unwrap(), Changes::default());
            let total = |service| registry.get(service).unwrap().snapshot().unwrap().total();
            assert_eq!((total("a"), total("b")), (4 + round, 5));
            registry.get("a").unwrap().meter("y").unwrap().record();
        }
    }
}
