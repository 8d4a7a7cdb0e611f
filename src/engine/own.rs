//! A shard that a recorder owns by itself: what local meters are made of, borrowed and owned ones.

use std::cell::Cell;
use std::marker::PhantomData;

use super::shards::roster::Roster;
use super::shards::shard::{Shard, Token};
use super::time::TickCell;

/// A shard of a meter, which goes with its counts to the next recorder of the meter when this is dropped.
#[derive(Debug)]
pub(super) struct OwnShard {
    /// The published tick of the meter's clock, which lives as long as the meter; one step nearer.
    ticks: &'static TickCell,
    /// `None` if the meter had no shard left.
    own: Option<(&'static Shard, Token)>,
    _not_sync: PhantomData<Cell<()>>,
}

impl OwnShard {
    /// Takes a shard from the roster of a meter that has started.
    pub(super) fn of(ticks: &'static TickCell, roster: &Roster) -> Self {
        Self { ticks, own: roster.join(), _not_sync: PhantomData }
    }

    /// Counts `n` events. `false` if there is no shard: they go to the shared ring then.
    #[inline]
    pub(super) fn add(&mut self, n: u64) -> bool {
        let Some((shard, _)) = self.own else { return false };
        shard.ring().add(self.ticks.load(), n);
        true
    }

    #[cold]
    #[inline(never)]
    pub(super) fn add_shared(&self, roster: &Roster, n: u64) {
        if n != 0 {
            roster.add_shared(self.ticks.load(), n);
        }
    }
}

impl Drop for OwnShard {
    fn drop(&mut self) {
        if let Some((shard, token)) = self.own {
            shard.give_back(token);
        }
    }
}
