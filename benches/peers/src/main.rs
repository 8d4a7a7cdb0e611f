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
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Bytes of a metric on which so many threads have recorded once, all alive at the same time.
fn bytes<P: Peer>(threads: usize) -> (usize, Arc<P>) {
    let region = Region::new(ALLOCATOR);
    let metrics: Vec<Arc<P>> = (0..METRICS).map(|_| Arc::new(P::new())).collect();
    let metric = Arc::clone(&metrics[0]);
    let all = Barrier::new(threads);
    // Joined before the allocator is asked: what the threads themselves needed is gone by then.
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                metrics.iter().for_each(|metric| metric.record());
                all.wait();
            });
        }
    });
    let change = region.change();
    // A pool would hand what is dropped here to the next metric, for nothing.
    std::mem::forget(metrics);
    ((change.bytes_allocated - change.bytes_deallocated) / METRICS, metric)
}

fn entry<P: Peer>() -> Entry {
    let (one, metric) = bytes::<P>(1);
    let (sixteen, _) = bytes::<P>(16);
    let (written, read) = (Arc::clone(&metric), metric);
    let fresh = || -> Arc<dyn Stream> { Arc::new(P::new()) };
    Entry {
        name: P::NAME,
        gives: P::GIVES,
        team: Box::new(move |threads, n| team(&*written, threads, n)),
        reads: Box::new(move |n, recorded| reads(&*read, n, recorded)),
        bytes: [one, sixteen],
        streams: [fresh(), fresh()],
    }
}

/// Nanoseconds of a read; beside a thread that records without a pause, or not.
fn reads<P: Peer>(metric: &P, n: u32, recorded: bool) -> f64 {
    let (recording, over) = (AtomicBool::new(!recorded), AtomicBool::new(!recorded));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for _ in 0..100 {
                    black_box(metric).record();
                }
                recording.store(true, Ordering::Relaxed);
            }
        });
        while !recording.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let begun = Instant::now();
        for _ in 0..n {
            black_box(black_box(metric).read());
        }
        let each = nanos(begun, n);
        over.store(true, Ordering::Relaxed);
        each
    })
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
    let mut figures = vec![[const { Vec::new() }; 5]; entries.len()];
    for _ in 0..ROUNDS {
        for (entry, [one, two, eight, read, read_busy]) in entries.iter().zip(&mut figures) {
            one.push((entry.team)(1, 200_000));
            two.push((entry.team)(2, 200_000));
            eight.push((entry.team)(8, 100_000));
            read.push((entry.reads)(1_000, false));
            read_busy.push((entry.reads)(1_000, true));
        }
    }
    println!(
        "| | gives | record, 1 thread | 2 threads | 8 threads | read | read under a recorder | bytes | \
         after 16 threads |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (entry, figures) in entries.iter().zip(&mut figures) {
        let [one, two, eight, read, busy] = figures.each_mut().map(|figures| summary(figures));
        let Entry { name, gives, bytes: [few, many], .. } = entry;
        println!(
            "| {name} | {gives} | {one} | {two} | {eight} | {read} | {busy} | {few} | {many} |"
        );
    }
}

fn main() {
    // What a crate allocates once for the process is not a metric's.
    drop(entry::<peers::Tickring>());
    let entries = [
        entry::<peers::Tickring>(),
        entry::<peers::TickringAtAGlance>(),
        entry::<peers::TickringCompact>(),
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
