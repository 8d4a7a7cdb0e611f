//! The services of a process.

use std::sync::{Arc, PoisonError, RwLock};

#[cfg(feature = "metrics")]
use super::RefusedInstruments;
use super::{RegistryError, Service, ServiceBuilder, Services, catalogue};

/// The services of a process. Clones are the same registry.
///
/// Recording takes no lock of it: threads hold the meters. Readers take a lock as long as it takes
/// to copy a pointer.
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

impl Registry {
    /// A registry without services.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry of the fifteen services of the [`catalogue`](catalogue()).
    ///
    /// ```
    /// let registry = tickring::Registry::from_catalogue();
    /// assert_eq!(registry.services().len(), 15);
    /// assert!(registry.get("sports-data").is_some());
    /// ```
    #[must_use]
    #[allow(clippy::missing_panics_doc)] // The catalogue is part of the program, and tested.
    pub fn from_catalogue() -> Self {
        let registry = Self::new();
        for spec in catalogue() {
            let service = ServiceBuilder::from(spec.clone()).build();
            registry.replace(service.expect("a spec of the catalogue is sound"));
        }
        registry
    }

    /// Adds a service, after those that are there. Costs a copy of the list of services if
    /// somebody still holds the [`services`](Self::services) of before.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{Registry, Service};
    ///
    /// let registry = Registry::new();
    /// let billing = || Service::builder("billing").event("invoice").build();
    /// registry.register(billing()?)?;
    /// let error = registry.register(billing()?).unwrap_err();
    /// assert_eq!(error.to_string(), "service \"billing\" is registered already");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is a service of the same name, or one that [exports](ServiceBuilder::exported_as) an event under
    /// the same name as another kind.
    pub fn register(&self, service: Service) -> Result<Arc<Service>, RegistryError> {
        let registered = self.change(|services| match services.check_new(&service) {
            Ok(()) => Ok(services.put(service)),
            Err(error) => Err(Box::new((error, service))),
        });
        // A service that is refused is dropped here, without the lock.
        registered.map_err(|refused| refused.0)
    }

    /// Replaces the service of the same name, or adds the service if there is none.
    ///
    /// The new service starts at zero, unless it is built with
    /// [`continuing`](ServiceBuilder::continuing). If another thread may change the same service
    /// at the same time, use [`update`](Self::update): it loses no change. An event that is to be exported as
    /// what another service exports as another kind is left out of that family, and the log says so.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{Registry, Service};
    ///
    /// let registry = Registry::from_catalogue();
    /// let sports = registry.get("sports-data").ok_or("it is in the catalogue")?;
    /// sports.meter("api_call")?.record();
    /// let more = Service::builder_from_catalogue("sports-data")?.event("cache_hit");
    /// registry.replace(more.continuing(&sports).build()?);
    ///
    /// let sports = registry.get("sports-data").ok_or("it was replaced")?;
    /// assert_eq!((sports.events().len(), sports.snapshot()?.total()), (3, 1));
    /// # Ok(())
    /// # }
    /// ```
    #[allow(clippy::must_use_candidate)] // It is called for its effect.
    pub fn replace(&self, service: Service) -> Arc<Service> {
        self.change(|services| services.put(service))
    }

    /// Replaces or adds the service that `describe` makes from the present services. Reads and
    /// replaces under one lock, so no other thread changes the registry in between.
    ///
    /// # Deadlock
    ///
    /// `describe` must not call this registry or a clone of it, not even to read: the lock is
    /// held, and the call would **deadlock**. Everything that it needs is in its argument.
    /// Other threads that use the registry wait until `describe` returns.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{Registry, Service, ServiceBuilder};
    ///
    /// let registry = Registry::from_catalogue();
    /// let sports = registry.update(|services| match services.get("sports-data") {
    ///     Some(known) => {
    ///         let builder = ServiceBuilder::from(known.spec().clone());
    ///         builder.event("cache_hit").continuing(known).build()
    ///     }
    ///     None => Service::builder("sports-data").event("cache_hit").build(),
    /// })?;
    /// assert_eq!(sports.spec().events, ["api_call", "data_fetch", "cache_hit"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The error that `describe` returns; the registry is then as it was.
    ///
    /// # Panics
    ///
    /// If `describe` panics; the registry is then as it was, and goes on working.
    pub fn update<E>(
        &self,
        describe: impl FnOnce(&Services) -> Result<Service, E>,
    ) -> Result<Arc<Service>, E> {
        let mut services = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let service = describe(&services)?;
        let services_now = Arc::make_mut(&mut services);
        let (service, gone) = (services_now.put(service), services_now.take_gone());
        drop(services);
        drop(gone);
        Ok(service)
    }

    /// Replaces the service of this name by what `revise` makes of it, or removes it if that is
    /// nothing. Under one lock, as [`update`](Self::update).
    pub(super) fn revise(&self, name: &str, revise: impl FnOnce(&Arc<Service>) -> Option<Service>) {
        self.change(|services| {
            let Some(known) = services.get(name) else { return };
            match revise(known) {
                Some(service) => drop(services.put(service)),
                None => services.let_go(name),
            }
        });
    }

    /// Removes a service and returns it; `None` if there is none of this name. Threads that hold
    /// its meters can go on recording on them, but no document shows it any more. For a service that
    /// may come back there is [`undescribe`](Self::undescribe).
    ///
    /// ```
    /// let registry = tickring::Registry::from_catalogue();
    /// assert!(registry.remove("sports-data").is_some());
    /// assert!(registry.remove("sports-data").is_none());
    /// assert_eq!(registry.services().len(), 14);
    /// ```
    #[allow(clippy::must_use_candidate)] // It is called for its effect.
    pub fn remove(&self, name: &str) -> Option<Arc<Service>> {
        self.change(|services| services.take(name))
    }

    /// From now on, no service of one of these names is registered on first sight ([`admit`](Self::admit)).
    /// Names that were reserved before are free again. Use it for services whose figures are elsewhere.
    ///
    /// ```
    /// use tickring::{AutoRegister, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.reserve(["elsewhere"]);
    /// let error = registry.admit("elsewhere", None, AutoRegister::new()).unwrap_err();
    /// assert_eq!(error.to_string(), "service \"elsewhere\" is elsewhere: its events are not counted here");
    /// ```
    pub fn reserve(&self, names: impl IntoIterator<Item = impl Into<String>>) {
        let names = names.into_iter().map(Into::into).collect();
        self.change(|services| services.reserve(names));
    }

    /// The service of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Service>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All services as of now, in the order in which they were added. Later changes don't show in
    /// what this returns. Costs a lock and no copy.
    ///
    /// ```
    /// let registry = tickring::Registry::from_catalogue();
    /// for service in registry.services().iter() {
    ///     println!("{}: {:?}", service.name(), service.uptime());
    /// }
    /// ```
    #[must_use]
    pub fn services(&self) -> Arc<Services> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The service of this name.
    ///
    /// # Errors
    ///
    /// [`RegistryError::UnknownService`], which lists the names that the registry has.
    #[cfg(feature = "http")]
    pub(crate) fn require(&self, name: &str) -> Result<Arc<Service>, RegistryError> {
        let services = self.services();
        services.get(name).cloned().ok_or_else(|| RegistryError::UnknownService {
            name: name.into(),
            known: services.iter().map(|service| service.name().into()).collect(),
        })
    }

    /// Where refusals of a facade that records here are counted. From now on `/metrics` shows them.
    #[cfg(feature = "metrics")]
    pub(crate) fn refused_instruments(&self) -> Arc<RefusedInstruments> {
        self.change(Services::refused_instruments)
    }

    /// Makes the change on a copy if somebody still holds the services of before. Services that go are dropped
    /// without the lock.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Services) -> T) -> T {
        let mut services = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let services_now = Arc::make_mut(&mut services);
        let (changed, gone) = (change(services_now), services_now.take_gone());
        drop(services);
        drop(gone);
        changed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

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
        // The services that were taken before are still what they were.
        assert_eq!(before.len(), 3);
    }

    #[test]
    fn replaced_service_keeps_its_counts() {
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
    fn panic_in_an_update_changes_nothing() {
        let registry = Registry::new();
        registry.register(service("a")).unwrap();
        let update = || registry.update(|_| -> Result<Service, ()> { panic!("on purpose") });
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(update));
        assert!(panicked.is_err());
        registry.register(service("b")).unwrap();
        let names: Vec<_> = registry.services().iter().map(|s| s.name().to_owned()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    /// The source of a service may hold a value whose destructor asks the registry.
    #[test]
    fn services_that_go_are_dropped_without_the_lock() {
        struct Asking(Registry, Arc<AtomicUsize>);
        impl Drop for Asking {
            fn drop(&mut self) {
                let is_free = self.0.0.try_read().is_ok();
                self.1.fetch_add(usize::from(is_free), Ordering::Relaxed);
            }
        }
        let (registry, found_free) = (Registry::new(), Arc::new(AtomicUsize::new(0)));
        let asking = || {
            let value = Asking(registry.clone(), Arc::clone(&found_free));
            let source = move || {
                let _held = &value;
                Err("on purpose".into())
            };
            Service::builder("a").source("event", source).build().unwrap()
        };
        registry.register(asking()).unwrap();
        registry.register(asking()).unwrap_err();
        assert_eq!(found_free.load(Ordering::Relaxed), 1, "refused");
        registry.replace(asking());
        assert_eq!(found_free.load(Ordering::Relaxed), 2, "replaced");
        registry.update(|_| Ok::<_, ()>(asking())).unwrap();
        assert_eq!(found_free.load(Ordering::Relaxed), 3, "updated");
        registry.revise("a", |_| None);
        assert_eq!(found_free.load(Ordering::Relaxed), 4, "let go");
    }

    #[test]
    fn catalogue_is_registered_in_its_order() {
        let registry = Registry::from_catalogue();
        let services = registry.services();
        let names = services.iter().map(|service| service.name());
        assert!(names.eq(catalogue().iter().map(|spec| spec.name.as_str())));
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
