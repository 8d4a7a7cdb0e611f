//! A ring that changes owners.
//!
//! A shard lives for ever (`&'static`), so that safe code can keep it in a thread-local. Its time on a
//! meter ends: when the meter is dropped, the shard is cleared and put in the [`pool`](super::pool).
//!
//! # Ownership
//!
//! `owner` has the token of the ownership in force, or [`FREE`]. A token is unique for the life of the
//! process; there is one for each time that a shard is taken or adopted. To give a shard back is a
//! compare-exchange from the owner's token to [`FREE`]. It does no harm when the shard has long had
//! other owners.
//!
//! | case | what happens | why it is right |
//! |---|---|---|
//! | 1 | thread T ends while thread T' looks for a shard | T exchanges its token for FREE (Release) after its last store. T' exchanges FREE for its own token (Acquire), so it sees all that T stored. Of several newcomers, one exchange succeeds |
//! | 2 | a meter is dropped while T, which has a shard of it, lives on | the shard is cleared and pooled. T never records on it again: no meter gets the same key, so neither T's cache nor its map can match |
//! | 3 | T ends after that | its exchange finds another token, or FREE, and does nothing |
//! | 4 | T ends while the meter is being dropped | T's exchange comes before the drop's swap to FREE, and both leave FREE; or it comes after (case 3) |
//! | 5 | a `LocalMeter` moves to another thread | the ownership moves with it, and what moves it orders the stores of both threads |
//! | 6 | a process forks | in the child the shards of the other threads stay owned: nobody adopts them, and their counts stay in the meter |

use crate::engine::durations::own::OwnDurations;
use crate::engine::seconds::ring::Ring;
use crate::engine::sync::{AtomicU64, Mutex, Ordering, const_unless_loom, process_wide};

const FREE: u64 = 0;

/// Names one ownership of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(pub(in crate::engine) u64);

process_wide! {
    /// The last token that was given out. Relaxed: nothing matters but that no token comes twice.
    static LAST_TOKEN: AtomicU64 = AtomicU64::new(0);
}

/// A token that was never given out before. At a thousand million a second they last 584 years.
fn new_token() -> Token {
    Token(LAST_TOKEN.fetch_add(1, Ordering::Relaxed) + 1)
}

/// See the [module](self). It shares no cache line, since its ring begins one.
#[derive(Debug)]
pub(crate) struct Shard {
    owner: AtomicU64,
    /// Where the shard of a timer counts durations; `None` in the shard of a plain meter.
    durations: Option<Box<OwnDurations>>,
    ring: Ring,
    /// The next shard in the pool. Only the holder of the pool's lock changes it.
    pub(super) next_pooled: Mutex<Option<&'static Shard>>,
}

// The README, `Meter` and `Diagnostics::shards` state this size.
#[cfg(all(not(loom), target_arch = "x86_64"))]
const _: () = assert!(size_of::<Shard>() == 704);

impl Shard {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                owner: AtomicU64::new(FREE),
                durations: None,
                ring: Ring::new(),
                next_pooled: Mutex::new(None),
            }
        }
    }

    /// A shard with room for durations.
    pub(super) fn timed() -> Self {
        Self { durations: Some(Box::new(OwnDurations::new())), ..Self::new() }
    }

    /// Makes the caller the owner of a shard that nobody else can find.
    pub(super) fn claim(&self) -> Token {
        let token = new_token();
        // Relaxed: nobody else has the shard. The roster publishes it (pair 3).
        self.owner.store(token.0, Ordering::Relaxed);
        token
    }

    /// Zeroes a shard whose meter is gone.
    pub(super) fn clear(&self) {
        // Case 4: the swap comes after the exchange of a thread that ends at the same time. A store
        // would, too, since nothing gets between the two halves of that exchange; but loom does not
        // know this of a store. Relaxed: the mutex of the pool orders all of this (pair 4).
        self.owner.swap(FREE, Ordering::Relaxed);
        self.ring.clear();
        if let Some(durations) = self.durations() {
            durations.clear();
        }
    }

    /// Makes the caller the owner, if there is none.
    pub(crate) fn adopt(&self) -> Option<Token> {
        // Relaxed: only a look, so that a walk along a roster does not take the owners' lines.
        if self.owner.load(Ordering::Relaxed) != FREE {
            return None;
        }
        let token = new_token();
        // Acquire: partner of the Release in `give_back`.
        self.owner
            .compare_exchange(FREE, token.0, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            .then_some(token)
    }

    /// Ends an ownership, if it is still in force.
    pub(crate) fn give_back(&self, token: Token) {
        // Release: partner of the Acquire in `adopt`. Relaxed on failure: the shard has another owner
        // by now, and nothing depends on that.
        let _ = self.owner.compare_exchange(token.0, FREE, Ordering::Release, Ordering::Relaxed);
    }

    /// Whether an ownership is in force. Relaxed: an owner sees its own token; for other threads this is
    /// a hint.
    pub(crate) fn is_owned_by(&self, token: Token) -> bool {
        self.owner.load(Ordering::Relaxed) == token.0
    }

    /// The durations, which the owner writes and any thread reads; `None` in the shard of a plain meter.
    #[inline]
    pub(crate) fn durations(&self) -> Option<&OwnDurations> {
        self.durations.as_deref()
    }

    /// The ring, which the owner writes and any thread reads.
    #[inline]
    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }
}
