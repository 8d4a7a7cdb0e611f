//! Counters of the `metrics` facade, on a recorder of each test's own.

use std::thread;

use metrics::{counter, gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_util::layers::FanoutBuilder;
use tickring::metrics::Recorder;
use tickring::{Registry, Service, Snapshot};

use crate::support::fleet;
use crate::support::meeting::Meeting;

fn total(registry: &Registry, service: &str, event: &str) -> u64 {
    fleet::total(registry, service, Some(event))
}

fn events(registry: &Registry, service: &str) -> Vec<String> {
    let service = registry.get(service).unwrap_or_else(|| panic!("no service {service}"));
    service.events().iter().map(|event| event.name().to_owned()).collect()
}

#[test]
fn counter_is_a_service_its_label_sets_are_events() {
    let registry = Registry::new();
    with_local_recorder(&Recorder::new(registry.clone()), || {
        counter!("http.requests", "method" => "GET", "code" => "200").increment(3);
        counter!("http.requests", "code" => "200", "method" => "GET").increment(1);
        counter!("http.requests", "method" => "POST", "code" => "201").increment(2);
        counter!("restarts").increment(1);
        let _ = counter!("never_incremented");
    });
    assert_eq!(total(&registry, "http_requests", "code_200_method_GET"), 4);
    assert_eq!(total(&registry, "http_requests", "code_201_method_POST"), 2);
    assert_eq!(registry.get("http_requests").unwrap().snapshot().unwrap().total(), 6);
    assert_eq!(total(&registry, "restarts", "event"), 1);
    assert_eq!(total(&registry, "never_incremented", "event"), 0);
    assert_eq!(registry.services().len(), 3);
}

#[test]
fn what_differs_is_never_added_up() {
    let registry = Registry::new();
    let own = registry.register(Service::from_catalogue("data-api").unwrap()).unwrap();
    with_local_recorder(&Recorder::new(registry.clone()), || {
        counter!("a.b").increment(1);
        counter!("a_b").increment(2);
        counter!("a b").increment(4);
        // A service of somebody else's.
        counter!("data-api").increment(8);
        counter!("labels", "path" => "/a/b").increment(16);
        counter!("labels", "path" => "/a?b").increment(32);
        counter!("labels", "path" => "a_b").increment(64);
        // Which looks as if it had none, or as if it were what comes after the cap.
        counter!("plain", "event" => "").increment(1);
        counter!("plain").increment(1);
        counter!("plain", "overflow" => "").increment(1);
    });
    let services = registry.services();
    let mut totals: Vec<_> = services.iter().map(|s| s.snapshot().unwrap().total()).collect();
    totals.sort_unstable();
    assert_eq!(totals, [0, 1, 2, 3, 4, 8, 112]);
    assert_eq!(own.snapshot().unwrap().total(), 0);
    let labels = registry.get("labels").unwrap();
    let mut totals: Vec<_> = labels.snapshots().unwrap().iter().map(Snapshot::total).collect();
    totals.sort_unstable();
    assert_eq!(totals, [16, 32, 64]);
    assert_eq!(events(&registry, "plain").len(), 3);
}

#[test]
fn absolute_means_at_least() {
    let registry = Registry::new();
    with_local_recorder(&Recorder::new(registry.clone()), || {
        let bytes = counter!("bytes");
        bytes.absolute(100);
        bytes.absolute(40);
        assert_eq!(total(&registry, "bytes", "event"), 100);
        bytes.increment(5);
        bytes.absolute(104);
        assert_eq!(total(&registry, "bytes", "event"), 105);
        counter!("bytes").absolute(1 << 41);
        assert_eq!(total(&registry, "bytes", "event"), 1 << 41);
    });
}

#[test]
fn raises_by_several_threads_come_to_the_highest() {
    let registry = Registry::new();
    let recorder = Recorder::new(registry.clone());
    let meeting = Meeting::of(2);
    thread::scope(|scope| {
        for thread in 0..2 {
            let (registry, recorder, meeting) = (&registry, &recorder, &meeting);
            scope.spawn(move || {
                let raised = with_local_recorder(recorder, || counter!("raised"));
                for round in 1..=1000 {
                    meeting.wait();
                    raised.absolute(round * 10 + thread);
                    meeting.wait();
                    // Looked at each time: the next raise would make up for one that went too far.
                    assert_eq!(total(registry, "raised", "event"), round * 10 + 1);
                }
            });
        }
    });
}

#[test]
fn threads_that_meet_a_counter_at_once_share_it() {
    const LABEL_SETS: usize = 300;
    let registry = Registry::new();
    // As many as there are: whoever is late to admit one must not take a second place.
    let recorder = Recorder::new(registry.clone()).label_sets(LABEL_SETS);
    let meeting = Meeting::of(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                with_local_recorder(&recorder, || {
                    for number in 0..LABEL_SETS {
                        let number = number.to_string();
                        meeting.wait();
                        counter!("shared", "number" => number).increment(1);
                    }
                });
            });
        }
    });
    assert_eq!(events(&registry, "shared").len(), LABEL_SETS);
    assert!(registry.get("shared").unwrap().event("overflow").is_none());
    for snapshot in registry.get("shared").unwrap().snapshots().unwrap() {
        assert_eq!(snapshot.total(), 2);
    }
}

#[test]
fn past_the_caps_nothing_grows_and_nothing_is_lost() {
    let registry = Registry::new();
    let recorder = Recorder::new(registry.clone()).counters(3).label_sets(4);
    with_local_recorder(&recorder, || {
        for number in 0..1000 {
            counter!("users", "id" => format!("{number}")).increment(2);
        }
        // Absolute values of many can't be told apart.
        counter!("users", "id" => "1000").absolute(1_000_000);
        counter!("users", "id" => "3").increment(1);
        for number in 0..1000 {
            counter!(format!("counter_{number}")).increment(1);
        }
    });
    assert_eq!(events(&registry, "users"), ["id_0", "id_1", "id_2", "id_3", "overflow"]);
    assert_eq!(total(&registry, "users", "id_3"), 3);
    assert_eq!(total(&registry, "users", "overflow"), 2 * 996);
    assert_eq!(total(&registry, "metrics-overflow", "overflow"), 998);
    let names: Vec<_> = registry.services().iter().map(|s| s.name().to_owned()).collect();
    assert_eq!(names, ["users", "counter_0", "counter_1", "metrics-overflow"]);
    assert_eq!(format!("{recorder:?}"), "Recorder { counters: 6, .. }");
}

#[test]
fn gauges_and_histograms_pass_by() {
    let registry = Registry::new();
    with_local_recorder(&Recorder::new(registry.clone()), || {
        metrics::describe_gauge!("depth", "how many wait");
        metrics::describe_histogram!("latency", metrics::Unit::Seconds, "how long they wait");
        metrics::describe_counter!("waits", "how many waited");
        gauge!("depth").set(3.0);
        histogram!("latency").record(0.25);
    });
    assert!(registry.services().is_empty());
}

/// Beside the exporter that users of the facade have already.
#[test]
fn in_a_fan_out_both_count() {
    let registry = Registry::new();
    let prometheus = PrometheusBuilder::new().build_recorder();
    let rendered = prometheus.handle();
    let fan_out = FanoutBuilder::default()
        .add_recorder(Recorder::new(registry.clone()))
        .add_recorder(prometheus)
        .build();
    with_local_recorder(&fan_out, || {
        counter!("jobs_total", "queue" => "mail").increment(7);
        counter!("jobs_total", "queue" => "mail").absolute(9);
        histogram!("job_seconds").record(0.5);
    });
    assert_eq!(total(&registry, "jobs_total", "queue_mail"), 9);
    let text = rendered.render();
    assert!(text.contains("jobs_total{queue=\"mail\"} 9\n"), "{text}");
    assert!(text.contains("job_seconds_count 1\n"), "{text}");
}
