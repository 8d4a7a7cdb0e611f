//! A shard that changes owners.
//!
//! Races: a thread's last stores and its giving back of the shard with the arrival of another
//! thread, or of two.
//!
//! Cases: the newcomer comes too early and finds an owner; or it adopts the shard, and then it
//! sees all that was counted and goes on from there. Of two newcomers at most one adopts. A shard
//! never has two owners: the loads of an owner are checked not to race with any store.
//!
//! Explored in full: 6, 365 and 2,504 executions, 0.3 s at most.

use loom_tests::{Arc, Model, SECOND, SLOTS, either_first, meter, stagger, thread, tick};
use tickring::internals::{self, Shard};

/// Outcome: the total that the newcomer leaves, if it adopted.
#[test]
fn a_newcomer_goes_on_from_the_counts() {
    Model::new("a_newcomer_goes_on_from_the_counts", 5).check([None, Some((12, 12))], || {
        let owned = Shard::take();
        let shard = owned.shard();
        let newcomer = thread::spawn(move || {
            shard.adopt().map(|owned| {
                owned.add(tick(1), 7);
                let read = shard.read(tick(1));
                owned.give_back();
                (read.seen(), read.total)
            })
        });
        stagger();
        owned.add(tick(1), 5);
        owned.give_back();
        newcomer.join().unwrap()
    });
}

/// Outcome: who of the two newcomers got it, and the final total.
#[test]
fn two_newcomers_are_not_both_owners() {
    let outcomes = [((false, false), 1), ((true, false), 3), ((false, true), 5)];
    Model::new("two_newcomers_are_not_both_owners", 300).check(outcomes, || {
        let owned = Shard::take();
        let shard = owned.shard();
        let newcomer = |n| {
            move || {
                let owned = shard.adopt()?;
                owned.add(tick(1), n);
                Some(owned)
            }
        };
        let first = thread::spawn(newcomer(2));
        let second = thread::spawn(newcomer(4));
        stagger();
        owned.add(tick(1), 1);
        owned.give_back();
        let (first, second) = (first.join().unwrap(), second.join().unwrap());
        ((first.is_some(), second.is_some()), shard.read(tick(1)).total)
    });
}

/// A thread comes, records in a later second and ends, while another makes its first record.
///
/// Outcome: shards; events in the later second, at least those that were recorded in it.
#[test]
fn one_thread_ends_while_another_arrives() {
    Model::new("one_thread_ends_while_another_arrives", 400).check(
        [(1, 3), (2, 2), (2, 3)],
        || {
            let (meter, clock) = meter();
            let _ = internals::key(&meter);
            let passing = {
                let (meter, clock) = (Arc::clone(&meter), clock.clone());
                thread::spawn(move || {
                    either_first();
                    clock.advance(SECOND * u32::try_from(SLOTS).unwrap());
                    meter.record_n(2);
                })
            };
            stagger();
            either_first();
            meter.record();
            passing.join().unwrap();
            let end = internals::read_at(&meter, clock.elapsed()).unwrap();
            assert_eq!(end.total, 3);
            (meter.shards(), end.seen())
        },
    );
}
