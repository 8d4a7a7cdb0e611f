//! The shards that a thread used last: plain cells without a destructor, where a hit costs one comparison.
//!
//! A key has two places, its own and the neighbour's. A newcomer takes its own place. What was there moves to
//! the neighbour's, in place of what was there, if it was in its own place; else it goes. So two meters that
//! meet don't push each other out, and one that is not used any more pushes out nobody.

use std::cell::Cell;

use super::key::{NO_METER, low_byte};
use super::shard::Shard;
use crate::engine::sync::per_thread;

/// Entries of the cache. With 256 of them the low byte of a key is an index that needs no check.
const ENTRIES: usize = 256;

struct Cache {
    keys: [Cell<u64>; ENTRIES],
    shards: [Cell<&'static Shard>; ENTRIES],
}

/// The shard of an empty entry. Nothing is ever recorded on it.
#[cfg(not(loom))]
static NOWHERE: Shard = Shard::new();

per_thread! {
    static CACHE: Cache = Cache {
        keys: [const { Cell::new(NO_METER) }; ENTRIES],
        #[cfg(not(loom))]
        shards: [const { Cell::new(&NOWHERE) }; ENTRIES],
        #[cfg(loom)]
        shards: {
            let nowhere: &'static Shard = Box::leak(Box::new(Shard::new()));
            std::array::from_fn(|_| Cell::new(nowhere))
        },
    };
}

/// The calling thread's shard of the meter with this key, if the cache has it.
#[inline]
pub(crate) fn cached(key: u64) -> Option<&'static Shard> {
    // The cache has no destructor, so it is always there. Under loom it ends with its thread.
    CACHE
        .try_with(|cache| {
            let index = low_byte(key);
            (cache.keys[index].get() == key).then(|| cache.shards[index].get())
        })
        .ok()
        .flatten()
}

/// The same in the neighbour's place, for keys that are not in their own.
#[inline]
pub(crate) fn cached_beside(key: u64) -> Option<&'static Shard> {
    CACHE
        .try_with(|cache| {
            let index = low_byte(key) ^ 1;
            (cache.keys[index].get() == key).then(|| cache.shards[index].get())
        })
        .ok()
        .flatten()
}

/// Puts a shard into the cache, which lacks it.
#[inline]
pub(super) fn put(key: u64, shard: &'static Shard) {
    let _ = CACHE.try_with(|cache| {
        let place = low_byte(key);
        let (before, beside) = (cache.keys[place].replace(key), place ^ 1);
        let moved = cache.shards[place].replace(shard);
        // Who was a guest here goes for good. Moved to and fro, a meter that is not used any more would
        // push out those of both places, again and again.
        if before != NO_METER && low_byte(before) == place {
            cache.keys[beside].set(before);
            cache.shards[beside].set(moved);
        }
    });
}

pub(super) fn forget_all() {
    let _ = CACHE.try_with(|cache| cache.keys.iter().for_each(|key| key.set(NO_METER)));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;

    use super::*;

    /// Two meters in use must find room, whatever was in their places before.
    #[test]
    fn hot_meters_push_out_what_is_not_used_any_more() {
        let (here, beside) = (4, 5);
        for stale in [vec![0x104], vec![0x105], vec![0x104, 0x105], vec![0x105, 0x104]] {
            for hot in [[here, beside], [here, 0x204], [beside, 0x205]] {
                let keys = [stale.clone(), hot.to_vec()].concat();
                let misses = thread::spawn(move || {
                    let miss = |key: &u64| cached(*key).or_else(|| cached_beside(*key)).is_none();
                    let in_turn = keys.iter().chain(hot.iter().cycle().take(10));
                    for key in in_turn {
                        if miss(key) {
                            put(*key, &NOWHERE);
                        }
                    }
                    hot.iter().filter(|key| miss(key)).count()
                });
                assert_eq!(misses.join().unwrap(), 0, "{stale:x?} {hot:x?}");
            }
        }
    }
}
