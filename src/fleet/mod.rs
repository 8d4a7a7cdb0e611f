//! Services: named groups of meters, and the documents made of their figures.
//!
//! A [`ServiceSpec`] describes a service, a [`ServiceBuilder`] builds it, a [`Registry`] holds
//! the services of a process. `description` changes what a service is while it runs,
//! `admission` registers what nobody described, `forgetting` removes it when it is idle, `reading` reads
//! all events of a service as of one moment, `event_rate` makes the JSON document of that, and
//! `consolidated` is the one of all services, with those that are `elsewhere`. `history` keeps the counts of minutes, hours and days.
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
mod forgetting;
mod history;
#[cfg(any(feature = "metrics", feature = "tower"))]
mod naming;
mod reading;
mod registry;
mod rejections;
mod service;
mod spec;
#[cfg(any(feature = "http", feature = "statsd"))]
mod target;
mod values;
#[cfg(feature = "http")]
mod written;

pub use self::admission::AutoRegister;
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
pub use self::error::{RegistryError, ServiceError, Unavailable};
pub use self::event::EventKind;
pub use self::event_rate::{EventFigures, EventRate, Figures, Timestamp};
pub use self::forgetting::{Forgetting, NotForgotten};
pub use self::history::{EventCounts, History, HistoryState, ServiceHistory};
#[cfg(any(feature = "metrics", feature = "tower"))]
pub(crate) use self::naming::Naming;
#[cfg(feature = "http")]
pub(crate) use self::reading::Moments;
pub use self::registry::{Registry, Services};
pub use self::rejections::{RejectedExample, RejectionReason, Rejections};
pub use self::service::Service;
pub use self::spec::{RateBasis, ServiceSpec};
#[cfg(any(feature = "http", feature = "statsd"))]
pub(crate) use self::target::Target;
pub use self::values::ProcessingTime;
#[cfg(feature = "http")]
pub(crate) use self::values::seconds;
