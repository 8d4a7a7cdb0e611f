//! What a service's methods count, by place.

use std::sync::atomic::Ordering;

use crate::fast::{self, Counts};
use crate::process;
use crate::service::Service;

impl Counts for Service {
    #[inline]
    fn count<const EVENT: usize>(&self, count: u64) {
        match &self.known[EVENT] {
            Some(meter) => {
                meter.record_n(count);
                process::recorded();
            }
            None => self.refuse(),
        }
    }

    #[cold]
    fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// The place of `event` in [`KNOWN`].
pub(crate) const EVENT: usize = 0;

/// The events that have a method of their own: its name is the event's, but for one.
pub(crate) const KNOWN: [&str; 14] = [
    "event",
    "request",
    "api_call",
    "data_fetch",
    "weather_request",
    "enrichment_call",
    "reading",
    "log_line",
    "correlation_run",
    "correlation_found",
    "analysis_request",
    "pattern_detection",
    "suggestion_generated",
    "record_expired",
];

/// A method that counts events of one place of [`KNOWN`].
macro_rules! counting {
    ($place:literal, $name:literal) => {
        fast::Method::counting::<Service, $place>(concat!($name, "\0"), concat!(
            $name, "($self, count=1)\n--\n\nCounts events of the kind that the method is named after. A \
            count that makes no sense counts\nnothing, and shows in ``refused``.\0"
        ))
    };
}

/// The methods, in the order of [`KNOWN`].
pub(crate) const METHODS: [fast::Method; KNOWN.len()] = [
    fast::Method::one::<Service, EVENT>(
        "record_event\0",
        "record_event($self, event_data=None)\n--\n\nCounts one ``event``; what it is about does not matter.\0",
    ),
    counting!(1, "record_request"),
    counting!(2, "record_api_call"),
    counting!(3, "record_data_fetch"),
    counting!(4, "record_weather_request"),
    counting!(5, "record_enrichment_call"),
    counting!(6, "record_reading"),
    counting!(7, "record_log_line"),
    counting!(8, "record_correlation_run"),
    counting!(9, "record_correlation_found"),
    counting!(10, "record_analysis_request"),
    counting!(11, "record_pattern_detection"),
    counting!(12, "record_suggestion_generation"),
    counting!(13, "record_expired"),
];
