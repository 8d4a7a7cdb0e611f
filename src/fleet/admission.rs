//! How an event is admitted to a service that has not described it.

use std::sync::Arc;

use super::{Registry, Service, ServiceBuilder, ServiceError};
use crate::engine::Meter;

/// The meter of an event. Service and event are registered if they aren't there; what is there
/// already keeps its counts.
pub(crate) fn register(
    registry: &Registry,
    service: &str,
    event: &str,
) -> Result<Arc<Meter>, ServiceError> {
    let registered = registry.update(|services| {
        let builder = match services.get(service) {
            Some(known) if known.event(event).is_some() => return Err(Ok(Arc::clone(known))),
            Some(known) => ServiceBuilder::from(known.spec().clone()).continuing(known),
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
