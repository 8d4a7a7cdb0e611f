//! Recorders and guards that hold their meter.

use std::sync::Arc;
use std::time::Duration;

use tickring::{ManualClock, Meter, OwnedLocalMeter, OwnedTiming, Timer};

/// A thousand records from each of several threads, none of which borrows anything.
#[test]
fn owned_local_meters_count_exactly_from_many_threads() {
    let meter = Arc::new(Meter::new());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let mut local = OwnedLocalMeter::new(meter.clone());
            std::thread::spawn(move || {
                for _ in 0..500 {
                    local.record();
                    local.record_n(2);
                }
                local.record_n(0);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!((meter.total(), meter.events_in_window()), (8 * 1500, 8 * 1500));
}

#[test]
fn owned_local_meter_gives_its_shard_back() {
    let meter = Arc::new(Meter::with_clock(ManualClock::new()));
    for _ in 0..100 {
        OwnedLocalMeter::new(meter.clone()).record();
    }
    assert_eq!((meter.shards(), meter.total()), (1, 100));
}

#[test]
fn owned_local_meters_past_the_cap_share_a_ring() {
    let meter = Arc::new(Meter::with_clock(ManualClock::new()));
    let mut all: Vec<_> = (0..300).map(|_| OwnedLocalMeter::new(meter.clone())).collect();
    all.iter_mut().for_each(OwnedLocalMeter::record);
    assert_eq!((meter.shards(), meter.total()), (256, 300));
    let compact = Arc::new(Meter::compact());
    OwnedLocalMeter::new(compact.clone()).record_n(3);
    assert_eq!((compact.shards(), compact.total()), (0, 3));
}

/// The recorder may be the last that holds its meter.
#[test]
fn owned_local_meter_keeps_its_meter_alive() {
    let mut local = OwnedLocalMeter::new(Arc::new(Meter::new()));
    local.record();
    assert_eq!(local.meter().total(), 1);
}

#[test]
fn owned_local_meter_dates_events_by_the_meters_clock() {
    let clock = ManualClock::new();
    let meter = Arc::new(Meter::with_clock(clock.clone()));
    let mut local = OwnedLocalMeter::new(meter.clone());
    local.record_n(5);
    clock.advance(Duration::from_secs(59));
    local.record_n(7);
    assert_eq!(meter.events_in_window(), 12);
    clock.advance(Duration::from_secs(2));
    assert_eq!(meter.events_in_window(), 7);
}

#[test]
fn owned_guards_record_once_or_not_at_all() {
    let clock = ManualClock::new();
    let timer = Arc::new(Timer::with_clock(clock.clone()));
    let start = || OwnedTiming::start(timer.clone());
    let (dropped, stopped, discarded) = (start(), start(), start());
    let (asked, unasked) = (start().only_if_stopped(), start().only_if_stopped());
    clock.advance(Duration::from_millis(20));
    assert_eq!(dropped.elapsed(), Duration::from_millis(20));
    let count = || timer.snapshot().since_start().count();
    drop(dropped);
    assert_eq!(count(), 1);
    assert_eq!(stopped.stop(), Duration::from_millis(20));
    assert_eq!(count(), 2);
    discarded.discard();
    drop(unasked);
    assert_eq!(count(), 2);
    assert_eq!(asked.stop(), Duration::from_millis(20));
    assert_eq!((count(), timer.snapshot().events().total()), (3, 3));
    assert_eq!(timer.snapshot().since_start().sum(), Duration::from_millis(60));
    // Nobody holds the timer any more.
    assert_eq!(Arc::strong_count(&timer), 1);
}

#[test]
fn owned_guards_take_the_systems_time() {
    static TIMER: Timer = Timer::new();
    let timing = OwnedTiming::start(&TIMER);
    let elapsed = timing.elapsed();
    assert!(elapsed <= timing.stop());
    let since_start = TIMER.snapshot().since_start().clone();
    assert!(since_start.count() == 1 && since_start.sum() >= elapsed);
}
