//! Where shards come from, and where they go when their meter is dropped or a roster has no place for them.
//!
//! There are three: one for the shards of meters; one for those of timers, which are larger; and one that
//! has none and makes none, for compact meters. A roster is made with the pool that it uses, so nothing else
//! has to know which one that is.

use super::shard::{Shard, Token};
use crate::engine::durations::word::Mover;
use crate::engine::sync::{Mutex, process_wide};

/// Shards without a meter: zeroed, and without an owner.
///
/// They form a list, from the first one through [`Shard::next_pooled`], since pooling must not
/// allocate: the allocator may itself record on a meter and come for a shard.
#[derive(Debug)]
pub(crate) struct Pool {
    first: Mutex<Option<&'static Shard>>,
    /// The shards that it makes; `None` if it makes none.
    makes: Option<Kind>,
}

/// What shards count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Events,
    EventsAndDurations,
}

process_wide! {
    /// The shards of plain meters.
    pub(crate) static COUNTING: Pool = Pool { first: Mutex::new(None), makes: Some(Kind::Events) };
}

process_wide! {
    /// No shards, for compact meters.
    pub(crate) static NO_SHARDS: Pool = Pool { first: Mutex::new(None), makes: None };
}

process_wide! {
    /// The shards of timers.
    pub(crate) static TIMING: Pool = Pool { first: Mutex::new(None), makes: Some(Kind::EventsAndDurations) };
}

impl Pool {
    /// Whether it has no shards and makes none.
    #[inline]
    pub(crate) fn has_none(&self) -> bool {
        self.makes.is_none()
    }

    /// Takes a shard out, or makes one. It belongs to the caller and is on no roster yet; `place` is
    /// where it will be on one.
    pub(crate) fn take(&self, place: usize) -> (&'static Shard, Token) {
        let shard = self.pop().unwrap_or_else(|| {
            let timed = self.makes == Some(Kind::EventsAndDurations);
            crate::engine::diagnostics::count_shard(timed);
            Box::leak(Box::new(if timed { Shard::timed() } else { Shard::new() }))
        });
        if let Some(durations) = shard.durations() {
            durations.set_mover(Mover::at(place));
        }
        (shard, shard.claim())
    }

    fn pop(&self) -> Option<&'static Shard> {
        // Nothing panics while it holds one of these locks, so they are never poisoned.
        let mut first = self.first.lock().ok()?;
        let shard = (*first)?;
        *first = shard.next_pooled.lock().ok()?.take();
        Some(shard)
    }

    /// Zeroes the shards of a meter that is gone and puts them in.
    pub(crate) fn put_back(&self, shards: impl Iterator<Item = &'static Shard>) {
        for shard in shards {
            shard.clear();
            if let Ok(mut first) = self.first.lock()
                && let Ok(mut next) = shard.next_pooled.lock()
            {
                *next = first.replace(shard);
            }
        }
    }
}
