//! The services of a process.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{RegistryError, Service};

/// The services of a process. Clones are the same registry.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tickring::{Registry, Service};
///
/// let registry = Registry::new();
/// let sports = registry.register(Service::from_catalogue("sports-data")?)?;
/// let calls = sports.meter("api_call")?;
/// calls.record();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<RwLock<Arc<Services>>>);

/// The services that a registry had at one moment.
#[derive(Clone, Debug, Default)]
pub struct Services {
    in_order: Vec<Arc<Service>>,
    by_name: HashMap<String, usize>,
}

impl Registry {
    /// A registry without services.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service.
    ///
    /// # Errors
    ///
    /// If there is one of the same name.
    pub fn register(&self, service: Service) -> Result<Arc<Service>, RegistryError> {
        self.change(|services| {
            if services.get(service.name()).is_some() {
                return Err(RegistryError::DuplicateService { name: service.name().into() });
            }
            Ok(services.put(Arc::new(service)))
        })
    }

    /// Puts a service in the place of the one of the same name, or adds it; see
    /// [`ServiceBuilder::continuing`](super::ServiceBuilder::continuing).
    #[allow(clippy::must_use_candidate)] // For what it does.
    pub fn replace(&self, service: Service) -> Arc<Service> {
        self.change(|services| services.put(Arc::new(service)))
    }

    /// Like [`replace`](Self::replace), for who goes by what is there: nobody else changes the
    /// registry between what `describe` sees and what it returns. It must not use the registry
    /// otherwise.
    ///
    /// # Errors
    ///
    /// Those of `describe`, and then nothing is changed.
    pub fn update<E>(
        &self,
        describe: impl FnOnce(&Services) -> Result<Service, E>,
    ) -> Result<Arc<Service>, E> {
        let mut services = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let service = describe(&services)?;
        Ok(Arc::make_mut(&mut services).put(Arc::new(service)))
    }

    /// Takes a service out. Who holds it can go on recording; it is no longer served.
    #[allow(clippy::must_use_candidate)] // For what it does.
    pub fn remove(&self, name: &str) -> Option<Arc<Service>> {
        self.change(|services| services.take(name))
    }

    /// The service of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Service>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All services as of now, in the order in which they came. Costs a lock and no copy.
    #[must_use]
    pub fn services(&self) -> Arc<Services> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes are made on a copy if somebody still looks at what was there before.
    fn change<T>(&self, change: impl FnOnce(&mut Services) -> T) -> T {
        let mut services = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut services))
    }
}

impl Services {
    /// The service of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Service>> {
        self.by_name.get(name).map(|&index| &self.in_order[index])
    }

    /// The services, in the order in which they came.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<Service>> {
        self.in_order.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_order.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    fn put(&mut self, service: Arc<Service>) -> Arc<Service> {
        if let Some(&index) = self.by_name.get(service.name()) {
            self.in_order[index] = Arc::clone(&service);
        } else {
            self.by_name.insert(service.name().into(), self.in_order.len());
            self.in_order.push(Arc::clone(&service));
        }
        service
    }

    fn take(&mut self, name: &str) -> Option<Arc<Service>> {
        let index = self.by_name.remove(name)?;
        for later in self.by_name.values_mut().filter(|later| **later > index) {
            *later -= 1;
        }
        Some(self.in_order.remove(index))
    }
}

impl<'a> IntoIterator for &'a Services {
    type Item = &'a Arc<Service>;
    type IntoIter = std::slice::Iter<'a, Arc<Service>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServiceBuilder;

    fn service(name: &str) -> Service {
        Service::builder(name).event("event").build().unwrap()
    }

    #[test]
    fn services_come_in_order_and_go_by_name() {
        let registry = Registry::new();
        for name in ["a", "b", "c"] {
            registry.register(service(name)).unwrap();
        }
        let before = registry.services();
        let error = registry.register(service("b")).unwrap_err();
        assert_eq!(error.to_string(), "service \"b\" is registered already");
        assert_eq!(registry.remove("a").unwrap().name(), "a");
        assert!(registry.remove("a").is_none());
        let names: Vec<_> = registry.services().iter().map(|s| s.name().to_owned()).collect();
        assert_eq!(names, ["b", "c"]);
        assert_eq!(registry.get("c").unwrap().name(), "c");
        // Who looked before is not disturbed.
        assert_eq!(before.len(), 3);
    }

    #[test]
    fn a_replaced_service_keeps_its_counts() {
        let registry = Registry::new();
        let old = registry.register(service("a")).unwrap();
        old.meter("event").unwrap().record_n(7);
        let new = Service::builder("a").event("more").event("event").continuing(&old);
        registry.replace(new.build().unwrap());
        let now = registry.get("a").unwrap();
        assert_eq!(now.snapshot().unwrap().total(), 7);
        now.meter("event").unwrap().record();
        assert_eq!(old.snapshot().unwrap().total(), 8);
        assert_eq!(registry.services().len(), 1);
    }

    #[test]
    fn updates_of_several_threads_all_stay() {
        let registry = Registry::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let registry = &registry;
                scope.spawn(move || {
                    for number in 0..50 {
                        let event = format!("event-{thread}-{number}");
                        let updated = registry.update(|services| match services.get("a") {
                            None => Service::builder("a").event(event).build(),
                            Some(a) => {
                                let more = ServiceBuilder::from(a.spec().clone()).event(event);
                                more.continuing(a).build()
                            }
                        });
                        updated.unwrap();
                    }
                });
            }
        });
        assert_eq!(registry.get("a").unwrap().events().len(), 200);
        assert!(registry.update(|_| Service::builder("a b").event("e").build()).is_err());
        assert_eq!(registry.services().len(), 1);
    }
}
