//! Responses about one service, or about the server.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use super::events::Batch;
use super::response::{Accepted, Answer, Deleted, Health, ProbeStatus, Refusal, json};
use super::router::Router;
use crate::fleet::{
    EventRate, Glanced, GlancedFigures, Moments, NotForgotten, Service, Showing, seconds,
};

/// The status of a server that requests should come to.
const READY: &str = "ready";

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

    pub(super) fn event_rate(
        &self,
        name: Option<&str>,
        showing: Showing,
    ) -> Result<Answer, Refusal> {
        let document = self.named(name)?.event_rate_showing(showing);
        Ok(json(status_of(&document), &document))
    }

    pub(super) fn events(&self, name: &str, body: &[u8]) -> Result<Answer, Refusal> {
        let service = self.named(Some(name))?;
        let batch = Batch::parse(body, &service)
            .map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
        Ok(json(StatusCode::ACCEPTED, &Accepted { accepted: batch.record() }))
    }

    pub(super) fn forget(&self, name: &str) -> Result<Answer, Refusal> {
        match self.options.registry.forget(name) {
            Ok(()) => {
                tracing::info!(service = name, "forgotten, as a client asked for");
                Ok(json(StatusCode::OK, &Deleted { deleted: name }))
            }
            Err(why @ NotForgotten::Unknown) => Err(Refusal::new(StatusCode::NOT_FOUND, why)),
            Err(why) => Err(Refusal::new(StatusCode::CONFLICT, why)),
        }
    }

    pub(super) fn ready(&self) -> Answer {
        let probe = self.probe();
        let status = match probe.status {
            READY => StatusCode::OK,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        json(status, &probe)
    }

    /// Whether requests should come here.
    pub(super) fn probe(&self) -> ProbeStatus {
        let draining = self.listener.as_ref().is_some_and(|here| here.running.drain.is_leaving());
        if draining {
            return ProbeStatus::of("draining");
        }
        match self.options.program.fault() {
            None => ProbeStatus::of(READY),
            fault => ProbeStatus { status: "unhealthy", error: fault },
        }
    }

    pub(super) fn health(&self) -> Result<Answer, Refusal> {
        let service = self.named(None)?;
        let (mut total, mut per_second) = (0_u64, 0.0);
        let reading = service.read(Moments::default().of(&service));
        let read = reading.each_at_a_glance(|_, glanced| {
            let (more, rate) = match glanced {
                Glanced::Figures(GlancedFigures { glance, .. }) => {
                    (glance.total, glance.per_second)
                }
                Glanced::Children { retired, per_second, .. } => (retired, per_second),
            };
            total = total.saturating_add(more);
            per_second += rate;
        });
        let mut uptime = reading.uptime;
        let error = match read {
            Ok(()) => self.options.program.fault(),
            Err(unavailable) => {
                let (service, error) = (service.name(), unavailable.to_string());
                tracing::warn!(service, error, "the figures of a service are unavailable");
                (total, per_second, uptime) = (0, 0.0, Duration::ZERO);
                Some(error)
            }
        };
        let is_healthy = error.is_none();
        let health = Health {
            status: if is_healthy { "healthy" } else { "unhealthy" },
            service: service.name(),
            uptime_seconds: seconds(uptime),
            events_per_hour: reading.rate(total, per_second) * 3600.0,
            error: error.as_deref(),
        };
        let status = if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Ok(json(status, &health))
    }
}

/// 503 if a service's figures are unavailable, with a line in the log.
pub(super) fn status_of(document: &EventRate) -> StatusCode {
    match document {
        EventRate::Figures(_) => StatusCode::OK,
        EventRate::Unavailable { service, error, .. } => {
            tracing::warn!(service, error, "the figures of a service are unavailable");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
