//! Events over `StatsD`: UDP and Unix datagrams to counts.

mod number;
mod parser;

pub use number::Amount;
pub use parser::{Kind, Line, lines};
