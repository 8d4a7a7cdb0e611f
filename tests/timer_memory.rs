//! What timers allocate. Alone, because shards that another test left in the pool would not be
//! allocated again.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use tickring::{ManualClock, Timer, diagnostics};

/// The promise: a timer takes 64 KiB, and 8 KiB more for each thread that records on it.
const TIMER: i64 = 64 * 1024;
const THREAD: i64 = 8 * 1024;

fn durations() -> impl Iterator<Item = Duration> {
    (0..42).flat_map(|power| (16..32).map(move |part| Duration::from_nanos((part << power) / 16)))
}

#[test]
fn a_timer_keeps_to_its_bounds() {
    let clock = ManualClock::new();
    let before = diagnostics().timed_shards;
    let mut timer = None;
    let made = measure(|| timer = Some(Box::new(Timer::with_clock(clock.clone()))));
    let timer = timer.unwrap();
    let everything = || {
        for _ in 0..15 {
            durations().for_each(|duration| timer.record(duration));
            clock.advance(Duration::from_secs(5));
        }
    };
    let first = measure(everything);
    let both = Barrier::new(2);
    let more: Vec<i64> = thread::scope(|scope| {
        let record = || {
            // Both are there at the same time, and the first thread too: none takes over.
            both.wait();
            let recording = measure(everything);
            both.wait();
            recording.bytes_current
        };
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(record)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(timer.meter().shards(), 3);
    assert!(diagnostics().timed_shards >= before + 3);
    println!(
        "a timer {} bytes, with its first thread {} more, other threads {more:?}",
        made.bytes_current, first.bytes_current
    );
    assert!(made.bytes_current + first.bytes_current <= TIMER + THREAD);
    for thread in more {
        assert!(thread <= THREAD, "{thread}");
        assert!(thread >= 619 * 8, "less than the counts alone");
    }
    // And from now on, nothing, also at the turn of a step.
    assert_eq!(measure(everything).count_total, 0);
}

#[test]
fn a_timer_that_is_not_used_allocates_nothing() {
    static TIMER: Timer = Timer::new();
    let allocated = measure(|| {
        drop(Timer::new());
        assert_eq!(TIMER.meter().shards(), 0);
    });
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}
