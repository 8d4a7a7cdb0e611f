//! Where ticks come from.
//!
//! A recorder only loads the *published tick* of its clock: to read a real clock costs ten times as much
//! as to count. A reader takes the real time, second and fraction, and helps the published tick forward
//! if that has fallen behind.
//!
//! # Orderings
//!
//! The published tick is a number that only grows. It publishes no other memory, so every access is
//! Relaxed, and coherence alone keeps a thread from seeing it go back. A thread that takes over a shard
//! has the former owner's last load of the tick ordered before its own loads (pair 2 of
//! [`shards`](super::shards)). So successive owners of a shard don't see it go back either.

mod cell;
mod clock;
mod manual;
#[cfg(not(loom))]
mod system;
pub(crate) mod tick;

pub(crate) use cell::TickCell;
pub use clock::Clock;
pub use manual::ManualClock;
#[cfg(not(loom))]
pub(crate) use system::{lag, published as system_ticks};
pub(crate) use tick::Tick;
pub(crate) use tick::{Moment, SLOTS};
