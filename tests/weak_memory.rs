//! The laws on weakly ordered memory, for Miri, which lets a load return an old value wherever the memory
//! model allows it. Alone, because `.ci/miri` runs this file alone, with several seeds.
//!
//! The counts are small: an interpreter runs this. On real threads it is run like any test.

use std::thread;
use std::time::Duration;

use tickring::{ManualClock, Meter, Timer, TimerSnapshot};

const LONG: Duration = Duration::from_nanos(7);
const SECOND: Duration = Duration::from_secs(1);
const ROUNDS: u64 = 12;

/// What holds in each snapshot of a timer whose samples are all [`LONG`]. The events since the start.
fn check(now: &TimerSnapshot) -> u64 {
    let (window, ever) = (now.distribution().count(), now.since_start().count());
    let events = now.events().total();
    assert!(now.events().events_in_window() <= events);
    assert!(
        window <= ever && ever <= events,
        "{window} in the window, {ever} ever, {events} events"
    );
    let sum = LONG * u32::try_from(ever).unwrap();
    assert!(now.since_start().sum() >= sum, "{ever} ever, {:?} in all", now.since_start().sum());
    assert_eq!(now.since_start().max(), (ever > 0).then_some(LONG), "{ever} ever");
    events
}

fn timer() -> (Timer, ManualClock) {
    let clock = ManualClock::new();
    (Timer::with_clock(clock.clone()), clock)
}

#[test]
fn samples_are_at_most_events() {
    let (timer, clock) = timer();
    thread::scope(|scope| {
        for writer in 0..2 {
            let (timer, clock) = (&timer, &clock);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    timer.record(LONG);
                    if writer == 0 && round % 3 == 0 {
                        clock.advance(5 * SECOND);
                    }
                }
            });
        }
        let mut last = 0;
        for _ in 0..ROUNDS {
            let events = check(&timer.snapshot());
            assert!(last <= events, "{events} events after {last}");
            last = events;
        }
    });
    assert_eq!(check(&timer.snapshot()), 2 * ROUNDS);
    assert_eq!(timer.snapshot().since_start().count(), 2 * ROUNDS);
}

#[test]
fn samples_past_the_cap_are_at_most_events() {
    let (timer, _clock) = timer();
    let all: Vec<_> = (0..256).map(|_| timer.meter().local()).collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..ROUNDS / 3).for_each(|_| timer.record(LONG)));
        }
        (0..3).for_each(|_| _ = check(&timer.snapshot()));
    });
    drop(all);
    assert_eq!(check(&timer.snapshot()), 2 * (ROUNDS / 3));
}

/// A reader takes long for its window when many buckets are in use, so records fall between its looks at
/// the window, at the sums since the start and at the meter.
#[test]
fn samples_of_many_buckets_are_at_most_events() {
    const BUCKETS: u64 = 24;
    let (timer, _clock) = timer();
    (0..BUCKETS).for_each(|nanos| timer.record(Duration::from_nanos(nanos)));
    thread::scope(|scope| {
        scope.spawn(|| {
            for nanos in (0..BUCKETS).cycle().take(20 * 24) {
                timer.record(Duration::from_nanos(nanos));
            }
        });
        for _ in 0..ROUNDS {
            let now = timer.snapshot();
            let (window, ever) = (now.distribution().count(), now.since_start().count());
            let events = now.events().total();
            assert!(window <= ever && ever <= events, "{window}, {ever} and {events}");
        }
    });
}

/// The clock is moved by another thread. Whoever records sees the event in its own next snapshot.
#[test]
fn an_own_event_is_in_the_own_next_snapshot() {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    thread::scope(|scope| {
        scope.spawn(|| (0..ROUNDS).for_each(|_| clock.advance(SECOND)));
        for own in 1..=ROUNDS {
            meter.record();
            let now = meter.snapshot();
            assert_eq!((now.total(), now.events_in_window()), (own, own));
        }
    });
}

/// Window ≤ total, totals that never go down, and nothing lost while owners turn, come and go.
#[test]
fn events_are_conserved() {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    thread::scope(|scope| {
        for weight in [1, 1 << 20] {
            let (meter, clock) = (&meter, &clock);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    meter.record_n(weight);
                    if round % 4 == 0 {
                        clock.advance(SECOND);
                        meter.local().record_n(weight);
                    }
                }
            });
        }
        let mut last = 0;
        for _ in 0..ROUNDS / 2 {
            let now = meter.snapshot();
            assert!(now.events_in_window() <= now.total() && last <= now.total());
            last = now.total();
        }
    });
    let recorded = (ROUNDS + ROUNDS / 4) * (1 + (1 << 20));
    let now = meter.snapshot();
    assert_eq!((now.total(), now.events_in_window()), (recorded, recorded));
}
