//! Events over `StatsD`: UDP and Unix datagrams to counts.
//!
//! A line is `SERVICE.EVENT:VALUE|c`, as every `StatsD` client sends it; `SERVICE:VALUE|c` counts
//! the service's first event. Further:
//!
//! - several lines in a datagram, `\n` or `\r\n` between them;
//! - a sample rate, `|@0.1`: the line stands for ten times its value;
//! - packed values, `:1:2:3`, as `DogStatsD` sends them;
//! - tags, `|#region:eu`, which are ignored;
//! - timers, `|ms`, and distributions, `|h` and `|d`: each value is one event; if the event is
//!   timed, the value is recorded as its duration in milliseconds.
//!
//! Fractions of an event (a value of 2.5, a sample rate of 0.3) are carried, for each event and
//! listener, until they make up a whole one. So the total is always the exact sum, rounded down.
//!
//! What can't be used is counted in [`Rejections`](crate::Rejections) by its reason, and logged at
//! most once a second for each reason. Other lines of the datagram count all the same.
//!
//! A [`Config`] says for which services, and with which caps. It starts a [`Listener`] for each
//! socket: a thread that takes up to 64 datagrams with a system call. A flood costs one core, and
//! no other thread's time.

#[cfg(not(unix))]
compile_error!("the feature `statsd` needs a Unix system");

mod amount;
mod batch;
mod drops;
mod line;
mod listener;
mod recorder;
mod refusals;
mod resolve;
mod socket;

pub use crate::fleet::AutoRegister;
pub use amount::Amount;
pub use line::{Kind, Line, lines};
pub use listener::{Config, Listener};
pub use socket::{UnixSocket, bind_udp};
