//! Snapshots as serde writes them.

use std::time::Duration;

use serde_json::json;
use tickring::{ManualClock, Meter, Service, Timer};

#[test]
fn a_snapshot_has_the_names_of_the_document() {
    let clock = ManualClock::new();
    let service = Service::builder("s").event("e").clock(clock.clone()).build().unwrap();
    service.meter("e").unwrap().record_n(120);
    clock.advance(Duration::from_millis(5_400));
    let snapshot = serde_json::to_value(service.snapshot().unwrap()).unwrap();
    let expected = json!({
        "events_per_second": 2.0, "events_per_hour": 7200.0, "total_events": 120,
        "uptime_seconds": 5.4, "events_in_window": 120, "covered_seconds": 5.4,
        "peak_events_per_second": 120, "last_event_age_seconds": 4.4,
    });
    assert_eq!(snapshot, expected);
    let document = serde_json::to_value(service.event_rate()).unwrap();
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&document[name], value, "{name}");
    }
    let empty = Meter::with_clock(clock).snapshot();
    assert!(serde_json::to_value(empty).unwrap()["last_event_age_seconds"].is_null());
}

#[test]
fn a_timer_snapshot_has_the_names_of_the_document() {
    let clock = ManualClock::new();
    let timer = Timer::with_clock(clock.clone());
    let since_start = |timer: &Timer| serde_json::to_value(timer.snapshot().since_start()).unwrap();
    assert_eq!(since_start(&timer), json!({ "count": 0, "sum_ms": 0.0, "max_ms": null }));
    timer.record(Duration::from_secs(5));
    let now = timer.snapshot();
    let durations = json!({
        "count": 1, "mean_ms": 5000.0, "min_ms": 5000.0, "p50_ms": 5000.0, "p90_ms": 5000.0,
        "p99_ms": 5000.0, "p999_ms": 5000.0, "max_ms": 5000.0,
    });
    assert_eq!(serde_json::to_value(now.distribution()).unwrap(), durations);
    let expected = json!({
        "events": now.events(),
        "processing_time": durations,
        "since_start": { "count": 1, "sum_ms": 5000.0, "max_ms": 5000.0 },
    });
    assert_eq!(serde_json::to_value(&now).unwrap(), expected);
}
