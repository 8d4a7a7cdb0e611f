//! Timed events of a service, and what its document says of them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tickring::{ManualClock, Service, ServiceError};

fn document(service: &Service) -> Value {
    serde_json::to_value(service.event_rate()).unwrap()
}

#[test]
fn document_of_a_timed_event_has_its_time() {
    let clock = ManualClock::new();
    let service = Service::builder_from_catalogue("enrichment-pipeline").unwrap();
    let service = service.clock(clock.clone()).build().unwrap();
    let time = |service: &Service| document(service)["events"]["event"]["processing_time"].clone();
    let empty = json!({
        "count": 0, "mean_ms": null, "min_ms": null, "p50_ms": null, "p90_ms": null,
        "p99_ms": null, "p999_ms": null, "max_ms": null,
    });
    assert_eq!(time(&service), empty);
    // Below 32 ns, durations are told exactly.
    let timer = service.timer("event").unwrap();
    (1..=20).for_each(|nanos| timer.record(Duration::from_nanos(nanos)));
    // The meter is the timer's; what is recorded on it has no duration.
    service.meter("event").unwrap().record();
    let expected = json!({
        "count": 20, "mean_ms": 0.00001, "min_ms": 0.000_001, "p50_ms": 0.00001,
        "p90_ms": 0.000_018, "p99_ms": 0.00002, "p999_ms": 0.00002, "max_ms": 0.00002,
    });
    assert_eq!(time(&service), expected);
    assert_eq!(document(&service)["total_events"], 21);
    clock.advance(Duration::from_secs(60));
    assert_eq!(time(&service), empty);
}

#[test]
fn events_that_are_not_timed_have_none() {
    let service = Service::builder("a").timed_event("call").event("hit").build().unwrap();
    assert_eq!(document(&service)["events"]["hit"].get("processing_time"), None);
    let error = service.timer("hit").unwrap_err();
    assert!(matches!(error, ServiceError::NotTimed { .. }));
    let text = "event \"hit\" of service \"a\" is not timed: of its events, these are: call";
    assert_eq!(error.to_string(), text);
    assert!(matches!(service.timer("miss"), Err(ServiceError::UnknownEvent { .. })));
    let source = Service::builder("b").source("call", || Err("down".into())).build().unwrap();
    assert!(matches!(source.timer("call"), Err(ServiceError::NotRecorded { .. })));
}

#[test]
fn a_service_described_anew_keeps_its_durations() {
    let clock = ManualClock::new();
    let plain = Service::builder("a").event("call").event("hit").clock(clock.clone());
    let plain = Arc::new(plain.build().unwrap());
    plain.meter("call").unwrap().record();
    // Timed from now on.
    let next = Service::builder("a").timed_event("call").event("hit").continuing(&plain);
    let timed = Arc::new(next.build().unwrap());
    let calls = timed.timer("call").unwrap();
    calls.record(Duration::from_nanos(7));
    clock.advance(Duration::from_secs(5));
    calls.record(Duration::from_nanos(7));
    let now = calls.snapshot();
    assert_eq!((now.events().total(), now.since_start().count()), (3, 2));
    assert_eq!(now.distribution().count(), 2);
    assert_eq!(plain.snapshot().unwrap().total(), 3);
    // Still timed.
    let again = Service::builder("a").timed_event("call").continuing(&timed);
    let again = Arc::new(again.build().unwrap());
    assert!(std::ptr::eq(&raw const *again.timer("call").unwrap(), &raw const *calls));
    // No longer timed.
    let untimed = Service::builder("a").event("call").continuing(&again).build();
    let untimed = Arc::new(untimed.unwrap());
    assert!(untimed.timer("call").is_err());
    assert_eq!(untimed.meter("call").unwrap().snapshot().total(), 3);
    // Timed again: by the same timer, so nobody's durations go anywhere else.
    let again = Service::builder("a").timed_event("call").continuing(&untimed).build().unwrap();
    assert!(std::ptr::eq(&raw const *again.timer("call").unwrap(), &raw const *calls));
}

/// Two timers on one meter would each have a part of its durations.
#[test]
fn event_that_is_timed_again_keeps_all_durations() {
    let clock = ManualClock::new();
    let builder = || Service::builder("a").clock(clock.clone());
    let first = Arc::new(builder().timed_event("call").build().unwrap());
    let kept = first.timer("call").unwrap();
    kept.record(Duration::from_nanos(7));
    let untimed = Arc::new(builder().event("call").continuing(&first).build().unwrap());
    let again = builder().timed_event("call").continuing(&untimed).build().unwrap();
    again.timer("call").unwrap().record(Duration::from_nanos(7));
    kept.record(Duration::from_nanos(9));
    let now = again.timer("call").unwrap().snapshot();
    assert_eq!((now.events().total(), now.since_start().count()), (3, 3));
    assert_eq!(now.distribution().count(), 3);
}
