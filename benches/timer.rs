//! What a timer costs, beside what it is compared with: all in one run, round by round in turn,
//! so that whatever else the machine does hits all alike. Told is the median of the rounds, and
//! each ratio with the most that it should be. `--check` makes a ratio above that a failure.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use histogram::AtomicHistogram;
use tickring::{ManualClock, Meter, Timer};

const ROUNDS: usize = 41;
const OPERATIONS: u32 = 200_000;

/// Durations around a millisecond, of three powers of two, as services have them.
fn durations() -> [Duration; 1024] {
    let mut rng = fastrand::Rng::with_seed(6);
    [(); 1024].map(|()| Duration::from_nanos(rng.u64(500_000..4_000_000)))
}

/// Nanoseconds for each operation, which is given numbers from 0 on.
#[allow(clippy::cast_precision_loss)]
fn time(n: u32, mut operation: impl FnMut(usize)) -> f64 {
    let begun = Instant::now();
    (0..n as usize).for_each(&mut operation);
    begun.elapsed().as_nanos() as f64 / f64::from(n)
}

/// The same by two threads that do it at the same time. The work is timed in stretches, and a
/// stretch counts only if the other thread got on during it, neither much less nor much more: on
/// a machine with other work, the two may well run one after the other.
fn time_two(operation: impl Fn(usize) + Sync) -> f64 {
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
            let mean = time(STRETCH, &operation);
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

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Two ways, measured in turn.
fn compare(
    rounds: usize,
    mut ours: impl FnMut() -> f64,
    mut theirs: impl FnMut() -> f64,
) -> (f64, f64) {
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        our_times.push(ours());
        their_times.push(theirs());
    }
    (median(our_times), median(their_times))
}

/// Prints a comparison; false if the ratio is above `most`.
fn tell(what: &str, (ours, theirs): (f64, f64), most: f64) -> bool {
    let ratio = ours / theirs;
    let met = if ratio <= most { "met" } else { "MISSED" };
    println!("{what:<74} {ours:>9.2} {theirs:>9.2} {ratio:>6.2} {most:>6.2} {met}");
    ratio <= most
}

fn recording() -> bool {
    let durations = durations();
    let (timer, meter) = (Timer::new(), Meter::new());
    // As coarse and as wide as the timer's.
    let histogram = AtomicHistogram::new(4, 42).expect("these are in range");
    let draw = |index: usize| durations[index % 1024];
    let nanos = durations.map(|duration| u64::from(duration.subsec_nanos()));
    let draw_nanos = |index: usize| nanos[index % 1024];
    let record = |index| black_box(&timer).record(draw(index));
    let increment = |index| _ = black_box(&histogram).increment(draw_nanos(index));
    let same = |_| black_box(&timer).record(black_box(Duration::from_micros(1234)));
    let same_increment = |_| _ = black_box(&histogram).increment(black_box(1_234_000));
    let count = |_| black_box(&meter).record();
    let mut met = tell(
        "Timer::record / AtomicHistogram::increment, 1 thread",
        compare(ROUNDS, || time(OPERATIONS, record), || time(OPERATIONS, increment)),
        2.0,
    );
    met &= tell(
        "  the same duration again and again",
        compare(ROUNDS, || time(OPERATIONS, same), || time(OPERATIONS, same_increment)),
        2.0,
    );
    met &= tell(
        "Timer::record / AtomicHistogram::increment, 2 threads on one",
        compare(ROUNDS / 8, || time_two(record), || time_two(increment)),
        0.5,
    );
    met &= tell(
        "  the same duration again and again",
        compare(ROUNDS / 8, || time_two(same), || time_two(same_increment)),
        0.5,
    );
    tell(
        "Timer::record / Meter::record, 1 thread",
        compare(ROUNDS, || time(OPERATIONS, record), || time(OPERATIONS, count)),
        f64::INFINITY,
    );
    met
}

fn guards() -> bool {
    let timer = Timer::new();
    let guard = |_| drop(black_box(&timer).start());
    let clock = |_| {
        let begun = black_box(Instant::now());
        black_box(begun.elapsed());
    };
    tell(
        "Timer::start and drop / two readings of Instant::now",
        compare(ROUNDS, || time(OPERATIONS / 10, guard), || time(OPERATIONS / 10, clock)),
        1.15,
    )
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

fn reading() -> bool {
    let timer = full_timer();
    let figures = |_| {
        let snapshot = black_box(&timer).snapshot();
        let window = snapshot.distribution();
        black_box([0.5, 0.9, 0.99, 0.999].map(|q| window.quantile(q)));
        black_box((window.mean(), window.min(), window.max()));
    };
    let reads: Vec<_> = (0..ROUNDS).map(|_| time(100, figures)).collect();
    let mut met = tell("snapshot and quantiles, in ns / 20 µs", (median(reads), 20_000.0), 1.0);
    // A recorder beside a reader that reads without a pause, and beside one that only spins.
    let (reads, ends) = (AtomicBool::new(false), AtomicBool::new(false));
    let timer = Timer::new();
    let durations = durations();
    let ratio = thread::scope(|scope| {
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
            time(OPERATIONS, record)
        };
        let ratio = compare(ROUNDS, || beside(true), || beside(false));
        ends.store(true, Ordering::Relaxed);
        ratio
    });
    met &= tell("Timer::record beside a reader / beside none, 1 thread", ratio, 1.3);
    met
}

fn main() -> ExitCode {
    println!("{:<74} {:>9} {:>9} {:>6} {:>6}", "median ns", "ours", "theirs", "ratio", "most");
    let met = [recording(), guards(), reading()].into_iter().all(|met| met);
    let check = std::env::args().any(|word| word == "--check");
    if met || !check { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
