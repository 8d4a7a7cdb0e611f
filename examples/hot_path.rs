//! A static meter under several threads, with its rate printed twice a second.
//!
//!     cargo run -p tickring --release --example hot_path -- 5
//!
//! The argument is for how many seconds; the default is 3. The engine is all it needs.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tickring::Meter;

static FRAMES: Meter = Meter::new();

fn main() {
    let seconds = match std::env::args().nth(1).map(|seconds| seconds.parse::<u32>()) {
        None => 3,
        Some(Ok(seconds)) if seconds > 0 => seconds,
        Some(_) => {
            eprintln!("usage: hot_path [SECONDS], a whole number from 1");
            std::process::exit(2);
        }
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds.into());

    let recorded: u64 = thread::scope(|scope| {
        let recorders: Vec<_> = (0..threads).map(|_| scope.spawn(|| hammer(&stop))).collect();
        println!("{threads} threads record on one meter");
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::sleep(left.min(Duration::from_millis(500)));
            show(begun.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
        recorders.into_iter().map(|recorder| recorder.join().expect("a recorder panicked")).sum()
    });

    let elapsed = begun.elapsed();
    let total = FRAMES.snapshot().total();
    assert_eq!(total, recorded, "the meter has what the threads recorded, to the last event");
    #[allow(clippy::cast_precision_loss)] // For display.
    let each = elapsed.as_nanos() as f64 * threads as f64 / recorded as f64;
    println!("{recorded} recorded, {total} counted; {each:.2} ns per event and thread");
    if cfg!(debug_assertions) {
        println!("(this is a debug build: build with --release to see what it costs)");
    }
}

/// Records until told to stop. The work between two looks at `stop` is the recording alone.
fn hammer(stop: &AtomicBool) -> u64 {
    let mut recorded = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..1000 {
            black_box(&FRAMES).record();
        }
        recorded += 1000;
    }
    recorded
}

fn show(elapsed: Duration) {
    let now = FRAMES.snapshot();
    // The current second is still going on; the one before it is the last whole one.
    let last_second = now.per_second()[58];
    println!(
        "{:4.1} s: {:6.1} million/s now, {:6.1} million in the last whole second, {} in all",
        elapsed.as_secs_f64(),
        now.events_per_second_over(1) / 1e6,
        millions(last_second),
        now.total(),
    );
}

#[allow(clippy::cast_precision_loss)] // For display.
fn millions(count: u64) -> f64 {
    count as f64 / 1e6
}
