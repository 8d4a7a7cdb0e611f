//! The engine's laws. Each test breaks where its law doesn't hold. The laws about memory are in
//! `tests/memory`, the law that reading writes nothing is in `tests/fork.rs`.

mod clocks;
mod conservation;
mod ownership;
mod reading;
mod seconds;
