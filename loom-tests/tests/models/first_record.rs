//! Two threads' first records on one meter.
//!
//! Races: both append to the roster, at the same link, while a reader walks it.
//!
//! Cases: one appends first and the other goes on behind it; or one is over and done, and its
//! shard is adopted. Each event is counted; whoever finds a shard finds it initialised.
//!
//! Schedules of at most 2 preemptions: 2,218 executions, 0.5 s.

use loom_tests::{Arc, Model, meter, stagger, thread};
use tickring::internals;

/// Outcome: shards, and the total that a reader sees in between.
#[test]
fn two_first_records_and_a_reader() {
    let outcomes = [(1, 0), (1, 2), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3)];
    Model::new("two_first_records_and_a_reader", 2000).preemptions(2).check(outcomes, || {
        let (meter, clock) = meter();
        let _ = internals::key(&meter);
        let other = {
            let meter = Arc::clone(&meter);
            thread::spawn(move || meter.record_n(2))
        };
        let reader = {
            let (meter, now) = (Arc::clone(&meter), clock.elapsed());
            thread::spawn(move || {
                let read = internals::read_at(&meter, now).unwrap();
                assert!(read.seen() <= read.total);
                read.total
            })
        };
        stagger();
        meter.record();
        let early = reader.join().unwrap();
        other.join().unwrap();
        let end = meter.snapshot();
        assert_eq!((end.total(), end.events_in_window()), (3, 3));
        (meter.shards(), early)
    });
}
