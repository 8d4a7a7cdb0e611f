//! How many events a second: now, over the last minute, since the start; for less than the price
//! of one atomic addition per event.
//!
//! ```
//! use tickring::Meter;
//!
//! static FRAMES: Meter = Meter::new();
//!
//! FRAMES.record(); // on the hot path
//!
//! let now = FRAMES.snapshot(); // anywhere else
//! println!("{:.1} frames/s now", now.events_per_second_over(5)); // over the last 5 s
//! println!("{:.1} frames/s over the last minute", now.events_per_second());
//! println!("{} in all, {:.1} frames/s since the start", now.total(), now.lifetime_per_second());
//! ```
//!
//! # How it works
//!
//! Each recording thread owns a ring of 64 per-second buckets, which it writes with plain loads
//! and stores. A background thread publishes the current second once a second, so a record reads
//! no clock. A reader adds up the rings of all threads in one pass, and writes nothing that a
//! recorder touches. When a thread ends, its ring goes on to the next thread with all its counts,
//! so nothing is ever merged and nothing is lost. `DESIGN.md` has the whole story, the orderings
//! and the laws that tests and models hold it to.
//!
//! # Trade-offs
//!
//! - An event is dated to the second, by a clock that is read once a second: up to a second's
//!   tail (as late as that thread wakes, usually well below a millisecond) counts in the second
//!   before.
//! - A meter takes 704 bytes for each thread that records on it, up to 183 KiB. A [`LocalMeter`] takes as
//!   much as a thread, so don't make one for each task.
//! - The window is a minute, and fixed. A snapshot has the rate over any 1 to 60 seconds of it.
//! - The rolling minute is not for admission: [`Snapshot::events_per_second_over`] says why, and what is.
//! - Reading costs about as much as two clock readings per recording thread. Many more reads than
//!   records want a different design.
//!
//! # Services
//!
//! With the feature `service` meters are grouped into [`Service`]s with a name and an event-rate
//! document, and a [`Registry`] of them is what the exporters serve:
//!
//! ```
//! # #[cfg(feature = "service")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tickring::{Registry, Service};
//!
//! let registry = Registry::new();
//! let billing = Service::builder("billing").port(9001).event("invoice").build()?;
//! let billing = registry.register(billing)?;
//! let invoices = billing.meter("invoice")?; // once; then keep it
//! invoices.record();
//! println!("{}", serde_json::to_string(&billing.event_rate())?);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "service"))]
//! # fn main() {}
//! ```
//!
//! # More
//!
//! The [`guide`] has pages on [async code](guide::tasks), [tests](guide::testing),
//! [many meters](guide::many_meters), [admission](guide::admission), [mounting](guide::mounting) in axum,
//! hyper and others, and [two versions](guide::versions) in one process.
//!
//! # Features
//!
//! The README has the table. With `default-features = false` the crate is the engine alone and
//! depends on `crossbeam-utils` and `portable-atomic` only.
#![cfg_attr(not(loom), forbid(unsafe_code))]
#![cfg_attr(loom, deny(unsafe_code))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doc)]
pub mod design;
mod engine;
#[cfg(feature = "http")]
mod export;
#[cfg(feature = "service")]
mod fleet;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "statsd")]
pub mod statsd;
#[cfg(feature = "tower")]
pub mod tower;

#[cfg(any(loom, feature = "internals"))]
#[doc(hidden)]
pub use engine::internals;
#[cfg(not(loom))]
pub use engine::start;
pub use engine::{
    Clock, CustomClock, Diagnostics, Distribution, LocalMeter, ManualClock, Meter, MeterHandle,
    OwnedLocalMeter, OwnedTiming, SinceStart, Snapshot, Stopwatch, Timer, TimerHandle,
    TimerSnapshot, Timing, copies, diagnostics,
};
#[cfg(feature = "service")]
pub use fleet::{
    AutoRegister, EventCounts, EventFigures, EventKind, EventRate, Family, Figures, Forgetting,
    History, HistoryState, NotForgotten, ProcessingTime, RateBasis, Registry, RegistryError,
    RejectedExample, RejectionReason, Rejections, Series, SeriesFigures, Service, ServiceBuilder,
    ServiceError, ServiceHistory, ServiceSpec, Services, TimedFamily, Timestamp, Unavailable,
    catalogue,
};
#[cfg(feature = "http")]
pub use fleet::{Elsewhere, ElsewhereFigures, ErrorType};

/// Compiles the examples of the README.
#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;
