//! How a service is described.

use pyo3::prelude::*;
use tickring::RateBasis;

use crate::arguments::wrong;

/// What a caller says of a service. Without events, it is one of the catalogue.
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) events: Option<Vec<String>>,
    pub(crate) timed: Vec<String>,
    pub(crate) port: Option<u16>,
    pub(crate) category: Option<String>,
    pub(crate) basis: Option<String>,
}

impl Description {
    /// # Errors
    ///
    /// `ValueError` for a name that the catalogue does not have, and for an unknown basis.
    pub(crate) fn builder(self) -> PyResult<tickring::ServiceBuilder> {
        let mut builder = match self.events {
            None => tickring::Service::builder_from_catalogue(&self.name).map_err(|error| {
                wrong(format_args!("{error}; for another one, pass events=[…]"))
            })?,
            Some(events) => {
                let mut builder = tickring::Service::builder(self.name);
                for event in &events {
                    let timed = self.timed.contains(event);
                    builder = if timed { builder.timed_event(event) } else { builder.event(event) };
                }
                let more = self.timed.iter().filter(|event| !events.contains(event));
                more.fold(builder, tickring::ServiceBuilder::timed_event)
            }
        };
        if let Some(port) = self.port {
            builder = builder.port(port);
        }
        if let Some(category) = self.category {
            builder = builder.category(category);
        }
        match self.basis.as_deref() {
            None => Ok(builder),
            Some("rolling") => Ok(builder.basis(RateBasis::Rolling)),
            Some("lifetime") => Ok(builder.basis(RateBasis::Lifetime)),
            Some(other) => {
                Err(wrong(format_args!("basis={other:?} is neither \"rolling\" nor \"lifetime\"")))
            }
        }
    }
}
