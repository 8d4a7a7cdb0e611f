//! How a thread finds its own shard of a meter.
//!
//! There are three levels: the [`cache`](super::cache); then the [`table`](super::table) of all shards that
//! the thread owns; then the roster of the meter.
//!
//! When the thread ends, the destructor of the table empties the cache and gives the shards back. A record
//! after that, from the destructor of another thread-local, finds neither a cache entry nor a table. It
//! goes to the shared ring of the meter.

use std::cell::RefCell;

pub(crate) use super::cache::{cached, cached_beside};
use super::cache::{forget_all, put};
use super::roster::Roster;
use super::shard::Shard;
use super::table::{Lookup, Table};
use crate::engine::sync::per_thread;
use crate::engine::time::Tick;

per_thread! {
    static OWNED: RefCell<Owned> = RefCell::new(Owned(Table::new()));
}

/// What the calling thread found for this key last, and keeps beside the cache.
#[inline]
pub(crate) fn found(key: u64) -> Option<Lookup> {
    OWNED
        .try_with(|owned| {
            let found = owned.try_borrow().ok()?.0.get(key)?;
            if let Lookup::Owned(shard, _) = found {
                put(key, shard);
            }
            Some(found)
        })
        .ok()
        .flatten()
}

/// The calling thread's shard of the meter with this key; joins the roster if need be. `None` if all
/// shards of the meter are taken, if the thread has given its shards back already, or if the thread is
/// in the middle of joining (its allocator records, say).
#[cold]
pub(crate) fn find(key: u64, roster: &Roster, now: Tick) -> Option<&'static Shard> {
    OWNED
        .try_with(|owned| {
            let shard = owned.try_borrow_mut().ok()?.find(key, roster, now)?;
            put(key, shard);
            Some(shard)
        })
        .ok()
        .flatten()
}

/// The shards of a thread.
struct Owned(Table);

impl Owned {
    fn find(&mut self, key: u64, roster: &Roster, now: Tick) -> Option<&'static Shard> {
        match self.0.get(key) {
            Some(Lookup::Owned(shard, _)) => return Some(shard),
            Some(Lookup::CapReached { at }) if at == now => return None,
            _ => {}
        }
        let found = match roster.join() {
            Some((shard, token)) => Lookup::Owned(shard, token),
            None => Lookup::CapReached { at: now },
        };
        self.0.put(key, found, now);
        found.shard()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // The cache first: an entry must not outlive the ownership behind it.
        forget_all();
        for (_, found) in self.0.iter() {
            if let Lookup::Owned(shard, token) = found {
                shard.give_back(token);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::ptr;
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use super::super::key::new_key;
    use super::super::pool::COUNTING;
    use super::super::roster::CAP;
    use super::super::shard::Token;
    use super::*;

    const SECOND: Tick = Tick(7);

    #[test]
    fn a_found_shard_stays_in_the_cache() {
        // As many meters as the cache has places. Other tests draw numbers, too, so the keys are
        // made up; no meter gets as far.
        let first = 1 << 40;
        let rosters: Vec<Roster> = (0..256).map(|_| Roster::new(&COUNTING)).collect();
        let keys = first..first + 256;
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

    /// However many meters are full: a try costs a walk along the roster.
    #[test]
    fn full_meters_are_tried_once_a_second() {
        let meters: Vec<_> = (0..20).map(|_| (new_key(), Roster::new(&COUNTING))).collect();
        let found = |second| {
            meters.iter().filter_map(|(key, roster)| find(*key, roster, Tick(second))).count()
        };
        let joined: Vec<Vec<_>> = (meters.iter())
            .map(|(_, roster)| (0..CAP).map(|_| roster.join().unwrap()).collect())
            .collect();
        assert_eq!(found(7), 0);
        for (shard, token) in joined.iter().map(|shards| shards[9]) {
            shard.give_back(token);
        }
        assert_eq!((found(7), found(8)), (0, 20));
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
            let token = OWNED.with_borrow(|owned| match owned.0.get(key).unwrap() {
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
}
