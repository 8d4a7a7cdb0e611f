//! What a service is, as data: the same in the catalogue and in configuration files.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ServiceError;

/// The longest name of a service or an event.
const NAME_MAX: usize = 128;

/// What a service is, as data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServiceSpec {
    /// The name that clients send and endpoints report: 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// The loopback port of the service's own endpoint.
    #[serde(default)]
    pub port: Option<u16>,
    /// A word to group services by.
    #[serde(default = "default_category")]
    pub category: String,
    /// What the service's rate is.
    #[serde(default)]
    pub basis: RateBasis,
    /// What the service counts, by names of the same form; its total is the sum of them. Never
    /// empty, and no name twice.
    pub events: Vec<String>,
    /// Those of the events that also carry a duration.
    #[serde(default)]
    pub timed: Vec<String>,
}

fn default_category() -> String {
    "other".into()
}

/// What `events_per_second` means for a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RateBasis {
    /// Events of the last 60 s, divided by 60.
    #[default]
    Rolling,
    /// All events, divided by the uptime: for services that work now and then.
    Lifetime,
}

impl fmt::Display for RateBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rolling => "rolling",
            Self::Lifetime => "lifetime",
        })
    }
}

impl ServiceSpec {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            port: None,
            category: default_category(),
            basis: RateBasis::default(),
            events: Vec::new(),
            timed: Vec::new(),
        }
    }

    /// Checks what the types don't: the form of names, and that events are there, once each.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ServiceError> {
        check_name(&self.name)?;
        let service = || self.name.clone();
        if self.events.is_empty() {
            return Err(ServiceError::NoEvents { service: service() });
        }
        for (index, event) in self.events.iter().enumerate() {
            check_name(event)?;
            if self.events[..index].contains(event) {
                let event = event.clone();
                return Err(ServiceError::DuplicateEvent { service: service(), event });
            }
        }
        match self.timed.iter().find(|timed| !self.events.contains(timed)) {
            Some(timed) => Err(ServiceError::UnknownEvent {
                service: service(),
                event: timed.clone(),
                known: self.events.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// Names go into URLs, `StatsD` lines and labels as they are, so they are of one plain alphabet.
pub(crate) fn check_name(name: &str) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
        return Err(ServiceError::BadName { name: name.into() });
    }
    Ok(())
}
