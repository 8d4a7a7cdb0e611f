//! Events over `StatsD`: datagrams and connections to counts.
//!
//! A line is `SERVICE.EVENT:VALUE|c`, as every `StatsD` client sends it; `SERVICE:VALUE|c` counts
//! the service's first event. The service ends at the first dot; the event may have dots. Further:
//!
//! - several lines in a datagram, `\n` or `\r\n` between them;
//! - a sample rate, `|@0.1`: the line stands for ten times its value;
//! - packed values, `:1:2:3`, as `DogStatsD` sends them;
//! - tags, `|#region:eu`, or as other dialects write them (`name,tag=v:1|c`, `name#tag=v:1|c`,
//!   `name[tag=v]:1|c`): those whose keys the event declares as [labels](crate::Family) are taken, the others
//!   are dropped; a key that doesn't come has the empty value;
//! - all other sections that begin with a letter, which are ignored;
//! - timers, `|ms`, and distributions, `|h` and `|d`: each value is one event; if the event is
//!   timed, the value is recorded as its duration in milliseconds. A timer of an event that is not
//!   timed counts, as every timer of `StatsD` does: a client that measures has seen an event. That its
//!   duration is lost is counted as [`Untimed`](crate::RejectionReason::Untimed).
//!
//! Fractions of an event (a value of 2.5, a sample rate of 0.3) are carried, for each event and
//! listener, until they make up a whole one, which counts for the label set that completed it. So the total is always the exact sum, rounded down.
//!
//! What can't be used is counted in [`Rejections`](crate::Rejections) by its reason, and logged at
//! most once a second for each reason. Other lines of the datagram count all the same.
//!
//! A [`Config`] says for which services, and with which caps. It starts a [`Listener`] for each
//! socket: a thread that takes up to 64 datagrams with a system call, or serves all connections of its
//! socket. A flood costs one core, and no other thread's time.

#[cfg(not(unix))]
compile_error!("the feature `statsd` needs a Unix system");

mod amount;
mod batch;
mod config;
mod datagrams;
mod drops;
mod frames;
mod known;
mod line;
mod listener;
mod recorder;
mod refusals;
mod renames;
mod resolve;
mod socket;
mod streams;
mod unix_socket;

pub use crate::fleet::AutoRegister;
pub use amount::Amount;
pub use config::Config;
pub use line::{Kind, Line, lines};
pub use listener::Listener;
pub use socket::bind_udp;
pub use streams::STREAM_CONNECTIONS;
pub use unix_socket::{UnixSocket, UnixStreamSocket};
