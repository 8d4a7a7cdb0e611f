//! The documents of services: six services row by row, every name and type of the JSON, and
//! sources that fail.
#![allow(clippy::float_cmp)] // Where figures are compared by ==, they are exact.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tickring::{ManualClock, Meter, Service};

fn from_catalogue(name: &str) -> (ManualClock, Service) {
    let clock = ManualClock::new();
    // A service that starts while its clock is not at its origin.
    clock.advance(Duration::from_millis(7_300));
    let builder = Service::builder_from_catalogue(name).unwrap();
    let service = builder.clock(clock.clone()).build().unwrap();
    (clock, service)
}

fn document(service: &Service) -> Value {
    serde_json::to_value(service.event_rate()).unwrap()
}

/// The document's figures without what is the same for all.
fn row(service: &Service) -> [Value; 5] {
    let mut document = document(service);
    ["events_per_second", "events_per_hour", "total_events", "uptime_seconds", "rate_basis"]
        .map(|name| document[name].take())
}

/// Its one event at 120, then on for 45 s, then silence.
fn check_rolling(name: &str, event: &str) {
    let (clock, service) = from_catalogue(name);
    assert_eq!(row(&service), [json!(0.0), json!(0.0), json!(0), json!(0.0), json!("rolling")]);
    let meter = service.meter(event).unwrap();
    (0..120).for_each(|_| meter.record());
    assert_eq!(
        row(&service),
        [json!(2.0), json!(7200.0), json!(120), json!(0.0), json!("rolling")]
    );
    clock.advance(Duration::from_millis(45_500));
    meter.record_n(30);
    assert_eq!(
        row(&service),
        [json!(2.5), json!(9000.0), json!(150), json!(45.5), json!("rolling")]
    );
    clock.advance(Duration::from_secs(3600));
    assert_eq!(
        row(&service),
        [json!(0.0), json!(0.0), json!(150), json!(3645.5), json!("rolling")]
    );
}

/// Each of its events, over the uptime, which no silence ends.
fn check_lifetime(name: &str, events: &[&str]) {
    let (clock, service) = from_catalogue(name);
    assert_eq!(row(&service), [json!(0.0), json!(0.0), json!(0), json!(0.0), json!("lifetime")]);
    let mut total = 0;
    for (n, event) in (1..).zip(events) {
        service.meter(event).unwrap().record_n(10 * n);
        total += 10 * n;
        assert_eq!(document(&service)["total_events"], total);
    }
    // An uptime of less than a second counts as a second.
    assert_eq!(row(&service)[0], json!(f64::from(u32::try_from(total).unwrap())));
    for uptime in [100.0, 200.0, 7_000.0] {
        clock.set(Duration::from_millis(7_300) + Duration::from_secs_f64(uptime));
        let rate = f64::from(u32::try_from(total).unwrap()) / uptime;
        let expected =
            [json!(rate), json!(rate * 3600.0), json!(total), json!(uptime), json!("lifetime")];
        assert_eq!(row(&service), expected);
    }
    let by_event = &document(&service)["events"];
    for (n, event) in (1..).zip(events) {
        assert_eq!(by_event[event]["total"], 10 * n);
        assert_eq!(by_event[event]["events_per_second"], 10.0 * f64::from(n) / 7_000.0);
    }
}

#[test]
fn websocket_ingestion_counts_the_last_minute() {
    check_rolling("websocket-ingestion", "event");
}

#[test]
fn enrichment_pipeline_counts_the_last_minute() {
    check_rolling("enrichment-pipeline", "event");
}

#[test]
fn data_api_counts_requests_of_the_last_minute() {
    check_rolling("data-api", "request");
}

#[test]
fn sports_data_counts_over_its_lifetime() {
    check_lifetime("sports-data", &["api_call", "data_fetch"]);
}

#[test]
fn weather_api_counts_over_its_lifetime() {
    check_lifetime("weather-api", &["weather_request", "enrichment_call"]);
}

#[test]
fn ai_automation_counts_over_its_lifetime() {
    let events = ["analysis_request", "pattern_detection", "suggestion_generated"];
    check_lifetime("ai-automation-service", &events);
}

/// Both before the first event and after many.
#[test]
fn every_name_of_the_document_has_its_type() {
    for spec in tickring::catalogue() {
        let (clock, service) = from_catalogue(&spec.name);
        for n in [0, 5] {
            for event in service.events() {
                event.meter().unwrap().record_n(n);
            }
            let document = serde_json::to_value(service.event_rate_with_series()).unwrap();
            check_types(&document, &spec.name, &spec.events);
            assert_eq!(document["last_event_age_seconds"].is_null(), n == 0);
            clock.advance(Duration::from_millis(2_700));
        }
        let plain = document(&service);
        assert!(plain.get("per_second").is_none());
        assert_eq!(plain["last_event_age_seconds"], json!(1.7));
        assert_eq!(plain["covered_seconds"], json!(5.4));
    }
}

fn check_types(document: &Value, service: &str, events: &[String]) {
    let float = |name: &str| assert!(document[name].is_f64(), "{name}: {}", document[name]);
    let count = |name: &str| assert!(document[name].is_u64(), "{name}: {}", document[name]);
    ["events_per_second", "events_per_hour", "uptime_seconds", "covered_seconds"]
        .into_iter()
        .for_each(float);
    ["total_events", "window_minutes", "events_in_window", "peak_events_per_second"]
        .into_iter()
        .for_each(count);
    assert_eq!(document["service"], service);
    assert_eq!(document["window_minutes"], 1);
    let basis = document["rate_basis"].as_str().unwrap();
    assert!(["rolling", "lifetime"].contains(&basis), "{basis}");
    let age = &document["last_event_age_seconds"];
    assert!(age.is_null() || age.is_f64(), "{age}");
    let time = document["timestamp"].as_str().unwrap();
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{time}");
    let series = document["per_second"].as_array().unwrap();
    assert_eq!(series.len(), 60);
    assert!(series.iter().all(Value::is_u64));
    let by_event = document["events"].as_object().unwrap();
    assert_eq!(by_event.len(), events.len());
    for event in events {
        // A timed event has its durations, too.
        let figures = &by_event[event];
        assert!(figures["total"].is_u64() && figures["events_in_window"].is_u64());
        assert!(figures["events_per_second"].is_f64());
    }
    let names = 13 + 1;
    assert_eq!(document.as_object().unwrap().len(), names, "{document}");
}

/// Two events at the same time of a service that counts three.
#[test]
fn the_sum_of_events_is_the_services() {
    let (clock, service) = from_catalogue("ai-automation-service");
    service.meter("analysis_request").unwrap().record_n(3);
    clock.advance(Duration::from_secs(2));
    service.meter("pattern_detection").unwrap().record_n(4);
    let document = serde_json::to_value(service.event_rate_with_series()).unwrap();
    assert_eq!(document["events_in_window"], 7);
    assert_eq!(document["peak_events_per_second"], 4);
    assert_eq!(document["per_second"].as_array().unwrap()[57..], [json!(3), json!(0), json!(4)]);
    assert_eq!(document["last_event_age_seconds"], json!(0.0));
}

/// One source that fails, panics and recovers, beside a meter.
#[test]
fn failing_source_makes_its_service_unavailable() {
    let asked = Arc::new(AtomicUsize::new(0));
    let upstream = Meter::with_clock(ManualClock::new());
    upstream.record_n(60);
    let source = {
        let asked = Arc::clone(&asked);
        move || match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Err("the upstream is down".into()),
            1 => panic!("index out of bounds"),
            2 => panic!("{}", format!("with {}", "a format")),
            _ => Ok(upstream.snapshot()),
        }
    };
    let service = Service::builder("front")
        .event("hit")
        .source("miss", source)
        .clock(ManualClock::new())
        .build()
        .unwrap();
    service.meter("hit").unwrap().record_n(60);
    for why in ["the upstream is down", "index out of bounds", "with a format"] {
        let document = document(&service);
        let zeros = ["events_per_second", "events_per_hour", "total_events", "uptime_seconds"];
        for name in zeros {
            assert_eq!(document[name], json!(0), "{name}");
        }
        assert_eq!(document["service"], "front");
        assert_eq!(document["window_minutes"], 1);
        assert!(document["timestamp"].is_string());
        let error = document["error"].as_str().unwrap();
        assert!(error.contains(why) && error.contains("miss"), "{error}");
        assert_eq!(document.as_object().unwrap().len(), 8);
    }
    let document = document(&service);
    assert_eq!(
        (&document["events_per_second"], &document["total_events"]),
        (&json!(2.0), &json!(120))
    );
    assert!(service.meter("miss").is_err());
}
