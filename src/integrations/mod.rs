//! Meters for what speaks in terms of its own: tower services, the `metrics` facade.

#[cfg(feature = "metrics")]
pub mod metrics;
mod naming;
#[cfg(feature = "tower")]
pub mod tower;

use std::sync::Arc;

use crate::{Meter, Registry, Service, ServiceBuilder, ServiceError};

/// The meter of an event. Service and event are registered if they aren't there; what is there
/// already keeps its counts.
fn register(registry: &Registry, service: &str, event: &str) -> Result<Arc<Meter>, ServiceError> {
    let registered = registry.update(|services| {
        let builder = match services.get(service) {
            Some(known) if known.event(event).is_some() => return Err(Ok(Arc::clone(known))),
            Some(known) => ServiceBuilder::from(known.profile().clone()).carry_over(known),
            None => Service::builder(service),
        };
        builder.event(event).build().map_err(Err)
    });
    let service = match registered {
        Ok(service) | Err(Ok(service)) => service,
        Err(Err(error)) => return Err(error),
    };
    service.meter(event)
}
