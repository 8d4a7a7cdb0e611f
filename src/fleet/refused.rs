//! Counts of what a facade asked for and nothing here can record.

use std::sync::atomic::Ordering;

use portable_atomic::AtomicU64;

/// How often instruments of a kind were asked for that can't be recorded. A registry has one, if a facade
/// records in it.
// Relaxed: no count says anything about another one or about other memory.
#[derive(Debug, Default)]
pub(crate) struct RefusedInstruments([AtomicU64; KINDS.len()]);

/// The kinds, as labels.
const KINDS: [&str; 3] = ["counter", "gauge", "histogram"];

#[derive(Clone, Copy, Debug)]
#[cfg(feature = "metrics")]
pub(crate) enum InstrumentKind {
    Counter,
    Gauge,
    Histogram,
}

#[cfg(feature = "metrics")]
impl InstrumentKind {
    #[cfg_attr(not(any(feature = "http", feature = "statsd")), allow(dead_code))] // For the log.
    pub(crate) fn as_str(self) -> &'static str {
        KINDS[self as usize]
    }
}

impl RefusedInstruments {
    #[cfg(feature = "metrics")]
    pub(crate) fn count(&self, kind: InstrumentKind) {
        self.0[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "http")]
    pub(super) fn by_kind(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.iter().zip(&self.0).map(|(kind, count)| (*kind, count.load(Ordering::Relaxed)))
    }
}
