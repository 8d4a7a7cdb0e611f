//! Keys of meters, by which a thread finds its shards.
//!
//! A key is unique for the life of the process, so what a thread keeps of a dropped meter never matches
//! again.

use crate::engine::sync::{AtomicU64, Ordering, process_wide};

/// A key that no meter has. It is not 0: a meter without a key yet has 0, and must not be found.
pub(super) const NO_METER: u64 = u64::MAX;

process_wide! {
    /// How many keys were given out. Relaxed: nothing matters but that no key comes twice.
    static KEYS: AtomicU64 = AtomicU64::new(0);
}

/// A key for a meter that was never given out before.
///
/// The low byte of a key is its place in the cache. So the keys of meters that one thread uses together
/// should differ there, whether the thread started these meters one after the other or in step with other
/// threads. The low byte of a key is the top byte of the key's number times [`SPREAD`].
pub(crate) fn new_key() -> u64 {
    key(KEYS.fetch_add(1, Ordering::Relaxed) + 1)
}

pub(super) const fn key(number: u64) -> u64 {
    number.wrapping_mul(SPREAD).rotate_left(8)
}

/// The low byte, the place of a key in the cache.
#[inline]
#[allow(clippy::cast_possible_truncation)]
pub(super) fn low_byte(key: u64) -> usize {
    usize::from(key as u8)
}

/// The number of a key, as [`new_key`] counted it.
#[cfg(feature = "internals")]
pub(crate) const fn key_number(key: u64) -> u64 {
    // The inverse modulo 2^64, by Newton's method: each step doubles the bits that are right.
    let (mut inverse, mut step) = (SPREAD, 0);
    while step < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(SPREAD.wrapping_mul(inverse)));
        step += 1;
    }
    key.rotate_right(8).wrapping_mul(inverse)
}

/// An odd number, so that different numbers have different keys. It was found by a search: of 64 numbers,
/// each n after the one before, no two have the same place, for every n up to 64; and 256 numbers in
/// sequence have 252 places. (2^64 divided by the golden ratio leaves 29 places for some n.)
const SPREAD: u64 = 0x4455_ab06_7344_a769;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// As many meters as a service has, started by one thread alone or by several in step.
    #[test]
    fn meters_of_one_thread_do_not_meet_in_the_cache() {
        for threads in 1..=64 {
            let places: HashSet<_> = (0..64).map(|n| low_byte(key(1 + n * threads))).collect();
            assert_eq!(places.len(), 64, "with {threads} threads");
        }
        let alone: HashSet<_> = (1..=256).map(|n| low_byte(key(n))).collect();
        assert_eq!(alone.len(), 252);
        #[cfg(feature = "internals")]
        assert!((1..1000).all(|n| key_number(key(n)) == n));
        // Not a key, and not reached in any process.
        assert!((1..1_000_000).all(|n| ![0, NO_METER].contains(&key(n))));
    }
}
