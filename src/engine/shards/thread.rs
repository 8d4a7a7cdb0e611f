//! How a thread finds its own shard of a meter.
//!
//! There are three levels: a cache of plain cells without a destructor, where a hit costs one comparison;
//! then a map of all shards that the thread owns; then the roster of the meter. The key of a meter is
//! unique for the life of the process, so an entry of a dropped meter never matches again.
//!
//! A key has two places in the cache, its own and the neighbour's. A newcomer takes its own place. What was
//! there moves to the neighbour's, in place of what was there, if it was in its own place; else it goes. So
//! two meters that meet don't push each other out, and one that is not used any more pushes out nobody.
//!
//! When the thread ends, the destructor of the map empties the cache and gives the shards back. A record
//! after that, from the destructor of another thread-local, finds neither a cache entry nor a map. It
//! goes to the shared ring of the meter.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::roster::Roster;
use super::shard::{Shard, Token};
use crate::engine::sync::{AtomicU64, Ordering, per_thread, process_wide};
use crate::engine::time::Tick;

/// Entries of the cache. With 256 of them the low byte of a key is an index that needs no check.
const ENTRIES: usize = 256;

/// A key that no meter has. It is not 0: a meter without a key yet has 0, and must not be found.
const NO_METER: u64 = u64::MAX;

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

const fn key(number: u64) -> u64 {
    number.wrapping_mul(SPREAD).rotate_left(8)
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

per_thread! {
    static OWNED: RefCell<Option<Owned>> = RefCell::new(None);
}

/// The calling thread's shard of the meter with this key, if the cache has it.
#[inline]
pub(crate) fn cached(key: u64) -> Option<&'static Shard> {
    // The cache has no destructor, so it is always there. Under loom it ends with its thread.
    CACHE
        .try_with(|cache| {
            let index = index(key);
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
            let index = index(key) ^ 1;
            (cache.keys[index].get() == key).then(|| cache.shards[index].get())
        })
        .ok()
        .flatten()
}

/// The low byte, which is always below [`ENTRIES`].
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn index(key: u64) -> usize {
    usize::from(key as u8)
}

fn put(key: u64, shard: &'static Shard) {
    let _ = CACHE.try_with(|cache| {
        let place = index(key);
        let (before, beside) = (cache.keys[place].replace(key), place ^ 1);
        let moved = cache.shards[place].replace(shard);
        // Who was a guest here goes for good. Moved to and fro, a meter that is not used any more would
        // push out those of both places, again and again.
        if before != NO_METER && before != key && index(before) == place {
            cache.keys[beside].set(before);
            cache.shards[beside].set(moved);
        }
    });
}

fn forget_all() {
    let _ = CACHE.try_with(|cache| cache.keys.iter().for_each(|key| key.set(NO_METER)));
}

/// The calling thread's shard of the meter with this key; joins the roster if need be. `None` if all
/// shards of the meter are taken, if the thread has given its shards back already, or if the thread is
/// in the middle of joining (its allocator records, say).
#[cold]
pub(crate) fn find(key: u64, roster: &Roster, now: Tick) -> Option<&'static Shard> {
    OWNED
        .try_with(|owned| {
            let mut owned = owned.try_borrow_mut().ok()?;
            let shard = owned.get_or_insert_default().find(key, roster, now)?;
            put(key, shard);
            Some(shard)
        })
        .ok()
        .flatten()
}

/// What a thread found when it looked for a shard of a meter.
enum Lookup {
    Owned(&'static Shard, Token),
    /// All shards were taken in the second `at`. The thread tries again from the next second on.
    CapReached {
        at: Tick,
    },
}

/// The shards of a thread, by the key of their meter.
#[derive(Default)]
struct Owned {
    by_key: HashMap<u64, Lookup, BuildHasherDefault<KeyHasher>>,
    /// The size at which entries of dropped meters are removed.
    sweep_at: usize,
}

impl Owned {
    fn find(&mut self, key: u64, roster: &Roster, now: Tick) -> Option<&'static Shard> {
        match self.by_key.get(&key) {
            Some(&Lookup::Owned(shard, _)) => return Some(shard),
            Some(&Lookup::CapReached { at }) if at == now => return None,
            _ => {}
        }
        let found = match roster.join() {
            Some((shard, token)) => Lookup::Owned(shard, token),
            None => Lookup::CapReached { at: now },
        };
        let shard = found.shard();
        self.sweep();
        self.by_key.insert(key, found);
        shard
    }

    /// Removes the entries of dropped meters whenever the map has doubled: O(1) for each entry made.
    fn sweep(&mut self) {
        if self.by_key.len() >= self.sweep_at {
            self.by_key.retain(|_, found| found.is_in_force());
            self.sweep_at = 64.max(2 * self.by_key.len());
        }
    }
}

impl Lookup {
    fn shard(&self) -> Option<&'static Shard> {
        match self {
            Self::Owned(shard, _) => Some(shard),
            Self::CapReached { .. } => None,
        }
    }

    fn is_in_force(&self) -> bool {
        match self {
            Self::Owned(shard, token) => shard.is_owned_by(*token),
            Self::CapReached { .. } => false,
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // The cache first: an entry must not outlive the ownership behind it.
        forget_all();
        for found in self.by_key.values() {
            if let Lookup::Owned(shard, token) = found {
                shard.give_back(*token);
            }
        }
    }
}

/// One multiplication spreads keys well enough.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        // 2^64 divided by the golden ratio (Fibonacci hashing).
        self.0 = (self.0 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;
    use std::ptr;
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use super::super::pool::COUNTING;
    use super::super::roster::CAP;
    use super::*;

    const SECOND: Tick = Tick(7);

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

    #[test]
    fn a_found_shard_stays_in_the_cache() {
        // As many meters as the cache has places. Other tests draw numbers, too, so the keys are
        // made up; no meter gets as far.
        let first = 1 << 40;
        let rosters: Vec<Roster> = (0..ENTRIES).map(|_| Roster::new(&COUNTING)).collect();
        let keys = first..first + ENTRIES as u64;
        let found: Vec<_> = keys
            .clone()
            .zip(&rosters)
            .map(|(key, roster)| find(key, roster, SECOND).expect("a roster with room"))
            .collect();
        for (key, shard) in keys.zip(found) {
            assert!(ptr::eq(cached(key).expect("at hand"), shard));
        }
    }

    #[test]
    fn two_keys_that_meet_are_both_cached() {
        let (a, b, c) = (1 << 40, 1 << 41, 1 << 42);
        let rosters = [(); 3].map(|()| Roster::new(&COUNTING));
        let [in_a, in_b, in_c] =
            [(a, 0), (b, 1), (c, 2)].map(|(key, n)| find(key, &rosters[n], SECOND).unwrap());
        let same =
            |found: Option<&'static Shard>, shard| found.is_some_and(|it| ptr::eq(it, shard));
        assert!(same(cached(c), in_c) && same(cached_beside(b), in_b));
        assert!(cached(a).is_none() && cached_beside(a).is_none(), "three are one too many");
        assert!(ptr::eq(find(a, &rosters[0], SECOND).unwrap(), in_a));
        assert!(same(cached(a), in_a) && same(cached_beside(c), in_c));
    }

    #[test]
    fn a_thread_past_the_cap_retries_next_second() {
        let (key, roster) = (new_key(), Roster::new(&COUNTING));
        let joined: Vec<_> = (0..CAP).map(|_| roster.join().unwrap()).collect();
        assert!(find(key, &roster, SECOND).is_none());
        let (shard, token) = joined[9];
        shard.give_back(token);
        assert!(find(key, &roster, SECOND).is_none());
        assert!(ptr::eq(find(key, &roster, Tick(SECOND.0 + 1)).unwrap(), shard));
    }

    /// What the destructors of other thread-locals find, before the map is gone or after.
    #[test]
    fn the_cache_is_empty_once_shards_are_given_back() {
        struct Farewell(&'static Shard, Token, u64, Sender<(bool, bool)>);

        impl Drop for Farewell {
            fn drop(&mut self) {
                let Self(shard, token, key, found) = self;
                found.send((shard.is_owned_by(*token), cached(*key).is_some())).unwrap();
            }
        }

        thread_local! {
            static EARLY: RefCell<Option<Farewell>> = const { RefCell::new(None) };
            static LATE: RefCell<Option<Farewell>> = const { RefCell::new(None) };
        }

        let (said, heard) = channel();
        let thread = thread::spawn(move || {
            EARLY.with(|_| {});
            let (key, roster) = (new_key(), Roster::new(&COUNTING));
            let shard = find(key, &roster, SECOND).unwrap();
            let token = OWNED.with_borrow(|owned| match owned.as_ref().unwrap().by_key[&key] {
                Lookup::Owned(_, token) => token,
                Lookup::CapReached { .. } => unreachable!(),
            });
            EARLY.set(Some(Farewell(shard, token, key, said.clone())));
            LATE.set(Some(Farewell(shard, token, key, said)));
            // Recycling the shard would end the ownership, too.
            std::mem::forget(roster);
        });
        thread.join().unwrap();
        // At hand exactly as long as owned; at least one of the two was late.
        let found: Vec<_> = heard.iter().collect();
        assert!(found.iter().all(|(owned, at_hand)| owned == at_hand), "{found:?}");
        assert!(found.contains(&(false, false)), "{found:?}");
    }

    #[test]
    fn the_map_is_swept_each_time_it_has_doubled() {
        let mut owned = Owned::default();
        let rosters: Vec<Roster> = (0..300).map(|_| Roster::new(&COUNTING)).collect();
        let mut swept_at = Vec::new();
        for (key, roster) in (0..).zip(&rosters) {
            let (size, before) = (owned.by_key.len(), owned.sweep_at);
            owned.find(key, roster, SECOND);
            if owned.sweep_at != before {
                swept_at.push(size);
            }
        }
        assert_eq!(swept_at, [0, 64, 128, 256]);
        // Entries of dropped meters go with the next sweep.
        drop(rosters);
        let (roster, kept) = (Roster::new(&COUNTING), owned.by_key.len());
        owned.sweep_at = kept;
        owned.find(1000, &roster, SECOND);
        assert_eq!((owned.by_key.len(), owned.sweep_at), (1, 64));
    }

    #[test]
    fn entries_not_in_force_are_swept_out() {
        let full = Roster::new(&COUNTING);
        let _others: Vec<_> = (0..CAP).map(|_| full.join().unwrap()).collect();
        let (kept, gone) = (Roster::new(&COUNTING), Roster::new(&COUNTING));
        let mut owned = Owned::default();
        owned.find(1, &kept, Tick(0));
        owned.find(2, &gone, Tick(0));
        drop(gone);
        (3..=64).for_each(|key| assert!(owned.find(key, &full, Tick(0)).is_none()));
        assert_eq!(owned.by_key.len(), 64);
        owned.find(65, &full, Tick(0));
        let mut keys: Vec<_> = owned.by_key.keys().copied().collect();
        keys.sort_unstable();
        assert_eq!(keys, [1, 65]);
    }

    /// As many meters as a service has, started by one thread alone or by several in step.
    #[test]
    fn meters_of_one_thread_do_not_meet_in_the_cache() {
        for threads in 1..=64 {
            let places: HashSet<_> = (0..64).map(|n| index(key(1 + n * threads))).collect();
            assert_eq!(places.len(), 64, "with {threads} threads");
        }
        let alone: HashSet<_> = (1..=256).map(|n| index(key(n))).collect();
        assert_eq!(alone.len(), 252);
        #[cfg(feature = "internals")]
        assert!((1..1000).all(|n| key_number(key(n)) == n));
        // Not a key, and not reached in any process.
        assert!((1..1_000_000).all(|n| ![0, NO_METER].contains(&key(n))));
    }

    /// The map takes its place in a table from a hash's low bits, and a tag from the high ones.
    #[test]
    fn consecutive_keys_are_spread_over_the_map() {
        let hasher = BuildHasherDefault::<KeyHasher>::default();
        let all = || (5000..5128).map(|key: u64| hasher.hash_one(key));
        assert_eq!(all().map(|hash| hash % 128).collect::<HashSet<_>>().len(), 128);
        assert!(all().map(|hash| hash >> 57).collect::<HashSet<_>>().len() > 64);
        // Bytes count, too, though no key is made of them.
        assert_ne!(hasher.hash_one([1, 2]), hasher.hash_one([2, 1]));
    }
}
