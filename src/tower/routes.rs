//! Requests by the route that they matched.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Extensions, Method};
use papaya::HashMap;

use super::pattern::RoutePattern;
use crate::engine::MeterHandle;
use crate::fleet::{Naming, Registry, ServiceError};

const UNMATCHED: &str = "unmatched";
const OVERFLOW: &str = "overflow";
const ROUTES: usize = 100;

/// Counts requests by the route that they matched, each route as an event of one service.
///
/// New code should use [`MeterLayer::labelled`](super::MeterLayer::labelled): the route is a label there, beside the
/// method and the status, and keeps its spelling.
///
/// A function finds the route in the request's method and extensions, where the router has left
/// it: axum leaves its `MatchedPath`. The function doesn't get the path, because clients choose
/// that.
///
/// An event is named after its route, in the alphabet of names: `/items/{id}` is `items_id`. If
/// another route has that name already, a mark made from the route is added
/// (`items_id-1c2d3e4f`), so no two routes share an event. Requests without a route count as
/// `unmatched`. Routes past the [cap](Self::cap) count together, as `overflow`.
///
/// Counting a request of a known route costs a look-up without a lock, and a record. The first
/// request of a route takes a lock and changes the registry.
///
/// Clones share their counts and their cap.
#[derive(Clone)]
pub struct Routes(Arc<Inner>);

struct Inner {
    registry: Registry,
    service: String,
    pattern: RoutePattern,
    unmatched: MeterHandle,
    overflow: MeterHandle,
    meters: HashMap<String, MeterHandle>,
    /// Also the lock under which routes are admitted.
    admission: Mutex<Admission>,
}

struct Admission {
    naming: Naming,
    /// The number of further routes that get an event each.
    left: usize,
}

impl Routes {
    /// Counts routes as events of `service`, which is registered if it isn't there. Nothing else
    /// should use that service. `find` returns the route of a request, if it has one.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use axum::extract::MatchedPath;
    /// use tickring::{Registry, tower::Routes};
    ///
    /// let registry = Registry::new();
    /// let routes = Routes::new(&registry, "api-route", |method, extensions| {
    ///     let path = extensions.get::<MatchedPath>()?;
    ///     Some(format!("{method} {}", path.as_str()).into())
    /// })?;
    /// let service = registry.get("api-route").ok_or("it was registered")?;
    /// assert_eq!(service.spec().events, ["unmatched", "overflow"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If `service` is not 1 to 128 of `A-Z a-z 0-9 _ -`, or if the registry has a service of
    /// this name whose `unmatched` or `overflow` has a source.
    pub fn new<F>(
        registry: &Registry,
        service: impl Into<String>,
        find: F,
    ) -> Result<Self, ServiceError>
    where
        F: for<'a> Fn(&'a Method, &'a Extensions) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        Self::by(registry, service, RoutePattern::find(find))
    }

    /// The same with axum's routes: a request's route is its `MatchedPath`. It is that of axum 0.8; for
    /// another version, use [`by`](Self::by) with [`RoutePattern::by`].
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    /// use tickring::tower::{MeterLayer, Routes};
    /// use tickring::{Meter, Registry};
    ///
    /// let registry = Registry::new();
    /// let routes = Routes::axum(&registry, "api-route")?;
    /// let layer = MeterLayer::new(Arc::new(Meter::new())).routes(routes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    #[cfg(feature = "axum")]
    pub fn axum(registry: &Registry, service: impl Into<String>) -> Result<Self, ServiceError> {
        Self::by(registry, service, RoutePattern::axum())
    }

    /// The same with the routes that `pattern` finds.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use axum::extract::MatchedPath;
    /// use tickring::Registry;
    /// use tickring::tower::{RoutePattern, Routes};
    ///
    /// let pattern = RoutePattern::by(MatchedPath::as_str);
    /// let routes = Routes::by(&Registry::new(), "api-route", pattern)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn by(
        registry: &Registry,
        service: impl Into<String>,
        pattern: RoutePattern,
    ) -> Result<Self, ServiceError> {
        let service = service.into();
        let mut naming = Naming::default();
        naming.reserve(UNMATCHED);
        naming.reserve(OVERFLOW);
        Ok(Self(Arc::new(Inner {
            unmatched: registry.admit_meter(&service, UNMATCHED)?,
            overflow: registry.admit_meter(&service, OVERFLOW)?,
            registry: registry.clone(),
            service,
            pattern,
            meters: HashMap::new(),
            admission: Mutex::new(Admission { naming, left: ROUTES }),
        })))
    }

    /// The number of routes that get an event each, besides those that have one already. The
    /// default is 100.
    #[must_use]
    pub fn cap(self, cap: usize) -> Self {
        self.0.admission.lock().unwrap_or_else(PoisonError::into_inner).left = cap;
        self
    }

    pub(super) fn record(&self, method: &Method, extensions: &Extensions) {
        let inner = &*self.0;
        match inner.pattern.of(method, extensions) {
            None => inner.unmatched.record(),
            Some(route) => match inner.meters.pin().get(&*route) {
                Some(meter) => meter.record(),
                None => inner.admit(&route).record(),
            },
        }
    }
}

impl Inner {
    /// The meter of a route that has none yet.
    #[cold]
    fn admit(&self, route: &str) -> MeterHandle {
        let mut admission = self.admission.lock().unwrap_or_else(PoisonError::into_inner);
        let meters = self.meters.pin();
        // Another thread may have been here first.
        if let Some(meter) = meters.get(route) {
            return meter.clone();
        }
        if admission.left == 0 {
            return self.overflow.clone();
        }
        let Some(name) = admission.naming.name(route, |_| false) else {
            return self.overflow.clone();
        };
        match self.registry.admit_meter(&self.service, &name) {
            Ok(meter) => {
                admission.left -= 1;
                meters.insert(route.to_owned(), meter.clone());
                meter
            }
            // The service has a source in its place.
            Err(_) => self.overflow.clone(),
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("service", &self.0.service)
            .field("routes", &self.0.meters.pin().len())
            .finish_non_exhaustive()
    }
}
