//! A reader that was held up while the clock went on.
//!
//! Races: a reader's pass over the buckets as of second 0 with the advance of the clock by a
//! whole lap and a second, and records of which the last puts second SLOTS in place of second 0.
//!
//! Cases: the reader finds second 0 as it was; or it finds it replaced, and then it must find the
//! clock moved on, too, and give the pass up. A reading without second 0's events is wrong. The owner
//! is in the reader's second at first, or already in the next one: then only the bucket itself
//! tells that it was replaced, and with that what the clock shows.
//!
//! Schedules of at most 2 preemptions: 3,354 and 2,957 executions, 0.4 s each.

use loom_tests::{Arc, Model, REACH, SECOND, SLOTS, meter, stagger, thread};
use tickring::internals;

/// Outcome: what the reader found in second 0, if it kept its reading.
#[test]
fn a_reader_that_was_overtaken_reads_again() {
    Model::new("a_reader_that_was_overtaken_reads_again", 3000).preemptions(2).check(
        [Some(3), None],
        || {
            let (meter, clock) = meter();
            meter.record_n(3);
            let reader = {
                let meter = Arc::clone(&meter);
                let now = clock.elapsed();
                thread::spawn(move || internals::read_at(&meter, now))
            };
            stagger();
            clock.advance(SECOND * u32::try_from(SLOTS).unwrap());
            meter.record();
            clock.advance(SECOND);
            meter.record();
            reader.join().unwrap().map(|read| read.by_second[REACH])
        },
    );
}

/// Outcome: what the reader found in second 0, the oldest of its window, if it kept its reading.
#[test]
fn overtaken_reader_behind_the_owner_reads_again() {
    Model::new("overtaken_reader_behind_the_owner_reads_again", 2500).preemptions(2).check(
        [Some(3), None],
        || {
            let (meter, clock) = meter();
            meter.record_n(3);
            let reach = SECOND * u32::try_from(REACH).unwrap();
            clock.advance(reach + SECOND);
            meter.record();
            let reader = {
                let meter = Arc::clone(&meter);
                thread::spawn(move || internals::read_at(&meter, reach))
            };
            stagger();
            for _ in 0..2 {
                clock.advance(SECOND);
                meter.record();
            }
            reader.join().unwrap().map(|read| read.by_second[0])
        },
    );
}

/// The same for a whole snapshot, which tries until its pass was in time.
///
/// Outcome: the second of the snapshot, and the events in its window. (Another thread's event need not be
/// seen by a reader that sees a later second.)
#[test]
fn a_snapshot_is_never_of_a_pass_that_was_overtaken() {
    let (lap, next) = (SLOTS, SLOTS + 1);
    let outcomes = [(0, 3), (lap, 0), (lap, 1), (next, 0), (next, 1), (next, 2)];
    Model::new("a_snapshot_is_never_of_a_pass_that_was_overtaken", 100).preemptions(1).check(
        outcomes,
        || {
            let (meter, clock) = meter();
            meter.record_n(3);
            let reader = {
                let meter = Arc::clone(&meter);
                thread::spawn(move || {
                    let now = meter.snapshot();
                    (now.uptime().as_secs(), now.events_in_window())
                })
            };
            stagger();
            clock.advance(SECOND * u32::try_from(SLOTS).unwrap());
            meter.record();
            clock.advance(SECOND);
            meter.record();
            reader.join().unwrap()
        },
    );
}
