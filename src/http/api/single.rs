//! Responses about one service, or about the server.

use std::fmt::Write;
use std::sync::Arc;

use hyper::StatusCode;

use super::events::Batch;
use super::response::{Accepted, Answer, Health, ProbeStatus, Refusal, json};
use super::router::Router;
use crate::fleet::{EventRate, Service};

/// The most services that an error lists.
const LISTED: usize = 20;

impl Router {
    /// The service with this name, or the default service.
    pub(super) fn named(&self, name: Option<&str>) -> Result<Arc<Service>, Refusal> {
        let name = name.unwrap_or(self.service());
        self.options.registry.get(name).ok_or_else(|| {
            let services = self.options.registry.services();
            let listed = services.iter().take(LISTED).map(|service| service.name());
            let mut known = listed.collect::<Vec<_>>().join(", ");
            // Writing to a string can't fail.
            if let Some(more @ 1..) = services.len().checked_sub(LISTED) {
                let _ = write!(known, " and {more} more, which /api/v1/services lists");
            }
            let why = format_args!("unknown service {name:?}: known services are: {known}");
            Refusal::new(StatusCode::NOT_FOUND, why)
        })
    }

    pub(super) fn event_rate(&self, name: Option<&str>, series: bool) -> Result<Answer, Refusal> {
        let service = self.named(name)?;
        let document = if series { service.event_rate_with_series() } else { service.event_rate() };
        Ok(json(status_of(&document), &document))
    }

    pub(super) fn events(&self, name: &str, body: &[u8]) -> Result<Answer, Refusal> {
        let service = self.named(Some(name))?;
        let batch = Batch::parse(body, &service)
            .map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
        Ok(json(StatusCode::ACCEPTED, &Accepted { accepted: batch.record() }))
    }

    pub(super) fn ready(&self) -> Answer {
        let draining = self.listener.as_ref().is_some_and(|here| here.running.drain.is_leaving());
        if draining {
            return json(StatusCode::SERVICE_UNAVAILABLE, &ProbeStatus::of("draining"));
        }
        match self.options.program.fault() {
            None => json(StatusCode::OK, &ProbeStatus::of("ready")),
            Some(fault) => {
                let probe = ProbeStatus { status: "unhealthy", error: Some(fault) };
                json(StatusCode::SERVICE_UNAVAILABLE, &probe)
            }
        }
    }

    pub(super) fn health(&self) -> Result<Answer, Refusal> {
        let service = self.named(None)?;
        let document = service.event_rate();
        let fault = self.options.program.fault();
        let status = match fault {
            None => status_of(&document),
            Some(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let service = service.name();
        let health = match &document {
            EventRate::Figures(figures) => Health {
                status: if fault.is_none() { "healthy" } else { "unhealthy" },
                service,
                uptime_seconds: figures.uptime_seconds,
                events_per_hour: figures.events_per_hour,
                error: fault.as_deref(),
            },
            EventRate::Unavailable { error, .. } => Health {
                status: "unhealthy",
                service,
                uptime_seconds: 0.0,
                events_per_hour: 0.0,
                error: Some(error),
            },
        };
        Ok(json(status, &health))
    }
}

/// 503 if a service's figures are unavailable, with a line in the log.
fn status_of(document: &EventRate) -> StatusCode {
    match document {
        EventRate::Figures(_) => StatusCode::OK,
        EventRate::Unavailable { service, error, .. } => {
            tracing::warn!(service, error, "the figures of a service are unavailable");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
