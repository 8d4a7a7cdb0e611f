//! The recorder for the `metrics` facade.

mod counters;
#[path = "../support/mod.rs"]
mod support;
