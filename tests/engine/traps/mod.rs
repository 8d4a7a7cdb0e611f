//! The mistakes that other meters made, one test each. A test's name says what holds here; its
//! comment says what went wrong elsewhere. (Those of HTTP are in `tests/http/traps.rs`.)

mod threads;
mod time;
