//! The enrichment pipeline from end to end: events and their durations over `StatsD`, quantiles
//! out of the endpoint, and a histogram out of `/metrics`.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use serde_json::Value;
use tickring::http::Limits;
use tickring::statsd::{Config, bind_udp};

use crate::support::PATIENCE;
use crate::support::http::{Running, start};

fn document(server: &Running) -> Value {
    let answer = server.get("/api/v1/services/enrichment-pipeline/event-rate");
    let body = answer.split_once("\r\n\r\n").expect("an answer has a head and a body").1;
    serde_json::from_str(body).unwrap()
}

#[test]
fn durations_go_in_and_quantiles_come_out() {
    let server = start(Limits::default());
    let socket = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Config::new(server.registry.clone()).udp(socket).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    // 1 to 1000 ms, in an order that is not theirs, and one event without a duration.
    for index in 0..1000_u64 {
        let ms = 1 + index * 7919 % 1000;
        let kind = ["ms", "h", "d"][usize::try_from(index % 3).unwrap()];
        let line = format!("enrichment-pipeline.event:{ms}|{kind}");
        client.send_to(line.as_bytes(), address).unwrap();
    }
    client.send_to(b"enrichment-pipeline.event:1|c", address).unwrap();
    let begun = Instant::now();
    while document(&server)["total_events"] != 1001 {
        assert!(begun.elapsed() < PATIENCE, "{}", document(&server));
        std::thread::sleep(Duration::from_millis(1));
    }
    let posted = server.exchange(
        "POST /api/v1/services/enrichment-pipeline/events HTTP/1.1\r\nhost: localhost\r\n\
         content-length: 46\r\nconnection: close\r\n\r\n\
         {\"event\":\"event\",\"duration_ms\":2000,\"count\":1}",
    );
    assert!(posted.starts_with("HTTP/1.1 202 "), "{posted}");
    let document = document(&server);
    let time = &document["events"]["event"]["processing_time"];
    // The window is the last 55 s at least; only a machine that stood still meanwhile loses any.
    assert_eq!(time["count"], 1001, "{document}");
    for (figure, exact) in [
        ("min_ms", 1.0),
        ("mean_ms", 502_500.0 / 1001.0),
        ("p50_ms", 501.0),
        ("p90_ms", 901.0),
        ("p99_ms", 991.0),
        ("p999_ms", 1000.0),
        ("max_ms", 2000.0),
    ] {
        let told = time[figure].as_f64().unwrap();
        assert!((told - exact).abs() <= 0.032 * exact, "{figure}: {told}, exactly {exact}");
    }
    let metrics = server.get("/metrics?service=enrichment-pipeline");
    let labels = "service=\"enrichment-pipeline\",event=\"event\"";
    for line in [
        format!("tickring_events_total{{{labels}}} 1002"),
        format!("tickring_duration_seconds_bucket{{{labels},le=\"0.01\"}} 10"),
        format!("tickring_duration_seconds_bucket{{{labels},le=\"0.5\"}} 500"),
        format!("tickring_duration_seconds_bucket{{{labels},le=\"1.0\"}} 1000"),
        format!("tickring_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 1001"),
        format!("tickring_duration_seconds_sum{{{labels}}} 502.5"),
        format!("tickring_duration_seconds_count{{{labels}}} 1001"),
    ] {
        assert!(metrics.lines().any(|there| there == line), "{line} is missing in {metrics}");
    }
    // The exporter's own requests are timed: all that were answered before this one.
    let own = server.registry.get("admin-api").unwrap().timer("request").unwrap().snapshot();
    assert!(own.since_start().count() >= 2 && own.since_start().count() <= own.events().total());
    assert!(own.distribution().max() > Some(Duration::ZERO));
    listener.stop();
}
