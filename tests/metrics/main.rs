//! The recorder for the `metrics` facade.

mod counters;
mod page;
#[path = "../support/mod.rs"]
mod support;
