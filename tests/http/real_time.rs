//! The consolidated document, as its two generations of clients read it.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tickring::http::Router;
use tickring::{
    AutoRegister, Elsewhere, ElsewhereFigures, ErrorType, ManualClock, RateBasis, Registry, Service,
};

use crate::support::{fleet, router};

fn document(router: &Router, query: &str) -> Value {
    let answer = router::ask(router, "GET", &format!("/api/v1/real-time-metrics{query}"), "");
    assert_eq!(answer.status(), 200, "whatever fails");
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    serde_json::from_slice(answer.body()).unwrap()
}

/// A registry with some of everything: services of either basis, timed and failing ones, and events of
/// all ages.
fn random_registry(chance: &mut fastrand::Rng) -> Registry {
    let (registry, clock) = (Registry::new(), ManualClock::new());
    for number in 0..chance.usize(1..40) {
        let basis = if chance.bool() { RateBasis::Rolling } else { RateBasis::Lifetime };
        let category = *chance.choice(&["core", "data", "ai"]).unwrap();
        let service = Service::builder(format!("s{number}")).basis(basis).category(category);
        let service = service.clock(clock.clone()).event("a").timed_event("b");
        let service = match chance.u8(0..6) {
            0 => service.source("c", || Err("on purpose".into())),
            1 => service.source("c", || panic!("on purpose")),
            _ => service,
        };
        registry.register(service.build().unwrap()).unwrap();
    }
    for _ in 0..chance.usize(0..20) {
        clock.advance(Duration::from_millis(chance.u64(1..900_000)));
        for service in registry.services().iter() {
            if chance.u8(0..4) > 0 {
                continue;
            }
            service.meter("a").unwrap().record_n(chance.u64(1..1_000_000));
            service.timer("b").unwrap().record(Duration::from_millis(chance.u64(0..5_000)));
        }
    }
    registry
}

/// But for the last digits, which `serde_json` doesn't read exactly.
fn assert_same(one: f64, other: f64) {
    assert!((one - other).abs() <= 1e-13 * one.abs(), "{one} {other}");
}

#[test]
fn sums_agree_with_their_parts() {
    let mut chance = fastrand::Rng::with_seed(162);
    let mut seen = [0; 3];
    for _ in 0..60 {
        let router = Router::new(random_registry(&mut chance), "s0").unwrap();
        for query in ["", "?series=1"] {
            let document = document(&router, query);
            let all = document["api_metrics"].as_array().unwrap();
            let of = |statuses: &[&str]| -> Vec<Value> {
                let fits = |entry: &&Value| statuses.contains(&entry["status"].as_str().unwrap());
                all.iter().filter(fits).cloned().collect()
            };
            let (active, inactive) = (of(&["active"]), of(&["inactive"]));
            let failed = of(&["error", "timeout"]);
            assert_eq!(document["active_apis"], json!(active));
            let count = |name: &str| usize::try_from(document[name].as_u64().unwrap()).unwrap();
            assert_eq!(count("api_calls_active"), active.len());
            assert_eq!(count("inactive_apis"), inactive.len());
            assert_eq!(count("error_apis"), failed.len());
            assert_eq!(count("total_apis"), all.len());
            assert_eq!(active.len() + inactive.len() + failed.len(), all.len());
            for figure in ["events_per_second", "events_per_hour"] {
                let parts = active.iter().map(|entry| entry[figure].as_f64().unwrap());
                let sum = parts.fold(0.0, |sum, part| sum + part);
                assert_same(document[figure].as_f64().unwrap(), sum);
            }
            let data = active.iter().filter(|entry| entry["service_type"] == "data");
            let data: Vec<_> = data.map(|entry| entry["service"].clone()).collect();
            assert_eq!(document["data_sources_active"], json!(data));
            let health = &document["health_summary"];
            assert_eq!(health["healthy"], document["api_calls_active"]);
            assert_eq!(health["unhealthy"], json!(inactive.len() + failed.len()));
            assert_eq!(health["total"], document["total_apis"]);
            assert!((0.0..=100.0).contains(&health["health_percentage"].as_f64().unwrap()));
            for entry in all {
                let [second, hour] = ["events_per_second", "events_per_hour"]
                    .map(|name| entry[name].as_f64().unwrap());
                assert_same(hour, second * 3600.0);
                assert_eq!(entry["service"], entry["service_name"]);
            }
            for entry in &failed {
                assert_eq!(entry["is_fallback"], true);
                assert_eq!(entry["error_type"], "unexpected_error");
                assert_eq!(
                    (&entry["total_events"], &entry["uptime_seconds"]),
                    (&json!(0), &json!(0.0))
                );
            }
            for (seen, there) in seen.iter_mut().zip([active.len(), inactive.len(), failed.len()]) {
                *seen += there;
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 50), "the registries have some of each: {seen:?}");
}

/// What each service says for itself.
#[test]
fn entries_are_what_each_service_answers() {
    let mut chance = fastrand::Rng::with_seed(163);
    let router = Router::new(random_registry(&mut chance), "s0").unwrap();
    for entry in document(&router, "?series=1")["api_metrics"].as_array().unwrap() {
        let uri =
            format!("/api/v1/services/{}/event-rate?series=1", entry["service"].as_str().unwrap());
        let answer = router::ask(&router, "GET", &uri, "");
        let one: Value = serde_json::from_slice(answer.body()).unwrap();
        if entry["is_fallback"] == true {
            assert_eq!((answer.status().as_u16(), &one["error"]), (503, &entry["error_message"]));
            continue;
        }
        for figure in [
            "events_per_second",
            "events_per_hour",
            "total_events",
            "uptime_seconds",
            "peak_events_per_second",
            "last_event_age_seconds",
            "per_second",
        ] {
            assert_eq!(entry[figure], one[figure], "{figure}");
        }
        assert_eq!(entry["processing_time"]["b"], one["events"]["b"]["processing_time"]);
    }
}

/// The dashboard that was shipped: its types, name by name.
#[test]
fn clients_of_the_shipped_dashboard_read_it() {
    #[derive(serde::Deserialize)]
    struct Api {
        service: String,
        events_per_hour: f64,
        uptime_seconds: f64,
        status: String,
        response_time_ms: Option<f64>,
        last_success: Option<String>,
        error_message: Option<String>,
        #[serde(default)]
        is_fallback: bool,
    }
    #[derive(serde::Deserialize)]
    struct Summary {
        healthy: u32,
        unhealthy: u32,
        total: u32,
        health_percentage: f64,
    }
    #[derive(serde::Deserialize)]
    struct Dashboard {
        events_per_hour: f64,
        api_calls_active: u32,
        data_sources_active: Vec<String>,
        api_metrics: Vec<Api>,
        inactive_apis: u32,
        error_apis: u32,
        total_apis: u32,
        health_summary: Summary,
        timestamp: String,
        error: Option<String>,
    }
    let registry = fleet::catalogue();
    registry.get("weather-api").unwrap().meter("weather_request").unwrap().record_n(7);
    let broken = Service::builder("broken").source("event", || Err("no such table".into()));
    registry.register(broken.build().unwrap()).unwrap();
    let document = document(&Router::new(registry, "admin-api").unwrap(), "");
    let read: Dashboard = serde_json::from_value(document).unwrap();
    assert_eq!((read.api_calls_active, read.inactive_apis), (1, 14));
    assert_eq!((read.error_apis, read.total_apis), (1, 16));
    assert_eq!(read.data_sources_active, ["weather-api"]);
    let health = read.health_summary;
    assert_eq!((health.healthy, health.unhealthy, health.total), (1, 15, 16));
    assert_eq!(health.health_percentage.to_string(), "6.3");
    assert!(read.events_per_hour > 0.0 && read.timestamp.ends_with('Z') && read.error.is_none());
    let active = read.api_metrics.iter().find(|api| api.status == "active").unwrap();
    assert_eq!(active.service, "weather-api");
    assert_eq!(active.last_success.as_ref(), Some(&read.timestamp));
    assert!(active.events_per_hour > 0.0 && active.response_time_ms.is_none());
    assert!(!active.is_fallback && active.error_message.is_none());
    let failed = read.api_metrics.iter().find(|api| api.status == "error").unwrap();
    assert!(failed.is_fallback && failed.last_success.is_none() && failed.uptime_seconds == 0.0);
    let why = "the source of event \"event\" failed: no such table";
    assert_eq!(failed.error_message.as_deref(), Some(why));
}

/// The story: its entries are the active ones, and it has one number for all others.
#[test]
fn clients_of_the_story_read_it() {
    #[derive(serde::Deserialize)]
    struct Api {
        service_name: String,
        port: u16,
        service_type: String,
        status: String,
        events_per_second: f64,
        events_per_hour: f64,
        total_events: u64,
        uptime_seconds: f64,
        last_activity: Option<String>,
        error_message: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Story {
        events_per_hour: f64,
        active_apis: Vec<Api>,
        inactive_apis: u32,
        data_sources_active: Vec<String>,
        timestamp: String,
        collection_time_ms: f64,
    }
    let registry = fleet::catalogue();
    registry.get("websocket-ingestion").unwrap().meter("event").unwrap().record_n(1530);
    let document = document(&Router::new(registry, "admin-api").unwrap(), "");
    let read: Story = serde_json::from_value(document).unwrap();
    let [active] = read.active_apis.as_slice() else { panic!("one had an event") };
    assert_eq!((active.service_name.as_str(), active.port), ("websocket-ingestion", 8001));
    assert_eq!((active.service_type.as_str(), active.status.as_str()), ("core", "active"));
    assert_eq!((active.events_per_second, active.total_events), (25.5, 1530));
    assert_eq!((active.events_per_hour, read.events_per_hour), (91_800.0, 91_800.0));
    assert!(active.uptime_seconds < 60.0 && active.error_message.is_none());
    let last = active.last_activity.as_deref().unwrap();
    assert!(last.len() == "2025-01-17T10:29:59Z".len() && last.ends_with('Z'), "{last}");
    assert!(last[..19] <= read.timestamp[..19], "{last} {}", read.timestamp);
    assert_eq!(read.inactive_apis, 14);
    assert!(read.data_sources_active.is_empty() && read.collection_time_ms >= 0.0);
}

#[test]
fn series_and_durations_come_when_asked_for() {
    let (clock, registry) = (ManualClock::new(), Registry::new());
    let pump = Service::builder("pump").timed_event("stroke").event("leak").clock(clock.clone());
    let pump = registry.register(pump.build().unwrap()).unwrap();
    pump.timer("stroke").unwrap().record(Duration::from_millis(20));
    pump.meter("leak").unwrap().record_n(6);
    clock.advance(Duration::from_secs(1));
    let router = Router::new(registry, "pump").unwrap();
    let plain = &document(&router, "?series=0")["api_metrics"][0];
    assert!(plain.get("per_second").is_none() && plain.get("processing_time").is_none());
    let long = &document(&router, "?series=1")["api_metrics"][0];
    let seconds = long["per_second"].as_array().unwrap();
    assert_eq!((seconds.len(), &seconds[58], &seconds[59]), (60, &json!(7), &json!(0)));
    assert_eq!(long["processing_time"]["stroke"]["p99_ms"], json!(20.0));
    assert!(long["processing_time"].get("leak").is_none());
    // Each event's own seconds are in the service's document.
    let uri = "/api/v1/event-rate?series=1";
    let one: Value = serde_json::from_slice(router::ask(&router, "GET", uri, "").body()).unwrap();
    assert_eq!(one["events"]["leak"]["per_second"][58], json!(6));
}

#[test]
fn how_long_an_event_counts_can_be_set() {
    let (clock, registry) = (ManualClock::new(), Registry::new());
    let service = Service::builder("s").event("e").clock(clock.clone()).build().unwrap();
    registry.register(service).unwrap().meter("e").unwrap().record();
    clock.advance(Duration::from_secs(100));
    let status = |router: &Router| document(router, "")["api_metrics"][0]["status"].clone();
    let router = Router::new(registry, "s").unwrap();
    assert_eq!(status(&router), "active");
    let strict = router.clone().active_within(Duration::from_secs(60));
    assert_eq!((status(&strict), status(&router)), (json!("inactive"), json!("active")));
}

#[test]
fn registry_without_services_is_all_zeros() {
    let registry = Registry::new();
    registry.admit("gone", Some("event"), AutoRegister::new()).unwrap();
    let router = Router::new(registry.clone(), "gone").unwrap();
    registry.forget("gone").unwrap();
    let mut document = document(&router, "?series=1");
    document["timestamp"].take();
    document["collection_time_ms"].take();
    let expected = json!({
        "events_per_second": 0.0, "events_per_hour": 0.0, "active_apis": [], "api_metrics": [],
        "api_calls_active": 0, "inactive_apis": 0, "error_apis": 0, "total_apis": 0,
        "data_sources_active": [], "timestamp": null, "collection_time_ms": null,
        "health_summary": { "healthy": 0, "unhealthy": 0, "total": 0, "health_percentage": 0.0 },
    });
    assert_eq!(document, expected);
}

#[test]
fn services_elsewhere_are_shown_with_the_others() {
    let registry = Registry::new();
    registry.register(Service::from_catalogue("data-api").unwrap()).unwrap();
    registry.get("data-api").unwrap().meter("request").unwrap().record_n(120);
    let mut figures = ElsewhereFigures::default();
    (figures.events_per_second, figures.total_events) = (2.5, 70);
    figures.per_second = vec![1; 60];
    let idle = Elsewhere::new("idle", Ok(figures.clone()));
    figures.last_activity = Some(SystemTime::now() - Duration::from_secs(7));
    let mut active = Elsewhere::new("weather-api", Ok(figures));
    (active.category, active.response_time) = ("data".into(), Some(Duration::from_millis(12)));
    let failed = |name: &str, kind| Elsewhere::new(name, Err((kind, "why".into())));
    let all = vec![
        active,
        idle,
        failed("late", ErrorType::Timeout),
        failed("open", ErrorType::CircuitOpen),
    ];
    let router = Router::new(registry, "data-api").unwrap().elsewhere(move || all.clone());
    let document = document(&router, "?series=1");
    let entry = |index: usize| &document["api_metrics"][index];
    let statuses: Vec<_> = (0..5).map(|index| entry(index)["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["active", "active", "inactive", "timeout", "error"]);
    assert_same(document["events_per_second"].as_f64().unwrap(), 2.0 + 2.5);
    let counts = ["api_calls_active", "inactive_apis", "error_apis", "total_apis"];
    assert_eq!(counts.map(|key| document[key].as_u64().unwrap()), [2, 1, 2, 5]);
    assert_eq!(document["data_sources_active"], json!(["weather-api"]));
    assert_eq!(entry(1)["response_time_ms"], 12.0);
    assert_eq!(entry(1)["per_second"], json!(vec![1; 60]));
    assert_eq!(
        (&entry(4)["error_type"], &entry(4)["error_message"]),
        (&json!("circuit_open"), &json!("why"))
    );
    assert_eq!((&entry(3)["is_fallback"], &entry(3)["total_events"]), (&json!(true), &json!(0)));
}
