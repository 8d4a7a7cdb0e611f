//! Races at the turn of a second, and between threads that come and go.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tickring::Meter;

use crate::support::engine::{on_manual_clock, take_all};

/// Elsewhere: a second's bucket is found to be stale, then locked and reset without a second
/// look, so the slower of two threads wipes what the faster one has counted.
#[test]
fn two_threads_at_a_turn_reset_the_bucket_once() {
    let (clock, meter) = on_manual_clock();
    let locals = take_all(&meter);
    for _ in 0..200 {
        // All buckets are stale: a lap old at least.
        clock.advance(Duration::from_secs(64));
        let before = meter.snapshot().total();
        let (running, over) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    meter.record();
                    running.store(true, Ordering::Release);
                }
            });
            while !running.load(Ordering::Acquire) {
                thread::yield_now();
            }
            for _ in 0..55 {
                clock.advance(Duration::from_secs(1));
                (0..50).for_each(|_| meter.record());
            }
            over.store(true, Ordering::Release);
        });
        let snapshot = meter.snapshot();
        assert_eq!(snapshot.events_in_window(), snapshot.total() - before);
    }
    drop(locals);
}

/// Elsewhere: the new window is published before the old one is cleared, and the first events
/// after an idle gap are wiped with it.
#[test]
fn a_burst_after_an_idle_gap_is_all_there() {
    const BURST: u64 = 100;
    for shared in [false, true] {
        let (clock, meter) = on_manual_clock();
        let locals = if shared { take_all(&meter) } else { Vec::new() };
        let barrier = Barrier::new(3);
        let mut wrong = Vec::new();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        barrier.wait();
                        (0..BURST).for_each(|_| meter.record());
                        barrier.wait();
                    }
                });
            }
            for gap in (0..300).map(|round| [61, 64, 65, 120, 128, 100_000][round % 6]) {
                clock.advance(Duration::from_secs(gap));
                barrier.wait();
                barrier.wait();
                let window = meter.snapshot().events_in_window();
                if window != 2 * BURST {
                    wrong.push((gap, window));
                }
            }
        });
        assert_eq!(wrong, [], "gaps, and what the window was after them");
        drop(locals);
    }
}

/// Elsewhere: a read in the middle of a rollover adds the old window to the new one, and shows
/// twice the rate; or a total that goes down.
#[test]
fn a_read_at_a_turn_shows_each_event_once() {
    for _ in 0..60 {
        let (clock, meter) = on_manual_clock();
        let (begun, done, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                // A turn at every record, and still all within a minute.
                for second in 0..59 {
                    begun.fetch_add(second + 1, Ordering::AcqRel);
                    meter.record_n(second + 1);
                    done.fetch_add(second + 1, Ordering::AcqRel);
                    clock.advance(Duration::from_secs(1));
                    thread::yield_now();
                }
                over.store(true, Ordering::Release);
            });
            let mut total_before = 0;
            while !over.load(Ordering::Acquire) {
                let least = done.load(Ordering::Acquire);
                let snapshot = meter.snapshot();
                let most = begun.load(Ordering::Acquire);
                let (window, total) = (snapshot.events_in_window(), snapshot.total());
                assert!((least..=most).contains(&window), "window {window}: {least} to {most}");
                assert!((window..=most).contains(&total), "total {total}: {window} to {most}");
                assert!(total >= total_before, "total {total} after {total_before}");
                total_before = total;
            }
        });
    }
}

/// Elsewhere: an ending thread's counts are folded into a common place and are still written
/// to, or read, where they were.
#[test]
fn what_an_ending_thread_leaves_is_counted_once() {
    let (clock, meter) = on_manual_clock();
    let done = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..1000 {
                thread::scope(|scope| scope.spawn(|| meter.record_n(5)).join().unwrap());
                done.fetch_add(5, Ordering::AcqRel);
            }
            over.store(true, Ordering::Release);
        });
        while !over.load(Ordering::Acquire) {
            let least = done.load(Ordering::Acquire);
            let total = meter.snapshot().total();
            let most = done.load(Ordering::Acquire) + 5;
            assert!((least..=most).contains(&total), "{total}, not {least} to {most}");
        }
    });
    let snapshot = meter.snapshot();
    assert_eq!((snapshot.total(), snapshot.events_in_window()), (5000, 5000));
    // They leave the window together.
    clock.advance(Duration::from_secs(60));
    assert_eq!(meter.snapshot().events_in_window(), 0);
}

/// Elsewhere: threads are told apart by an address modulo the number of stripes, and sixteen of
/// them end up on one.
#[test]
fn sixteen_threads_have_a_shard_each() {
    let (_clock, meter) = on_manual_clock();
    let barrier = Barrier::new(16);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                meter.record();
                // Nobody ends before all have begun.
                barrier.wait();
            });
        }
    });
    assert_eq!((meter.shards(), meter.snapshot().total()), (16, 16));
}

/// Elsewhere: the time is taken first, the state after it; a thread that is preempted in between
/// finds a state from after its "now", and the difference underflows.
#[test]
fn overtaken_reader_sees_no_negative_age() {
    let (clock, meter) = on_manual_clock();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..30_000 {
                clock.advance(Duration::from_millis(999));
                meter.record();
                if round % 8 == 0 {
                    thread::yield_now();
                }
            }
            over.store(true, Ordering::Release);
        });
        while !over.load(Ordering::Acquire) {
            check_ages(&meter, Duration::from_secs(30_000));
        }
    });
}

fn check_ages(meter: &Meter, most: Duration) {
    let snapshot = meter.snapshot();
    assert!(snapshot.uptime() <= most, "{:?}", snapshot.uptime());
    let age = snapshot.last_event_age().unwrap_or_default();
    assert!(age <= Duration::from_secs(1), "{age:?}");
    let rate = snapshot.events_per_second();
    // The recorder's second is at most one record.
    assert!((0.0..=1.1).contains(&rate), "{rate}");
}
