//! What a service is, as data: the same in the catalogue and in configuration files.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ServiceError;

/// The longest name of a service or an event.
const NAME_MAX: usize = 128;

/// What a service is, as data. [`ServiceBuilder::from`](super::ServiceBuilder) turns it into a
/// builder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServiceSpec {
    /// The name that clients send and endpoints report: 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// The port of the service's own endpoint, on the loopback address; `None` for no endpoint.
    #[serde(default)]
    pub port: Option<u16>,
    /// The group that the service belongs to, in one word.
    #[serde(default = "default_category")]
    pub category: String,
    /// What the service's `events_per_second` means.
    #[serde(default)]
    pub basis: RateBasis,
    /// The events that the service counts. A name has the same form, and may have dots between other
    /// characters, as in `request.status.200`. The service's total is the
    /// sum of their counts. There is at least one, and no name repeats.
    pub events: Vec<String>,
    /// The events that have durations: some of `events`.
    #[serde(default)]
    pub timed: Vec<String>,
}

fn default_category() -> String {
    "other".into()
}

/// What `events_per_second` means for a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RateBasis {
    /// Events of the last 60 s, divided by 60.
    #[default]
    Rolling,
    /// All events since the start, divided by the uptime: for services that have events only now
    /// and then.
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

    /// Checks what the types can't hold: the form of names, that there is an event, that no
    /// event's name repeats, and that timed events are events. [`ServiceBuilder::build`] does it,
    /// too.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let text = "name = 'billing'\nevents = ['invoice', 'invoice']";
    /// let spec: tickring::ServiceSpec = toml::from_str(text)?;
    /// let error = spec.check().unwrap_err();
    /// assert_eq!(error.to_string(), "service \"billing\" names event \"invoice\" twice");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`ServiceBuilder::build`]: super::ServiceBuilder::build
    ///
    /// # Errors
    ///
    /// The first fault that is found.
    pub fn check(&self) -> Result<(), ServiceError> {
        check_name(&self.name)?;
        let service = || self.name.clone();
        if self.events.is_empty() {
            return Err(ServiceError::NoEvents { service: service() });
        }
        for (index, event) in self.events.iter().enumerate() {
            check_event_name(event)?;
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

/// As [`check_name`]; but dots may stand between other characters.
fn check_event_name(name: &str) -> Result<(), ServiceError> {
    let bad = || ServiceError::BadName { name: name.into() };
    if name.len() > NAME_MAX {
        return Err(bad());
    }
    name.split('.').try_for_each(check_name).map_err(|_| bad())
}

/// Names appear unchanged in URLs, `StatsD` lines and labels, so they have one plain alphabet.
fn check_name(name: &str) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
        return Err(ServiceError::BadName { name: name.into() });
    }
    Ok(())
}
