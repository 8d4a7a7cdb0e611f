//! tickring beside its peers, in one run: what a record costs 1, 2 and 8 threads, what a read
//! costs, how many bytes a metric takes up, and how right it is.
//!
//! `cargo run --release` prints two tables, in about three minutes; `cargo run --release -- cost`
//! only the first one, in one.
#![forbid(unsafe_code)]

mod accuracy;
mod peer;
mod peers;

use std::alloc::System;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use peer::{Entry, Peer, Stream};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 7;
/// How many metrics are made to tell what one takes up.
const METRICS: usize = 8;

fn entry<P: Peer>() -> Entry {
    let region = Region::new(ALLOCATOR);
    let metrics: Vec<Arc<P>> = (0..METRICS).map(|_| Arc::new(P::new())).collect();
    let metric = Arc::clone(&metrics[0]);
    // Joined before the allocator is asked: what the thread itself needed is gone by then.
    let record_all = move || {
        metrics.iter().for_each(|metric| metric.record());
        metrics
    };
    let metrics = thread::spawn(record_all).join().unwrap();
    let change = region.change();
    let bytes = (change.bytes_allocated - change.bytes_deallocated) / METRICS;
    // A pool would hand what is dropped here to the next metric, for nothing.
    std::mem::forget(metrics);

    let (written, read) = (Arc::clone(&metric), metric);
    let fresh = || -> Arc<dyn Stream> { Arc::new(P::new()) };
    Entry {
        name: P::NAME,
        gives: P::GIVES,
        team: Box::new(move |threads, n| team(&*written, threads, n)),
        reads: Box::new(move |n| {
            let begun = Instant::now();
            for _ in 0..n {
                black_box(black_box(&*read).read());
            }
            nanos(begun, n)
        }),
        bytes,
        streams: [fresh(), fresh()],
    }
}

fn nanos(begun: Instant, n: u32) -> f64 {
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(n)
}

/// Nanoseconds of a record, on the average of all threads.
fn team<P: Peer>(metric: &P, threads: usize, n: u32) -> f64 {
    let start = Barrier::new(threads);
    let member = || {
        metric.record();
        start.wait();
        let begun = Instant::now();
        for _ in 0..n {
            black_box(metric).record();
        }
        nanos(begun, n)
    };
    let sum: f64 = thread::scope(|scope| {
        let members: Vec<_> = (0..threads).map(|_| scope.spawn(member)).collect();
        members.into_iter().map(|member| member.join().unwrap()).sum()
    });
    sum / threads as f64
}

/// The median, and what all lie between.
fn summary(figures: &mut [f64]) -> String {
    figures.sort_by(f64::total_cmp);
    let digits = |x: f64| if x < 100.0 { format!("{x:.1}") } else { format!("{x:.0}") };
    let (low, high) = (figures[0], figures[figures.len() - 1]);
    format!("**{}** {}–{}", digits(figures[figures.len() / 2]), digits(low), digits(high))
}

/// All peers take turns, so that they share what the machine does besides.
fn costs(entries: &[Entry]) {
    let mut figures = vec![[const { Vec::new() }; 4]; entries.len()];
    for _ in 0..ROUNDS {
        for (entry, [one, two, eight, read]) in entries.iter().zip(&mut figures) {
            one.push((entry.team)(1, 200_000));
            two.push((entry.team)(2, 200_000));
            eight.push((entry.team)(8, 100_000));
            read.push((entry.reads)(1_000));
        }
    }
    println!("| | gives | record, 1 thread | 2 threads | 8 threads | read | bytes |");
    println!("|---|---|---|---|---|---|---|");
    for (entry, figures) in entries.iter().zip(&mut figures) {
        let [one, two, eight, read] = figures.each_mut().map(|figures| summary(figures));
        let Entry { name, gives, bytes, .. } = entry;
        println!("| {name} | {gives} | {one} | {two} | {eight} | {read} | {bytes} |");
    }
}

fn main() {
    // What a crate allocates once for the process is not a metric's.
    drop(entry::<peers::Tickring>());
    let entries = [
        entry::<peers::Tickring>(),
        entry::<peers::FetchAdd>(),
        entry::<peers::Stamps>(),
        entry::<peers::MetricsLib>(),
        entry::<peers::Metriki>(),
        entry::<peers::Witchcraft>(),
        entry::<peers::Pingora>(),
        entry::<peers::Fenster>(),
        entry::<peers::InvocationCounter>(),
        entry::<peers::Contatori>(),
        entry::<peers::FastCounter>(),
        entry::<peers::Prometheus>(),
        entry::<peers::PrometheusClient>(),
        entry::<peers::Metriken>(),
        entry::<peers::Metrics>(),
        entry::<peers::OpenTelemetry>(),
    ];
    costs(&entries);
    if !std::env::args().any(|arg| arg == "cost") {
        println!();
        accuracy::table(&entries);
    }
}
