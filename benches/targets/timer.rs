//! What a timer costs, beside an atomic histogram that is as coarse and as wide.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use histogram::AtomicHistogram;
use tickring::{ManualClock, Meter, Timer};

use super::measure::{interleave, median, nanos, ratio, spread};
use super::{Promise, READ_IN_A_LOOP, Row};

const ROUNDS: usize = 41;
const OPERATIONS: u32 = 200_000;

/// Durations around a millisecond, of three powers of two, as services have them.
fn durations() -> [Duration; 1024] {
    let mut rng = fastrand::Rng::with_seed(6);
    [(); 1024].map(|()| Duration::from_nanos(rng.u64(500_000..4_000_000)))
}

/// Nanoseconds for each operation, which is given numbers from 0 on.
fn numbered(n: u32, mut operation: impl FnMut(usize)) -> f64 {
    let mut number = 0;
    nanos(n, || {
        operation(number);
        number += 1;
    })
}

/// The same for two threads that do it at the same time. The work is timed in stretches. A stretch
/// counts only if the other thread did about as much during it: on a machine with other work, the
/// two may well run one after the other.
fn by_two(operation: impl Fn(usize) + Sync) -> f64 {
    const STRETCH: u32 = 2_000;
    const STRETCHES: usize = 50;
    let start = Barrier::new(2);
    let progress = [(); 2].map(|()| CachePadded::new(AtomicU64::new(0)));
    let stretches = |own: usize| {
        let (own, other) = (&progress[own], &progress[1 - own]);
        start.wait();
        let mut times = Vec::new();
        while other.load(Ordering::Relaxed) != u64::MAX && times.len() < STRETCHES {
            let before = other.load(Ordering::Relaxed);
            let mean = numbered(STRETCH, &operation);
            own.fetch_add(1, Ordering::Relaxed);
            if (1..=3).contains(&other.load(Ordering::Relaxed).wrapping_sub(before)) {
                times.push(mean);
            }
        }
        own.store(u64::MAX, Ordering::Relaxed);
        times
    };
    let times = thread::scope(|scope| {
        let other = scope.spawn(|| stretches(1));
        let mut times = stretches(0);
        times.extend(other.join().expect("the other thread panicked"));
        times
    });
    median(times)
}

pub(crate) fn rows(table: &mut Vec<Row>) {
    recording(table);
    guards(table);
    reading(table);
}

fn recording(table: &mut Vec<Row>) {
    let durations = durations();
    let (timer, meter) = (Timer::new(), Meter::new());
    let histogram = AtomicHistogram::new(4, 42).expect("these are in range");
    let nanoseconds = durations.map(|duration| u64::from(duration.subsec_nanos()));
    let record = |index: usize| black_box(&timer).record(durations[index % 1024]);
    let increment = |index: usize| _ = black_box(&histogram).increment(nanoseconds[index % 1024]);
    let same = |_| black_box(&timer).record(black_box(Duration::from_micros(1234)));
    let same_increment = |_| _ = black_box(&histogram).increment(black_box(1_234_000));
    let [ours, theirs, our_same, their_same, count] = interleave(
        ROUNDS,
        [
            &mut || numbered(OPERATIONS, record),
            &mut || numbered(OPERATIONS, increment),
            &mut || numbered(OPERATIONS, same),
            &mut || numbered(OPERATIONS, same_increment),
            &mut || nanos(OPERATIONS, || black_box(&meter).record()),
        ],
    );
    let [our_two, their_two, our_same_two, their_same_two] = interleave(
        ROUNDS / 8,
        [&mut || by_two(record), &mut || by_two(increment), &mut || by_two(same), &mut || {
            by_two(same_increment)
        }],
    );
    table.push(Row::plain("`Timer::record`", spread(ours.iter().copied())));
    table.push(Row::plain("`AtomicHistogram::increment`", spread(theirs.iter().copied())));
    table.push(Row::plain("`Timer::record`, two threads", spread(our_two.iter().copied())));
    table.push(Row::plain("`increment`, two threads", spread(their_two.iter().copied())));
    let mut push = |what, ours, theirs, promise| {
        table.push(Row::ratio(what, ratio(ours, theirs), promise));
    };
    push("`Timer::record` / `increment`", &ours, &theirs, Promise::AtMost(2.0));
    let what = "`Timer::record` / `increment`, one duration again and again";
    push(what, &our_same, &their_same, Promise::AtMost(2.0));
    let what = "two threads, `Timer::record` / `increment`";
    push(what, &our_two, &their_two, Promise::AtMost(0.5));
    let what = "two threads, `Timer::record` / `increment`, one duration";
    push(what, &our_same_two, &their_same_two, Promise::AtMost(0.5));
    push("`Timer::record` / `Meter::record`", &ours, &count, Promise::None);
}

fn guards(table: &mut Vec<Row>) {
    let timer = Timer::new();
    let [guard, clock] = interleave(
        ROUNDS,
        [&mut || nanos(OPERATIONS / 10, || drop(black_box(&timer).start())), &mut || {
            nanos(OPERATIONS / 10, || {
                let begun = black_box(Instant::now());
                black_box(begun.elapsed());
            })
        }],
    );
    let what = "`Timer::start` and its end / two `Instant::now()`";
    table.push(Row::ratio(what, ratio(&guard, &clock), Promise::AtMost(1.4)));
}

/// A timer whose window is full, with two shards.
fn full_timer() -> Timer {
    let clock = ManualClock::new();
    let timer = Timer::with_clock(clock.clone());
    let mut rng = fastrand::Rng::with_seed(6);
    for _ in 0..15 {
        let durations: Vec<_> = (0..20_000)
            .map(|_| {
                let most = 1 << rng.u32(1..42);
                Duration::from_nanos(rng.u64(1..=most))
            })
            .collect();
        thread::scope(|scope| {
            for half in durations.chunks(10_000) {
                let timer = &timer;
                scope.spawn(move || half.iter().for_each(|&duration| timer.record(duration)));
            }
        });
        clock.advance(Duration::from_secs(5));
    }
    timer
}

fn reading(table: &mut Vec<Row>) {
    let timer = full_timer();
    let figures = || {
        let snapshot = black_box(&timer).snapshot();
        let window = snapshot.distribution();
        black_box([0.5, 0.9, 0.99, 0.999].map(|q| window.quantile(q)));
        black_box((window.mean(), window.min(), window.max()));
    };
    let [snapshots, clock] = interleave(
        ROUNDS,
        [&mut || nanos(100, figures), &mut || {
            nanos(OPERATIONS / 10, || _ = black_box(Instant::now()))
        }],
    );
    let what = "a timer's `snapshot` and all its figures, two shards";
    table.push(Row::plain(what, spread(snapshots.iter().copied())));
    let what = "a timer's `snapshot` / `Instant::now()`";
    table.push(Row::ratio(what, ratio(&snapshots, &clock), Promise::AtMost(1500.0)));

    // A recorder beside a reader that reads without a pause, and beside one that only spins.
    let (reads, ends) = (AtomicBool::new(false), AtomicBool::new(false));
    let timer = Timer::new();
    let durations = durations();
    let [read, not] = thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                if reads.load(Ordering::Relaxed) {
                    black_box(timer.snapshot());
                } else {
                    std::hint::spin_loop();
                }
            }
        });
        let record = |index: usize| black_box(&timer).record(durations[index % 1024]);
        let beside = |reading| {
            reads.store(reading, Ordering::Relaxed);
            numbered(OPERATIONS, record)
        };
        let figures = interleave(ROUNDS, [&mut || beside(true), &mut || beside(false)]);
        ends.store(true, Ordering::Relaxed);
        figures
    });
    let what = "`Timer::record`, read in a loop / not read";
    table.push(Row::ratio(what, ratio(&read, &not), READ_IN_A_LOOP));
}
