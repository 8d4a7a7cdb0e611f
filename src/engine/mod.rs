//! The engine.

mod diagnostics;
mod distribution;
mod durations;
#[cfg(any(loom, feature = "internals"))]
pub mod internals;
mod meter;
mod seconds;
mod shards;
mod snapshot;
mod sync;
mod time;
mod timer;
mod timing;

pub use self::diagnostics::{Diagnostics, diagnostics};
pub use self::distribution::{Distribution, SinceStart, TimerSnapshot};
pub use self::meter::{LocalMeter, Meter};
pub use self::snapshot::Snapshot;
#[cfg(feature = "service")]
pub(crate) use self::snapshot::WINDOW;
#[cfg(feature = "service")]
pub(crate) use self::time::Moment;
pub use self::time::{Clock, ManualClock};
pub use self::timer::Timer;
pub use self::timing::Timing;
