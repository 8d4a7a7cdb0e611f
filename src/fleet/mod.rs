//! Services: named groups of meters, and the documents made of their figures.

#[cfg(any(feature = "metrics", feature = "tower"))]
mod admission;
mod builder;
mod catalogue;
mod error;
mod event_rate;
#[cfg(any(feature = "metrics", feature = "tower"))]
mod naming;
mod processing_time;
mod registry;
mod rejections;
mod service;
mod spec;

#[cfg(any(feature = "metrics", feature = "tower"))]
pub(crate) use self::admission::register;
pub use self::builder::ServiceBuilder;
pub use self::catalogue::catalogue;
pub use self::error::{RegistryError, ServiceError, Unavailable};
pub use self::event_rate::{EventFigures, EventRate, Figures, Timestamp};
#[cfg(any(feature = "metrics", feature = "tower"))]
pub(crate) use self::naming::Naming;
pub use self::processing_time::ProcessingTime;
pub use self::registry::{Registry, Services};
pub use self::rejections::{RejectionReason, Rejections};
pub use self::service::{EventKind, Service};
pub use self::spec::{RateBasis, ServiceSpec};
