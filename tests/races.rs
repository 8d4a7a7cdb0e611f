//! Races that `ThreadSanitizer` can follow. Alone, because `.ci/sanitize thread` runs this file alone
//! where the standard library has none of the sanitizer's instrumentation.
//!
//! Threads meet at the engine's own atomics, at their start and at their join, and nowhere else: no
//! lock of the standard library, nothing that is made while they run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tickring::{LocalMeter, ManualClock, Meter, Timer};

const ROUNDS: u64 = 2000;

/// Runs the writers and a reader until the last writer is done. Each is joined.
fn race(writers: Vec<Box<dyn FnOnce() + Send + '_>>, read: impl Fn() + Sync) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                read();
            }
        });
        let writers: Vec<_> = writers.into_iter().map(|writer| scope.spawn(writer)).collect();
        for writer in writers {
            writer.join().unwrap();
        }
        over.store(true, Ordering::Release);
        reader.join().unwrap();
    });
    read();
}

/// So many shards that no thread ever has to add one while others run.
fn grown(meter: &Meter) {
    drop((0..64).map(|_| meter.local()).collect::<Vec<_>>());
}

fn read(meter: &Meter) {
    let snapshot = meter.snapshot();
    assert!(snapshot.events_in_window() <= snapshot.total());
}

fn ticking(clock: &ManualClock) -> Box<dyn FnOnce() + Send + '_> {
    Box::new(|| {
        for _ in 0..ROUNDS {
            clock.advance(Duration::from_millis(300));
            thread::yield_now();
        }
    })
}

#[test]
fn recorders_with_a_shard_each_race_a_reader() {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    let record = |mut local: LocalMeter<'_>| {
        for round in 0..ROUNDS {
            local.record();
            local.record_n((round % 3) << 16);
        }
    };
    let (one, other) = (meter.local(), meter.local());
    race(vec![ticking(&clock), Box::new(|| record(one)), Box::new(|| record(other))], || {
        read(&meter);
    });
    let by_one: u64 = (0..ROUNDS).map(|round| 1 + ((round % 3) << 16)).sum();
    assert_eq!(meter.snapshot().total(), 2 * by_one);
}

#[test]
fn shards_race_from_owner_to_owner() {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    grown(&meter);
    let take_turns = || {
        for _ in 0..ROUNDS {
            let mut local = meter.local();
            local.record();
            meter.record();
        }
    };
    race(vec![ticking(&clock), Box::new(take_turns), Box::new(take_turns)], || read(&meter));
    assert_eq!(meter.snapshot().total(), 4 * ROUNDS);
    assert_eq!(meter.shards(), 64);
}

#[test]
fn recorders_past_the_cap_race_a_reader() {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    let locals: Vec<_> = (0..256).map(|_| meter.local()).collect();
    // Makes the ring that all share.
    meter.record();
    let record = || {
        for round in 0..ROUNDS {
            meter.record();
            meter.record_n((round % 2) << 25);
        }
    };
    race(vec![ticking(&clock), Box::new(record), Box::new(record)], || read(&meter));
    assert_eq!(meter.snapshot().total(), 1 + 2 * (ROUNDS + ((ROUNDS / 2) << 25)));
    drop(locals);
}

#[test]
fn timed_recorders_race_a_reader() {
    const STEPS_ROUNDS: u64 = ROUNDS / 10;
    let clock = ManualClock::new();
    let timer = Timer::with_clock(clock.clone());
    grown(timer.meter());
    timer.record(Duration::from_millis(1));
    let record = || {
        for round in 0..STEPS_ROUNDS {
            timer.record(Duration::from_millis(round % 7));
            clock.advance(Duration::from_millis(400));
        }
    };
    race(vec![Box::new(record), Box::new(record)], || {
        let snapshot = timer.snapshot();
        assert!(snapshot.distribution().count() <= snapshot.since_start().count());
        assert!(snapshot.since_start().count() <= snapshot.events().total());
    });
    assert_eq!(timer.snapshot().since_start().count(), 1 + 2 * STEPS_ROUNDS);
}
