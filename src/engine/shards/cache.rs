//! How a thread finds its shard of a meter.
//!
//! Three levels: a direct-mapped cache of plain cells, without destructor, so that a hit costs a
//! comparison; behind it a map of all shards that the thread owns; behind that the meter's
//! roster. Keys are unique for the life of the process, so an entry of a dropped meter cannot
//! match anything any more.
//!
//! When the thread ends, the map's destructor empties the cache and gives the shards back. What
//! the thread still records after that (in destructors of other thread-locals) finds neither
//! cache entry nor map, and goes to the meter's shared ring.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::roster::Roster;
use super::shard::{Shard, Token};
use crate::engine::sync::per_thread;
use crate::engine::time::Tick;

/// Entries of the cache. With 256 the low byte of a key is an index that needs no check.
const ENTRIES: usize = 256;

/// A key that no meter has. Not 0: that is a meter that has no key yet, and must not be found.
const NO_METER: u64 = u64::MAX;

struct Cache {
    keys: [Cell<u64>; ENTRIES],
    shards: [Cell<&'static Shard>; ENTRIES],
}

/// What an empty entry points to. Nothing is ever recorded on it.
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

/// The entry for `key`, if it is there.
#[inline]
pub(crate) fn get(key: u64) -> Option<&'static Shard> {
    // The cache has no destructor, so it is always there; but under loom it ends with its thread.
    CACHE
        .try_with(|cache| {
            let index = index(key);
            (cache.keys[index].get() == key).then(|| cache.shards[index].get())
        })
        .ok()
        .flatten()
}

/// The low byte: with [`ENTRIES`] of 256 it is always in bounds.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn index(key: u64) -> usize {
    usize::from(key as u8)
}

fn put(key: u64, shard: &'static Shard) {
    let _ = CACHE.try_with(|cache| {
        let index = index(key);
        cache.keys[index].set(key);
        cache.shards[index].set(shard);
    });
}

fn forget_all() {
    let _ = CACHE.try_with(|cache| cache.keys.iter().for_each(|key| key.set(NO_METER)));
}

/// The thread's shard of the meter with this key, joined now if need be. Nothing if the meter's
/// shards are all taken, the thread is past recording on its own, or this is a record made while
/// the thread is joining (by its allocator, say).
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
enum Found {
    Owned(&'static Shard, Token),
    /// All taken, in this second. The next second is soon enough to look again.
    NoneIn(Tick),
}

/// A thread's shards by the key of their meter.
#[derive(Default)]
struct Owned {
    by_key: HashMap<u64, Found, BuildHasherDefault<KeyHasher>>,
    /// Size at which entries of dropped meters are swept out.
    sweep_at: usize,
}

impl Owned {
    fn find(&mut self, key: u64, roster: &Roster, now: Tick) -> Option<&'static Shard> {
        match self.by_key.get(&key) {
            Some(&Found::Owned(shard, _)) => return Some(shard),
            Some(&Found::NoneIn(second)) if second == now => return None,
            _ => {}
        }
        let found = match roster.join() {
            Some((shard, token)) => Found::Owned(shard, token),
            None => Found::NoneIn(now),
        };
        let shard = found.shard();
        self.sweep();
        self.by_key.insert(key, found);
        shard
    }

    /// Drops entries of dropped meters whenever the map has doubled: O(1) for each entry made.
    fn sweep(&mut self) {
        if self.by_key.len() >= self.sweep_at {
            self.by_key.retain(|_, found| found.is_in_force());
            self.sweep_at = 64.max(2 * self.by_key.len());
        }
    }
}

impl Found {
    fn shard(&self) -> Option<&'static Shard> {
        match self {
            Self::Owned(shard, _) => Some(shard),
            Self::NoneIn(_) => None,
        }
    }

    fn is_in_force(&self) -> bool {
        match self {
            Self::Owned(shard, token) => shard.is_owned_by(*token),
            Self::NoneIn(_) => false,
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // First the cache: an entry must not outlive the ownership behind it.
        forget_all();
        for found in self.by_key.values() {
            if let Found::Owned(shard, token) = found {
                shard.give_back(*token);
            }
        }
    }
}

/// Keys are consecutive numbers; one multiplication spreads them well enough.
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

    use super::super::roster::CAP;
    use super::super::shard::unique_number;
    use super::*;

    const SECOND: Tick = Tick(7);

    #[test]
    fn a_shard_that_was_looked_for_is_at_hand_from_then_on() {
        // As many meters as the cache has places. Other tests draw numbers, too, so the keys are
        // made up; no meter gets as far.
        let first = 1 << 40;
        let rosters: Vec<Roster> = (0..ENTRIES).map(|_| Roster::new()).collect();
        let keys = first..first + ENTRIES as u64;
        let found: Vec<_> = keys
            .clone()
            .zip(&rosters)
            .map(|(key, roster)| find(key, roster, SECOND).expect("a roster with room"))
            .collect();
        for (key, shard) in keys.zip(found) {
            assert!(ptr::eq(get(key).expect("at hand"), shard));
        }
    }

    #[test]
    fn a_thread_without_a_shard_looks_again_in_the_next_second() {
        let (key, roster) = (unique_number(), Roster::new());
        let joined: Vec<_> = (0..CAP).map(|_| roster.join().unwrap()).collect();
        assert!(find(key, &roster, SECOND).is_none());
        let (shard, token) = joined[9];
        shard.give_back(token);
        assert!(find(key, &roster, SECOND).is_none());
        assert!(ptr::eq(find(key, &roster, Tick(SECOND.0 + 1)).unwrap(), shard));
    }

    /// What a thread's other thread-locals find when they go: before the map has gone, or after.
    #[test]
    fn nothing_is_at_hand_any_more_when_the_shards_have_been_given_back() {
        struct Farewell(&'static Shard, Token, u64, Sender<(bool, bool)>);

        impl Drop for Farewell {
            fn drop(&mut self) {
                let Self(shard, token, key, found) = self;
                found.send((shard.is_owned_by(*token), get(*key).is_some())).unwrap();
            }
        }

        thread_local! {
            static EARLY: RefCell<Option<Farewell>> = const { RefCell::new(None) };
            static LATE: RefCell<Option<Farewell>> = const { RefCell::new(None) };
        }

        let (said, heard) = channel();
        let thread = thread::spawn(move || {
            EARLY.with(|_| {});
            let (key, roster) = (unique_number(), Roster::new());
            let shard = find(key, &roster, SECOND).unwrap();
            let token = OWNED.with_borrow(|owned| match owned.as_ref().unwrap().by_key[&key] {
                Found::Owned(_, token) => token,
                Found::NoneIn(_) => unreachable!(),
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
        let rosters: Vec<Roster> = (0..300).map(|_| Roster::new()).collect();
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
        let (roster, kept) = (Roster::new(), owned.by_key.len());
        owned.sweep_at = kept;
        owned.find(1000, &roster, SECOND);
        assert_eq!((owned.by_key.len(), owned.sweep_at), (1, 64));
    }

    #[test]
    fn entries_that_are_not_in_force_are_swept_out() {
        let full = Roster::new();
        let _others: Vec<_> = (0..CAP).map(|_| full.join().unwrap()).collect();
        let (kept, gone) = (Roster::new(), Roster::new());
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
