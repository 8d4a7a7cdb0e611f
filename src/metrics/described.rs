//! What `describe_*` said of counters and histograms, before their first use or after it.

use std::collections::HashMap as Map;

use ::metrics::Unit;

use crate::fleet::fault_of_name;

/// The most names of a kind of which something is kept. What is past that has no text, and is in seconds only if
/// its name says so.
const NAMES_MAX: usize = 1024;

/// Units and help texts by name.
#[derive(Default)]
pub(super) struct Described {
    units: Map<String, Unit>,
    counters: Map<String, String>,
    histograms: Map<String, String>,
}

impl Described {
    /// Notes the help text of a counter. Returns whether it is another one than before.
    pub(super) fn counter(&mut self, name: &str, text: &str) -> bool {
        put(&mut self.counters, name, text.to_owned())
    }

    /// Notes the unit and the help text of a histogram. Returns whether the text is another one than before.
    pub(super) fn histogram(&mut self, name: &str, unit: Option<Unit>, text: &str) -> bool {
        if let Some(unit) = unit {
            put(&mut self.units, name, unit);
        }
        put(&mut self.histograms, name, text.to_owned())
    }

    /// How many seconds a histogram's 1 is; `None` if it is no time.
    pub(super) fn seconds_of(&self, histogram: &str) -> Option<f64> {
        match self.units.get(histogram) {
            Some(Unit::Seconds) => Some(1.0),
            Some(Unit::Milliseconds) => Some(1e-3),
            Some(Unit::Microseconds) => Some(1e-6),
            Some(Unit::Nanoseconds) => Some(1e-9),
            Some(_) => None,
            None => histogram.ends_with("_seconds").then_some(1.0),
        }
    }

    /// The help text of a counter, or of a histogram.
    pub(super) fn help(&self, name: &str, is_histogram: bool) -> Option<&str> {
        let texts = if is_histogram { &self.histograms } else { &self.counters };
        texts.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// Returns whether that changes something.
fn put<T: PartialEq>(known: &mut Map<String, T>, name: &str, value: T) -> bool {
    let has_room = known.len() < NAMES_MAX || known.contains_key(name);
    let changes = has_room && known.get(name) != Some(&value);
    if changes {
        known.insert(name.into(), value);
    }
    changes
}

/// The name of the family that a counter or a histogram is exported as; `Err` says why it can't be.
pub(super) fn family_name(original: &str, is_histogram: bool) -> Result<String, String> {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let mut name: String = original.chars().map(plain).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if is_histogram && !name.ends_with("_seconds") {
        name.push_str("_seconds");
    } else if let Some(bare) = name.strip_suffix("_total").filter(|_| !is_histogram) {
        name.truncate(bare.len());
    }
    match fault_of_name(&name) {
        Some(fault) => Err(fault),
        None => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_those_that_exporters_give() {
        for (original, is_histogram, name) in [
            ("http.requests", false, "http_requests"),
            ("http_requests_total", false, "http_requests"),
            ("2xx", false, "_2xx"),
            ("größe:alle", false, "gr__e_alle"),
            ("latency", true, "latency_seconds"),
            ("job.seconds", true, "job_seconds"),
            ("jobs_total", true, "jobs_total_seconds"),
        ] {
            assert_eq!(family_name(original, is_histogram).as_deref(), Ok(name), "{original}");
        }
        for bad in ["tickring_x", "x_count", "", "__x", "x_sum_total"] {
            assert!(family_name(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn last_text_holds_and_names_are_bounded() {
        let mut described = Described::default();
        assert!(described.counter("a", "first") && described.counter("a", "second"));
        assert!(!described.counter("a", "second"));
        assert_eq!(described.help("a", false), Some("second"));
        assert_eq!(described.help("a", true), None);
        for number in 0..2000 {
            described.histogram(&format!("h{number}"), Some(Unit::Seconds), "text");
        }
        assert_eq!((described.histograms.len(), described.units.len()), (1024, 1024));
        assert!(described.histogram("h7", Some(Unit::Bytes), ""), "it is known");
        assert_eq!((described.help("h7", true), described.seconds_of("h7")), (None, None));
    }
}
