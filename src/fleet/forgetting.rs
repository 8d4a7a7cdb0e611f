//! How what was registered on first sight is removed again when nothing happens to it.

use std::fmt;
use std::time::Duration;

use super::{AutoRegister, EventKind, Registry, Service, ServiceBuilder};
use crate::engine::MeterHandle;

/// Removes events that were registered on first sight ([`Registry::admit`]) and have been idle for
/// long, and services that have no other events. Their places under the caps are free then.
///
/// What was described is never removed. A name that comes back is registered anew: its count starts at
/// zero, and a service's uptime starts anew. Only what was described once goes on with its count
/// ([`Registry::describe`]).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tickring::{AutoRegister, Forgetting, Registry};
///
/// let registry = Registry::new();
/// let caps = AutoRegister::new();
/// let shop = registry.admit("shop", Some("order"), caps)?;
/// shop.meter("order")?.record();
/// let mut forgetting = Forgetting::new(registry.clone(), caps, Duration::ZERO);
/// assert_eq!(forgetting.sweep(), [("shop".into(), "order".into())]);
/// assert!(registry.get("shop").is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Forgetting {
    registry: Registry,
    caps: AutoRegister,
    idle: Duration,
    removed: Vec<Removed>,
}

/// An event that the last sweep removed. Threads may have found its meter before, and record on it
/// a little later.
#[derive(Debug)]
struct Removed {
    service: String,
    event: String,
    meter: MeterHandle,
    total: u64,
}

impl Forgetting {
    /// Forgets in `registry` what has been idle for `idle`. The caps are those of the admission.
    #[must_use]
    pub fn new(registry: Registry, caps: AutoRegister, idle: Duration) -> Self {
        Self { registry, caps, idle, removed: Vec::new() }
    }

    /// The time between two sweeps: short beside the idle time, and long beside the time for which a
    /// listener works on a batch of datagrams.
    #[must_use]
    pub fn pause(&self) -> Duration {
        (self.idle / 10).clamp(Duration::from_secs(1), Duration::from_secs(60))
    }

    /// Removes what has been idle for long enough. Returns the names of its services and events.
    ///
    /// If an event came in while its name was removed, the next sweep counts it under that name.
    /// Reads each event that was registered on first sight; takes the registry's lock only to remove.
    pub fn sweep(&mut self) -> Vec<(String, String)> {
        self.count_late_events();
        for service in self.registry.services().iter() {
            if service.events().iter().any(|event| self.is_idle(event)) {
                self.remove_from(service);
            }
        }
        self.removed.iter().map(|gone| (gone.service.clone(), gone.event.clone())).collect()
    }

    fn is_idle(&self, event: &EventKind) -> bool {
        let Some(meter) = event.meter().filter(|_| event.is_admitted()) else { return false };
        let snapshot = meter.snapshot();
        // Without an event, its first sight counts: the meter was made for it.
        snapshot.last_event_age().unwrap_or(snapshot.uptime()) >= self.idle
    }

    fn remove_from(&mut self, service: &Service) {
        let mut gone = Vec::new();
        self.registry.revise(service.name(), |known| {
            let idle = known.events().iter().filter(|event| self.is_idle(event));
            let idle: Vec<&EventKind> = idle.collect();
            gone = idle.iter().filter_map(|event| removed(known, event)).collect();
            let stays = |name: &str| !idle.iter().any(|event| event.name() == name);
            let builder = ServiceBuilder::unchanged(known).retain_events(stays);
            // It fails only if no event stays, and then the service goes as a whole.
            builder.build().ok()
        });
        self.removed.append(&mut gone);
    }

    /// Counts what was recorded on removed meters after they were read.
    fn count_late_events(&mut self) {
        for Removed { service, event, meter, total } in self.removed.drain(..) {
            let late = meter.snapshot().total() - total;
            if late == 0 {
                continue;
            }
            let admitted = self.registry.admit(&service, Some(&event), self.caps);
            // If it fails, other names have taken the place meanwhile.
            if let Ok(now) = admitted.and_then(|service| service.meter(&event))
                && !std::ptr::eq(&raw const *now, &raw const *meter)
            {
                now.record_n(late);
            }
        }
    }
}

/// Why a service was not forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotForgotten {
    /// The registry has no service of this name.
    Unknown,
    /// The service was described, or an event of it was.
    Described {
        /// The service.
        service: String,
    },
}

impl fmt::Display for NotForgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown service"),
            Self::Described { service } => write!(
                f,
                "service {service:?} is described, so it is not forgotten: only what was registered on \
                 first sight is"
            ),
        }
    }
}

impl std::error::Error for NotForgotten {}

impl Registry {
    /// Removes a service that was registered on first sight, with its counts; its place under the caps is
    /// free then. A sender that goes on makes it appear anew. What such a sender has sent just before may
    /// be lost with the service.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::{AutoRegister, Registry};
    ///
    /// let registry = Registry::from_catalogue();
    /// registry.admit("shpo", Some("order"), AutoRegister::new())?;
    /// registry.forget("shpo")?;
    /// assert!(registry.get("shpo").is_none());
    /// assert!(registry.forget("sports-data").is_err(), "it is described");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotForgotten`]; the registry is then as it was.
    pub fn forget(&self, service: &str) -> Result<(), NotForgotten> {
        // Under one lock: what is described meanwhile stays.
        self.change(|services| {
            let known = services.get(service).ok_or(NotForgotten::Unknown)?;
            if known.events().iter().any(|event| !event.is_admitted()) {
                return Err(NotForgotten::Described { service: service.into() });
            }
            services.let_go(service);
            Ok(())
        })
    }
}

fn removed(service: &Service, event: &EventKind) -> Option<Removed> {
    let meter = event.meter()?.clone();
    let total = meter.snapshot().total();
    Some(Removed { service: service.name().into(), event: event.name().into(), meter, total })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;

    const HOUR: Duration = Duration::from_secs(3600);

    struct Fixture {
        clock: ManualClock,
        registry: Registry,
        forgetting: Forgetting,
    }

    /// A described service, to whose clock that of its admitted events belongs.
    fn fixture() -> Fixture {
        let clock = ManualClock::new();
        let registry = Registry::new();
        let shop = Service::builder("shop").timed_event("order").clock(clock.clone());
        registry.register(shop.build().unwrap()).unwrap();
        let forgetting = Forgetting::new(registry.clone(), AutoRegister::new(), HOUR);
        Fixture { clock, registry, forgetting }
    }

    impl Fixture {
        fn record(&self, event: &str, n: u64) -> MeterHandle {
            let shop = self.registry.admit("shop", Some(event), AutoRegister::new()).unwrap();
            let meter = shop.meter(event).unwrap();
            meter.record_n(n);
            meter
        }

        fn events(&self) -> Vec<String> {
            self.registry.get("shop").unwrap().spec().events.clone()
        }
    }

    #[test]
    fn idle_admitted_event_goes_and_comes_back_anew() {
        let mut fixture = fixture();
        fixture.record("order", 1);
        fixture.record("visit", 5);
        fixture.record("visit.start", 5);
        fixture.clock.advance(HOUR / 2);
        fixture.record("visit.start", 1);
        assert!(fixture.forgetting.sweep().is_empty());
        fixture.clock.advance(HOUR / 2 + Duration::from_secs(1));
        assert_eq!(fixture.forgetting.sweep(), [("shop".into(), "visit".into())]);
        assert_eq!(fixture.events(), ["order", "visit.start"], "the described one never goes");
        assert!(fixture.registry.get("shop").unwrap().timer("order").is_ok());
        assert_eq!(fixture.record("visit", 2).snapshot().total(), 2);
        assert!(fixture.forgetting.sweep().is_empty());
        assert_eq!(fixture.events(), ["order", "visit.start", "visit"]);
    }

    #[test]
    fn event_that_comes_while_its_name_goes_counts() {
        let mut fixture = fixture();
        let meter = fixture.record("visit", 5);
        fixture.clock.advance(2 * HOUR);
        assert_eq!(fixture.forgetting.sweep().len(), 1);
        meter.record_n(3); // on a thread that found the meter before
        assert!(fixture.forgetting.sweep().is_empty());
        assert_eq!(fixture.record("visit", 0).snapshot().total(), 3);
    }

    /// The meter that was removed is the one that comes back, so it has the late events already.
    #[test]
    fn late_events_of_what_was_described_once_count_once() {
        let mut fixture = fixture();
        let spec = |event: &str| Service::builder("shop").event(event).build().unwrap();
        fixture.registry.describe(spec("visit").spec().clone()).unwrap();
        fixture.registry.describe(spec("order").spec().clone()).unwrap();
        let meter = fixture.record("visit", 5);
        fixture.clock.advance(2 * HOUR);
        assert_eq!(fixture.forgetting.sweep().len(), 1);
        meter.record_n(3);
        fixture.forgetting.sweep();
        assert_eq!(fixture.record("visit", 0).snapshot().total(), 5 + 3);
    }

    #[test]
    fn event_that_gets_described_stays() {
        let mut fixture = fixture();
        fixture.record("visit", 5);
        let shop = fixture.registry.get("shop").unwrap();
        let described = Service::builder("shop").event("visit").continuing(&shop);
        fixture.registry.replace(described.keep_admitted().build().unwrap());
        fixture.clock.advance(2 * HOUR);
        assert!(fixture.forgetting.sweep().is_empty());
        assert_eq!(fixture.events(), ["visit"]);
    }

    #[test]
    fn service_without_other_events_frees_its_place() {
        let registry = Registry::new();
        let caps = AutoRegister::new().max_services(1);
        registry.admit("a", None, caps).unwrap().meter("event").unwrap().record();
        assert!(registry.admit("b", None, caps).is_err());
        let mut forgetting = Forgetting::new(registry.clone(), caps, Duration::ZERO);
        assert_eq!(forgetting.sweep(), [("a".into(), "event".into())]);
        registry.admit("b", None, caps).unwrap();
        assert_eq!(registry.services().len(), 1);
    }

    #[test]
    fn pause_is_a_part_of_the_idle_time() {
        let pause = |idle| Forgetting::new(Registry::new(), AutoRegister::new(), idle).pause();
        assert_eq!(pause(Duration::ZERO), Duration::from_secs(1));
        assert_eq!(pause(Duration::from_secs(100)), Duration::from_secs(10));
        assert_eq!(pause(24 * HOUR), Duration::from_secs(60));
    }
}
