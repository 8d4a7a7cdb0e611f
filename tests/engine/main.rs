//! The engine through its public face: laws, traps, rates and timers.

mod laws;
mod owned;
mod quantiles;
mod rates;
mod shedding;
mod spans;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
mod timer;
mod traps;
mod users;
mod values;
