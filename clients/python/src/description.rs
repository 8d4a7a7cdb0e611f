//! How a service is described.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use tickring::{RateBasis, ServiceBuilder, ServiceSpec};

use crate::arguments::wrong;

/// What a caller says of a service. Without events, it is one of the catalogue.
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) events: Option<Vec<String>>,
    pub(crate) timed: Vec<String>,
    pub(crate) labels: BTreeMap<String, Vec<String>>,
    pub(crate) label_sets: BTreeMap<String, usize>,
    pub(crate) port: Option<u16>,
    pub(crate) category: Option<String>,
    pub(crate) basis: Option<String>,
}

impl Description {
    /// # Errors
    ///
    /// `ValueError` for a name that the catalogue does not have, and for an unknown basis.
    pub(crate) fn builder(self) -> PyResult<ServiceBuilder> {
        let mut spec = self.spec()?;
        let more = self.timed.iter().filter(|event| !spec.events.contains(event)).cloned();
        spec.events.extend(more.collect::<Vec<_>>());
        spec.timed.extend(self.timed);
        (spec.labels, spec.label_sets) = (self.labels, self.label_sets);
        spec.port = self.port.or(spec.port);
        spec.category = self.category.unwrap_or(spec.category);
        spec.basis = match self.basis.as_deref() {
            None => spec.basis,
            Some("rolling") => RateBasis::Rolling,
            Some("lifetime") => RateBasis::Lifetime,
            Some(other) => {
                return Err(wrong(format_args!(
                    "basis={other:?} is neither \"rolling\" nor \"lifetime\""
                )));
            }
        };
        Ok(spec.into())
    }

    /// The catalogue's, or one with these events.
    fn spec(&self) -> PyResult<ServiceSpec> {
        match &self.events {
            None => match tickring::Service::from_catalogue(&self.name) {
                Ok(service) => Ok(service.spec().clone()),
                Err(error) => Err(wrong(format_args!("{error}; for another one, pass events=[…]"))),
            },
            Some(events) => {
                let spec = serde_json::json!({ "name": self.name, "events": events });
                serde_json::from_value(spec).map_err(wrong)
            }
        }
    }
}
