//! The published tick: the ticker against a reader that helps.
//!
//! Races: two threads move the tick up, to the same second or to different ones, while a recorder
//! loads it.
//!
//! Cases: either is first; who comes second with an earlier second changes nothing. No thread
//! ever sees the tick go back, and in the end it is the latest of all. Two threads that move a manual
//! clock both move it. The uptime begins with the earliest of several first uses.
//!
//! Explored in full: at most 9,719 executions, 1.2 s. The uptime: schedules of at most 2 preemptions.

use std::time::Duration;

use loom_tests::{Arc, Model, REACH, SECOND, either_first, meter, stagger, thread, tick};
use tickring::Meter;
use tickring::internals::{self, TickCell};

/// Outcome: the ticks that a recorder loads, one after the other.
#[test]
fn the_tick_never_goes_back() {
    let outcomes = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
    Model::new("the_tick_never_goes_back", 5000).check(outcomes, || {
        let ticks = Arc::new(TickCell::new());
        let helper = {
            let ticks = Arc::clone(&ticks);
            thread::spawn(move || {
                ticks.advance_to(tick(2));
                assert_eq!(ticks.load(), tick(2));
            })
        };
        let recorder = {
            let ticks = Arc::clone(&ticks);
            thread::spawn(move || (ticks.load().as_seconds(), ticks.load().as_seconds()))
        };
        stagger();
        ticks.advance_to(tick(1));
        assert!(ticks.load() >= tick(1));
        helper.join().unwrap();
        assert_eq!(ticks.load(), tick(2));
        recorder.join().unwrap()
    });
}

/// A reader finds the clock a second on before the ticker has published that, and a record comes
/// in between.
///
/// Outcome: the record in the reader's last two seconds, and there in the end.
#[test]
fn a_reader_helps_a_late_ticker() {
    let outcomes = [((0, 0), (0, 1)), ((0, 0), (1, 0)), ((0, 1), (0, 1)), ((1, 0), (1, 0))];
    Model::new("a_reader_helps_a_late_ticker", 200).check(outcomes, || {
        let (meter, clock) = meter();
        let _ = internals::key(&meter);
        let last_two = |meter: &Meter| {
            let read = internals::read_at(meter, SECOND).unwrap();
            assert!(read.seen() <= read.total);
            (read.by_second[REACH - 1], read.by_second[REACH])
        };
        let reader = {
            let (meter, clock) = (Arc::clone(&meter), clock.clone());
            thread::spawn(move || {
                clock.advance_unpublished(SECOND);
                assert_eq!(internals::read_clock(&clock), tick(1));
                either_first();
                last_two(&meter)
            })
        };
        stagger();
        either_first();
        meter.record();
        (reader.join().unwrap(), last_two(&meter))
    });
}

/// A thread records just after another has moved a manual clock into the next second, and looks at once.
/// Its own event must be there: the thread saw the new second, so it must also see the time that goes
/// with it.
///
/// Outcome: whether the event counted in the new second.
#[test]
fn a_recorder_finds_its_own_event() {
    Model::new("a_recorder_finds_its_own_event", 300).check([false, true], || {
        let (meter, clock) = meter();
        let _ = internals::key(&meter);
        let recorder = {
            let meter = Arc::clone(&meter);
            thread::spawn(move || {
                either_first();
                meter.record();
                let now = meter.snapshot();
                assert_eq!((now.total(), now.events_in_window()), (1, 1), "its own event");
                assert_eq!(now.last_event_age(), Some(Duration::ZERO));
                now.per_second()[REACH - 2] == 0 && now.uptime() >= SECOND
            })
        };
        stagger();
        either_first();
        clock.advance(SECOND);
        recorder.join().unwrap()
    });
}

/// Two threads move one manual clock. Neither step may be lost.
///
/// Outcome: the seconds that the main thread finds after its own step.
#[test]
fn two_threads_advance_one_clock() {
    Model::new("two_threads_advance_one_clock", 5500).check([1, 3], || {
        let clock = tickring::ManualClock::new();
        let other = {
            let clock = clock.clone();
            thread::spawn(move || {
                either_first();
                clock.advance(2 * SECOND);
                assert!(clock.elapsed() >= 2 * SECOND);
            })
        };
        stagger();
        either_first();
        clock.advance(SECOND);
        let found = clock.elapsed();
        other.join().unwrap();
        assert_eq!(clock.elapsed(), 3 * SECOND);
        found.as_secs()
    });
}

/// Two threads use a meter for the first time while the clock moves on: the uptime begins with the earlier
/// of the two.
///
/// Outcome: the uptime in the end, in seconds.
#[test]
fn the_uptime_begins_with_the_first_use() {
    Model::new("the_uptime_begins_with_the_first_use", 100).preemptions(2).check([1, 0], || {
        let (meter, clock) = meter();
        let other = {
            let meter = Arc::clone(&meter);
            thread::spawn(move || {
                either_first();
                meter.snapshot().uptime()
            })
        };
        stagger();
        either_first();
        clock.advance(SECOND);
        let found = meter.snapshot().uptime();
        let other = other.join().unwrap();
        let end = meter.snapshot().uptime();
        assert!(found <= end && other <= end, "{found:?} and {other:?}, then {end:?}");
        end.as_secs()
    });
}
