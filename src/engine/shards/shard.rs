//! A ring that changes owners, and the pool that shards come from and return to.
//!
//! A shard lives for ever (`&'static`), so that safe code can keep it in a thread-local. What
//! ends is its time on a meter: dropping the meter clears its shards and puts them in the pool.
//!
//! # Ownership
//!
//! `owner` holds the token of the ownership that is in force, or [`FREE`]. Tokens are unique for
//! the life of the process, one for each time a shard is taken. So giving a shard back is a
//! compare-exchange from one's own token, and can do no harm when the shard has long been
//! recycled:
//!
//! 1. *Thread T ends while T' looks for a shard*: T exchanges its token for FREE (Release) after
//!    its last store; T' exchanges FREE for its own token (Acquire). T' sees all that T stored.
//!    Of several newcomers one exchange succeeds.
//! 2. *A meter is dropped while T, which still holds its shard, lives on*: the shard is cleared
//!    and pooled. T never records on it again: a key never comes back, so neither T's cache nor
//!    its map can match it.
//! 3. *T ends after that*: its exchange finds another token, or FREE, and does nothing.
//! 4. *T ends while the meter is being dropped*: the exchange comes before the drop's exchange
//!    with FREE (both leave FREE) or after it (case 3).

use crate::engine::durations::own::Times;
use crate::engine::seconds::ring::Ring;
use crate::engine::sync::{AtomicU64, Mutex, Ordering, const_unless_loom, process_wide};

const FREE: u64 = 0;

/// Names one ownership of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(u64);

process_wide! {
    /// The last number given out. Relaxed: all that matters is that no number comes twice.
    static LAST_NUMBER: AtomicU64 = AtomicU64::new(0);
}

/// Shards of meters that are gone: cleared, and without owner. The first of them; the others
/// follow by [`Shard::next_pooled`], since pooling must not allocate: the allocator may itself
/// record on a meter, and come for a shard.
type Pool = Mutex<Option<&'static Shard>>;

process_wide! {
    static POOL: Pool = Mutex::new(None);
}

process_wide! {
    /// Those of timers.
    static TIMED_POOL: Pool = Mutex::new(None);
}

/// A number, from 1 up, that was never given out before. At a thousand million a second they
/// last 584 years.
pub(crate) fn unique_number() -> u64 {
    LAST_NUMBER.fetch_add(1, Ordering::Relaxed) + 1
}

/// See the [module](self). No line of it is another's, as its ring begins one.
#[derive(Debug)]
pub(crate) struct Shard {
    owner: AtomicU64,
    /// Where the shard of a timer counts durations; nothing in a plain meter's.
    times: Option<Box<Times>>,
    ring: Ring,
    /// Changed only by who holds the lock of the pool.
    next_pooled: Pool,
}

impl Shard {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                owner: AtomicU64::new(FREE),
                times: None,
                ring: Ring::new(),
                next_pooled: Mutex::new(None),
            }
        }
    }

    fn timed() -> Self {
        Self {
            owner: AtomicU64::new(FREE),
            times: Some(Box::new(Times::new())),
            ring: Ring::new(),
            next_pooled: Mutex::new(None),
        }
    }

    fn pool(timed: bool) -> &'static Pool {
        if timed { &TIMED_POOL } else { &POOL }
    }

    /// Takes a shard from the pool, or makes one. It is the caller's, and on no meter yet;
    /// `place` is where on the roster it will be.
    pub(crate) fn take(timed: bool, place: usize) -> (&'static Self, Token) {
        let shard = Self::from_pool(timed).unwrap_or_else(|| {
            crate::engine::diagnostics::count_shard(timed);
            Box::leak(Box::new(if timed { Self::timed() } else { Self::new() }))
        });
        if let Some(times) = shard.times() {
            times.set_place(place);
        }
        let token = Token(unique_number());
        // Relaxed: nobody else has it. Its next life is published by the roster (pair 3).
        shard.owner.store(token.0, Ordering::Relaxed);
        (shard, token)
    }

    /// Makes the caller the owner if there is none.
    pub(crate) fn adopt(&self) -> Option<Token> {
        // Relaxed: only a look, so that a walk along a roster leaves the owners' lines alone.
        if self.owner.load(Ordering::Relaxed) != FREE {
            return None;
        }
        let token = Token(unique_number());
        // Acquire: partner of the Release in `give_back`.
        self.owner
            .compare_exchange(FREE, token.0, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            .then_some(token)
    }

    /// Ends an ownership, if it is still in force.
    pub(crate) fn give_back(&self, token: Token) {
        // Release: partner of the Acquire in `adopt`. Failure means that the shard is somebody
        // else's by now, and tells nothing: Relaxed.
        let _ = self.owner.compare_exchange(token.0, FREE, Ordering::Release, Ordering::Relaxed);
    }

    /// Whether an ownership is in force. Relaxed: an owner sees its own token; for anybody else
    /// this is a hint.
    pub(crate) fn is_owned_by(&self, token: Token) -> bool {
        self.owner.load(Ordering::Relaxed) == token.0
    }

    fn from_pool(timed: bool) -> Option<&'static Self> {
        // Nothing under these locks panics, so they can't be poisoned.
        let mut first = Self::pool(timed).lock().ok()?;
        let shard = (*first)?;
        *first = shard.next_pooled.lock().ok()?.take();
        Some(shard)
    }

    /// Clears shards of a meter that is gone and puts them in the pool.
    pub(crate) fn recycle(timed: bool, shards: impl Iterator<Item = &'static Self>) {
        for shard in shards {
            // Case 4: comes after the exchange of a thread that ends at the same time. A store
            // would, too, since nothing gets between the two halves of that exchange; but loom
            // does not know this of a store.
            shard.owner.swap(FREE, Ordering::Relaxed);
            shard.ring.clear();
            if let Some(times) = shard.times() {
                times.clear();
            }
            if let Ok(mut first) = Self::pool(timed).lock()
                && let Ok(mut next) = shard.next_pooled.lock()
            {
                *next = first.replace(shard);
            }
        }
    }

    /// For the owner to write and anybody to read; only on the roster of a timer.
    #[inline]
    pub(crate) fn times(&self) -> Option<&Times> {
        self.times.as_deref()
    }

    /// For the owner to write and anybody to read.
    #[inline]
    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }
}
