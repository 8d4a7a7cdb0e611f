//! Bytes: what a meter takes up, by the number of threads that record on it, and how time and
//! memory grow with meters and threads.
//!
//! `cargo bench -p tickring --bench memory` prints both tables; `.ci/figures` reads the first one.
#![allow(clippy::cast_precision_loss)]

use std::alloc::System;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tickring::Meter;

#[path = "support/measure.rs"]
mod measure;

use measure::median;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that `build` leaves allocated as long as its result lives.
fn bytes<T>(build: impl FnOnce() -> T) -> (isize, T) {
    let region = Region::new(ALLOCATOR);
    let made = build();
    let change = region.change();
    let held = change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed();
    (held, made)
}

fn record_from(meters: &[Meter], threads: usize) {
    let all_in = Barrier::new(threads);
    thread::scope(|scope| {
        let record = || {
            meters.iter().for_each(Meter::record);
            // Nobody leaves before all have a shard, so nobody takes over another's.
            all_in.wait();
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(record)).collect();
        // A join waits for the thread's destructors, too; the end of the scope does not.
        for thread in threads {
            thread.join().expect("a thread panicked");
        }
    });
}

/// Bytes of one meter on which `threads` threads record, besides what a thread itself costs.
fn bytes_of_a_meter(threads: usize) -> isize {
    const METERS: usize = 1000;
    // The threads' own maps and stacks come and go with them; shards and links stay.
    let (held, meters) = bytes(|| {
        let meters: Vec<Meter> = std::iter::repeat_with(Meter::new).take(METERS).collect();
        record_from(&meters, threads);
        meters
    });
    // A pool keeps the shards of dropped meters: the next caller would find them for nothing.
    std::mem::forget(meters);
    held / METERS.cast_signed()
}

/// The median of nine times that `pass` takes for each of its `n` operations.
fn median_nanos(n: usize, mut pass: impl FnMut()) -> f64 {
    let times = [0.0; 9].map(|_: f64| {
        let begun = Instant::now();
        pass();
        begun.elapsed().as_secs_f64() * 1e9 / n as f64
    });
    median(times)
}

/// Time and memory of `meters` meters with `threads` threads on each.
fn growth(meters: usize, threads: usize) {
    let (held, made) = bytes(|| {
        let made: Vec<Meter> = std::iter::repeat_with(Meter::new).take(meters).collect();
        record_from(&made, threads);
        made
    });
    // One thread's record, over all meters in turn.
    let turns = (200_000 / meters).max(1);
    made.iter().for_each(Meter::record);
    let record = median_nanos(turns * meters, || {
        for _ in 0..turns {
            black_box(&made).iter().for_each(Meter::record);
        }
    });
    let some = &made[..meters.min(1000)];
    let reads = 5000 / some.len();
    let read = median_nanos(reads * some.len(), || {
        for _ in 0..reads {
            for meter in some {
                black_box(meter.snapshot());
            }
        }
    });
    let kib = held as f64 / 1024.0;
    let shards = made[0].shards();
    println!("| {meters} | {threads} | {shards} | {record:.1} ns | {read:.0} ns | {kib:.1} KiB |");
    std::mem::forget(made);
}

/// What meters by the thousand take on which 16 threads recorded once.
fn many_cold() {
    const METERS: usize = 10_000;
    println!("\n| 10,000 meters, 16 threads recorded once on each | memory |\n|---|---|");
    for (what, make) in
        [("`Meter::new`", Meter::new as fn() -> Meter), ("`Meter::compact`", Meter::compact)]
    {
        let (held, meters) = bytes(|| {
            let meters: Vec<Meter> = std::iter::repeat_with(make).take(METERS).collect();
            record_from(&meters, 16);
            meters
        });
        println!("| {what} | {:.1} MB |", held as f64 / 1e6);
        std::mem::forget(meters);
    }
}

fn main() {
    println!("| threads on a meter | bytes of the meter |\n|---|---|");
    for threads in [0, 1, 2, 8] {
        let held = if threads == 0 {
            bytes(|| std::iter::repeat_with(Meter::new).take(1000).collect::<Vec<_>>()).0 / 1000
        } else {
            bytes_of_a_meter(threads)
        };
        println!("| {threads} | {held} |");
    }
    if std::env::args().any(|arg| arg == "bytes") {
        return;
    }
    many_cold();
    println!("\n| meters | threads on each | shards of each | record | snapshot | memory |");
    println!("|---|---|---|---|---|---|");
    for (meters, threads) in [
        (1, 1),
        (15, 1),
        (1000, 1),
        (100_000, 1),
        (1, 2),
        (1, 8),
        (1, 64),
        (1, 512),
        (15, 8),
        (15, 64),
        (1000, 8),
        (1000, 64),
    ] {
        growth(meters, threads);
    }
}
