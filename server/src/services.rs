//! Makes the registry from descriptions, and changes it when they change.

use tickring::{Registry, ServiceBuilder, ServiceError, ServiceSpec};

/// A registry of the described services.
pub(crate) fn registry(specs: &[ServiceSpec]) -> Result<Registry, ServiceError> {
    let registry = Registry::new();
    redescribe(&registry, &[], specs)?;
    Ok(registry)
}

/// Changes the registry from what the descriptions `former` made of it to what `now` describes. A
/// service that stays keeps its counts. Services and events that were registered on first sight
/// stay as well.
pub(crate) fn redescribe(
    registry: &Registry,
    former: &[ServiceSpec],
    now: &[ServiceSpec],
) -> Result<(), ServiceError> {
    for spec in now {
        let was = former.iter().find(|former| former.name == spec.name);
        if was == Some(spec) {
            continue;
        }
        registry.update(|services| {
            let Some(known) = services.get(&spec.name) else {
                return ServiceBuilder::from(spec.clone()).build();
            };
            let described = |event: &String| was.is_some_and(|was| was.events.contains(event));
            let admitted = known.spec().events.iter().filter(|event| !described(event));
            let new = |event: &&String| !spec.events.contains(event);
            let builder = ServiceBuilder::from(spec.clone()).continuing(known);
            admitted.filter(new).fold(builder, ServiceBuilder::event).build()
        })?;
    }
    let gone = former.iter().filter(|former| !now.iter().any(|now| now.name == former.name));
    for spec in gone {
        registry.remove(&spec.name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickring::Service;

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
        let registry = registry(&first).unwrap();
        for (service, event, count) in [("a", "x", 3), ("a", "y", 4), ("b", "x", 5)] {
            registry.get(service).unwrap().meter(event).unwrap().record_n(count);
        }
        // Admitted meanwhile: an event of `a`, and a service.
        let a = registry.get("a").unwrap();
        let more = ServiceBuilder::from(a.spec().clone()).event("admitted").continuing(&a);
        registry.replace(more.build().unwrap()).meter("admitted").unwrap().record_n(6);
        registry.register(Service::builder("d").event("x").build().unwrap()).unwrap();

        let second = [spec("a", &["z", "x"]), spec("b", &["x"]), spec("e", &["x"])];
        redescribe(&registry, &first, &second).unwrap();
        assert_eq!(names(&registry), ["a", "b", "d", "e"]);
        let a = registry.get("a").unwrap();
        assert_eq!(a.spec().events, ["z", "x", "admitted"]);
        assert_eq!(a.snapshot().unwrap().total(), 3 + 6);
        assert_eq!(registry.get("b").unwrap().snapshot().unwrap().total(), 5);
    }
}
