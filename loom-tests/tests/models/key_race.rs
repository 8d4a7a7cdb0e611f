//! The first use of a meter that two threads share, as they do a static one.
//!
//! Races: both find the meter without a key and give it one.
//!
//! Cases: one is first, the other takes the key that it finds. Both use the same key from then
//! on: with two keys, a thread would look for its shard under the one and keep it under the
//! other. No other meter has it.
//!
//! Explored in full: 257 executions, 0.01 s.

use loom_tests::{Arc, Model, meter, stagger, thread};
use tickring::internals::key;

/// Outcome: which of the numbers given out became the meter's key.
#[test]
fn two_threads_give_a_meter_its_key() {
    Model::new("two_threads_give_a_meter_its_key", 200).check([1, 2], || {
        let (meter, _clock) = meter();
        let other = {
            let meter = Arc::clone(&meter);
            thread::spawn(move || key(&meter))
        };
        stagger();
        let own = key(&meter);
        assert_eq!(own, other.join().unwrap());
        assert_eq!(own, key(&meter));
        let (next, _clock) = loom_tests::meter();
        let after = key(&next);
        assert!(own != 0 && own < after);
        after - own
    });
}
