//! A snapshot of a meter with 1, 4 and 16 shards whose window is full, and the figures taken
//! from it; beside them the clock reading that every snapshot needs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tickring::{LocalMeter, ManualClock, Meter};

/// A meter with `shards` shards that were all in use in each of the last 130 seconds.
fn busy_meter(shards: usize) -> Meter {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    let mut locals: Vec<_> = (0..shards).map(|_| meter.local()).collect();
    for second in 0..130 {
        for local in &mut locals {
            local.record_n(1 + second % 97);
        }
        clock.advance(Duration::from_secs(1));
    }
    locals.iter_mut().for_each(LocalMeter::record);
    drop(locals);
    meter
}

fn read(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    group.bench_function("Instant::now", |b| b.iter(Instant::now));
    for shards in [1, 4, 16] {
        let meter = busy_meter(shards);
        group.bench_function(BenchmarkId::new("snapshot", shards), |b| {
            b.iter(|| black_box(&meter).snapshot());
        });
    }
    let snapshot = busy_meter(1).snapshot();
    group.bench_function("events_per_second", |b| {
        b.iter(|| black_box(&snapshot).events_per_second());
    });
    group.bench_function("peak_per_second", |b| {
        b.iter(|| black_box(&snapshot).peak_per_second());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50);
    targets = read
}
criterion_main!(benches);
