//! What a first reader of a second keeps, and later readers take.
//!
//! Races: a first reader with an owner that records, turns its ring, or runs ahead; two first readers, of
//! the same second or of two; a later reader with a first one that is writing; the shared ring.
//!
//! Law: a window read by any way has each event that was recorded before the read began, and none twice;
//! it is at most the total. What a later reader takes is what a pass would find.
//!
//! Schedules of at most 2 or 3 preemptions, each below 10 s.

use loom_tests::{Arc, CAP, Model, REACH, SECOND, either_first, meter, stagger, thread};
use tickring::{ManualClock, Meter};

/// A meter whose first second has 5 events, in a later second.
fn started(seconds: u32) -> (Arc<Meter>, ManualClock) {
    let (meter, clock) = meter();
    meter.record_n(5);
    clock.advance(SECOND * seconds);
    (meter, clock)
}

fn window(meter: &Meter) -> u64 {
    let window = meter.events_in_window();
    let total = meter.total();
    assert!(window <= total, "{window} in the window, {total} in all");
    window
}

/// Reads twice on another thread while the main thread does something: the first time perhaps by a pass,
/// the second time perhaps by what that has kept.
fn read_twice(meter: &Arc<Meter>, action: impl FnOnce(&Meter)) -> (u64, u64) {
    let reader = {
        let meter = Arc::clone(meter);
        thread::spawn(move || {
            either_first();
            (window(&meter), window(&meter))
        })
    };
    stagger();
    either_first();
    action(meter);
    let seen = reader.join().unwrap();
    let now = meter.snapshot();
    assert_eq!((window(meter), meter.total()), (now.events_in_window(), now.total()));
    seen
}

/// Outcome: what the two reads saw.
#[test]
fn a_record_under_two_reads() {
    let outcomes = [(5, 5), (5, 7), (7, 7)];
    Model::new("a_record_under_two_reads", 40).preemptions(3).check(outcomes, || {
        let (meter, _clock) = started(0);
        read_twice(&meter, |meter| meter.record_n(2))
    });
}

/// Case 1: the ring turns while the first reader passes. Had the reader kept what it found between, its
/// second read would be wrong.
///
/// Outcome: what the two reads saw.
#[test]
fn a_turn_under_two_reads() {
    let outcomes = [(5, 5), (5, 7), (7, 7)];
    Model::new("a_turn_under_two_reads", 500).preemptions(3).check(outcomes, || {
        let (meter, _clock) = started(1);
        read_twice(&meter, |meter| meter.record_n(2))
    });
}

/// The clock moves on between the records, and old events leave the window.
///
/// Outcome: what the two reads saw.
#[test]
fn seconds_that_leave_under_two_reads() {
    let outcomes = [(5, 5), (5, 2), (5, 0), (0, 0), (0, 2), (2, 2)];
    Model::new("seconds_that_leave_under_two_reads", 500).preemptions(2).check(outcomes, || {
        let (meter, clock) = started(1);
        read_twice(&meter, |meter| {
            clock.advance(SECOND * u32::try_from(REACH).unwrap());
            meter.record_n(2);
        })
    });
}

/// Two first readers of the same second, one of which then records.
///
/// Outcome: what the other one saw.
#[test]
fn two_first_readers() {
    let outcomes = [(5, 5), (5, 7), (7, 7)];
    Model::new("two_first_readers", 500).preemptions(2).check(outcomes, || {
        let (meter, _clock) = started(1);
        read_twice(&meter, |meter| {
            assert_eq!(window(meter), 5);
            meter.record_n(2);
            assert_eq!(window(meter), 7);
        })
    });
}

/// Two readers of two seconds. The one of the earlier second must not replace what the other has kept.
///
/// Outcome: what the reader saw whose clock may be behind.
#[test]
fn readers_of_two_seconds() {
    let outcomes = [(5, 5), (5, 0), (0, 0)];
    Model::new("readers_of_two_seconds", 500).preemptions(2).check(outcomes, || {
        let (meter, clock) = started(u32::try_from(REACH).unwrap() - 1);
        read_twice(&meter, |meter| {
            clock.advance(SECOND);
            assert_eq!(window(meter), 0);
            assert_eq!(window(meter), 0);
        })
    });
}

/// Past the cap: the shared ring is read in full each time.
///
/// Outcome: what the two reads saw.
#[test]
fn a_shared_record_under_two_reads() {
    let outcomes = [(5, 5), (5, 7), (7, 7)];
    Model::new("a_shared_record_under_two_reads", 100).preemptions(3).check(outcomes, || {
        let (meter, clock) = meter();
        let all: Vec<_> = (0..CAP).map(|_| meter.local()).collect();
        meter.record_n(5);
        clock.advance(SECOND);
        let seen = read_twice(&meter, |meter| meter.record_n(2));
        drop(all);
        seen
    });
}

/// What is kept is replaced while a reader takes it: the two words that it takes belong to one second.
///
/// Outcome: sixty times the rate that the reader saw. In the first of the two seconds it is 3 events of the
/// window and 5 of the oldest second, in the other one no event and 3.
#[test]
fn words_of_two_seconds_are_not_mixed() {
    let sixty_times = |meter: &Meter| {
        let events = meter.events_per_second() * 60.0;
        assert!((events - events.round()).abs() < 1e-9, "{events}");
        format!("{events:.0}")
    };
    let outcomes = ["8", "3"].map(String::from);
    Model::new("words_of_two_seconds_are_not_mixed", 100).preemptions(3).check(
        outcomes,
        move || {
            let (meter, clock) = meter();
            meter.record_n(5);
            clock.advance(SECOND);
            meter.record_n(3);
            clock.advance(SECOND * (u32::try_from(REACH).unwrap() - 1));
            assert_eq!(sixty_times(&meter), "8");
            let reader = {
                let meter = Arc::clone(&meter);
                thread::spawn(move || {
                    either_first();
                    sixty_times(&meter)
                })
            };
            stagger();
            either_first();
            clock.advance(SECOND);
            assert_eq!(sixty_times(&meter), "3");
            reader.join().unwrap()
        },
    );
}
