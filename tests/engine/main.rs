//! The engine through its public face: laws, traps, rates and timers.

mod laws;
mod quantiles;
mod rates;
mod shedding;
mod spans;
#[path = "../support/mod.rs"]
mod support;
mod timer;
mod traps;
mod values;
