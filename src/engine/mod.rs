//! The engine: counts events by second, and durations by step, on many threads.
//!
//! # The way of an event
//!
//! ```text
//!  recording thread                                    reader
//!
//!  Meter::record                                       Meter::snapshot
//!    │ key of the meter                                  │
//!  shards/cache.rs    the thread's cache               shards/roster.rs   all shards of the meter
//!    │ hit: the thread's own shard                       │
//!  shards/shard.rs ── seconds/ring.rs ◄─────────────── seconds/ring.rs, read
//!    │                  total += 1                       │
//!    │                  (a bucket only when              │
//!    │                   the second turns)             snapshot.rs        plain values, rates
//!    │
//!  durations/own.rs   for a Timer ◄─────────────────── durations/reader.rs ── distribution.rs
//! ```
//!
//! A thread without a shard records in `seconds/shared.rs` and `durations/shared.rs`. A reader of a single
//! figure (`reads.rs`) loads the totals alone, and takes the rest from `seconds/kept.rs`.
//!
//! The second comes from `time/`: a ticker thread publishes it, recorders load it, and readers take the
//! real time and help the published tick forward.
//!
//! # Which file knows which
//!
//! From the bottom up: `sync`; `time`; `diagnostics`; `seconds` and `durations`, which know neither each
//! other nor shards; `shards`, which knows both; `snapshot` and `distribution`; `show`, which prints
//! these two; `meter` and `reads`; `own`, the shard of a local meter, and `local`; `timer` and `timing`;
//! `stopwatch` and `handle`; `owned`. What the layers above the engine may use is re-exported here, and
//! nothing else.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | tick | a whole second since the origin of a clock; *published tick*: the one that recorders load |
//! | moment | a tick and a fraction of it |
//! | ticker | the thread that advances the published tick of the system's clock |
//! | bucket | the count of one second in a ring; or, for durations, a range of durations |
//! | ring | a total and 64 buckets; *lap*: one way round it |
//! | window | the last 60 seconds, the current one included |
//! | shard | a ring that changes owners, with durations if it belongs to a timer |
//! | owner | the thread or the `LocalMeter` that alone may write a shard, named by a *token* |
//! | shared ring | the ring of a meter that any number of threads write |
//! | roster | the shards of one meter; *place*: the position of a shard on it |
//! | pool | shards without a meter |
//! | key | a number that only one meter has, by which a thread finds its shard |
//! | step | five seconds of a clock; the window of a timer is twelve steps |
//! | own word, shared word | a count of one duration bucket and its step: one that the owner of a shard writes, one that all threads write |
//! | move, mark | an owner moves a count from its own word to a shared word; the mark says that the move is in progress |

mod diagnostics;
mod distribution;
mod durations;
mod handle;
#[cfg(any(loom, feature = "internals"))]
pub mod internals;
mod local;
mod meter;
mod own;
mod owned;
mod reads;
mod seconds;
mod shards;
mod show;
mod snapshot;
mod stopwatch;
mod sync;
mod time;
mod timer;
mod timing;

pub use self::diagnostics::{Diagnostics, copies, diagnostics};
pub use self::distribution::{Distribution, SinceStart, TimerSnapshot};
#[cfg(feature = "service")]
pub(crate) use self::handle::WeakMeter;
pub use self::handle::{MeterHandle, TimerHandle};
pub use self::local::LocalMeter;
pub use self::meter::Meter;
pub use self::owned::{OwnedLocalMeter, OwnedTiming};
#[cfg(feature = "http")]
pub(crate) use self::reads::Glance;
pub use self::snapshot::Snapshot;
#[cfg(feature = "service")]
pub(crate) use self::snapshot::WINDOW;
pub use self::stopwatch::Stopwatch;
#[cfg(feature = "service")]
pub(crate) use self::time::Moment;
#[cfg(not(loom))]
pub use self::time::start;
pub use self::time::{Clock, CustomClock, ManualClock};
pub use self::timer::Timer;
pub use self::timing::Timing;
