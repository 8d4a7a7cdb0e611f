//! `/metrics` and `/sd`, asked without a socket.

use std::collections::HashSet;
use std::io::Read;

use flate2::read::GzDecoder;
use hyper::HeaderMap;
use tickring::http::Router;
use tickring::{Registry, RejectionReason, Rejections, Service};

use crate::support::fleet::catalogue;
use crate::support::router::ask_with;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

async fn text(router: &Router, uri: &str) -> String {
    let answer = ask_with(router, uri, &[]).await;
    assert_eq!(answer.status(), 200, "{uri}");
    String::from_utf8(answer.into_body().to_vec()).unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

#[tokio::test]
async fn every_event_is_there_from_the_start() {
    let text = text(&Router::new(catalogue(), "admin-api").unwrap(), "/metrics").await;
    for spec in tickring::catalogue() {
        for event in &spec.events {
            let labels = format!("{{service=\"{}\",event=\"{event}\"}} 0", spec.name);
            for family in ["tickring_events_total", "tickring_events_in_window"] {
                assert!(text.contains(&format!("\n{family}{labels}\n")), "{family}{labels}");
            }
        }
    }
}

#[tokio::test]
async fn families_stand_together_and_no_series_twice() {
    let registry = catalogue();
    registry.get("data-api").unwrap().meter("request").unwrap().record();
    let router = Router::new(registry, "admin-api").unwrap().rejections(Rejections::new());
    let text = text(&router, "/metrics").await;
    let (mut families, mut series) = (Vec::new(), HashSet::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (key, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
        assert!(series.insert(key), "{key} comes twice");
        let mut family = key.split('{').next().unwrap();
        // A histogram is one family of three suffixes.
        for suffix in ["_bucket", "_sum", "_count"] {
            let name = family.strip_suffix(suffix).unwrap_or(family);
            if text.contains(&format!("# TYPE {name} histogram\n")) {
                family = name;
            }
        }
        if families.last() != Some(&family) {
            assert!(!families.contains(&family), "{family} is torn apart");
            assert!(text.contains(&format!("# TYPE {family} ")), "{family} has no type");
            families.push(family);
        }
    }
    assert!(families.len() > 10, "{families:?}");
}

#[tokio::test]
async fn the_format_is_negotiated_and_exact() {
    let router = Router::new(catalogue(), "admin-api").unwrap();
    for (accept, expected) in [
        (vec![], TEXT),
        (
            vec![("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")],
            OPENMETRICS,
        ),
        (
            vec![("accept", "text/plain;q=0.1"), ("accept", "application/openmetrics-text")],
            OPENMETRICS,
        ),
        (vec![("accept", "application/json")], TEXT),
    ] {
        let answer = ask_with(&router, "/metrics", &accept).await;
        let headers = answer.headers();
        assert_eq!(header(headers, "content-type"), expected, "{accept:?}");
        assert_eq!(header(headers, "vary"), "Accept, Accept-Encoding");
        assert_eq!(header(headers, "cache-control"), "no-store");
        assert_eq!(answer.body().ends_with(b"# EOF\n"), expected == OPENMETRICS);
    }
}

#[tokio::test]
async fn it_is_compressed_for_those_who_take_it() {
    let router = Router::new(catalogue(), "admin-api").unwrap();
    let plain = text(&router, "/metrics?rates=0").await;
    let answer =
        ask_with(&router, "/metrics?rates=0", &[("accept-encoding", "br, gzip;q=0.8")]).await;
    assert_eq!(header(answer.headers(), "content-encoding"), "gzip");
    assert!(answer.body().len() * 3 < plain.len());
    let mut unpacked = String::new();
    GzDecoder::new(&answer.body()[..]).read_to_string(&mut unpacked).unwrap();
    // The two differ in ages only.
    assert_eq!(unpacked.lines().count(), plain.lines().count());
    assert!(!ask_with(&router, "/metrics", &[]).await.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn one_service_alone_is_shown_without_the_process() {
    let router = Router::new(catalogue(), "admin-api").unwrap();
    let text_of = text(&router, "/metrics?service=sports-data").await;
    assert!(
        text_of.contains("tickring_events_total{service=\"sports-data\",event=\"api_call\"} 0")
    );
    assert!(!text_of.contains("admin-api") && !text_of.contains("tickring_shards"), "{text_of}");
    assert_eq!(ask_with(&router, "/metrics?service=nobody", &[]).await.status(), 404);
}

#[tokio::test]
async fn process_shows_its_engine_and_what_it_refused() {
    let rejections = Rejections::new();
    rejections.count(RejectionReason::UnknownService);
    let router = Router::new(catalogue(), "admin-api").unwrap().rejections(rejections);
    let all = text(&router, "/metrics").await;
    for part in [
        "tickring_rejected_total{reason=\"unknown_service\"} 1\n",
        "tickring_rejected_total{reason=\"malformed\"} 0\n",
        "tickring_clock_lag_seconds ",
        "tickring_saturated_records_total ",
        "tickring_shards ",
        concat!("tickring_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"),
    ] {
        assert!(all.contains(part), "{part} is missing in {all}");
    }
    // Nobody's connections are known to a router that has no listener.
    assert!(!all.contains("tickring_http_connections"), "{all}");
}

#[tokio::test]
async fn rates_are_shown_unless_told_otherwise() {
    let family = "tickring_events_per_second";
    let router = Router::new(catalogue(), "admin-api").unwrap();
    assert!(text(&router, "/metrics").await.contains(family));
    assert!(!text(&router, "/metrics?rates=0").await.contains(family));
    let router = router.rates(false);
    assert!(!text(&router, "/metrics").await.contains(family));
    assert!(text(&router, "/metrics?rates=1").await.contains(family));
}

#[tokio::test]
async fn a_service_without_figures_spoils_no_other() {
    let registry = catalogue();
    let broken = Service::builder("broken").event("fine").source("not", || Err("gone".into()));
    registry.register(broken.build().unwrap()).unwrap();
    let text = text(&Router::new(registry, "admin-api").unwrap(), "/metrics").await;
    assert!(text.contains("tickring_service_up{service=\"broken\"} 0\n"), "{text}");
    assert!(text.contains("tickring_service_up{service=\"data-api\"} 1\n"), "{text}");
    assert!(text.contains("tickring_events_total{service=\"data-api\""), "{text}");
    assert!(!text.contains("tickring_events_total{service=\"broken\""), "{text}");
}

#[tokio::test]
async fn discovery_lists_who_asks_without_listeners() {
    let router = Router::new(catalogue(), "admin-api").unwrap();
    let answer = ask_with(&router, "/sd", &[("host", "app.example:8080")]).await;
    assert_eq!(header(answer.headers(), "content-type"), "application/json");
    assert_eq!(answer.body(), r#"[{"targets":["app.example:8080"],"labels":{}}]"#);
    // A target in absolute form outranks the header.
    let answer =
        ask_with(&router, "http://app.example:8080/sd", &[("host", "other.example:7")]).await;
    assert_eq!(answer.body(), r#"[{"targets":["app.example:8080"],"labels":{}}]"#);
    let registry = catalogue();
    let empty = Router::new(registry.clone(), "admin-api").unwrap();
    for spec in tickring::catalogue() {
        registry.remove(&spec.name);
    }
    assert_eq!(ask_with(&empty, "/sd", &[("host", "app.example:8080")]).await.body(), "[]");
}

/// Long documents are made away from the reactor, which goes on meanwhile.
#[tokio::test]
async fn ten_thousand_series_leave_the_reactor_alone() {
    let registry = Registry::new();
    for service in 0..100 {
        let mut builder = Service::builder(format!("service-{service}"));
        for event in 0..25 {
            builder = builder.event(format!("event-{event}"));
        }
        registry.register(builder.build().unwrap()).unwrap();
    }
    let router = Router::new(registry, "service-0").unwrap();
    let scrape = tokio::spawn(async move { text(&router, "/metrics").await });
    // This runtime has one thread: if the scrape were made on it, it would be ready at its first
    // turn, before this task's.
    tokio::task::yield_now().await;
    assert!(!scrape.is_finished());
    let text = scrape.await.unwrap();
    assert!(text.lines().filter(|line| line.starts_with("tickring_events")).count() >= 7500);
}
