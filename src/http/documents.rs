//! The JSON documents of the routes; event-rate is the service's own.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Basis, Service};

#[derive(Serialize)]
pub(super) struct Word {
    pub(super) status: &'static str,
}

#[derive(Serialize)]
pub(super) struct Accepted {
    pub(super) accepted: u64,
}

#[derive(Serialize)]
pub(super) struct Overview {
    pub(super) services: Vec<Listed>,
    pub(super) rejected: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) port: Option<u16>,
    pub(super) category: String,
    pub(super) basis: Basis,
    pub(super) events: Vec<String>,
}

impl From<&Service> for Listed {
    fn from(service: &Service) -> Self {
        let profile = service.profile().clone();
        Self {
            name: profile.name,
            port: profile.port,
            category: profile.category,
            basis: profile.basis,
            events: profile.events,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Health<'a> {
    pub(super) status: &'static str,
    pub(super) service: &'a str,
    pub(super) uptime_seconds: f64,
    pub(super) events_per_hour: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'a str>,
}
