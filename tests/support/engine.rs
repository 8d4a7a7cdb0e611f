//! Meters on a clock that stands still, all of a meter's shards, and threads that start together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tickring::{LocalMeter, ManualClock, Meter};

/// The most shards of a meter.
pub(crate) const CAP: usize = 256;

pub(crate) fn on_manual_clock() -> (ManualClock, Meter) {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    (clock, meter)
}

/// All the shards of a meter: whoever records while these are held does so on the shared ring.
pub(crate) fn take_all(meter: &Meter) -> Vec<LocalMeter<'_>> {
    (0..CAP).map(|_| meter.local()).collect()
}

/// Counts that threads tell each other about.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::AcqRel);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Runs `body` on `threads` threads at once, with the thread's number.
pub(crate) fn on_threads(threads: u64, body: impl Fn(u64) + Sync) {
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

/// One of the three ways to a meter's window.
pub(crate) type Record<'a> = Box<dyn FnMut(u64) + 'a>;

pub(crate) fn through_every_ring(check: impl Fn(&ManualClock, &Meter, Record<'_>)) {
    let (clock, meter) = on_manual_clock();
    check(&clock, &meter, Box::new(|n| meter.record_n(n)));
    let (clock, meter) = on_manual_clock();
    let mut local = meter.local();
    check(&clock, &meter, Box::new(move |n| local.record_n(n)));
    let (clock, meter) = on_manual_clock();
    let locals: Vec<LocalMeter<'_>> = take_all(&meter);
    check(&clock, &meter, Box::new(|n| meter.record_n(n)));
    drop(locals);
}
