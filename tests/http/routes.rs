//! Every route, asked without a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::StatusCode;
use serde_json::{Value, json};
use tickring::http::Router;
use tickring::{History, ManualClock, Registry, RejectionReason, Rejections, Service};

use crate::support::router;

fn registry() -> Registry {
    let registry = Registry::new();
    for name in ["admin-api", "sports-data"] {
        registry.register(Service::from_catalogue(name).unwrap()).unwrap();
    }
    let failing = Service::builder("data-api").source("request", || Err("no such table".into()));
    registry.register(failing.build().unwrap()).unwrap();
    registry
}

fn router() -> Router {
    Router::new(registry(), "admin-api").unwrap()
}

/// The status and the document of an answer, which has to be JSON and not to be cached.
fn json_of(router: &Router, method: &str, uri: &str, body: &'static str) -> (u16, Value) {
    let answer = router::ask(router, method, uri, body);
    assert_eq!(answer.headers()["content-type"], "application/json", "{uri}");
    assert_eq!(answer.headers()["cache-control"], "no-store", "{uri}");
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

fn get(router: &Router, uri: &str) -> (u16, Value) {
    json_of(router, "GET", uri, "")
}

#[test]
fn history_has_each_event_and_four_units() {
    let registry = registry();
    let router =
        Router::new(registry.clone(), "admin-api").unwrap().history(History::new(registry.clone()));
    registry.get("sports-data").unwrap().meter("api_call").unwrap().record_n(3);
    let (status, document) = get(&router, "/api/v1/services/sports%2ddata/history");
    assert_eq!((status, &document["service"]), (200, &json!("sports-data")));
    assert_eq!(document["as_of"].as_str().map(|time| &time[19..]), Some(".000Z"), "whole seconds");
    let events = document["events"].as_object().unwrap();
    assert_eq!(events.keys().collect::<Vec<_>>(), ["api_call", "data_fetch"]);
    for (unit, length) in [("seconds", 60), ("minutes", 60), ("hours", 24), ("days", 30)] {
        let counts = events["api_call"][unit].as_array().unwrap();
        assert_eq!((counts.len(), counts[0].is_null()), (length, true), "{unit}");
        assert_eq!(counts.iter().filter_map(Value::as_u64).sum::<u64>(), 3, "{unit}");
    }
    // Its source fails, so nothing is known of it.
    let (status, document) = get(&router, "/api/v1/services/data-api/history");
    assert_eq!((status, &document["events"]["request"]["days"][29]), (200, &Value::Null));
    assert_eq!(get(&router, "/api/v1/services/nobody/history").0, 404);
    let (status, document) = get(&self::router(), "/api/v1/services/sports-data/history");
    assert_eq!((status, document["error"].as_str()), (404, Some("no history is kept here")));
    assert_eq!(json_of(&router, "POST", "/api/v1/services/sports-data/history", "").0, 405);
}

#[test]
fn document_has_every_field_before_the_first_event() {
    let (status, mut document) = get(&router(), "/api/v1/event-rate");
    assert_eq!(status, 200);
    let timestamp = document["timestamp"].take();
    assert!(timestamp.as_str().unwrap().ends_with('Z'), "{timestamp}");
    for seconds in ["uptime_seconds", "covered_seconds"] {
        assert!(document[seconds].take().as_f64().unwrap() < 60.0);
    }
    let expected = json!({
        "events_per_second": 0.0,
        "events_per_hour": 0.0,
        "total_events": 0,
        "uptime_seconds": null,
        "service": "admin-api",
        "timestamp": null,
        "window_minutes": 1,
        "rate_basis": "rolling",
        "events_in_window": 0,
        "covered_seconds": null,
        "peak_events_per_second": 0,
        "last_event_age_seconds": null,
        "events": { "request": {
            "total": 0, "events_in_window": 0, "events_per_second": 0.0,
            "processing_time": {
                "count": 0, "mean_ms": null, "min_ms": null, "p50_ms": null, "p90_ms": null,
                "p99_ms": null, "p999_ms": null, "max_ms": null,
            },
        } },
    });
    assert_eq!(document, expected);
}

#[test]
fn a_service_is_named_by_path_or_parameter() {
    let router = router();
    for uri in [
        "/api/v1/event-rate?service=sports-data",
        "/api/v1/event-rate?x=y&service=sports%2Ddata&series=0",
        "/api/v1/services/sports-data/event-rate",
        "/api/v1/services/sports%2Ddata/event-rate",
    ] {
        let (status, document) = get(&router, uri);
        assert_eq!((status, &document["service"]), (200, &json!("sports-data")), "{uri}");
        assert!(document.get("per_second").is_none());
    }
    let unknown =
        "unknown service \"nobody\": known services are: admin-api, sports-data, data-api";
    for uri in ["/api/v1/event-rate?service=nobody", "/api/v1/services/nobody/event-rate"] {
        assert_eq!(get(&router, uri), (404, json!({ "error": unknown })), "{uri}");
    }
}

#[test]
fn the_series_comes_when_asked_for() {
    let clock = ManualClock::new();
    let registry = Registry::new();
    let service = Service::builder("pump").event("stroke").clock(clock.clone()).build().unwrap();
    let pump = registry.register(service).unwrap();
    pump.meter("stroke").unwrap().record_n(7);
    clock.advance(std::time::Duration::from_secs(2));
    pump.meter("stroke").unwrap().record_n(5);
    let (_, document) = get(&Router::new(registry, "pump").unwrap(), "/api/v1/event-rate?series=1");
    let series = document["per_second"].as_array().unwrap();
    assert_eq!(series.len(), 60);
    assert_eq!(series[57..], [json!(7), json!(0), json!(5)]);
}

#[test]
fn figures_that_cannot_be_had_are_zeros_and_a_reason() {
    let router = router();
    let (status, mut document) = get(&router, "/api/v1/event-rate?service=data-api");
    assert_eq!(status, 503);
    document["timestamp"].take();
    let expected = json!({
        "events_per_second": 0,
        "events_per_hour": 0,
        "total_events": 0,
        "uptime_seconds": 0,
        "service": "data-api",
        "error": "the source of event \"request\" failed: no such table",
        "timestamp": null,
        "window_minutes": 1,
    });
    assert_eq!(document, expected);
    assert_eq!(get(&router, "/api/v1/event-rate").0, 200);
}

#[test]
fn a_source_that_panics_is_unavailable() {
    let registry = Registry::new();
    let service = Service::builder("moody").source("mood", || panic!("not today"));
    registry.register(service.build().unwrap()).unwrap();
    let (status, document) = get(&Router::new(registry, "moody").unwrap(), "/api/v1/event-rate");
    assert_eq!(status, 503);
    assert_eq!(document["error"], "the source of event \"mood\" panicked: not today");
}

#[test]
fn services_are_listed_with_what_was_turned_away() {
    let rejections = Rejections::new();
    rejections.count(RejectionReason::Negative);
    let (status, document) = get(&router().rejections(rejections), "/api/v1/services");
    assert_eq!(status, 200);
    let sports = json!({
        "name": "sports-data",
        "port": 8005,
        "category": "data",
        "basis": "lifetime",
        "events": ["api_call", "data_fetch"],
    });
    assert_eq!(document["services"][1], sports);
    assert_eq!(document["services"][2]["port"], json!(null));
    assert_eq!(document["rejected"]["negative"], 1);
    assert_eq!(document["rejected"]["malformed"], 0);
}

#[test]
fn posted_events_count_all_or_not_at_all() {
    let registry = registry();
    let router = Router::new(registry.clone(), "admin-api").unwrap().accept_events();
    let post = |name: &str, body| {
        json_of(&router, "POST", &format!("/api/v1/services/{name}/events"), body)
    };
    let sports = registry.get("sports-data").unwrap();
    let total = || sports.snapshot().unwrap().total();

    let one = r#"{"event":"api_call","count":3}"#;
    assert_eq!(post("sports-data", one), (202, json!({ "accepted": 3 })));
    let two = r#"[{"event":"api_call"},{"event":"data_fetch","count":2}]"#;
    assert_eq!(post("sports-data", two), (202, json!({ "accepted": 3 })));
    assert_eq!(total(), 6);

    let (status, document) =
        post("sports-data", r#"[{"event":"api_call"},{"event":"api_cal","count":2}]"#);
    assert_eq!(status, 400);
    let error = document["error"].as_str().unwrap();
    assert!(error.starts_with("entry 1: unknown event \"api_cal\""), "{error}");
    assert_eq!(total(), 6);

    assert_eq!(post("nobody", one).0, 404);
    let (status, document) = post("data-api", r#"{"event":"request"}"#);
    assert_eq!(status, 400);
    assert!(document["error"].as_str().unwrap().contains("source of its own"), "{document}");
}

#[test]
fn health_is_that_of_the_hosts_own_service() {
    let (status, document) = get(&router(), "/health");
    assert_eq!(status, 200);
    assert_eq!(document["status"], "healthy");
    assert_eq!(document["service"], "admin-api");
    assert!(document["uptime_seconds"].is_f64() && document["events_per_hour"].is_f64());
    let (status, document) = get(&Router::new(registry(), "data-api").unwrap(), "/health");
    assert_eq!((status, &document["status"]), (503, &json!("unhealthy")));
    assert_eq!(get(&router(), "/health/live"), (200, json!({ "status": "live" })));
    assert_eq!(get(&router(), "/health/ready"), (200, json!({ "status": "ready" })));
}

#[test]
fn what_is_asked_for_wrongly_is_told_so() {
    let router = router();
    for path in
        ["/index.html", "/metrics/", "/api/v1/event-rate/", "/api/v1/services/a/b", "//health"]
    {
        let (status, document) = get(&router, path);
        assert_eq!(status, 404, "{path}");
        assert!(document["error"].as_str().unwrap().starts_with("unknown path"), "{document}");
    }
    for (method, uri, allow) in [
        ("POST", "/api/v1/event-rate", "GET, HEAD, OPTIONS"),
        ("DELETE", "/health", "GET, HEAD, OPTIONS"),
        ("GET", "/api/v1/services/sports-data/events", "POST, OPTIONS"),
        ("HEAD", "/api/v1/services/sports-data/events", "POST, OPTIONS"),
        ("PROPFIND", "/api/v1/services", "GET, HEAD, OPTIONS"),
    ] {
        let answer = router::ask(&router, method, uri, "");
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {uri}");
        assert_eq!(answer.headers()["allow"], allow, "{method} {uri}");
    }
    let (status, document) = get(&router, "/api/v1/event-rate?service=admin-api&service=x");
    assert_eq!(status, 400);
    assert_eq!(document["error"], "parameter service is given twice: give it once");
    assert_eq!(get(&router, "/api/v1/event-rate?series=yes").0, 400);
}

#[test]
fn head_is_get_without_the_body() {
    let router = router();
    for uri in ["/openapi.json", "/health/live", "/nowhere"] {
        let (get, head) =
            (router::ask(&router, "GET", uri, ""), router::ask(&router, "HEAD", uri, ""));
        assert_eq!(head.status(), get.status());
        assert_eq!(head.headers()["content-type"], get.headers()["content-type"]);
        assert_eq!(head.headers()["content-length"], get.body().len().to_string().as_str());
        assert!(head.body().is_empty());
    }
}

/// A log of what is said while `action` runs.
fn logged(action: impl FnOnce()) -> String {
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, action);
    String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn figures_that_cannot_be_had_are_one_line_of_log() {
    let router = router();
    for uri in ["/api/v1/event-rate?service=data-api", "/metrics", "/metrics?service=data-api"] {
        let log = logged(|| drop(router::ask(&router, "GET", uri, "")));
        assert_eq!(log.lines().count(), 1, "{uri}: {log}");
        for word in ["WARN", "data-api", "no such table"] {
            assert!(log.contains(word), "{uri}: {log}");
        }
    }
    let log = logged(|| drop(get(&router, "/api/v1/event-rate")));
    assert_eq!(log, "");
}

#[test]
fn part_that_does_not_work_makes_the_server_unhealthy() {
    let broken = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&broken);
    let router = router().health_check("queue", || Ok(())).health_check("listener", move || {
        if seen.load(Ordering::Relaxed) { Err("it has stopped".into()) } else { Ok(()) }
    });
    assert_eq!(get(&router, "/health").0, 200);
    assert_eq!(get(&router, "/health/ready"), (200, json!({ "status": "ready" })));
    broken.store(true, Ordering::Relaxed);
    let (status, document) = get(&router, "/health");
    assert_eq!((status, &document["status"]), (503, &json!("unhealthy")));
    assert_eq!(document["error"], "listener: it has stopped");
    let fault = json!({ "status": "unhealthy", "error": "listener: it has stopped" });
    assert_eq!(get(&router, "/health/ready"), (503, fault));
    assert_eq!(get(&router, "/health/live"), (200, json!({ "status": "live" })));
}
