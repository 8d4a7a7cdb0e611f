//! Events over `StatsD`: UDP and Unix datagrams to counts.
//!
//! A line is `SERVICE.EVENT:VALUE|c`, as every `StatsD` client sends it; `SERVICE:VALUE|c` counts
//! the service's first event. Further:
//!
//! - several lines in a datagram, `\n` or `\r\n` between them;
//! - a sample rate, `|@0.1`: the line stands for ten times its value;
//! - packed values, `:1:2:3`, and tags, `|#region:eu`, which are ignored, as `DogStatsD` has them;
//! - timers, `|ms`, and distributions, `|h` and `|d`: each value is one event; where the event is
//!   timed, milliseconds are recorded as its duration.
//!
//! Fractions of an event (a value of 2.5, a sample of 0.3) are carried, for each event and
//! listener, until they make up a whole one. So the total is always that of the exact sum,
//! rounded down.
//!
//! What can't be used is counted in [`Rejections`](crate::Rejections) by its reason, and logged at
//! most once a second for each. It never spoils the lines beside it.
//!
//! Each [`Listener`] is a thread of its own that takes up to 64 datagrams with a system call; a
//! flood costs one core and nobody else's time.

#[cfg(not(unix))]
compile_error!("the feature `statsd` needs a Unix system");

mod admission;
mod batch;
mod drops;
mod listener;
mod number;
mod parser;
mod recorder;
mod refusals;
mod socket;

pub use admission::AutoRegister;
pub use listener::{Config, Listener};
pub use number::Amount;
pub use parser::{Kind, Line, lines};
pub use socket::{UnixSocket, bind_udp};
