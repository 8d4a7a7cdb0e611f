//! Law 1: once writers are done, total = the sum of all that was recorded, whatever threads
//! came and went. Law 8: the shards of a meter are bounded, whatever the number of threads.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tickring::{ManualClock, Meter};

use crate::support::engine::{CAP, on_manual_clock, on_threads, take_all};

/// Eight at a time, eighty thousand in all.
#[test]
fn conservation_over_ten_thousand_times_of_threads() {
    let (clock, meter) = on_manual_clock();
    on_threads(8, |number| {
        for round in 0..10_000 {
            // Joined, and so with its thread-locals gone; a scope's end would not wait for that.
            thread::scope(|scope| scope.spawn(|| meter.record_n(number + 1)).join().unwrap());
            if number == 0 && round % 1000 == 0 {
                clock.advance(std::time::Duration::from_millis(1700));
            }
        }
    });
    assert_eq!(meter.snapshot().total(), 10_000 * (1..=8).sum::<u64>());
    assert!(meter.shards() <= 8, "{} shards for 8 threads at a time", meter.shards());
}

#[test]
fn conservation_past_the_cap_of_shards() {
    let (clock, meter) = on_manual_clock();
    let locals = take_all(&meter);
    on_threads(4, |_| {
        for round in 0..5000 {
            meter.record();
            meter.record_n(1 << 25);
            if round % 100 == 0 {
                clock.advance(std::time::Duration::from_secs(1));
            }
        }
    });
    assert_eq!(meter.snapshot().total(), 4 * 5000 * (1 + (1 << 25)));
    assert_eq!(meter.shards(), CAP);
    drop(locals);
}

/// Records that threads make while they are being torn down, before and after the recorder's
/// own thread-locals are gone.
#[test]
fn conservation_of_records_from_destructors() {
    struct Farewell(Arc<Meter>);

    impl Drop for Farewell {
        fn drop(&mut self) {
            self.0.record_n(100);
        }
    }

    thread_local! {
        static EARLY: RefCell<Option<Farewell>> = const { RefCell::new(None) };
        static LATE: RefCell<Option<Farewell>> = const { RefCell::new(None) };
    }

    let (_clock, meter) = on_manual_clock();
    let meter = Arc::new(meter);
    for _ in 0..50 {
        let meter = Arc::clone(&meter);
        let thread = thread::spawn(move || {
            EARLY.set(Some(Farewell(Arc::clone(&meter))));
            meter.record();
            LATE.set(Some(Farewell(meter)));
        });
        thread.join().unwrap();
    }
    assert_eq!(meter.snapshot().total(), 50 * 201);
}

#[test]
fn conservation_when_local_recorders_move_and_end() {
    let (_clock, meter) = on_manual_clock();
    for round in 0..1000 {
        let mut first = meter.local();
        first.record();
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let mut moved = first;
                moved.record_n(round);
                meter.record();
            });
            meter.record();
            // The end of the scope does not wait until the thread has given its shard back.
            other.join().unwrap();
        });
    }
    assert_eq!(meter.snapshot().total(), 3 * 1000 + (0..1000).sum::<u64>());
    assert!(meter.shards() <= 3, "{} shards", meter.shards());
}

/// More meters than a thread's cache has places, so that they push each other out.
#[test]
fn conservation_with_more_meters_than_a_cache_has() {
    let meters: Vec<Meter> = (0..700).map(|_| on_manual_clock().1).collect();
    on_threads(2, |_| {
        for _ in 0..20 {
            for (n, meter) in (1..).zip(&meters) {
                meter.record_n(n);
            }
        }
    });
    for (n, meter) in (1..).zip(&meters) {
        assert_eq!(meter.snapshot().total(), 40 * n);
        assert!(meter.shards() <= 2);
    }
}

/// All threads share one ring, and no thread leaves anything behind.
#[test]
fn compact_meters_count_every_event_in_one_ring() {
    let meter = Meter::compact();
    thread::scope(|scope| {
        for n in 1..=8 {
            let meter = &meter;
            scope.spawn(move || (0..10_000).for_each(|_| meter.record_n(n)));
        }
    });
    let mut local = meter.local();
    local.record_n(7);
    assert_eq!((meter.total(), meter.shards()), (360_007, 0));
    assert_eq!(meter.events_in_window(), meter.snapshot().events_in_window());
}

/// An event of the shared ring stays in the window for its minute, and in the rate for its fraction of the
/// second after that.
#[test]
fn an_idle_compact_meter_reads_its_minute_to_the_end() {
    let clock = ManualClock::new();
    let meter = Meter::compact_with_clock(clock.clone());
    meter.record_n(60);
    for (second, events, rate) in [(59, 60, 1.0), (60, 0, 1.0), (61, 0, 0.0)] {
        clock.set(Duration::from_secs(second));
        let now = meter.snapshot();
        assert_eq!(
            (meter.events_in_window(), meter.events_per_second()),
            (events, rate),
            "{second}"
        );
        assert_eq!((now.events_in_window(), now.events_per_second()), (events, rate), "{second}");
    }
}
