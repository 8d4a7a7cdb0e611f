//! A ring's owner against a reader at the turn of a second.
//!
//! Races: the owner's stores (last second, total, bucket) with a reader's pass (buckets, total,
//! last second), while the owner puts a new lap over an old one and adds to it again.
//!
//! Cases: the reader sees the slot before the turn (an older lap, which it skips), after the
//! turn, or after the addition. Whatever it sees in a bucket is in the total that it loads
//! afterwards, and the last second is no earlier than a second that it saw events in.
//!
//! Explored in full: 330 executions, 0.01 s.

use loom_tests::{Arc, Model, SLOTS, stagger, thread, tick};
use tickring::internals::Ring;

/// Outcome: events of the reader's current second, total, last second.
#[test]
fn owner_and_reader_at_a_turn() {
    let mut outcomes = Vec::new();
    for last in [0, SLOTS] {
        outcomes.extend([(0, 1, last), (0, 6, last), (0, 13, last)]);
    }
    outcomes.extend([(5, 6, SLOTS), (5, 13, SLOTS), (12, 13, SLOTS)]);
    Model::new("owner_and_reader_at_a_turn", 200).check(outcomes, || {
        let ring = Arc::new(Ring::new());
        ring.add(tick(0), 1);
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
