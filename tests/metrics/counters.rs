//! Counters of the `metrics` facade, on a recorder of each test's own.

use std::thread;

use metrics::{counter, gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_util::layers::FanoutBuilder;
use tickring::metrics::Recorder;
use tickring::{Registry, Service};

use crate::support::fleet;
use crate::support::meeting::Meeting;

fn total(registry: &Registry, service: &str, event: &str) -> u64 {
    fleet::total(registry, service, Some(event))
}

/// The totals of a service by its labels, as `key=value,…`.
fn by_labels(registry: &Registry, service: &str) -> Vec<(String, u64)> {
    let document = registry.get(service).unwrap().event_rate_with_labels();
    let document = serde_json::to_value(document).unwrap();
    let event = &document["events"]["event"];
    let read = |series: &serde_json::Value| {
        let labels = series["labels"].as_object().unwrap().iter();
        let labels: Vec<_> =
            labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap())).collect();
        (labels.join(","), series["total"].as_u64().unwrap())
    };
    event["series"].as_array().unwrap().iter().map(read).collect()
}

#[test]
fn counter_is_a_service_its_labels_are_labels() {
    let registry = Registry::new();
    with_local_recorder(&Recorder::new(registry.clone()), || {
        counter!("http.requests", "method" => "GET", "code" => "200").increment(3);
        counter!("http.requests", "code" => "200", "method" => "GET").increment(1);
        counter!("http.requests", "method" => "POST", "code" => "201").increment(2);
        counter!("restarts").increment(1);
        let _ = counter!("never_incremented");
    });
    let expected = [("code=200,method=GET".to_owned(), 4), ("code=201,method=POST".to_owned(), 2)];
    assert_eq!(by_labels(&registry, "http_requests"), expected);
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
        // Keys that come later, in another order, and reserved ones. An empty value is none.
        counter!("plain").increment(1);
        counter!("plain", "event" => "").increment(1);
        counter!("plain", "event" => "x").increment(4);
        counter!("plain", "z-a" => "y", "event" => "x").increment(8);
        counter!("plain", "event" => "x", "z-a" => "y").increment(16);
    });
    let services = registry.services();
    let mut totals: Vec<_> = services.iter().map(|s| s.snapshot().unwrap().total()).collect();
    totals.sort_unstable();
    assert_eq!(totals, [0, 1, 2, 4, 8, 30, 112]);
    assert_eq!(own.snapshot().unwrap().total(), 0);
    let totals: Vec<_> =
        by_labels(&registry, "labels").into_iter().map(|(_, total)| total).collect();
    assert_eq!(totals, [16, 32, 64]);
    let plain =
        [("exported_event=x,z_a=", 4), ("exported_event=x,z_a=y", 24), ("exported_event=,z_a=", 2)];
    assert_eq!(
        by_labels(&registry, "plain"),
        plain.map(|(labels, total)| (labels.to_owned(), total))
    );
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
    let shared = by_labels(&registry, "shared");
    assert_eq!(shared.len(), LABEL_SETS);
    assert!(shared.iter().all(|(_, total)| *total == 2), "{shared:?}");
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
    let users = [("id=0", 2), ("id=1", 2), ("id=2", 2), ("id=3", 3), ("id=other", 2 * 996)];
    assert_eq!(
        by_labels(&registry, "users"),
        users.map(|(labels, total)| (labels.to_owned(), total))
    );
    assert_eq!(total(&registry, "metrics-overflow", "overflow"), 998);
    let names: Vec<_> = registry.services().iter().map(|s| s.name().to_owned()).collect();
    assert_eq!(names, ["users", "counter_0", "counter_1", "metrics-overflow"]);
    assert_eq!(format!("{recorder:?}"), "Recorder { counters: 6, .. }");
}

#[test]
fn histograms_of_durations_are_timed_events() {
    let registry = Registry::new();
    let recorder = Recorder::new(registry.clone());
    with_local_recorder(&recorder, || {
        metrics::describe_histogram!("latency", metrics::Unit::Milliseconds, "how long they wait");
        metrics::describe_histogram!("size_seconds", metrics::Unit::Bytes, "not what it seems");
        histogram!("latency", "route" => "/a").record(250);
        histogram!("latency", "route" => "/a").record(-1.0);
        histogram!("latency").record(f64::NAN);
        histogram!("job_seconds").record(0.5);
        counter!("both_seconds").increment(3);
        histogram!("both_seconds").record(1.5);
        // These can't be recorded.
        histogram!("size_seconds").record(1.0);
        histogram!("bytes").record(1.0);
        gauge!("depth").set(3.0);
        gauge!("depth").set(4.0);
    });
    let sum = |service: &str, event: &str| {
        let timer = registry.get(service).unwrap().timer(event).unwrap();
        timer.snapshot().since_start().sum().as_millis()
    };
    assert_eq!(sum("job_seconds", "event"), 500);
    assert_eq!(sum("both_seconds_histogram", "event"), 1500);
    assert_eq!(total(&registry, "both_seconds", "event"), 3);
    assert_eq!(by_labels(&registry, "latency"), [("route=/a".to_owned(), 1)]);
    let latency = registry.get("latency").unwrap().timed_family("event").unwrap().with(["/a"]);
    assert_eq!(latency.snapshot().since_start().sum().as_millis(), 250);
    let refused = [("bytes", 1), ("depth", 2), ("size_seconds", 1)];
    assert_eq!(recorder.refused(), refused.map(|(name, count)| (name.to_owned(), count)));
    assert_eq!(registry.services().len(), 4);
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
    assert_eq!(by_labels(&registry, "jobs_total"), [("queue=mail".to_owned(), 9)]);
    let text = rendered.render();
    assert!(text.contains("jobs_total{queue=\"mail\"} 9\n"), "{text}");
    assert!(text.contains("job_seconds_count 1\n"), "{text}");
}

/// A label set whose values are all `other` is an ordinary one, as long as there is room.
#[test]
fn other_as_a_value_takes_nothing_from_the_rest() {
    let registry = Registry::new();
    with_local_recorder(&Recorder::new(registry.clone()), || {
        counter!("requests", "method" => "other").increment(1);
        counter!("requests", "method" => "GET").increment(3);
    });
    let expected = [("method=other".to_owned(), 1), ("method=GET".to_owned(), 3)];
    assert_eq!(by_labels(&registry, "requests"), expected);
}

#[test]
fn counter_and_histogram_of_a_name_are_two_services() {
    let registry = Registry::new();
    with_local_recorder(&Recorder::new(registry.clone()), || {
        histogram!("query_seconds", "table" => "a").record(0.5);
        counter!("query_seconds").increment(100);
        histogram!("query_seconds", "table" => "b").record(0.5);
    });
    let totals: Vec<u64> =
        registry.services().iter().map(|service| service.snapshot().unwrap().total()).collect();
    assert_eq!((totals.len(), totals.iter().sum::<u64>()), (2, 102));
    assert!(totals.contains(&100) && totals.contains(&2), "{totals:?}");
}

/// A subscriber of the log counts each line with the facade.
#[test]
fn what_is_said_may_be_counted() {
    use tracing_subscriber::fmt::MakeWriter;

    struct Counting;

    impl std::io::Write for Counting {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            counter!("log.lines", "kind" => format!("{}", line.len())).increment(1);
            counter!("log_count").increment(1);
            gauge!("log_length").set(1.0);
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Counting {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            Self
        }
    }

    let registry = Registry::new();
    let subscriber = tracing_subscriber::fmt().with_writer(Counting).finish();
    with_local_recorder(&Recorder::new(registry.clone()), || {
        tracing::subscriber::with_default(subscriber, || {
            counter!("x_count").increment(1);
            histogram!("x_count_seconds").record(1.0);
            gauge!("depth").set(1.0);
        });
    });
    assert_eq!(total(&registry, "x_count", "event"), 1);
    assert!(registry.get("log_lines").is_some());
}
