//! Two threads' first records on one meter.
//!
//! Races: both append to the roster, at the same link, while a reader walks it.
//!
//! Cases: one appends first and the other goes on behind it; or one is over and done, and its
//! shard is adopted. Each event is counted; whoever finds a shard finds it initialised.
//!
//! Schedules of at most 2 preemptions: 2,218 and 20 executions, 0.5 s.

use loom_tests::{Arc, Model, meter, stagger, thread, tick};
use tickring::internals::{self, Roster, Shard};

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

/// Both have a shard in hand for the same place. The one that comes second goes on to the next place, and
/// puts its shard into the pool, from which it may take it again.
///
/// Outcome: shards on the roster.
#[test]
fn no_shard_is_lost_in_a_race_for_a_place() {
    Model::new("no_shard_is_lost_in_a_race_for_a_place", 18).preemptions(2).check([2], || {
        // The one shard of the pool. On real threads other models may have left more.
        let spare = Shard::take().shard();
        spare.recycle();
        let roster = Arc::new(Roster::new());
        let other = {
            let roster = Arc::clone(&roster);
            thread::spawn(move || roster.join().unwrap())
        };
        stagger();
        let own = roster.join().unwrap();
        let other = other.join().unwrap();
        assert!(!own.shard().is(other.shard()));
        own.add(tick(1), 1);
        other.add(tick(1), 2);
        assert_eq!(roster.read(tick(1)).total, 3);
        if cfg!(loom) {
            // It is on the roster or in the pool, and if it is in the pool it is the only one there.
            let found = [own.shard(), other.shard(), Shard::take().shard(), Shard::take().shard()];
            assert!(found.iter().any(|shard| shard.is(spare)), "the spare shard is lost");
        }
        2
    });
}
