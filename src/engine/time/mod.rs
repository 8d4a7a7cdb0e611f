//! Where ticks come from.
//!
//! A recorder only loads the *published tick* of its clock: to read a real clock costs ten times as much
//! as to count. A reader takes the real time, second and fraction, and helps the published tick forward
//! if that has fallen behind. A reader that needs only the second takes the published tick, and checks it
//! now and then.
//!
//! The system's clock is the machine's monotonic one, which on Linux stands still while the machine is
//! suspended.
//!
//! # Orderings
//!
//! The published tick is a number that only grows. Recorders load it Relaxed: for them it publishes no
//! other memory, and coherence alone keeps a thread from seeing it go back. A thread that takes over a
//! shard has the former owner's last load of the tick ordered before the loads that follow (pair 2 of
//! [`shards`](super::shards)); only its first record may have an earlier tick, and the ring keeps its second. The cell of a manual clock that is gone goes back to 0 for the next one, when
//! no meter uses it any more.
//!
//! A manual clock has its time in another word. There the tick is published with **Release**, after the
//! time has moved, and a reader loads the tick with **Acquire**, before it loads the time. So a thread
//! that recorded in a second reads a time that is in this second or later, and its own next snapshot has
//! the event. The system's clock needs no such pair: the time of the machine is no memory.

mod cell;
mod clock;
mod custom;
mod manual;
mod source;
#[cfg(not(loom))]
mod system;
pub(crate) mod tick;

pub(crate) use cell::TickCell;
pub use clock::Clock;
pub use custom::CustomClock;
pub use manual::ManualClock;
#[cfg(not(loom))]
pub(crate) use system::{lag, published as system_ticks, ticker_starts};
pub(crate) use tick::Tick;
pub(crate) use tick::{Moment, SLOTS};

/// Starts the thread that publishes the seconds of the system's clock, unless it runs already.
///
/// The first use of a meter does the same, so most programs need not call this. Call it at the beginning
/// of `main`, before the first meter is used, in a program of which one of these is true:
///
/// - It must not go on without the thread. Where the system has no thread for it, this returns an error;
///   the first use of a meter goes on without, and seconds then pass only when a meter is read.
/// - It blocks signals, to wait for them with `sigwait` or `signalfd`. The thread inherits the signal mask
///   of the thread that starts it. So block the signals first and then call this. A thread that was
///   started before has them unblocked, and the system may deliver a signal to it, whose default action
///   can end the process.
/// - Its threads have a real-time priority, or run on some processors only. The thread inherits both.
///   Call this while the calling thread has neither: a ticker that doesn't get a processor is late.
///
/// # Errors
///
/// If the system can't start a thread.
///
/// ```
/// tickring::start()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[cfg(not(loom))]
pub fn start() -> std::io::Result<()> {
    system::start()
}
