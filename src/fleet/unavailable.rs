//! Why an event has no figures.

use std::any::Any;
use std::error::Error;
use std::fmt;

/// Why an event's figures can't be had: its source failed.
#[derive(Debug)]
pub struct Unavailable {
    event: Box<str>,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Failed(Box<dyn Error + Send + Sync>),
    Panicked(String),
}

impl Unavailable {
    pub(super) fn failed(event: &str, error: Box<dyn Error + Send + Sync>) -> Self {
        Self { event: event.into(), cause: Cause::Failed(error) }
    }

    pub(super) fn panicked(event: &str, panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("no message").to_owned();
        Self { event: event.into(), cause: Cause::Panicked(text) }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = &self.event;
        match &self.cause {
            Cause::Failed(error) => write!(f, "the source of event {event:?} failed: {error}"),
            Cause::Panicked(text) => write!(f, "the source of event {event:?} panicked: {text}"),
        }
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Failed(error) => Some(error.as_ref()),
            Cause::Panicked(_) => None,
        }
    }
}
