//! The JSON documents of the routes; event-rate is the service's own.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fleet::{RateBasis, Service};

#[derive(Serialize)]
pub(crate) struct Word {
    pub(crate) status: &'static str,
}

#[derive(Serialize)]
pub(crate) struct Accepted {
    pub(crate) accepted: u64,
}

#[derive(Serialize)]
pub(crate) struct Overview {
    pub(crate) services: Vec<Listed>,
    pub(crate) rejected: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) port: Option<u16>,
    pub(crate) category: String,
    pub(crate) basis: RateBasis,
    pub(crate) events: Vec<String>,
}

impl From<&Service> for Listed {
    fn from(service: &Service) -> Self {
        let spec = service.spec().clone();
        Self {
            name: spec.name,
            port: spec.port,
            category: spec.category,
            basis: spec.basis,
            events: spec.events,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Health<'a> {
    pub(crate) status: &'static str,
    pub(crate) service: &'a str,
    pub(crate) uptime_seconds: f64,
    pub(crate) events_per_hour: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a str>,
}
