//! One record: on a shared meter and on a local one, against one bare atomic addition and against
//! a lock around a deque of time stamps; by one thread, and by two on the same one.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;
use tickring::Meter;

/// The last 3,600 time stamps, as a service's own tracker would keep them.
struct Stamps(Mutex<VecDeque<Instant>>);

impl Stamps {
    const KEPT: usize = 3600;

    fn record(&self) {
        let mut stamps = self.0.lock().expect("nobody panics under this lock");
        if stamps.len() == Self::KEPT {
            stamps.pop_front();
        }
        stamps.push_back(Instant::now());
    }
}

/// The time from a common start until both of two threads have done `n` operations.
fn two_threads(n: u64, operation: impl Fn() + Sync) -> Duration {
    let start = Barrier::new(2);
    let timed = || {
        operation();
        start.wait();
        let begun = Instant::now();
        (0..n).for_each(|_| operation());
        begun.elapsed()
    };
    thread::scope(|scope| {
        let other = scope.spawn(timed);
        let own = timed();
        own.max(other.join().expect("the other thread panicked"))
    })
}

fn one_thread(c: &mut Criterion) {
    let mut group = c.benchmark_group("record/1 thread");
    let meter = Meter::new();
    let mut local = meter.local();
    let atomic = AtomicU64::new(0);
    let stamps = Stamps(Mutex::new(VecDeque::with_capacity(Stamps::KEPT)));
    group.bench_function("Meter", |b| b.iter(|| black_box(&meter).record()));
    group.bench_function("LocalMeter", |b| b.iter(|| local.record()));
    group.bench_function("fetch_add", |b| {
        b.iter(|| black_box(&atomic).fetch_add(1, Ordering::Relaxed));
    });
    group.bench_function("Mutex<VecDeque<Instant>>", |b| b.iter(|| black_box(&stamps).record()));
    group.finish();
}

fn both_of_two(c: &mut Criterion) {
    let mut group = c.benchmark_group("record/2 threads");
    let meter = Meter::new();
    let atomic = CachePadded::new(AtomicU64::new(0));
    let stamps = Stamps(Mutex::new(VecDeque::with_capacity(Stamps::KEPT)));
    group.bench_function("Meter", |b| {
        b.iter_custom(|n| two_threads(n, || black_box(&meter).record()));
    });
    group.bench_function("fetch_add", |b| {
        b.iter_custom(|n| {
            two_threads(n, || _ = black_box(&*atomic).fetch_add(1, Ordering::Relaxed))
        });
    });
    group.bench_function("Mutex<VecDeque<Instant>>", |b| {
        b.iter_custom(|n| two_threads(n, || black_box(&stamps).record()));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50);
    targets = one_thread, both_of_two
}
criterion_main!(benches);
