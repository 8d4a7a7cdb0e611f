//! Labels: a look-up by two of them, beside the `metrics` facade with its Prometheus exporter in the same run;
//! and a scrape of an event with 10,000 children.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use hyper::Request;
use metrics_exporter_prometheus::PrometheusBuilder;
use tickring::http::Router;
use tickring::{Registry, Service};

const METHODS: [&str; 2] = ["GET", "POST"];

fn shop(registry: &Registry, label_sets: usize) -> std::sync::Arc<Service> {
    let shop = Service::builder("shop").event("request").labels(["route", "method"]);
    let shop = shop.label_sets(label_sets).build().expect("the description is sound");
    registry.register(shop).expect("its name is free")
}

fn look_up(c: &mut Criterion) {
    let routes: Vec<String> = (0..16).map(|n| format!("/api/v1/items/{n}/{{id}}")).collect();
    let sets: Vec<[&str; 2]> =
        routes.iter().flat_map(|route| METHODS.map(|method| [route.as_str(), method])).collect();
    let mut group = c.benchmark_group("labels");
    let mut next = sets.iter().cycle();

    let requests = shop(&Registry::new(), 256).family("request").expect("it has two labels");
    group.bench_function("Family::record", |b| {
        b.iter(|| requests.record(black_box(*next.next().expect("it never ends"))));
    });
    group.bench_function("Family::with", |b| {
        b.iter(|| requests.with(black_box(*next.next().expect("it never ends"))).record());
    });
    let held = requests.with(sets[0]);
    group.bench_function("a held child", |b| b.iter(|| black_box(&held).record()));

    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        group.bench_function("counter! and its Prometheus exporter", |b| {
            b.iter(|| {
                let [route, method] = black_box(*next.next().expect("it never ends"));
                let (route, method) = (route.to_owned(), method.to_owned());
                metrics::counter!("requests", "route" => route, "method" => method).increment(1);
            });
        });
        group.bench_function("counter! of literals and its Prometheus exporter", |b| {
            b.iter(|| {
                metrics::counter!("requests", "route" => "/items", "method" => "GET").increment(1);
            });
        });
    });
    let recorder = tickring::metrics::Recorder::new(Registry::new());
    metrics::with_local_recorder(&recorder, || {
        group.bench_function("counter! and tickring", |b| {
            b.iter(|| {
                let [route, method] = black_box(*next.next().expect("it never ends"));
                let (route, method) = (route.to_owned(), method.to_owned());
                metrics::counter!("requests", "route" => route, "method" => method).increment(1);
            });
        });
    });
    group.finish();
}

fn scrape(c: &mut Criterion) {
    let registry = Registry::new();
    let shop = shop(&registry, 10_000);
    let requests = shop.family("request").expect("it has two labels");
    for number in 0..5_000 {
        let route = format!("/api/v1/items/{number}");
        for method in METHODS {
            requests.record_n([&route, method], number);
        }
    }
    let router = Router::new(registry, "shop").expect("it is registered");
    let get = |uri: &str| Request::get(uri).body(Bytes::new()).expect("a sound request");
    let mut group = c.benchmark_group("10,000 children");
    for uri in ["/metrics", "/metrics?rates=0", "/api/v1/event-rate?labels=1"] {
        let request = get(uri);
        group.bench_function(uri, |b| b.iter(|| router.answer(black_box(&request))));
    }
    group.bench_function("Service::snapshot", |b| b.iter(|| black_box(&shop).snapshot()));
    group.bench_function("Service::retire_idle", |b| b.iter(|| black_box(&shop).retire_idle()));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = look_up, scrape
}
criterion_main!(benches);
