//! A router within an application of other code.

use std::sync::Arc;

use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tickring::http::Router;
use tickring::{Meter, Registry, Service, Timer};
use tower::ServiceExt;

fn figures() -> (Router, Arc<Meter>) {
    let (registry, orders) = (Registry::new(), Arc::new(Meter::new()));
    let shop = Service::builder("shop").meter("order", orders.clone()).build().unwrap();
    registry.register(shop).unwrap();
    (Router::new(registry, "shop").unwrap(), orders)
}

/// The status of the answer to a GET, and its body.
async fn ask(app: &axum::Router, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).header("host", "shop.example:8080");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, String::from_utf8(body.to_vec()).unwrap())
}

fn document(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn axum_nests_the_router_under_a_prefix() {
    let (figures, orders) = figures();
    let app = axum::Router::new()
        .route("/orders", post(move || async move { orders.record() }))
        .nest_service("/ops", figures.nested_at("/ops"));
    let order = Request::post("/orders").body(axum::body::Body::empty()).unwrap();
    assert_eq!(app.clone().oneshot(order).await.unwrap().status(), 200);
    let (status, body) = ask(&app, "/ops/api/v1/event-rate").await;
    assert_eq!((status, &document(&body)["total_events"]), (StatusCode::OK, &json!(1)));
    assert!(ask(&app, "/ops/metrics").await.1.contains("event=\"order\"} 1\n"));
    assert_eq!(ask(&app, "/metrics").await.0, 404);
    let (status, body) = ask(&app, "/ops/nothing").await;
    let error = document(&body)["error"].to_string();
    assert!(status == 404 && error.contains("below /ops there are"), "{error}");
    let expected = json!([{
        "targets": ["shop.example:8080"],
        "labels": { "__metrics_path__": "/ops/metrics" },
    }]);
    assert_eq!(document(&ask(&app, "/ops/sd").await.1), expected);
}

#[tokio::test]
async fn axum_falls_back_to_the_router() {
    let (figures, _) = figures();
    let app = axum::Router::new().route("/", get(|| async { "shop" }));
    let at_root = app.clone().fallback_service(figures.clone());
    assert_eq!(ask(&at_root, "/").await.1, "shop");
    assert_eq!(ask(&at_root, "/health").await.0, 200);
    assert_eq!(document(&ask(&at_root, "/sd").await.1)[0]["labels"], json!({}));
    let below = app.fallback_service(figures.mounted_at("/ops"));
    assert_eq!(ask(&below, "/ops/health").await.0, 200);
    assert_eq!(ask(&below, "/health").await.0, 404);
    let (_, targets) = ask(&below, "/ops/sd").await;
    assert_eq!(document(&targets)[0]["labels"]["__metrics_path__"], "/ops/metrics");
}

/// Documents that clones share must not name another one's prefix.
#[tokio::test]
async fn a_clone_mounted_elsewhere_has_its_own_targets() {
    let (figures, _) = figures();
    let [one, other] = ["/one", "/other"]
        .map(|prefix| axum::Router::new().nest_service(prefix, figures.clone().nested_at(prefix)));
    let both = tokio::join!(ask(&one, "/one/sd"), ask(&other, "/other/sd"));
    for ((_, body), path) in [(both.0, "/one/metrics"), (both.1, "/other/metrics")] {
        assert_eq!(document(&body)[0]["labels"]["__metrics_path__"], path);
    }
}

#[tokio::test]
async fn hyper_serves_the_router_without_an_adapter() {
    let (figures, _) = figures();
    let (near, far) = tokio::io::duplex(65_536);
    let connections = hyper::server::conn::http1::Builder::new();
    let served = connections.serve_connection(TokioIo::new(far), figures);
    let asked = async move {
        let (mut reader, mut writer) = tokio::io::split(near);
        let request = b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut writer, request).await.unwrap();
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut reader, &mut answer).await.unwrap();
        answer
    };
    let (served, answer) = tokio::join!(served, asked);
    served.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"status\":\"live\"}"));
}

/// A request with any body is a request to it, as for each tower service.
#[tokio::test]
async fn tower_calls_the_router_with_any_body() {
    let (figures, orders) = figures();
    let figures = figures.accept_events();
    let body = Full::<Bytes>::from(r#"{"event":"order","count":3}"#);
    let request = Request::post("/api/v1/services/shop/events").body(body).unwrap();
    let Ok(answer) = figures.clone().oneshot(request).await;
    assert_eq!((answer.status(), orders.total()), (StatusCode::ACCEPTED, 3));
    let request = Request::get("/health").body(String::new()).unwrap();
    let Ok(answer) = figures.oneshot(request).await;
    assert_eq!(answer.status(), 200);
}

#[test]
fn plain_values_do_for_frameworks_of_other_types() {
    let (figures, orders) = figures();
    let none: [(&str, &[u8]); 0] = [];
    let read = figures.answer_plain("GET", "/api/v1/event-rate?series=1", none, "");
    assert_eq!(
        (read.status, &document(str::from_utf8(&read.body).unwrap())["total_events"]),
        (200, &json!(0))
    );
    let events = "/api/v1/services/shop/events";
    let post = |router: &Router, body: &'static str| {
        let json = [("content-type", &b"application/json"[..])];
        router.answer_plain("POST", events, json, body).status
    };
    assert_eq!(post(&figures, r#"{"event":"order"}"#), 403);
    let figures = figures.accept_events();
    assert_eq!(post(&figures, r#"{"event":"order"}"#), 202);
    assert_eq!(orders.total(), 1);
    let long = " ".repeat(65_537);
    assert_eq!(figures.answer_plain("POST", events, none, long).status, 413);
    for (method, target, header) in
        [("G T", "/", "x"), ("GET", "no path\u{7f}", "x"), ("GET", "/health", "bad name")]
    {
        let answer = figures.answer_plain(method, target, [(header, &b"x"[..])], "");
        let body = String::from_utf8(answer.body).unwrap();
        assert!(
            answer.status == 400 && body.contains("can't be read"),
            "{method} {target}: {body}"
        );
    }
    let head = figures.answer_plain("HEAD", "/metrics", none, "");
    assert!(head.status == 200 && head.body.is_empty());
}

#[test]
fn plain_values_have_the_whole_of_a_long_document() {
    let registry = Registry::new();
    for service in 0..40 {
        let mut builder = Service::builder(format!("service-{service}"));
        for event in 0..20 {
            builder = builder.event(format!("event-{event}"));
        }
        registry.register(builder.build().unwrap()).unwrap();
    }
    let router = Router::new(registry, "service-0").unwrap();
    let json = [("accept", &b"application/openmetrics-text"[..])];
    let answer = router.answer_plain("GET", "/metrics", json, "");
    assert!(answer.body.len() > 64 * 1024 && answer.body.ends_with(b"# EOF\n"));
}

#[tokio::test]
async fn a_static_timers_durations_reach_both_documents() {
    static QUERIES: Timer = Timer::new();
    let registry = Registry::new();
    let store = Service::builder("store").timer("query", &QUERIES).build().unwrap();
    registry.register(store).unwrap();
    let app = axum::Router::new().fallback_service(Router::new(registry, "store").unwrap());
    QUERIES.record(std::time::Duration::from_millis(20));
    let rate = document(&ask(&app, "/api/v1/event-rate").await.1);
    assert_eq!(rate["events"]["query"]["processing_time"]["count"], 1, "{rate}");
    let (_, metrics) = ask(&app, "/metrics").await;
    let count = "tickring_duration_seconds_count{service=\"store\",event=\"query\"} 1\n";
    assert!(metrics.contains(count), "{metrics}");
}
