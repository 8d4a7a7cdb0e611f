//! All shards of a thread, by the key of their meter.
//!
//! The table has open addresses: an entry is in the first free place, counted from the one that its key names.
//! At least half of the places are free, so a look-up is short. It is for threads that use more meters than
//! the cache holds. (A thousand in turn cost 1.18 of an atomic addition each, on a Xeon; 1.36 with the
//! standard library's map.)
//!
//! No entry is taken out alone. When half of the places are taken, a new table gets the entries that are in
//! force: shards that the thread still owns, and meters that it found full in this second. It has room for as
//! many again, so an entry costs O(1) in all.

use super::key::NO_METER;
use super::shard::{Shard, Token};
use crate::engine::time::Tick;

/// What a thread found when it looked for a shard of a meter.
#[derive(Clone, Copy)]
pub(crate) enum Lookup {
    Owned(&'static Shard, Token),
    /// All shards were taken in the second `at`. The thread tries again from the next second on.
    CapReached {
        at: Tick,
    },
}

impl Lookup {
    #[inline]
    pub(super) fn shard(self) -> Option<&'static Shard> {
        match self {
            Self::Owned(shard, _) => Some(shard),
            Self::CapReached { .. } => None,
        }
    }

    fn is_in_force(self, now: Tick) -> bool {
        match self {
            Self::Owned(shard, token) => shard.is_owned_by(token),
            // Else a thread past the cap of some meters would look for a shard at each record.
            Self::CapReached { at } => at == now,
        }
    }
}

#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    found: Lookup,
}

// What the guide says of many meters: at most four places for an entry.
const _: () = assert!(size_of::<Entry>() == 24 || size_of::<usize>() < 8);

const FREE: Entry = Entry { key: NO_METER, found: Lookup::CapReached { at: Tick(0) } };

/// See the [module](self).
pub(super) struct Table {
    /// 2^`bits` of them, or none.
    entries: Vec<Entry>,
    bits: u32,
    taken: usize,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), bits: 1, taken: 0 }
    }

    /// What was found for this key last.
    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<Lookup> {
        let mut place = self.first_place(key);
        loop {
            // Nothing, if there are no entries yet.
            let entry = self.entries.get(place)?;
            if entry.key == key {
                return Some(entry.found);
            }
            if entry.key == NO_METER {
                return None;
            }
            place = self.next_place(place);
        }
    }

    /// Keeps what was found for this key, in place of what was found for it before.
    pub(super) fn put(&mut self, key: u64, found: Lookup, now: Tick) {
        if 2 * (self.taken + 1) > self.entries.len() {
            self.rebuild(now);
        }
        let mut place = self.first_place(key);
        while ![key, NO_METER].contains(&self.entries[place].key) {
            place = self.next_place(place);
        }
        self.taken += usize::from(self.entries[place].key == NO_METER);
        self.entries[place] = Entry { key, found };
    }

    /// All that was found.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Lookup)> {
        let taken = self.entries.iter().filter(|entry| entry.key != NO_METER);
        taken.map(|entry| (entry.key, entry.found))
    }

    /// Leaves out what is not in force any more, and makes room for as many entries again.
    fn rebuild(&mut self, now: Tick) {
        let kept: Vec<_> = self.iter().filter(|(_, found)| found.is_in_force(now)).collect();
        let size = (3 * (kept.len() + 1)).next_power_of_two();
        *self = Self { entries: vec![FREE; size], bits: size.ilog2(), taken: 0 };
        for (key, found) in kept {
            self.put(key, found, now);
        }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // There are no more places than a `usize` can count.
    fn first_place(&self, key: u64) -> usize {
        // 2^64 divided by the golden ratio (Fibonacci hashing). Without the fold, keys some numbers apart
        // crowd: a look-up among a thousand, each 35 after the one before, would take three steps more.
        let spread = (key ^ key >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread >> (u64::BITS - self.bits)) as usize
    }

    #[inline]
    fn next_place(&self, place: usize) -> usize {
        (place + 1) & ((1 << self.bits) - 1)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::key::key;
    use super::super::pool::COUNTING;
    use super::super::roster::Roster;
    use super::*;

    const FULL: Lookup = Lookup::CapReached { at: Tick(0) };

    fn owned(roster: &Roster) -> Lookup {
        let (shard, token) = roster.join().unwrap();
        Lookup::Owned(shard, token)
    }

    fn keys(table: &Table) -> Vec<u64> {
        let mut keys: Vec<_> = table.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys
    }

    /// Keys whose places meet, and go round from the last place to the first.
    #[test]
    fn keys_of_one_place_are_all_found() {
        let rosters: Vec<Roster> = (0..20).map(|_| Roster::new(&COUNTING)).collect();
        // In small tables these name the last place: their hash is all ones minus a little.
        let of_one_place = |n: u64| {
            let inverse = 0xf1de_83e1_9937_733d_u64;
            let folded = (u64::MAX - n).wrapping_mul(inverse);
            folded ^ folded >> 32
        };
        let mut table = Table::new();
        assert!(table.get(of_one_place(0)).is_none(), "an empty table");
        for (n, roster) in (0..).zip(&rosters) {
            table.put(of_one_place(n), owned(roster), Tick(0));
        }
        for (n, roster) in (0..).zip(&rosters) {
            let shard = table.get(of_one_place(n)).and_then(Lookup::shard).unwrap();
            assert!(std::ptr::eq(shard, roster.shards().next().unwrap()));
        }
        assert!(table.get(of_one_place(20)).is_none());
    }

    #[test]
    fn what_is_found_later_replaces_the_first() {
        let (roster, mut table) = (Roster::new(&COUNTING), Table::new());
        table.put(7, FULL, Tick(0));
        assert!(table.get(7).is_some_and(|found| found.shard().is_none()));
        table.put(7, owned(&roster), Tick(0));
        assert!(table.get(7).is_some_and(|found| found.shard().is_some()));
        assert_eq!((table.taken, keys(&table)), (1, vec![7]));
    }

    #[test]
    fn the_table_doubles_when_it_is_half_full() {
        let rosters: Vec<Roster> = (0..300).map(|_| Roster::new(&COUNTING)).collect();
        let (mut table, mut grown) = (Table::new(), Vec::new());
        for (number, roster) in (1..).zip(&rosters) {
            let before = table.entries.len();
            table.put(key(number), owned(roster), Tick(0));
            if table.entries.len() != before {
                grown.push((table.taken, table.entries.len()));
            }
        }
        let expected =
            [(1, 4), (3, 16), (9, 32), (17, 64), (33, 128), (65, 256), (129, 512), (257, 1024)];
        assert_eq!(grown, expected);
        // Entries of dropped meters go with the next rebuild.
        drop(rosters);
        let roster = Roster::new(&COUNTING);
        table.taken = table.entries.len() / 2;
        table.put(key(1000), owned(&roster), Tick(0));
        assert_eq!((keys(&table), table.entries.len()), (vec![key(1000)], 4));
    }

    #[test]
    fn entries_not_in_force_are_swept_out() {
        let (kept, gone) = (Roster::new(&COUNTING), Roster::new(&COUNTING));
        let mut table = Table::new();
        let mut put = |key, found, second| {
            table.put(key, found, Tick(second));
            keys(&table)
        };
        put(1, owned(&kept), 0);
        put(2, owned(&gone), 0);
        drop(gone);
        // The third one finds the first table half full.
        assert_eq!(put(3, FULL, 0), [1, 3]);
        put(4, FULL, 0);
        // A full meter isn't tried again in this second, however many there are.
        assert_eq!(put(5, FULL, 0), [1, 3, 4, 5]);
        (6..=9).for_each(|key| _ = put(key, FULL, 0));
        assert_eq!(put(10, Lookup::CapReached { at: Tick(1) }, 1), [1, 10]);
    }

    /// Meters that a thread begins alone, or in step with others.
    #[test]
    fn entries_are_near_the_place_of_their_key() {
        for threads in 1..=64 {
            let mut table = Table { entries: vec![FREE; 2048], bits: 11, taken: 0 };
            (1..=1000).for_each(|n| table.put(key(n * threads), FULL, Tick(0)));
            let steps = |(place, entry): (usize, &Entry)| {
                place.wrapping_sub(table.first_place(entry.key)) % table.entries.len()
            };
            let taken = table.entries.iter().enumerate().filter(|(_, it)| it.key != NO_METER);
            let all: usize = taken.map(steps).sum();
            assert!(all <= 650, "{all} steps with {threads} threads");
        }
    }
}
