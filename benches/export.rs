//! The event-rate document of a service of the catalogue, its figures and its JSON.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tickring::{Registry, Service};

fn export(c: &mut Criterion) {
    let registry = Registry::new();
    let service = Service::from_catalogue("sports-data").expect("it is in the catalogue");
    let service = registry.register(service).expect("the registry is empty");
    let mut group = c.benchmark_group("export");
    group.bench_function("event_rate", |b| b.iter(|| black_box(&service).event_rate()));
    let document = service.event_rate();
    group.bench_function("to JSON", |b| {
        b.iter(|| serde_json::to_string(black_box(&document)).expect("it has no map keys"));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50);
    targets = export
}
criterion_main!(benches);
