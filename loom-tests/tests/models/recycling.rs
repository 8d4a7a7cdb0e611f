//! Shards of a dropped meter that another meter takes.
//!
//! Races: the drop of a meter (its shards are cleared and pooled) with the first record on another
//! one (which takes a shard from the pool), and with the end of a thread that still holds an entry
//! of the dropped meter, whose shard is somebody else's by then.
//!
//! Cases: the taker finds the shard in the pool, zeroed, or makes a new one. The thread gives back
//! before the drop, between it and the next life of the shard, or during that life: its
//! ownership ended with the first meter, so the second meter's shard keeps its owner.
//!
//! Explored in full: 5 (the pool has a lock), 64 and 133 executions, each below 0.1 s.

use loom_tests::{Arc, Model, meter, mpsc, stagger, thread, tick};
use tickring::Meter;
use tickring::internals::Shard;

/// Outcome: whether the shard was the recycled one.
#[test]
fn a_recycled_shard_starts_at_zero() {
    Model::new("a_recycled_shard_starts_at_zero", 5).check([true, false], || {
        let owned = Shard::take();
        let shard = owned.shard();
        // Fills the bucket of second 0.
        owned.add(tick(0), 3);
        owned.add(tick(1), 5);
        let taker = thread::spawn(move || {
            let owned = Shard::take();
            assert_eq!(owned.shard().read(tick(1)).last, None);
            owned.add(tick(1), 2);
            let read = owned.shard().read(tick(1));
            assert_eq!((read.seen(), read.total), (2, 2));
            owned
        });
        stagger();
        shard.recycle();
        let taken = taker.join().unwrap();
        let read = taken.shard().read(tick(1));
        assert_eq!((read.seen(), read.total, read.last), (2, 2, Some(tick(1))));
        let same = taken.shard().is(shard);
        taken.shard().recycle();
        same
    });
}

/// Outcome: whether the former owner had ended before the drop. That it ends after the shard's
/// next life began leaves no trace, and must not.
#[test]
fn a_former_owner_ends_after_the_drop() {
    Model::new("a_former_owner_ends_after_the_drop", 50).check([false, true], || {
        let former = Shard::take();
        let shard = former.shard();
        former.add(tick(1), 8);
        let former = thread::spawn(move || former.give_back());
        stagger();
        let early = shard.adopt().is_some();
        shard.recycle();
        let owned = Shard::take();
        assert!(owned.shard().is(shard));
        owned.add(tick(1), 1);
        let newcomer = thread::spawn(move || shard.adopt().is_some());
        owned.add(tick(1), 1);
        assert!(!newcomer.join().unwrap());
        former.join().unwrap();
        let read = shard.read(tick(1));
        assert_eq!((read.seen(), read.total), (2, 2));
        owned.shard().recycle();
        early
    });
}

/// The same with meters, from the first record to the end of the thread.
///
/// Outcome: shards of the second meter when two threads have recorded on it.
#[test]
fn a_thread_outlives_the_meter_that_it_recorded_on() {
    Model::new("a_thread_outlives_the_meter_that_it_recorded_on", 100).check([2], || {
        let (first, clock) = meter();
        let (done, recorded) = mpsc::channel();
        let thread = {
            let first = Arc::clone(&first);
            thread::spawn(move || {
                first.record_n(8);
                drop(first);
                done.send(()).unwrap();
            })
        };
        recorded.recv().unwrap();
        stagger();
        drop(first);
        let second = Arc::new(Meter::with_clock(clock));
        second.record();
        let other = {
            let second = Arc::clone(&second);
            thread::spawn(move || second.record_n(2))
        };
        second.record();
        other.join().unwrap();
        thread.join().unwrap();
        let end = second.snapshot();
        assert_eq!((end.total(), end.events_in_window()), (4, 4));
        second.shards()
    });
}
