//! Records by 1, 2, 4 and 8 threads on the same meter, and on the same atomic. The time is that
//! of one thread's record, on the average of all: flat while there are cores enough.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;
use tickring::Meter;

/// The mean time that one of `threads` threads took for `n` operations, from a common start.
fn mean_of(threads: u32, n: u64, operation: impl Fn() + Sync) -> Duration {
    let start = Barrier::new(threads as usize);
    let timed = || {
        operation();
        start.wait();
        let begun = Instant::now();
        (0..n).for_each(|_| operation());
        begun.elapsed()
    };
    let sum: Duration = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(timed)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread panicked")).sum()
    });
    sum / threads
}

fn contention(c: &mut Criterion) {
    let mut group = c.benchmark_group("contention");
    let meter = Meter::new();
    let atomic = CachePadded::new(AtomicU64::new(0));
    for threads in [1, 2, 4, 8] {
        group.bench_function(BenchmarkId::new("Meter", threads), |b| {
            b.iter_custom(|n| mean_of(threads, n, || black_box(&meter).record()));
        });
        group.bench_function(BenchmarkId::new("fetch_add", threads), |b| {
            let add = || _ = black_box(&*atomic).fetch_add(1, Ordering::Relaxed);
            b.iter_custom(|n| mean_of(threads, n, add));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30);
    targets = contention
}
criterion_main!(benches);
