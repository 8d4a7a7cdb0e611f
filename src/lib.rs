//! How many events a second: now, over the last minute, since the start.
#![cfg_attr(not(loom), forbid(unsafe_code))]
#![cfg_attr(loom, deny(unsafe_code))]

mod clock;
mod diagnostics;
#[cfg(feature = "service")]
mod intake;
mod meter;
#[cfg(feature = "service")]
mod service;
mod snapshot;
#[cfg(feature = "statsd")]
pub mod statsd;
mod sync;
mod tick;
mod window;

pub use clock::{Clock, ManualClock};
pub use diagnostics::{Diagnostics, diagnostics};
#[cfg(feature = "service")]
pub use intake::{Reason, Rejections};
pub use meter::{LocalMeter, Meter};
#[cfg(feature = "service")]
pub use service::{
    Basis, Event, EventFigures, EventRate, Figures, Profile, Registry, RegistryError, Service,
    ServiceBuilder, ServiceError, Services, Timestamp, Unavailable, catalogue,
};
pub use snapshot::Snapshot;
pub use tick::Tick;
