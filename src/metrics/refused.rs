//! What can't be recorded: counted, and said once by name.

use std::sync::Arc;

use papaya::HashMap;

use crate::engine::Meter;
use crate::fleet::{InstrumentKind, OTHER, RefusedInstruments};

/// The most names of what was refused that are kept.
const NAMES_MAX: usize = 256;

/// What a recorder has refused.
pub(super) struct Refused {
    by_kind: Arc<RefusedInstruments>,
    by_name: HashMap<String, Arc<Meter>>,
}

/// Why something isn't recorded.
#[derive(Clone, Copy)]
pub(super) enum Why {
    NoDuration,
    PastCap,
    /// Its service has a source in its place.
    Taken,
}

impl Why {
    #[cfg_attr(not(any(feature = "http", feature = "statsd")), allow(dead_code))] // For the log.
    fn text(self) -> &'static str {
        match self {
            Self::NoDuration => "not recorded: only counters and durations are",
            Self::PastCap => "not recorded: there are as many counters and histograms as may be",
            Self::Taken => "not recorded: its service has a source in its place",
        }
    }
}

/// Says that a counter or a histogram is in tickring's own families only, if there is a reason.
pub(super) fn say_unnamed(name: &str, fault: Option<String>) {
    #[cfg(any(feature = "http", feature = "statsd"))]
    if let Some(why) = fault {
        tracing::warn!(name, why, "not exported as a family of its own name");
    }
    #[cfg(not(any(feature = "http", feature = "statsd")))]
    let _ = (name, fault);
}

impl Refused {
    pub(super) fn new(by_kind: Arc<RefusedInstruments>) -> Self {
        Self { by_kind, by_name: HashMap::new() }
    }

    /// Counts it. The log says each name once.
    pub(super) fn count(&self, kind: InstrumentKind, name: &str, why: Why) {
        self.by_kind.count(kind);
        let names = self.by_name.pin();
        if let Some(count) = names.get(name) {
            return count.record();
        }
        let name = if names.len() < NAMES_MAX { name } else { OTHER };
        let is_new = names.get(name).is_none();
        names.get_or_insert_with(name.into(), || Arc::new(Meter::compact())).record();
        // Who hears it may ask for the same again.
        #[cfg(any(feature = "http", feature = "statsd"))]
        if is_new {
            tracing::warn!(kind = kind.as_str(), name, "{}", why.text());
        }
        #[cfg(not(any(feature = "http", feature = "statsd")))]
        let _ = (is_new, why);
    }

    /// Each name with how often it was asked for, in the order of the names.
    pub(super) fn by_name(&self) -> Vec<(String, u64)> {
        let names = self.by_name.pin();
        let mut all: Vec<_> =
            names.iter().map(|(name, count)| (name.clone(), count.total())).collect();
        all.sort_unstable();
        all
    }
}
