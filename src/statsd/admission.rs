//! From names to what events are recorded on, and what is admitted on the way.

use std::sync::Arc;

use crate::engine::{Meter, Timer};
use crate::fleet::RejectionReason;
use crate::fleet::{Registry, Service, ServiceBuilder, Services};

/// What a bare `SERVICE:1|c` counts when the service itself is new.
const FIRST_EVENT: &str = "event";

/// How much that nobody has described beforehand is admitted: up to these numbers a service or
/// event is registered when its first event comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoRegister {
    /// The most services of the registry, those that were described included.
    pub max_services: usize,
    /// The most events of a service, those that were described included.
    pub max_events: usize,
}

impl Default for AutoRegister {
    /// 256 services of 64 events.
    fn default() -> Self {
        Self { max_services: 256, max_events: 64 }
    }
}

/// `SERVICE.EVENT`, or `SERVICE` alone.
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

/// What an event is recorded on.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) meter: Arc<Meter>,
    /// If the event is timed. It records on the meter too.
    pub(super) timer: Option<Arc<Timer>>,
}

/// What a name stands for.
pub(super) fn resolve(services: &Services, name: &[u8]) -> Result<Recorded, RejectionReason> {
    let (service, event) = split(name)?;
    let service = services.get(service).ok_or(RejectionReason::UnknownService)?;
    recorded(service, event)
}

/// An event that has a source of its own is not counted here, so it is unknown.
fn recorded(service: &Service, event: Option<&str>) -> Result<Recorded, RejectionReason> {
    let event = event.map_or(service.events().first(), |event| service.event(event));
    let event = event.ok_or(RejectionReason::UnknownEvent)?;
    let meter = event.meter().cloned().ok_or(RejectionReason::UnknownEvent)?;
    Ok(Recorded { meter, timer: event.timer().cloned() })
}

impl AutoRegister {
    /// Registers what `name` stands for, if it is not there and the caps allow it.
    pub(super) fn admit(
        self,
        registry: &Registry,
        name: &[u8],
    ) -> Result<Recorded, RejectionReason> {
        let (service, event) = split(name)?;
        let registered = registry.update(|services| {
            let builder = match services.get(service) {
                // Another listener may have been here first.
                Some(known) if event.is_none_or(|event| known.event(event).is_some()) => {
                    return Err(None);
                }
                Some(known) if known.events().len() >= self.max_events => {
                    return Err(Some(RejectionReason::OverCap));
                }
                Some(known) => ServiceBuilder::from(known.spec().clone()).continuing(known),
                None if services.len() >= self.max_services || self.max_events == 0 => {
                    return Err(Some(RejectionReason::OverCap));
                }
                None => Service::builder(service),
            };
            // A longer name than a service or event may have.
            builder
                .event(event.unwrap_or(FIRST_EVENT))
                .build()
                .map_err(|_| Some(RejectionReason::Malformed))
        });
        match registered {
            Ok(registered) => {
                tracing::info!(service, event, "admitted");
                recorded(&registered, event)
            }
            Err(Some(reason)) => Err(reason),
            Err(None) => resolve(&registry.services(), name),
        }
    }
}
