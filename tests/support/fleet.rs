//! Registries and what was counted in them.

use tickring::{Registry, Service};

/// All services of the catalogue.
pub(crate) fn catalogue() -> Registry {
    let registry = Registry::new();
    for spec in tickring::catalogue() {
        registry.register(Service::from_catalogue(&spec.name).unwrap()).unwrap();
    }
    registry
}

/// The total of a service's event, or of all its events without one.
pub(crate) fn total(registry: &Registry, service: &str, event: Option<&str>) -> u64 {
    let found = registry.get(service).unwrap_or_else(|| panic!("no service {service}"));
    let snapshot = match event {
        Some(event) => {
            let found = found.event(event);
            found.unwrap_or_else(|| panic!("no event {event} in {service}")).snapshot()
        }
        None => found.snapshot(),
    };
    snapshot.unwrap().total()
}
