//! Timers under many threads and at their limits.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tickring::{ManualClock, Timer};

const fn ns(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

#[test]
fn an_empty_timer_tells_nothing() {
    static IDLE: Timer = Timer::new();
    let now = IDLE.snapshot();
    let window = now.distribution();
    assert_eq!((window.count(), now.since_start().count(), now.events().total()), (0, 0, 0));
    assert!(window.is_empty());
    assert_eq!((window.min(), window.mean(), window.max()), (None, None, None));
    assert_eq!((window.quantile(0.0), window.quantile(1.0)), (None, None));
    assert_eq!((now.since_start().max(), now.since_start().sum()), (None, Duration::ZERO));
    assert!(now.since_start().cumulative().all(|(_, count)| count == 0));
}

/// No sample may be lost or counted twice while steps turn under recorders, readers look on, and
/// threads come and go. For twelve steps nothing leaves the window, so its count must never go
/// down, and in the end be all there is.
#[test]
fn nothing_is_lost_or_doubled_at_a_turn() {
    const WRITERS: u32 = 4;
    for round in 0..4 {
        let clock = ManualClock::new();
        clock.set(Duration::from_secs(60 * round));
        let timer = Timer::with_clock(clock.clone());
        let done = AtomicBool::new(false);
        let ready = Barrier::new(6); // The writers, the reader and this thread.
        let recorded: u64 = thread::scope(|scope| {
            let writer = |writer: u32| {
                let (timer, done, ready) = (&timer, &done, &ready);
                move || {
                    ready.wait();
                    let mut recorded = 0;
                    while !done.load(Ordering::Relaxed) || recorded < 100 {
                        // Half of the samples in buckets of one's own, half in one that all share.
                        timer.record(ns(20 + recorded % 2 * u64::from(writer)));
                        recorded += 1;
                    }
                    recorded
                }
            };
            let writers: Vec<_> = (0..WRITERS).map(|n| scope.spawn(writer(n))).collect();
            let reader = scope.spawn(|| {
                ready.wait();
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let now = timer.snapshot();
                    let count = now.distribution().count();
                    assert!(last <= count, "{count} after {last}");
                    assert!(count <= now.since_start().count());
                    assert!(now.since_start().count() <= now.events().total());
                    last = count;
                }
            });
            ready.wait();
            for _ in 1..12 {
                (0..3).for_each(|_| thread::yield_now());
                clock.advance(Duration::from_secs(5));
            }
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap();
            writers.into_iter().map(|writer| writer.join().unwrap()).sum()
        });
        let now = timer.snapshot();
        assert_eq!(now.events().total(), recorded);
        assert_eq!(now.since_start().count(), recorded);
        assert_eq!(now.distribution().count(), recorded);
        clock.advance(Duration::from_secs(60));
        assert_eq!(timer.snapshot().distribution().count(), 0);
        assert_eq!(timer.snapshot().since_start().count(), recorded);
    }
}

#[test]
fn threads_past_the_cap_record_all_the_same() {
    const THREADS: usize = 270;
    let clock = ManualClock::new();
    let timer = Timer::with_clock(clock.clone());
    let (first, second) = (Barrier::new(THREADS), Barrier::new(THREADS));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (timer, clock, first, second) = (&timer, &clock, &first, &second);
            scope.spawn(move || {
                timer.record(ns(7));
                if first.wait().is_leader() {
                    clock.advance(Duration::from_secs(5));
                }
                second.wait();
                timer.record_n(ns(7), 2);
                timer.record(Duration::from_micros(thread as u64));
            });
        }
    });
    assert_eq!(timer.meter().shards(), 256);
    let now = timer.snapshot();
    let count = 4 * THREADS as u64;
    assert_eq!((now.events().total(), now.since_start().count()), (count, count));
    assert_eq!(now.distribution().count(), count);
    assert_eq!(now.since_start().max(), Some(Duration::from_micros(269)));
    clock.advance(Duration::from_secs(55));
    assert_eq!(timer.snapshot().distribution().count(), 3 * THREADS as u64);
}

#[test]
fn a_dropped_timer_leaves_nothing_to_the_next() {
    let clock = ManualClock::new();
    for _ in 0..3 {
        let timer = Timer::with_clock(clock.clone());
        timer.record(ns(7));
        let now = timer.snapshot();
        assert_eq!((now.distribution().count(), now.since_start().count()), (1, 1));
        assert_eq!(now.since_start().sum(), ns(7));
    }
}

#[test]
fn lifetime_figures_are_exact() {
    let timer = Timer::with_clock(ManualClock::new());
    timer.record(Duration::from_secs(7200));
    timer.record(Duration::from_millis(5));
    timer.record(Duration::from_millis(5) + ns(1));
    timer.record_n(Duration::from_secs(2), 3);
    timer.record_n(Duration::from_secs(9), 0);
    let now = timer.snapshot();
    let lifetime = now.since_start();
    assert_eq!(lifetime.count(), 6);
    assert_eq!(lifetime.sum(), Duration::from_millis(6_010) + ns(1) + Duration::from_secs(3600));
    assert_eq!(lifetime.max(), Some(Duration::from_secs(3600)));
    let up_to = |bound| lifetime.cumulative().find(|&(b, _)| b == bound).map(|(_, count)| count);
    assert_eq!(up_to(Some(Duration::from_micros(2500))), Some(0));
    assert_eq!(up_to(Some(Duration::from_millis(5))), Some(1));
    assert_eq!(up_to(Some(Duration::from_millis(10))), Some(2));
    assert_eq!(up_to(Some(Duration::from_secs(300))), Some(5));
    assert_eq!(up_to(None), Some(6));
}

#[test]
fn no_event_has_no_duration() {
    let timer = Timer::with_clock(ManualClock::new());
    timer.record(ns(7));
    timer.record_n(Duration::from_secs(9), 0);
    assert_eq!(timer.snapshot().since_start().max(), Some(ns(7)));
}

#[test]
fn guards_record_once_or_not_at_all() {
    let clock = ManualClock::new();
    let timer = Timer::with_clock(clock.clone());
    {
        let _timing = timer.start();
        clock.advance(ns(30));
    }
    let timing = timer.start();
    clock.advance(ns(20));
    assert_eq!(timing.elapsed(), ns(20));
    assert_eq!(timing.stop(), ns(20));
    timer.start().discard();
    let answer = timer.time(|| {
        clock.advance(ns(10));
        42
    });
    assert_eq!(answer, 42);
    let call = || timer.time(|| panic!("half-way"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err());
    let now = timer.snapshot();
    assert_eq!((now.events().total(), now.since_start().count()), (4, 4));
    assert_eq!((now.since_start().sum(), now.since_start().max()), (ns(60), Some(ns(30))));
    assert_eq!((now.distribution().min(), now.distribution().max()), (Some(ns(0)), Some(ns(30))));
}

#[test]
fn the_system_clock_times_too() {
    let timer = Timer::new();
    let timing = timer.start();
    let least = timing.elapsed();
    drop(timing);
    assert!(timer.snapshot().since_start().max() >= Some(least));
}

#[test]
fn a_thread_may_come_by_the_meter() {
    let clock = ManualClock::new();
    let timer = Timer::with_clock(clock.clone());
    timer.meter().record();
    timer.record(ns(7));
    let now = timer.snapshot();
    assert_eq!((now.events().total(), now.distribution().count()), (2, 1));
    clock.advance(Duration::from_secs(5));
    timer.record(ns(7));
    assert_eq!(timer.snapshot().distribution().count(), 2);
}

#[test]
fn extreme_weights_spoil_nothing() {
    let timer = Timer::with_clock(ManualClock::new());
    timer.record_n(Duration::MAX, u64::MAX);
    timer.record_n(ns(5), u64::MAX);
    timer.record(ns(5));
    let now = timer.snapshot();
    assert_eq!(now.since_start().sum(), ns(u64::MAX));
    assert_eq!(now.distribution().min(), Some(ns(5)));
    assert!(now.distribution().mean() <= now.distribution().max());
    assert!(now.distribution().count() <= now.since_start().count());
}

/// Words that were never written are of the first steps, and must not be taken for later ones.
#[test]
fn timer_that_begins_after_years_counts() {
    const YEAR: Duration = Duration::from_secs(31_557_600);
    for years in [1, 5, 9, 20, 40] {
        let clock = ManualClock::new();
        clock.set(YEAR * years);
        let timer = Timer::with_clock(clock.clone());
        let (one, other) = (Duration::from_millis(1), Duration::from_millis(7));
        for step in 1..=12 {
            timer.record(one);
            timer.record(other);
            assert_eq!(timer.snapshot().distribution().count(), 2 * step, "after {years} years");
            clock.advance(Duration::from_secs(5));
        }
    }
}

#[test]
fn a_default_timer_is_a_new_one_and_shows_its_meter() {
    let timer = Timer::default();
    timer.record(ns(1));
    assert_eq!(timer.snapshot().since_start().count(), 1);
    let shown = format!("{timer:?}");
    assert!(shown.starts_with("Timer { meter: Meter {"), "{shown}");
}

/// The guard against the allocator is off again for the next timer of the thread.
#[test]
fn each_timer_of_a_thread_has_a_window() {
    for _ in 0..2 {
        let timer = Timer::with_clock(ManualClock::new());
        timer.record(ns(7));
        assert_eq!(timer.snapshot().distribution().count(), 1);
    }
}
