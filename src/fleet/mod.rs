//! Services: named groups of meters, and the documents made of their figures.
//!
//! A [`ServiceSpec`] describes a service, a [`ServiceBuilder`] builds it, a [`Registry`] holds
//! the services of a process. `description` changes what a service is while it runs,
//! `admission` registers what nobody described, `forgetting` removes it when it is idle, `reading` reads
//! all events of a service as of one moment (`read` has one event), `family` has the children of an event
//! that has labels, `event_rate` makes the JSON document of that, and `consolidated` is the one of all
//! services, with those that are `elsewhere`. `history` keeps the counts of minutes, hours and days.
//! `values` says how snapshots are written.

mod admission;
mod builder;
mod catalogue;
#[cfg(feature = "http")]
mod collecting;
#[cfg(feature = "http")]
mod consolidated;
mod description;
#[cfg(feature = "http")]
mod elsewhere;
mod error;
mod event;
mod event_rate;
mod examples;
mod exports;
mod family;
mod forgetting;
mod history;
#[cfg(any(feature = "metrics", feature = "tower"))]
mod naming;
mod read;
mod reading;
#[cfg(any(feature = "http", feature = "metrics"))]
mod refused;
mod registry;
mod rejections;
mod service;
mod services;
mod spec;
#[cfg(any(feature = "http", feature = "statsd"))]
mod target;
mod unavailable;
mod values;
#[cfg(feature = "http")]
mod written;

pub use self::admission::AutoRegister;
#[cfg(feature = "metrics")]
pub(crate) use self::admission::{ExportedAs, Labelled};
pub use self::builder::ServiceBuilder;
pub use self::catalogue::catalogue;
#[cfg(feature = "http")]
pub(crate) use self::collecting::Collecting;
#[cfg(feature = "http")]
pub(crate) use self::consolidated::Consolidated;
#[cfg(feature = "http")]
pub use self::consolidated::ErrorType;
#[cfg(feature = "http")]
pub use self::elsewhere::{Elsewhere, ElsewhereFigures};
pub use self::error::{RegistryError, ServiceError};
pub use self::event::EventKind;
#[cfg(feature = "http")]
pub(crate) use self::event_rate::Showing;
pub use self::event_rate::{EventFigures, EventRate, Figures, SeriesFigures, Timestamp};
#[cfg(feature = "http")]
pub(crate) use self::exports::Exported;
#[cfg(feature = "metrics")]
pub(crate) use self::exports::{bounds_of, fault_of_buckets, fault_of_name};
#[cfg(any(feature = "http", feature = "metrics", feature = "statsd", feature = "tower"))]
pub(crate) use self::family::Children;
#[cfg(feature = "http")]
pub(crate) use self::family::LabelSet;
#[cfg(any(feature = "metrics", feature = "statsd"))]
pub(crate) use self::family::OTHER;
#[cfg(feature = "tower")]
pub(crate) use self::family::VALUE_MAX;
pub use self::family::{Family, Series, TimedFamily};
#[cfg(feature = "statsd")]
pub(crate) use self::family::{KEYS_MAX, Keys};
pub use self::forgetting::{Forgetting, NotForgotten};
pub use self::history::{EventCounts, History, HistoryState, ServiceHistory};
#[cfg(any(feature = "metrics", feature = "tower"))]
pub(crate) use self::naming::Naming;
#[cfg(feature = "http")]
pub(crate) use self::reading::{Glanced, GlancedFigures, Moments};
#[cfg(feature = "metrics")]
pub(crate) use self::refused::InstrumentKind;
#[cfg(any(feature = "http", feature = "metrics"))]
pub(crate) use self::refused::RefusedInstruments;
pub use self::registry::Registry;
pub use self::rejections::{RejectedExample, RejectionReason, Rejections};
pub use self::service::Service;
pub use self::services::Services;
pub use self::spec::{RateBasis, ServiceSpec};
#[cfg(any(feature = "http", feature = "statsd"))]
pub(crate) use self::target::{Target, TargetRef};
pub use self::unavailable::Unavailable;
pub use self::values::ProcessingTime;
#[cfg(feature = "http")]
pub(crate) use self::values::seconds;
