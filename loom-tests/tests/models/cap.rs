//! Threads past the cap of shards, which record on the meter's shared ring.
//!
//! Races: two threads find all shards taken and record on the shared ring while a reader looks
//! whether anything is there; and an owner gives its shard back while another thread looks for one.
//!
//! Cases: the reader sees either event, both or none, and no bucket without its total. The
//! newcomer finds the shard that was given back, or comes too early. The number of shards never
//! exceeds the cap, and each event is counted.
//!
//! Two threads and a reader: schedules of at most 2 preemptions, 12,062 executions, 3 s. A shard
//! that comes free: in full, 6 executions.

use loom_tests::{Arc, CAP, Model, meter, stagger, thread, tick};
use tickring::internals::{self, Roster};

/// Outcome: the total that a reader sees in between.
#[test]
fn two_threads_overflow_at_once() {
    Model::new("two_threads_overflow_at_once", 10_000).preemptions(2).runs(100).check(
        [0, 1, 2, 3],
        || {
            let (meter, clock) = meter();
            let all: Vec<_> = (0..CAP).map(|_| meter.local()).collect();
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
            drop(all);
            let end = meter.snapshot();
            assert_eq!((end.total(), end.events_in_window(), meter.shards()), (3, 3, CAP));
            early
        },
    );
}

/// Outcome: whether the newcomer found the shard that was given back, and the total then.
#[test]
fn a_shard_comes_free_while_a_thread_looks_for_one() {
    let outcomes = [(false, 1), (true, 3)];
    Model::new("a_shard_comes_free_while_a_thread_looks_for_one", 5).runs(100).check(
        outcomes,
        || {
            let roster = Arc::new(Roster::new());
            let mut all: Vec<_> = (0..CAP).map(|_| roster.join().unwrap()).collect();
            let newcomer = {
                let roster = Arc::clone(&roster);
                thread::spawn(move || {
                    let joined = roster.join()?;
                    joined.add(tick(1), 2);
                    Some(joined)
                })
            };
            stagger();
            let last = all.pop().unwrap();
            last.add(tick(1), 1);
            last.give_back();
            let joined = newcomer.join().unwrap();
            (joined.is_some(), roster.read(tick(1)).total)
        },
    );
}
