//! The name of a line to the event that it stands for.

use std::sync::Arc;

use super::refusals::Refusals;
use crate::fleet::{AutoRegister, Children, EventKind, Keys, Registry, RejectionReason, Service};
use crate::fleet::{ServiceError, Services, Target};

/// What a name stands for.
#[derive(Debug)]
pub(super) struct Found {
    /// What counts the events of lines without tags.
    pub(super) target: Target,
    /// Where to find what counts those of lines with tags, and the label keys, if the event has labels.
    pub(super) family: Option<(Arc<Children>, Keys)>,
}

/// The target of a name among the services that are there.
pub(super) fn resolve(services: &Services, name: &[u8]) -> Result<Found, RejectionReason> {
    let (service, event) = split(name)?;
    let service = services.get(service).ok_or(RejectionReason::UnknownService)?;
    target(service, event)
}

/// The target of a name. Its service and event are registered if they aren't there and the caps
/// allow it.
pub(super) fn admit(
    registry: &Registry,
    name: &[u8],
    caps: AutoRegister,
    refusals: &Refusals,
) -> Result<Found, RejectionReason> {
    let (service, event) = split(name)?;
    if let Some(known) = registry.get(service)
        && event.is_none_or(|event| known.event(event).is_some())
    {
        // Another listener has admitted it, or it has a source.
        return target(&known, event);
    }
    let admitted = registry.admit(service, event, caps).map_err(|error| match error {
        ServiceError::TooManyServices { .. } | ServiceError::TooManyEvents { .. } => {
            RejectionReason::OverCap
        }
        ServiceError::Elsewhere { .. } => RejectionReason::UnknownService,
        // The name is longer than a service's or an event's may be.
        _ => RejectionReason::Malformed,
    })?;
    refusals.admitted(service, event);
    target(&admitted, event)
}

/// `SERVICE.EVENT`, or `SERVICE` alone. The event is all that comes after the first dot, so it may
/// have dots, too.
fn split(name: &[u8]) -> Result<(&str, Option<&str>), RejectionReason> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let name = str::from_utf8(name).ok().filter(|name| name.as_bytes().iter().all(plain));
    let name = name.ok_or(RejectionReason::Malformed)?;
    let (service, event) = match name.split_once('.') {
        Some((service, event)) => (service, Some(event)),
        None => (name, None),
    };
    let is_empty = |part: &str| part.split('.').any(str::is_empty);
    if is_empty(service) || event.is_some_and(is_empty) {
        return Err(RejectionReason::Malformed);
    }
    Ok((service, event))
}

/// Without a name it is the service's first event. An event that has a source can't be recorded
/// here, so it is unknown.
fn target(service: &Service, event: Option<&str>) -> Result<Found, RejectionReason> {
    let event = event.map_or(service.events().first(), |event| service.event(event));
    let event = event.ok_or(RejectionReason::UnknownEvent)?;
    let meter = event.meter().cloned().ok_or(RejectionReason::UnknownEvent)?;
    let target = Target { meter, timer: event.timer().cloned() };
    let family = EventKind::children(event).map(|family| (Arc::clone(family), family.keys()));
    Ok(Found { target, family })
}
