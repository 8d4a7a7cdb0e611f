//! The first use of a meter that two threads share, as they do a static one.
//!
//! Races: both find the meter without a key and give it one.
//!
//! Cases: one is first, the other takes the key that it finds. Both use the same key from then
//! on: with two keys, a thread would look for its shard under the one and keep it under the
//! other. No other meter has it. Tokens of ownerships are as unique as keys.
//!
//! Explored in full: at most 257 executions, 0.01 s.

use loom_tests::{Arc, Model, meter, stagger, thread};
use tickring::internals::{Shard, key, key_number};

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
        assert!(own != 0 && after != 0);
        key_number(after) - key_number(own)
    });
}

/// Two meters get their keys at the same time, as when two threads begin. With one key for both, a thread
/// would record on the one what belongs to the other.
///
/// Outcome: which of the two was first.
#[test]
fn two_meters_get_different_keys() {
    Model::new("two_meters_get_different_keys", 12).check([true, false], || {
        let other = thread::spawn(|| {
            let (meter, _clock) = meter();
            key(&meter)
        });
        stagger();
        let (meter, _clock) = meter();
        let (own, other) = (key(&meter), other.join().unwrap());
        assert!(own != 0 && other != 0 && own != other);
        key_number(own) < key_number(other)
    });
}

/// Two threads take a shard each at the same time, and one takes another. A token that came twice would let
/// a thread that ends give back what somebody else owns.
///
/// Outcome: whether the main thread was first.
#[test]
fn ownerships_have_different_tokens() {
    Model::new("ownerships_have_different_tokens", 20).check([true, false], || {
        let other = thread::spawn(|| [Shard::take().token(), Shard::take().token()]);
        stagger();
        let own = Shard::take().token();
        let [first, second] = other.join().unwrap();
        assert!(own != first && own != second && first != second, "{own}, {first}, {second}");
        let last = Shard::take().token();
        assert!(![own, first, second].contains(&last), "{last} again");
        own < first
    });
}
