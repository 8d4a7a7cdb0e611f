//! What `/metrics` shows of the facade.

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
    with_local_recorder,
};
use tickring::http::Router;
use tickring::metrics::Recorder;
use tickring::{Registry, Service};

use crate::support::router::ask;

/// A registry with a service of somebody else's, and a recorder on it.
fn recorder() -> (Registry, Recorder) {
    let registry = Registry::new();
    let own = Service::builder("own").event("event").build().unwrap();
    registry.register(own).unwrap();
    (registry.clone(), Recorder::new(registry))
}

fn page(registry: &Registry) -> String {
    let router = Router::new(registry.clone(), "own").unwrap();
    let answer = ask(&router, "GET", "/metrics", "");
    String::from_utf8(answer.into_body().to_vec()).unwrap()
}

#[track_caller]
fn assert_has(page: &str, lines: &[&str]) {
    for line in lines {
        assert_eq!(page.lines().filter(|found| found == line).count(), 1, "{line}\n{page}");
    }
}

#[test]
fn counters_and_histograms_keep_their_names() {
    let (registry, recorder) = recorder();
    with_local_recorder(&recorder, || {
        counter!("http_requests_total", "route" => "/", "service" => "x").increment(3);
        counter!("jobs.done").increment(2);
        describe_histogram!("latency", Unit::Milliseconds, "How long they wait.");
        histogram!("latency", "route" => "/").record(20);
        histogram!("job_seconds").record(0.5);
        counter!("x_count").increment(1);
    });
    let page = page(&registry);
    assert_has(
        &page,
        &[
            "# TYPE http_requests_total counter",
            r#"http_requests_total{service="http_requests_total",route="/",exported_service="x"} 3"#,
            r#"jobs_done_total{service="jobs_done"} 2"#,
            "# HELP latency_seconds How long they wait.",
            r#"latency_seconds_bucket{service="latency",route="/",le="0.025"} 1"#,
            r#"latency_seconds_bucket{service="latency",route="/",le="0.01"} 0"#,
            r#"latency_seconds_sum{service="latency",route="/"} 0.02"#,
            r#"job_seconds_sum{service="job_seconds"} 0.5"#,
            r#"tickring_events_total{service="x_count",event="event"} 1"#,
        ],
    );
    assert!(!page.contains("\nx_count"), "samples of histograms end so");
}

#[test]
fn descriptions_become_help_whenever_they_come() {
    let (registry, recorder) = recorder();
    let has = |lines: &[&str]| assert_has(&page(&registry), lines);
    with_local_recorder(&recorder, || {
        describe_counter!("before", "Said \\ \"before\"\nit was used.");
        counter!("before", "k" => "v").increment(1);
        has(&[r#"# HELP before_total Said \\ "before"\nit was used."#]);
        let held = counter!("after", "k" => "v");
        held.increment(1);
        has(&["# HELP after_total Events since the service started."]);
        describe_counter!("after", Unit::Count, "Said after.");
        held.increment(1);
        counter!("after", "k" => "v", "l" => "w").increment(1);
        has(&["# HELP after_total Said after.", r#"after_total{service="after",k="v"} 2"#]);
        describe_counter!("after", "Said twice.");
        held.increment(1);
        has(&["# HELP after_total Said twice.", r#"after_total{service="after",k="v"} 3"#]);
        describe_counter!("after", "");
        has(&["# HELP after_total Events since the service started."]);
        // A histogram that nobody took for a time until its unit was said.
        histogram!("wait").record(1.0);
        describe_histogram!("wait", Unit::Seconds, "A time.");
        histogram!("wait").record(1.0);
        describe_histogram!("wait", "A longer time.");
        has(&["# HELP wait_seconds A longer time.", r#"wait_seconds_count{service="wait"} 1"#]);
        // A name of both kinds has a text for each.
        describe_counter!("both", "Counted.");
        describe_histogram!("both", Unit::Seconds, "Timed.");
        counter!("both").increment(1);
        histogram!("both").record(1.0);
        has(&["# HELP both_total Counted.", "# HELP both_seconds Timed."]);
    });
}

#[test]
fn what_is_refused_is_counted_by_kind() {
    let (registry, recorder) = recorder();
    let none = ["counter", "gauge", "histogram"]
        .map(|kind| format!("tickring_refused_metrics_total{{kind=\"{kind}\"}} 0"));
    assert_has(&page(&registry), &none.each_ref().map(String::as_str));
    let recorder = recorder.counters(1);
    with_local_recorder(&recorder, || {
        describe_gauge!("depth", "It is not shown.");
        for _ in 0..3 {
            gauge!("depth").set(1.0);
        }
        gauge!("height").set(1.0);
        histogram!("bytes").record(1.0);
        counter!("first").increment(1);
        // Past the cap a counter counts elsewhere, and a histogram nowhere.
        counter!("second").increment(1);
        histogram!("second_seconds").record(1.0);
    });
    // Another recorder on this registry adds to it.
    with_local_recorder(&Recorder::new(registry.clone()), || gauge!("depth").set(1.0));
    let page = page(&registry);
    assert_has(
        &page,
        &[
            "# TYPE tickring_refused_metrics_total counter",
            r#"tickring_refused_metrics_total{kind="counter"} 0"#,
            r#"tickring_refused_metrics_total{kind="gauge"} 5"#,
            r#"tickring_refused_metrics_total{kind="histogram"} 2"#,
        ],
    );
    assert!(!page.contains("It is not shown"));
    let refused = [("bytes", 1), ("depth", 3), ("height", 1), ("second_seconds", 1)];
    assert_eq!(recorder.refused(), refused.map(|(name, count)| (name.to_owned(), count)));
}

#[test]
fn without_a_facade_nothing_is_said_of_one() {
    let registry = Registry::new();
    registry.register(Service::builder("own").event("event").build().unwrap()).unwrap();
    assert!(!page(&registry).contains("refused_metrics"));
}

#[test]
fn own_names_can_be_left_out() {
    let (registry, recorder) = recorder();
    with_local_recorder(&recorder.export_by_name(false), || {
        describe_counter!("jobs_total", "Jobs.");
        counter!("jobs_total").increment(1);
    });
    let page = page(&registry);
    assert!(!page.contains("\njobs_total") && !page.contains("Jobs."), "{page}");
    assert_has(&page, &[r#"tickring_events_total{service="jobs_total",event="event"} 1"#]);
}

#[test]
fn histograms_have_the_buckets_that_were_chosen() {
    let (registry, recorder) = recorder();
    let recorder = recorder.buckets("latency", [0.01, 0.1]).unwrap();
    let error = recorder.clone().buckets("other", [0.1, 0.01]).unwrap_err().to_string();
    assert!(error.contains("\"other\": 0.01 s comes after 0.1 s"), "{error}");
    with_local_recorder(&recorder, || {
        describe_histogram!("latency", Unit::Milliseconds, "Chosen.");
        histogram!("latency", "k" => "v").record(20);
        // They stay when keys and texts come later.
        histogram!("latency", "k" => "v", "l" => "w").record(20);
        describe_histogram!("latency", "Described again.");
        // A counter of this name has none.
        counter!("latency").increment(1);
    });
    let page = page(&registry);
    assert_eq!(page.matches("\nlatency_seconds_bucket{").count(), 2 * 3, "{page}");
    assert_has(
        &page,
        &[
            r#"latency_seconds_bucket{service="latency",k="v",le="0.1"} 1"#,
            "# HELP latency_seconds Described again.",
            r#"latency_total{service="latency_counter"} 1"#,
        ],
    );
}
