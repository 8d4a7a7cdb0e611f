//! What can be wrong with a service.

use std::error::Error;
use std::fmt;

/// Why a service can't be built, or has no such meter or timer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceError {
    /// The name of a service or an event is not of the form that names have.
    BadName {
        /// The name.
        name: String,
    },
    /// The catalogue has no service of this name.
    NotInCatalogue {
        /// The name.
        name: String,
        /// The names that the catalogue has.
        known: Vec<String>,
    },
    /// The service counts nothing.
    NoEvents {
        /// The service.
        service: String,
    },
    /// The service names an event twice.
    DuplicateEvent {
        /// The service.
        service: String,
        /// The event.
        event: String,
    },
    /// The service has no such event.
    UnknownEvent {
        /// The service.
        service: String,
        /// The event that was asked for.
        event: String,
        /// The events that the service has.
        known: Vec<String>,
    },
    /// The event is not timed: it has a meter, but no timer.
    NotTimed {
        /// The service.
        service: String,
        /// The event that was asked for.
        event: String,
        /// The events of the service that are timed.
        timed: Vec<String>,
    },
    /// The event is timed, but has been given a static meter, which has no durations.
    NoDurations {
        /// The service.
        service: String,
        /// The event.
        event: String,
    },
    /// Two events of the service have the same meter, so that the service would count each event twice.
    SharedMeter {
        /// The service.
        service: String,
        /// The two events.
        events: [String; 2],
    },
    /// The event's figures come from a source, so there is nothing to record on.
    NotRecorded {
        /// The service.
        service: String,
        /// The event.
        event: String,
    },
    /// A label of an event can't be called that.
    BadLabel {
        /// The service.
        service: String,
        /// The event.
        event: String,
        /// The label.
        label: String,
        /// What is wrong with it.
        why: String,
    },
    /// An event can't be exported under that name.
    BadExport {
        /// The service.
        service: String,
        /// The event.
        event: String,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// An event has buckets that it can't have.
    BadBuckets {
        /// The service.
        service: String,
        /// The event.
        event: String,
        /// What is wrong with them.
        why: String,
    },
    /// Something is said of the family of an event that isn't exported as one.
    NotExported {
        /// The service.
        service: String,
        /// The event.
        event: String,
        /// What is said of it.
        what: &'static str,
    },
    /// The event has labels, but not as many as were asked for; or none.
    LabelCount {
        /// The service.
        service: String,
        /// The event.
        event: String,
        /// The labels that the event has.
        labels: Vec<String>,
        /// How many values were to be given.
        asked: usize,
    },
    /// The event has no labels, where some are needed.
    NoLabels {
        /// The service.
        service: String,
        /// The event.
        event: String,
        /// The labels that could be used.
        usable: Vec<String>,
    },
    /// The name belongs to a service whose figures are elsewhere.
    Elsewhere {
        /// The name.
        service: String,
    },
    /// The registry has as many services as may be registered on first sight.
    TooManyServices {
        /// The cap.
        max: usize,
    },
    /// The service has as many events as may be registered on first sight.
    TooManyEvents {
        /// The service.
        service: String,
        /// The cap.
        max: usize,
    },
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName { name } => write!(
                f,
                "bad name {name:?}: a service or event is named by 1 to 128 of A-Z a-z 0-9 _ -, with \
                 dots only between the parts of an event's name"
            ),
            Self::NotInCatalogue { name, known } => {
                write!(f, "no service {name:?} in the catalogue, which has: {}", known.join(", "))
            }
            Self::NoEvents { service } => {
                write!(f, "service {service:?} has no events: it needs at least one")
            }
            Self::DuplicateEvent { service, event } => {
                write!(f, "service {service:?} names event {event:?} twice")
            }
            Self::UnknownEvent { service, event, known } => {
                write!(f, "unknown event {event:?}: service {service:?} has: {}", known.join(", "))
            }
            Self::NotTimed { service, event, timed } if timed.is_empty() => {
                write!(
                    f,
                    "event {event:?} of service {service:?} is not timed, and no other event is"
                )
            }
            Self::NotTimed { service, event, timed } => write!(
                f,
                "event {event:?} of service {service:?} is not timed: of its events, these are: {}",
                timed.join(", ")
            ),
            Self::NoDurations { service, event } => write!(
                f,
                "event {event:?} of service {service:?} is timed, and a static meter has no durations: \
                 give the event a timer"
            ),
            Self::SharedMeter { service, events: [first, second] } => write!(
                f,
                "events {first:?} and {second:?} of service {service:?} have the same meter, so each \
                 event would count twice: give each a meter of its own"
            ),
            Self::NotRecorded { service, event } => write!(
                f,
                "event {event:?} of service {service:?} has a source of its own and can't be \
                 recorded"
            ),
            Self::BadLabel { service, event, label, why } => {
                write!(f, "bad label {label:?} of event {event:?} of service {service:?}: {why}")
            }
            Self::BadExport { service, event, name, why } => write!(
                f,
                "event {event:?} of service {service:?} can't be exported as {name:?}: {why}"
            ),
            Self::BadBuckets { service, event, why } => {
                write!(f, "bad buckets of event {event:?} of service {service:?}: {why}")
            }
            Self::NotExported { service, event, what } => write!(
                f,
                "event {event:?} of service {service:?} has {what}, but no family of its own that would \
                 show it: give it a name (exported_as)"
            ),
            Self::LabelCount { service, event, labels, asked } if labels.is_empty() => write!(
                f,
                "event {event:?} of service {service:?} has no labels, and {asked} were asked for"
            ),
            Self::LabelCount { service, event, labels, asked } => write!(
                f,
                "event {event:?} of service {service:?} has {} labels ({}), and {asked} were asked for",
                labels.len(),
                labels.join(", ")
            ),
            Self::NoLabels { service, event, usable } => write!(
                f,
                "event {event:?} of service {service:?} has no labels: give it one or more of {}",
                usable.join(", ")
            ),
            Self::Elsewhere { service } => {
                write!(f, "service {service:?} is elsewhere: its events are not counted here")
            }
            Self::TooManyServices { max } => {
                write!(f, "the registry may have no more than {max} services")
            }
            Self::TooManyEvents { service, max } => {
                write!(f, "service {service:?} may have no more than {max} events")
            }
        }
    }
}

impl Error for ServiceError {}

/// The most services that an error lists.
const LISTED: usize = 20;

/// Why a service can't be registered, or is not found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry has a service of this name already.
    DuplicateService {
        /// The name.
        name: String,
    },
    /// A service in the registry exports an event under this name as another kind: one of both is timed.
    ExportedTwice {
        /// The name.
        name: String,
        /// The service and the event that were to be exported so.
        event: [String; 2],
        /// Those that are.
        known: [String; 2],
    },
    /// The registry has no service of this name.
    UnknownService {
        /// The name that was asked for.
        name: String,
        /// The names that the registry has.
        known: Vec<String>,
    },
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateService { name } => write!(f, "service {name:?} is registered already"),
            Self::ExportedTwice { name, event, known } => write!(
                f,
                "event {:?} of service {:?} can't be exported as {name:?}: event {:?} of service {:?} is, and \
                 only one of them is timed",
                event[1], event[0], known[1], known[0]
            ),
            Self::UnknownService { name, known } if known.is_empty() => {
                write!(f, "service {name:?} is not registered, and no other service is")
            }
            Self::UnknownService { name, known } => {
                let listed = &known[..known.len().min(LISTED)];
                write!(f, "service {name:?} is not registered: these are: {}", listed.join(", "))?;
                match known.len() - listed.len() {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
        }
    }
}

impl Error for RegistryError {}
