//! Where ticks come from.
//!
//! A recorder only ever loads a clock's *published tick*: reading a real clock costs ten times
//! as much as counting does. A reader takes the real time, second and fraction, and helps the
//! published tick forward when that has fallen behind.
//!
//! # Orderings
//!
//! The published tick is a lone number that only grows. It publishes no other memory, so every
//! access is Relaxed, and coherence alone keeps it from going back for any one thread. A thread
//! that takes over a shard has the former owner's last load of the tick ordered before its own
//! (the shard's owner flag: Release, then Acquire), so along a shard it does not go back either.

mod clock;
mod manual;
#[cfg(not(loom))]
mod system;
pub(crate) mod tick;

pub use clock::Clock;
pub(crate) use clock::TickCell;
pub use manual::ManualClock;
#[cfg(not(loom))]
pub(crate) use system::{lag, published as system_ticks};
pub(crate) use tick::Tick;
pub(crate) use tick::{Moment, SLOTS};
