//! A whole timer: its meter, its words, its figures since the start, its clock and its pool.
//!
//! The models in `timer` look at the words of a window alone. What a snapshot reports comes from three
//! protocols (words, figures since the start, meter), and these models look at all of them together.
//!
//! Law: samples in the window ≤ samples since the start ≤ events; for each sample since the start the sum
//! has its duration, and the maximum is at least as long. In the end all of them are exact.
//!
//! Cases: a reader meets the records of a thread that owns a shard, of a thread past the cap, and of a
//! thread that adds only the duration of an event that was counted before. Two owners move their counts at
//! the same time, each with its own mark. A shard of a dropped timer starts at zero on the next. The clock
//! moves on under a reader.
//!
//! Schedules of at most 2 preemptions, each below 10 s.

use std::time::Duration;

use loom_tests::{Arc, CAP, Model, SECOND, either_first, stagger, thread};
use tickring::internals::{self, STEP_SECONDS, STEPS};
use tickring::{ManualClock, Timer, TimerSnapshot};

const LONG: Duration = Duration::from_nanos(7);

fn timer() -> (Arc<Timer>, ManualClock) {
    let clock = ManualClock::new();
    (Arc::new(Timer::with_clock(clock.clone())), clock)
}

/// The samples in the window, those since the start, and the events; checks what must hold of them.
fn figures(now: &TimerSnapshot, each: Duration) -> (u64, u64, u64) {
    let (window, ever) = (now.distribution().count(), now.since_start().count());
    let events = now.events().total();
    assert!(
        window <= ever && ever <= events,
        "{window} in the window, {ever} ever, {events} events"
    );
    let sum = each * u32::try_from(ever).unwrap();
    assert!(now.since_start().sum() >= sum, "{ever} ever, {:?} in all", now.since_start().sum());
    assert_eq!(now.since_start().max(), (ever > 0).then_some(each), "{ever} ever");
    (window, ever, events)
}

/// Runs `record` on the main thread while another thread reads; what the reader saw.
fn read_during(timer: &Arc<Timer>, record: impl FnOnce(&Timer)) -> (u64, u64, u64) {
    let reader = {
        let timer = Arc::clone(timer);
        thread::spawn(move || {
            either_first();
            figures(&timer.snapshot(), LONG)
        })
    };
    stagger();
    either_first();
    record(timer);
    let seen = reader.join().unwrap();
    let end = figures(&timer.snapshot(), LONG);
    assert_eq!((end.0, end.1), (end.2, end.2));
    seen
}

/// Outcome: what the reader saw.
#[test]
fn timer_records_and_reader() {
    let outcomes = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)];
    Model::new("timer_records_and_reader", 1200).preemptions(2).check(outcomes, || {
        let (timer, _clock) = timer();
        // Joins and allocates, which other models look at.
        let _ = internals::key(timer.meter());
        timer.record_n(LONG, 0);
        read_during(&timer, |timer| timer.record(LONG))
    });
}

/// The second record of an owner goes another way than its first: it finds everything in place.
///
/// Outcome: what the reader saw.
#[test]
fn timer_second_record_and_reader() {
    let outcomes = [(1, 1, 1), (1, 1, 2), (1, 2, 2), (2, 2, 2)];
    Model::new("timer_second_record_and_reader", 150).preemptions(3).check(outcomes, || {
        let (timer, _clock) = timer();
        timer.record(LONG);
        read_during(&timer, |timer| timer.record(LONG))
    });
}

/// Outcome: what the reader saw.
#[test]
fn timer_past_the_cap_and_reader() {
    let outcomes = [(1, 1, 1), (1, 1, 2), (1, 2, 2), (2, 2, 2)];
    Model::new("timer_past_the_cap_and_reader", 150).preemptions(2).check(outcomes, || {
        let (timer, _clock) = timer();
        let all: Vec<_> = (0..CAP).map(|_| timer.meter().local()).collect();
        timer.record(LONG);
        let seen = read_during(&timer, |timer| timer.record(LONG));
        drop(all);
        seen
    });
}

/// An event is counted by one thread, and its duration by another.
///
/// Outcome: what the reader saw.
#[test]
fn timer_duration_of_a_counted_event_and_reader() {
    let outcomes = [(1, 1, 1), (1, 1, 2), (1, 2, 2), (2, 2, 2)];
    Model::new("timer_duration_of_a_counted_event_and_reader", 1800).preemptions(2).check(
        outcomes,
        || {
            let (timer, _clock) = timer();
            timer.record(LONG);
            let counter = {
                let timer = Arc::clone(&timer);
                thread::spawn(move || timer.meter().record())
            };
            read_during(&timer, |timer| {
                counter.join().unwrap();
                internals::record_duration_only(timer, LONG);
            })
        },
    );
}

/// Two threads past the cap record durations of different lengths. Neither may undo what the other adds.
///
/// Outcome: samples and maximum that the main thread finds after its own record.
#[test]
fn timer_two_threads_past_the_cap() {
    let outcomes = [(1, 7), (1, 9), (2, 9)];
    Model::new("timer_two_threads_past_the_cap", 350).preemptions(2).runs(100).check(
        outcomes,
        || {
            let (timer, _clock) = timer();
            let all: Vec<_> = (0..CAP).map(|_| timer.meter().local()).collect();
            timer.record_n(LONG, 0);
            internals::record_duration_only(&timer, Duration::from_nanos(1));
            let other = {
                let timer = Arc::clone(&timer);
                thread::spawn(move || {
                    either_first();
                    internals::record_duration_only(&timer, Duration::from_nanos(9));
                })
            };
            stagger();
            either_first();
            internals::record_duration_only(&timer, LONG);
            let seen = timer.snapshot();
            other.join().unwrap();
            let end = timer.snapshot();
            let since_start = end.since_start();
            let sum = Duration::from_nanos(17);
            assert_eq!((since_start.count(), since_start.sum()), (3, sum));
            assert_eq!(since_start.max(), Some(Duration::from_nanos(9)));
            assert_eq!(end.distribution().count(), 3);
            drop(all);
            (seen.since_start().count() - 1, seen.since_start().max().unwrap().as_nanos())
        },
    );
}

/// Two owners move counts of the same step at the same time: each sets its own mark.
///
/// Outcome: what a reader saw in the window.
#[test]
fn timer_two_owners_move_and_reader() {
    Model::new("timer_two_owners_move_and_reader", 170).preemptions(2).check([3, 4], || {
        let (timer, clock) = timer();
        let owner = {
            let (timer, clock) = (Arc::clone(&timer), clock.clone());
            let (started, start) = loom_tests::mpsc::channel();
            let thread = thread::spawn(move || {
                timer.record(LONG);
                started.send(()).unwrap();
                // The main thread moves the clock; this one sees it sooner or later.
                let _ = clock.elapsed();
                timer.record(LONG);
            });
            start.recv().unwrap();
            thread
        };
        timer.record(LONG);
        clock.advance(SECOND);
        timer.record(LONG);
        let (seen, _, _) = figures(&timer.snapshot(), LONG);
        owner.join().unwrap();
        assert_eq!(figures(&timer.snapshot(), LONG), (4, 4, 4));
        seen
    });
}

/// One of two owners moves its count. The other's count is of the same step and stays where it is: the mark
/// that the reader finds is not its own.
///
/// Outcome: what the other owner saw in the window: 6 before, 7 after.
#[test]
fn timer_reader_of_two_owners_while_one_moves() {
    Model::new("timer_reader_of_two_owners_while_one_moves", 1000).preemptions(2).check(
        [6, 7],
        || {
            let (timer, clock) = timer();
            timer.record_n(LONG, 4);
            let (started, start) = loom_tests::mpsc::channel();
            let (moved_on, go_on) = loom_tests::mpsc::channel();
            let owner = {
                let timer = Arc::clone(&timer);
                thread::spawn(move || {
                    timer.record_n(LONG, 2);
                    started.send(()).unwrap();
                    go_on.recv().unwrap();
                    either_first();
                    timer.record(LONG);
                })
            };
            start.recv().unwrap();
            clock.advance(SECOND);
            moved_on.send(()).unwrap();
            stagger();
            either_first();
            let seen = figures(&timer.snapshot(), LONG).0;
            owner.join().unwrap();
            assert_eq!(figures(&timer.snapshot(), LONG), (7, 7, 7));
            seen
        },
    );
}

/// Two threads use a bucket each for the first time. Both bits are in one word.
///
/// Outcome: what the main thread sees in the window after its own record.
#[test]
fn timer_two_first_uses_of_buckets() {
    Model::new("timer_two_first_uses_of_buckets", 10_000).preemptions(2).check([1, 2], || {
        let (timer, _clock) = timer();
        timer.record_n(LONG, 0);
        let other = {
            let timer = Arc::clone(&timer);
            thread::spawn(move || {
                either_first();
                timer.record(Duration::ZERO);
            })
        };
        stagger();
        either_first();
        timer.record(LONG);
        let seen = timer.snapshot().distribution().count();
        other.join().unwrap();
        assert_eq!(timer.snapshot().distribution().count(), 2, "each bucket is marked as used");
        seen
    });
}

/// A timer is dropped while another begins, which may get its shard from the pool.
///
/// Outcome: whether it got that shard.
#[test]
fn timer_from_the_pool_starts_at_zero() {
    Model::new("timer_from_the_pool_starts_at_zero", 4).preemptions(2).check([true, false], || {
        let (first, clock) = timer();
        first.record_n(LONG, 20);
        let shard = internals::first_shard(first.meter()).unwrap();
        let next = {
            let clock = clock.clone();
            thread::spawn(move || {
                let timer = Timer::with_clock(clock);
                timer.record(LONG);
                assert_eq!(figures(&timer.snapshot(), LONG), (1, 1, 1));
                internals::first_shard(timer.meter()).unwrap().is(shard)
            })
        };
        stagger();
        drop(first);
        next.join().unwrap()
    });
}

/// The clock moves on by more than the window while a reader passes, and the owner's new sample takes the
/// place of the old ones: the reader must notice.
///
/// Outcome: the reader's second, and what it saw in the window.
#[test]
fn timer_reader_that_is_overtaken_reads_again() {
    Model::new("timer_reader_that_is_overtaken_reads_again", 7000).preemptions(2).check(
        [(0, 3), (STEPS * STEP_SECONDS, 0), (STEPS * STEP_SECONDS, 1)],
        || {
            let (timer, clock) = timer();
            timer.record_n(LONG, 3);
            let reader = {
                let timer = Arc::clone(&timer);
                thread::spawn(move || {
                    either_first();
                    let now = timer.snapshot();
                    (now.events().uptime().as_secs(), figures(&now, LONG).0)
                })
            };
            stagger();
            either_first();
            clock.advance(SECOND * u32::try_from(STEPS * STEP_SECONDS).unwrap());
            timer.record(LONG);
            reader.join().unwrap()
        },
    );
}

/// The clock moves on by one step only. That is enough: the oldest step of the reader's window has the same
/// place as the new one.
///
/// Outcome: the reader's second, and what it saw in the window.
#[test]
fn overtaken_timer_reader_reads_again() {
    /// The second in which the window's last step begins, for the window whose oldest step is the first.
    const LAST: u64 = (STEPS - 1) * STEP_SECONDS;
    Model::new("overtaken_timer_reader_reads_again", 45_000).preemptions(2).check(
        [(LAST, 5), (LAST + STEP_SECONDS, 2), (LAST + STEP_SECONDS, 3)],
        || {
            let (timer, clock) = timer();
            let step = SECOND * u32::try_from(STEP_SECONDS).unwrap();
            timer.record_n(LONG, 3);
            clock.set(SECOND * u32::try_from(LAST).unwrap());
            timer.record_n(LONG, 2);
            let reader = {
                let timer = Arc::clone(&timer);
                thread::spawn(move || {
                    either_first();
                    let now = timer.snapshot();
                    (now.events().uptime().as_secs(), figures(&now, LONG).0)
                })
            };
            stagger();
            either_first();
            clock.advance(step);
            timer.record(LONG);
            reader.join().unwrap()
        },
    );
}
