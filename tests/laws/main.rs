//! The engine's laws, each broken by something here if it doesn't hold. The laws about memory
//! are in `tests/memory.rs`, the one that reading writes nothing is in `tests/fork.rs`.

mod clocks;
mod conservation;
mod ownership;
mod reading;
mod seconds;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tickring::{LocalMeter, ManualClock, Meter};

/// The most shards of a meter.
const CAP: usize = 256;

fn on_manual_clock() -> (ManualClock, Meter) {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    (clock, meter)
}

/// All the shards of a meter: whoever records while these are held does so on the shared ring.
fn take_all(meter: &Meter) -> Vec<LocalMeter<'_>> {
    (0..CAP).map(|_| meter.local()).collect()
}

/// Counts that threads tell each other about.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::AcqRel);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Runs `body` on `threads` threads at once, with the thread's number.
fn on_threads(threads: u64, body: impl Fn(u64) + Sync) {
    let barrier = std::sync::Barrier::new(usize::try_from(threads).unwrap());
    thread::scope(|scope| {
        for number in 0..threads {
            let (body, barrier) = (&body, &barrier);
            scope.spawn(move || {
                barrier.wait();
                body(number);
            });
        }
    });
}
