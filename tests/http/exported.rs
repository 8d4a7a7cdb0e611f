//! Events that `/metrics` shows as families of their own, beside tickring's.

use std::time::Duration;

use tickring::http::Router;
use tickring::{ManualClock, Registry, Service};

use crate::support::router::ask_with;

async fn page(registry: &Registry, accept: &str) -> String {
    let service = registry.services().iter().next().unwrap().name().to_owned();
    let router = Router::new(registry.clone(), service).unwrap();
    let answer = ask_with(&router, "/metrics", &[("accept", accept)]).await;
    String::from_utf8(answer.into_body().to_vec()).unwrap()
}

async fn text(registry: &Registry) -> String {
    page(registry, "text/plain").await
}

/// The lines from the head of a family to the next head, without `_created`, whose value nobody knows.
fn family(page: &str, name: &str) -> Vec<String> {
    let of_family = |line: &&str| {
        let line = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
        line.trim_start_matches("# UNIT ").starts_with(name)
    };
    let lines = page.lines().skip_while(|line| !of_family(line)).take_while(of_family);
    lines.filter(|line| !line.contains("_created")).map(str::to_owned).collect()
}

fn shop(name: &str) -> Service {
    let shop = Service::builder(name).event("request").labels(["route", "method"]);
    shop.exported_as("http_requests").event("other").build().unwrap()
}

#[tokio::test]
async fn services_under_one_name_are_one_family() {
    let registry = Registry::new();
    let first = registry.register(shop("shop")).unwrap();
    registry.register(shop("quiet")).unwrap();
    let second = Service::builder("market").event("hit").exported_as("http_requests");
    let second = registry.register(second.help("All \\ \"of\"\nthem.").build().unwrap()).unwrap();
    first.family("request").unwrap().record_n(["/", "GET"], 3);
    first.family("request").unwrap().record(["/\"", ""]);
    second.meter("hit").unwrap().record();
    let samples = [
        r#"http_requests_total{service="shop",route="/",method="GET"} 3"#,
        r#"http_requests_total{service="shop",route="/\""} 1"#,
        r#"http_requests_total{service="market"} 1"#,
    ];
    let page = text(&registry).await;
    let heads =
        [r#"# HELP http_requests_total All \\ "of"\nthem."#, "# TYPE http_requests_total counter"];
    assert_eq!(family(&page, "http_requests"), [&heads[..], &samples].concat());
    // It is in tickring's own family as well, which has each event once.
    assert!(page.contains("\ntickring_events_total{service=\"market\",event=\"hit\"} 1\n"));
    let page = self::page(&registry, "application/openmetrics-text").await;
    let heads = ["# TYPE http_requests counter", r#"# HELP http_requests All \\ \"of\"\nthem."#];
    assert_eq!(family(&page, "http_requests"), [&heads[..], &samples].concat());
    assert_eq!(page.matches("\nhttp_requests_created{").count(), 3);
}

#[tokio::test]
async fn timed_event_is_a_histogram_of_chosen_buckets() {
    let registry = Registry::new();
    let shop = Service::builder("shop").timed_event("request").labels(["route"]);
    let shop = shop.exported_as("http_request_duration_seconds").buckets([0.000_001, 0.005, 1.0]);
    let shop = shop.counted_as("http_requests");
    let shop = registry.register(shop.build().unwrap()).unwrap();
    let timer = shop.timed_family("request").unwrap().with(["/"]);
    // A duration that is as long as the bound is in the bucket.
    for nanos in [1_000, 1_001, 5_000_000, 5_000_001, 5_000_001, 2_000_000_000] {
        timer.record(Duration::from_nanos(nanos));
    }
    // An event without a duration counts in the counter only.
    shop.family::<1>("request").unwrap().record(["/"]);
    let samples = [
        r#"http_request_duration_seconds_bucket{service="shop",route="/",le="1e-06"} 1"#,
        r#"http_request_duration_seconds_bucket{service="shop",route="/",le="0.005"} 3"#,
        r#"http_request_duration_seconds_bucket{service="shop",route="/",le="1.0"} 5"#,
        r#"http_request_duration_seconds_bucket{service="shop",route="/",le="+Inf"} 6"#,
        r#"http_request_duration_seconds_sum{service="shop",route="/"} 2.015002003"#,
        r#"http_request_duration_seconds_count{service="shop",route="/"} 6"#,
    ];
    let name = "http_request_duration_seconds";
    let page = text(&registry).await;
    assert_eq!(family(&page, name)[2..], samples);
    assert_eq!(page.matches("# TYPE http_request_duration_seconds histogram\n").count(), 1);
    let counted = r#"http_requests_total{service="shop",route="/"} 7"#;
    assert_eq!(
        family(&page, "http_requests_")[1..],
        ["# TYPE http_requests_total counter", counted]
    );
    assert_eq!(page.matches("tickring_duration_seconds_bucket{").count(), 22, "these stay");
    let page = self::page(&registry, "application/openmetrics-text").await;
    assert!(page.contains(&format!("# UNIT {name} seconds\n")));
    assert_eq!(family(&page, name)[3..], samples);
    assert_eq!(page.matches("\nhttp_request_duration_seconds_created{").count(), 1);
}

#[tokio::test]
async fn without_buckets_there_are_all_bounds() {
    let registry = Registry::new();
    let shop = Service::builder("shop").timed_event("request").exported_as("latency");
    let shop = registry.register(shop.build().unwrap()).unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..2000 {
        let nanos = 2_f64.powf(random.f64() * 42.0);
        shop.timer("request").unwrap().record(Duration::from_secs_f64(nanos / 1e9));
    }
    let page = self::page(&registry, "application/openmetrics-text").await;
    let value = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap();
    let lines = family(&page, "latency");
    let buckets: Vec<u64> = lines
        .iter()
        .filter(|line| line.starts_with("latency_bucket"))
        .map(|line| value(line))
        .collect();
    assert!(buckets.len() == 22 && buckets.is_sorted() && buckets[0] > 0, "{lines:?}");
    assert_eq!((buckets[21], value(lines.last().unwrap())), (2000, 2000));
    assert!(!page.contains("# UNIT latency"), "its name does not end with a unit");
}

/// What `replace` lets in, which can't return an error.
#[tokio::test]
async fn first_kind_under_a_name_stays_the_one() {
    let registry = Registry::new();
    let labelled = Service::builder("a").event("e").labels(["k"]).exported_as("x");
    registry.replace(labelled.build().unwrap());
    let timed = Service::builder("b").timed_event("t").exported_as("x").build().unwrap();
    let timed = registry.replace(timed);
    timed.timer("t").unwrap().record(Duration::from_millis(1));
    // Before the first sample as well.
    for samples in [0, 1] {
        let page = text(&registry).await;
        let lines = family(&page, "x_");
        assert_eq!(lines[1], "# TYPE x_total counter");
        assert_eq!((lines.len(), page.matches("\nx_").count()), (2 + samples, samples));
        registry.get("a").unwrap().family("e").unwrap().record(["v"]);
    }
}

#[tokio::test]
async fn figure_of_the_program_keeps_its_name() {
    let registry = Registry::new();
    let shop = Service::builder("shop").event("retry").exported_as("shop_retries");
    let shop = shop
        .timed_event("job")
        .exported_as("shop_jobs")
        .event("order")
        .exported_as("shop_jobs_sums");
    registry.register(shop.build().unwrap()).unwrap();
    let router = Router::new(registry, "shop").unwrap();
    let router = router.counter("shop_retries", "Retries.", || 7);
    // It has the name of a sample of the histogram.
    let router = router.gauge("shop_jobs_sum", "All jobs.", || Some(8.0));
    let answer = ask_with(&router, "/metrics", &[]).await;
    let page = String::from_utf8(answer.into_body().to_vec()).unwrap();
    let types: Vec<_> = page.lines().filter(|line| line.starts_with("# TYPE shop_")).collect();
    let expected =
        ["shop_jobs_sums_total counter", "shop_retries_total counter", "shop_jobs_sum gauge"];
    assert_eq!(types, expected.map(|head| format!("# TYPE {head}")));
    assert!(page.contains("\nshop_retries_total 7\n") && page.contains("\nshop_jobs_sum 8\n"));
    assert!(page.contains("\nshop_jobs_sums_total{service=\"shop\"} 0\n"), "that is another name");
}

#[tokio::test]
async fn set_that_comes_back_has_a_new_start() {
    let clock = ManualClock::new();
    let registry = Registry::new();
    let shop = Service::builder("shop").event("e").labels(["k"]).exported_as("x");
    let shop = shop.retire_after(Duration::from_secs(120)).clock(clock.clone()).build().unwrap();
    let shop = registry.register(shop).unwrap();
    shop.family("e").unwrap().record_n(["v"], 5);
    clock.advance(Duration::from_secs(300));
    assert!(!text(&registry).await.contains("\nx_total{"), "it has retired");
    shop.family("e").unwrap().record(["v"]);
    let page = page(&registry, "application/openmetrics-text").await;
    assert!(
        page.contains(
            "\nx_total{service=\"shop\",k=\"v\"} 1\nx_created{service=\"shop\",k=\"v\"} "
        )
    );
}
