//! The consolidated document as it is written.

use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::consolidated::{Consolidated, Entry, EntryFigures, ErrorType, Outcome, Status};
use super::values::ProcessingTime;
use super::{Timestamp, seconds};

/// The category of the services that are sources of data.
const DATA: &str = "data";

/// The document as it is written. Two generations of clients read it: those of one read `active_apis` and
/// `service_name`, those of the other `api_metrics` and `service`.
#[derive(Serialize)]
struct Written<'a> {
    events_per_second: f64,
    events_per_hour: f64,
    active_apis: Vec<&'a Entry>,
    api_metrics: &'a [Entry],
    api_calls_active: usize,
    inactive_apis: usize,
    error_apis: usize,
    total_apis: usize,
    data_sources_active: Vec<&'a str>,
    health_summary: HealthSummary,
    timestamp: Timestamp,
    collection_time_ms: f64,
}

#[derive(Serialize)]
struct HealthSummary {
    healthy: usize,
    unhealthy: usize,
    total: usize,
    health_percentage: f64,
}

impl Serialize for Consolidated {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let totals = self.totals();
        let total = self.entries().len();
        let data = self.active().filter(|entry| entry.category == DATA);
        Written {
            events_per_second: totals.events_per_second,
            events_per_hour: totals.events_per_hour,
            active_apis: self.active().collect(),
            api_metrics: self.entries(),
            api_calls_active: totals.active,
            inactive_apis: totals.inactive,
            error_apis: totals.failed,
            total_apis: total,
            data_sources_active: data.map(|entry| entry.service.as_str()).collect(),
            health_summary: HealthSummary {
                healthy: totals.active,
                unhealthy: total - totals.active,
                total,
                health_percentage: percentage(totals.active, total),
            },
            timestamp: self.timestamp(),
            collection_time_ms: milliseconds(self.collection_time()),
        }
        .serialize(serializer)
    }
}

/// An entry as it is written: zeros where its figures can't be had.
#[derive(Serialize)]
struct WrittenEntry<'a> {
    service_name: &'a str,
    service: &'a str,
    port: Option<u16>,
    service_type: &'a str,
    status: Status,
    events_per_second: f64,
    events_per_hour: f64,
    total_events: u64,
    uptime_seconds: f64,
    #[serde(serialize_with = "to_the_second")]
    last_activity: Option<Timestamp>,
    error_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<ErrorType>,
    is_fallback: bool,
    response_time_ms: Option<f64>,
    last_success: Option<Timestamp>,
    peak_events_per_second: u64,
    last_event_age_seconds: Option<f64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    details: Option<WrittenDetails<'a>>,
}

#[derive(Serialize)]
struct WrittenDetails<'a> {
    per_second: &'a [u64],
    #[serde(serialize_with = "as_map", skip_serializing_if = "<[_]>::is_empty")]
    processing_time: &'a [(String, ProcessingTime)],
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nothing = EntryFigures::default();
        let (figures, failure) = match &self.outcome {
            Outcome::Figures { figures, .. } => (figures, None),
            Outcome::Failed { error_type, error } => {
                (&nothing, Some((*error_type, error.as_str())))
            }
        };
        WrittenEntry {
            service_name: &self.service,
            service: &self.service,
            port: self.port,
            service_type: &self.category,
            status: self.status(),
            events_per_second: figures.events_per_second,
            events_per_hour: figures.events_per_hour(),
            total_events: figures.total_events,
            uptime_seconds: seconds(figures.uptime),
            last_activity: figures.last_activity,
            error_message: failure.map(|(_, error)| error),
            error_type: failure.map(|(error_type, _)| error_type),
            is_fallback: failure.is_some(),
            response_time_ms: self.response_time.map(milliseconds),
            last_success: self.last_success,
            peak_events_per_second: figures.peak_per_second,
            last_event_age_seconds: figures.last_event_age.map(seconds),
            details: figures.details.as_ref().map(|details| WrittenDetails {
                per_second: &details.per_second,
                processing_time: &details.processing_time,
            }),
        }
        .serialize(serializer)
    }
}

/// With one decimal; 0 of none.
#[allow(clippy::cast_precision_loss)] // There are not so many services.
fn percentage(part: usize, total: usize) -> f64 {
    if total == 0 { 0.0 } else { (part as f64 * 1000.0 / total as f64).round() / 10.0 }
}

/// To the microsecond.
#[allow(clippy::cast_precision_loss)] // It would be 285 years.
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

#[allow(clippy::ref_option)] // serde calls it so.
fn to_the_second<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(&time.to_the_second()),
        None => serializer.serialize_none(),
    }
}

fn as_map<S: Serializer>(
    events: &[(String, ProcessingTime)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(events.len()))?;
    for (name, time) in events {
        map.serialize_entry(name, time)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(service: &str, category: &str, outcome: Outcome) -> Entry {
        let (service, category) = (service.into(), category.into());
        Entry { service, port: Some(7), category, outcome, response_time: None, last_success: None }
    }

    fn figures(is_active: bool, events_per_second: f64) -> Outcome {
        let figures = EntryFigures { events_per_second, total_events: 9, ..Default::default() };
        Outcome::Figures { is_active, figures }
    }

    fn failed(error_type: ErrorType) -> Outcome {
        Outcome::Failed { error_type, error: "on purpose".into() }
    }

    fn document(entries: impl IntoIterator<Item = Entry>) -> Value {
        let mut document = Consolidated::new(Timestamp::now());
        entries.into_iter().for_each(|entry| document.add(entry));
        document.took(Duration::from_micros(1234));
        serde_json::to_value(document).unwrap()
    }

    #[test]
    fn each_status_counts_where_clients_look_for_it() {
        let document = document([
            entry("a", "data", figures(true, 0.5)),
            entry("b", "core", figures(true, 0.25)),
            entry("c", "data", figures(false, 8.0)),
            entry("d", "data", failed(ErrorType::Timeout)),
            entry("e", "data", failed(ErrorType::CircuitOpen)),
            entry("f", "data", failed(ErrorType::ClientError)),
        ]);
        assert_eq!(document["events_per_second"], json!(0.75));
        assert_eq!(document["events_per_hour"], json!(2700.0));
        let counts = ["api_calls_active", "inactive_apis", "error_apis", "total_apis"];
        assert_eq!(counts.map(|name| document[name].as_u64().unwrap()), [2, 1, 3, 6]);
        assert_eq!(document["data_sources_active"], json!(["a"]));
        let health = json!({ "healthy": 2, "unhealthy": 4, "total": 6, "health_percentage": 33.3 });
        assert_eq!(document["health_summary"], health);
        assert_eq!(document["collection_time_ms"], json!(1.234));
        assert_eq!(
            document["active_apis"],
            json!(document["api_metrics"].as_array().unwrap()[..2])
        );
        let statuses = document["api_metrics"].as_array().unwrap().iter();
        let statuses: Vec<_> = statuses.map(|entry| entry["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["active", "active", "inactive", "timeout", "error", "error"]);
    }

    #[test]
    fn entry_without_figures_is_zeros_and_a_reason() {
        let failed = entry("d", "data", failed(ErrorType::CircuitOpen));
        let written = serde_json::to_value(failed).unwrap();
        let expected = json!({
            "service_name": "d", "service": "d", "port": 7, "service_type": "data",
            "status": "error", "events_per_second": 0.0, "events_per_hour": 0.0,
            "total_events": 0, "uptime_seconds": 0.0, "last_activity": null,
            "error_message": "on purpose", "error_type": "circuit_open", "is_fallback": true,
            "response_time_ms": null, "last_success": null, "peak_events_per_second": 0,
            "last_event_age_seconds": null,
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn document_without_services_has_no_number_below_zero() {
        let empty = document([]);
        assert_eq!(empty["events_per_second"].to_string(), "0.0");
        assert_eq!(empty["health_summary"]["health_percentage"], json!(0.0));
    }
}
