//! The event-rate document, its figures and its JSON: of a service whose events are only counted,
//! and of one whose events are timed.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tickring::{Registry, Service};

fn export(c: &mut Criterion) {
    let registry = Registry::new();
    let mut group = c.benchmark_group("export");
    for name in ["sports-data", "admin-api"] {
        let service = Service::from_catalogue(name).expect("it is in the catalogue");
        let service = registry.register(service).expect("its name is free");
        if let Some(timer) = service.events()[0].timer() {
            // Sixteen to a power of two, from 2 µs to 3 ms: a bucket each, 170 in all.
            (0..170)
                .for_each(|n| timer.record(Duration::from_nanos((16 + n % 16) << (7 + n / 16))));
        }
        group.bench_function(BenchmarkId::new("event_rate", name), |b| {
            b.iter(|| black_box(&service).event_rate());
        });
        let document = service.event_rate();
        group.bench_function(BenchmarkId::new("to JSON", name), |b| {
            b.iter(|| serde_json::to_string(black_box(&document)).expect("it has no map keys"));
        });
    }
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
