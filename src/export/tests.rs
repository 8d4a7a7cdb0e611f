//! Whole documents of a scrape, in both formats.

use std::time::Duration;

use super::exposition::Format;
use super::families;
use super::{EventSample, FigureSample, FigureValue, HttpSample};
use super::{ProcessSample, Scrape, ServiceSample, SystemSample};
use crate::engine::Diagnostics;
use crate::fleet::{RateBasis, RejectionReason};

fn encode(scrape: &Scrape<'_>, format: Format) -> String {
    let mut text = String::new();
    families::encode(scrape, format, &mut text);
    text
}

fn scrape() -> Scrape<'static> {
    Scrape {
        services: vec![
            ServiceSample {
                name: "front",
                category: "a \"b\" \\ c\nd é",
                basis: RateBasis::Rolling,
                uptime: Some(Duration::from_millis(61_500)),
            },
            ServiceSample {
                name: "broken",
                category: "core",
                basis: RateBasis::Lifetime,
                uptime: None,
            },
        ],
        events: vec![
            EventSample {
                service: "front",
                event: "hit",
                labels: None,
                created: Duration::from_millis(1_700_000_000_250),
                total: u64::MAX,
                in_window: 750,
                per_second: 12.5,
                last_event_age: Some(Duration::ZERO),
                durations: None,
            },
            EventSample {
                service: "front",
                event: "miss",
                labels: None,
                created: Duration::from_secs(1_700_000_001),
                total: 0,
                in_window: 0,
                per_second: 0.0,
                last_event_age: None,
                durations: None,
            },
        ],
        families: Vec::new(),
        own: Vec::new(),
        process: None,
        rates: true,
    }
}

#[test]
fn text_is_exact() {
    let expected = r#"# HELP tickring_service_info A hosted service with its category and the basis of its rate: rolling (over the last 60 s) or lifetime (over the uptime).
# TYPE tickring_service_info gauge
tickring_service_info{service="front",category="a \"b\" \\ c\nd é",basis="rolling"} 1
tickring_service_info{service="broken",category="core",basis="lifetime"} 1
# HELP tickring_service_up Whether the figures of a service are available: 1, or 0 while a source of its figures fails.
# TYPE tickring_service_up gauge
tickring_service_up{service="front"} 1
tickring_service_up{service="broken"} 0
# HELP tickring_uptime_seconds Time since the service started.
# TYPE tickring_uptime_seconds gauge
tickring_uptime_seconds{service="front"} 61.5
# HELP tickring_events_total Events since the service started.
# TYPE tickring_events_total counter
tickring_events_total{service="front",event="hit"} 18446744073709551615
tickring_events_total{service="front",event="miss"} 0
# HELP tickring_events_in_window Events in the last 60 s.
# TYPE tickring_events_in_window gauge
tickring_events_in_window{service="front",event="hit"} 750
tickring_events_in_window{service="front",event="miss"} 0
# HELP tickring_events_per_second Events per second, on the basis of the service.
# TYPE tickring_events_per_second gauge
tickring_events_per_second{service="front",event="hit"} 12.5
tickring_events_per_second{service="front",event="miss"} 0
# HELP tickring_last_event_age_seconds Time since the last event, in whole seconds; absent before the first event.
# TYPE tickring_last_event_age_seconds gauge
tickring_last_event_age_seconds{service="front",event="hit"} 0
"#;
    assert_eq!(encode(&scrape(), Format::Text), expected);
}

#[test]
fn openmetrics_has_bare_families_units_and_an_end() {
    let text = encode(&scrape(), Format::OpenMetrics);
    for part in [
        "# TYPE tickring_service info\n# HELP tickring_service A hosted",
        "\ntickring_service_info{service=\"front\",",
        "# TYPE tickring_events counter\n# HELP tickring_events Events since",
        "\ntickring_events_total{service=\"front\",event=\"miss\"} 0\n",
        "# TYPE tickring_uptime_seconds gauge\n# UNIT tickring_uptime_seconds seconds\n# HELP",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
}

#[test]
fn timed_event_has_a_histogram_in_seconds() {
    let timer = crate::Timer::with_clock(crate::ManualClock::new());
    timer.record(Duration::from_micros(1));
    timer.record_n(Duration::from_millis(5), 2);
    timer.record(Duration::from_secs(400));
    let mut scrape = scrape();
    scrape.events[1].durations = Some(timer.snapshot().since_start().clone());
    let labels = "service=\"front\",event=\"miss\"";
    let text = encode(&scrape, Format::Text);
    for line in [
        "# TYPE tickring_duration_seconds histogram",
        &format!("tickring_duration_seconds_bucket{{{labels},le=\"1e-06\"}} 1"),
        &format!("tickring_duration_seconds_bucket{{{labels},le=\"0.0025\"}} 1"),
        &format!("tickring_duration_seconds_bucket{{{labels},le=\"0.005\"}} 3"),
        &format!("tickring_duration_seconds_bucket{{{labels},le=\"1.0\"}} 3"),
        &format!("tickring_duration_seconds_bucket{{{labels},le=\"300.0\"}} 3"),
        &format!("tickring_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 4"),
        &format!("tickring_duration_seconds_sum{{{labels}}} 400.010001"),
        &format!("tickring_duration_seconds_count{{{labels}}} 4"),
    ] {
        assert!(text.lines().any(|there| there == line), "{line} is missing in {text}");
    }
    assert_eq!(text.matches("tickring_duration_seconds_bucket").count(), 22);
    let text = encode(&scrape, Format::OpenMetrics);
    let head = "# TYPE tickring_duration_seconds histogram\n# UNIT tickring_duration_seconds";
    assert!(text.contains(head), "{text}");
}

#[test]
fn process_is_shown_and_rates_can_be_left_out() {
    let mut scrape = scrape();
    scrape.rates = false;
    scrape.process = Some(ProcessSample {
        version: "1.2.3",
        engine: Diagnostics {
            ticker_starts: 1,
            timed_shards: 0,
            clock_lag: Duration::from_millis(250),
            saturated_records: 3,
            shards: 4,
            version: "1.2.3",
        },
        rejected: vec![(RejectionReason::Malformed, 5), (RejectionReason::Negative, 0)],
        refused: vec![("gauge", 15), ("histogram", 0)],
        program: vec![
            FigureSample { name: "shop_retries", help: "Retries.", value: FigureValue::Counter(7) },
            FigureSample { name: "shop_jobs", help: "Jobs.", value: FigureValue::Gauge(0.5) },
        ],
        http: Some(HttpSample {
            open: 6,
            limit: 7,
            accepted: 8,
            accept_failures: 9,
            evicted: vec![("idle", 10), ("body", 0)],
            withdrawn: 11,
            requests: vec![("/metrics", 200, 12), ("other", 404, 13)],
        }),
        system: Some(SystemSample {
            cpu: Duration::from_millis(1500),
            resident_bytes: 1_000_000,
            open_fds: 14,
            max_fds: 1024,
            started: Duration::from_millis(1_700_000_000_250),
        }),
    });
    let text = encode(&scrape, Format::Text);
    for line in [
        "tickring_build_info{version=\"1.2.3\"} 1",
        "tickring_clock_lag_seconds 0.25",
        "tickring_saturated_records_total 3",
        "tickring_shards 4",
        "tickring_rejected_total{reason=\"malformed\"} 5",
        "tickring_rejected_total{reason=\"negative\"} 0",
        "tickring_refused_metrics_total{kind=\"gauge\"} 15",
        "tickring_refused_metrics_total{kind=\"histogram\"} 0",
        "tickring_http_connections 6",
        "tickring_http_connections_limit 7",
        "tickring_http_accepted_total 8",
        "tickring_http_accept_failures_total 9",
        "tickring_ticker_starts_total 1",
        "# HELP shop_retries_total Retries.",
        "shop_retries_total 7",
        "# TYPE shop_jobs gauge",
        "shop_jobs 0.5",
        "tickring_http_evicted_total{waiting_for=\"idle\"} 10",
        "tickring_http_withdrawn_total 11",
        "tickring_http_requests_total{path=\"/metrics\",status=\"200\"} 12",
        "tickring_http_requests_total{path=\"other\",status=\"404\"} 13",
        "process_cpu_seconds_total 1.5",
        "process_resident_memory_bytes 1000000",
        "process_open_fds 14",
        "process_max_fds 1024",
        "process_start_time_seconds 1700000000.25",
    ] {
        assert!(text.lines().any(|there| there == line), "{line} is missing in {text}");
    }
    assert!(!text.contains("per_second"));
    // Help is written unchanged, so it must need no escapes in either format.
    let mut help = text.lines().filter(|line| line.starts_with("# HELP"));
    assert!(help.all(|line| !line.contains(['\\', '"'])));
}
