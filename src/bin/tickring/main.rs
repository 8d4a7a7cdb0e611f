//! The `tickring` program.

fn main() {}
