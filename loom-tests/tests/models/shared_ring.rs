//! The shared ring at a turn: two writers and a reader.
//!
//! Races: each writer's additions to the total and the last second, its look at the bucket and
//! the change of it, with the other writer's and with a reader's pass.
//!
//! Cases: the writers are in the same second, or one of them has a stale tick and finds the slot
//! of its own lap, of the later one, or changed between its look and its addition. Both events
//! are always in the total, and in the later second at least all those that were recorded in it.
//!
//! One writer: explored in full, 135 executions, 0.1 s. Two: schedules of at most 2 preemptions,
//! 4,232, 2,933, 1,631 and 760 executions, 2 s each at most. The last second: in full, 1,092 executions.

use loom_tests::{Arc, Model, SLOTS, either_first, stagger, thread, tick};
use tickring::internals::SharedRing;

fn ring() -> Arc<SharedRing> {
    let ring = Arc::new(SharedRing::new());
    ring.add(tick(0), 1);
    ring
}

/// A writer puts a new lap in place (compare-exchange) and adds to it (`fetch_add`).
///
/// Outcome: what the reader sees in second SLOTS, the total and the last second.
#[test]
fn shared_writer_and_reader() {
    let mut outcomes = Vec::new();
    for last in [0, SLOTS] {
        outcomes.extend([(0, 1, last), (0, 6, last), (0, 13, last)]);
    }
    outcomes.extend([(5, 6, SLOTS), (5, 13, SLOTS), (12, 13, SLOTS)]);
    Model::new("shared_writer_and_reader", 120).check(outcomes, || {
        let ring = ring();
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.read(tick(SLOTS)))
        };
        stagger();
        ring.add(tick(SLOTS), 5);
        ring.add(tick(SLOTS), 7);
        let read = reader.join().unwrap();
        (read.seen(), read.total, read.last.unwrap().as_seconds())
    });
}

fn two_writers(name: &'static str, spawned: u64, main: u64, outcomes: &[((u64, u64), u64)]) {
    Model::new(name, 1500).preemptions(2).check(outcomes.to_vec(), move || {
        let ring = ring();
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.add(tick(spawned), 2))
        };
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let read = ring.read(tick(SLOTS));
                assert!(read.seen() <= read.total, "{read:?}");
                (read.seen(), read.total)
            })
        };
        stagger();
        ring.add(tick(main), 4);
        writer.join().unwrap();
        let read = reader.join().unwrap();
        let end = ring.read(tick(SLOTS));
        assert_eq!((end.total, end.last), (7, Some(tick(SLOTS))));
        (read, end.seen())
    });
}

/// Outcome: what the reader sees in second SLOTS and as the total; what second SLOTS ends with.
#[test]
fn two_writers_turn_at_once() {
    let seen = [(0, 1), (0, 3), (0, 5), (0, 7), (2, 3), (2, 7), (4, 5), (4, 7), (6, 7)];
    two_writers("two_writers_turn_at_once", SLOTS, SLOTS, &seen.map(|seen| (seen, 6)));
}

#[test]
fn a_stale_writer() {
    // The stale one's events are lost from second SLOTS if it is first, and count there otherwise.
    let first = [(0, 1), (0, 3), (0, 5), (0, 7), (4, 7)];
    let second = [(0, 1), (0, 3), (0, 5), (0, 7), (4, 5), (4, 7), (6, 7)];
    let mut outcomes: Vec<_> = first.map(|seen| (seen, 4)).into();
    outcomes.extend(second.map(|seen| (seen, 6)));
    two_writers("a_stale_writer (spawned)", 0, SLOTS, &outcomes);
    let mirrored = [(0, 1), (0, 3), (0, 5), (0, 7), (2, 7)];
    let mut outcomes: Vec<_> = mirrored.map(|seen| (seen, 2)).into();
    let mirrored = [(0, 1), (0, 3), (0, 5), (0, 7), (2, 3), (2, 7), (6, 7)];
    outcomes.extend(mirrored.map(|seen| (seen, 6)));
    two_writers("a_stale_writer (main)", SLOTS, 0, &outcomes);
}

/// Both find the bucket in place, so neither looks again.
///
/// Outcome: what a reader sees in second 0 and as the total.
#[test]
fn two_additions_to_one_bucket() {
    let outcomes = [(1, 1), (1, 3), (1, 5), (1, 7), (3, 3), (3, 7), (5, 5), (5, 7), (7, 7)];
    Model::new("two_additions_to_one_bucket", 700).preemptions(2).check(outcomes, || {
        let ring = ring();
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.add(tick(0), 2))
        };
        let reader = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.read(tick(0)))
        };
        stagger();
        ring.add(tick(0), 4);
        writer.join().unwrap();
        let read = reader.join().unwrap();
        let end = ring.read(tick(0));
        assert_eq!((end.seen(), end.total), (7, 7));
        (read.seen(), read.total)
    });
}

/// Two writers are the first in two seconds. One may have loaded its tick before the other's began.
///
/// Outcome: the last second as the earlier writer finds it after its record.
#[test]
fn the_last_second_of_two_writers() {
    Model::new("the_last_second_of_two_writers", 1000).check([1, 2], || {
        let ring = ring();
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                either_first();
                ring.add(tick(2), 2);
            })
        };
        stagger();
        either_first();
        ring.add(tick(1), 4);
        let last = ring.read(tick(2)).last.unwrap().as_seconds();
        writer.join().unwrap();
        let end = ring.read(tick(2));
        assert_eq!((end.total, end.seen(), end.last), (7, 7, Some(tick(2))));
        last
    });
}
