//! Services, what their documents say, and timed events.

mod documents;
mod given;
#[path = "../support/mod.rs"]
mod support;
mod timed;
mod values;
