//! How many connections are served at a time, and which of them make room for others.
//!
//! A connection has a slot for as long as it is open. When no slot is left and one more connection
//! comes, the one whose client is slowest makes room.
//!
//! # Cases
//!
//! 1. *Idle connections*, which have begun no request, go first, the longest idle one before others.
//!    Nothing is lost with them.
//! 2. *Unfinished requests* go next, the longest-running one before others: its head or body is not
//!    complete, or its response is not read. Whether its bytes come slowly or not at all doesn't
//!    matter. Where no response has begun, its client gets 408.
//! 3. *Requests that this server works on* are never cut off: they don't wait for their client.
//! 4. *Who has just begun* is spared for a while: [`GRACE`]. A client that was let in must be able to
//!    send its request, or the next one would push it out before it has been served.
//! 5. *Many more come than there are slots.* If each had to wait for the whole grace, the last one
//!    would wait for long. So the grace is halved each time that somebody has waited for its end, down
//!    to [`LEAST_GRACE`]. It is whole again when nobody has waited for [`CALM`].
//!
//! A connection that is asked to go may have changed its stage meanwhile. Then it stays, and the one
//! that waits asks another one.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::http::counters::Stage;

/// How long a connection that has just begun something is spared.
const GRACE: Duration = Duration::from_millis(100);

/// The same while many wait. A request that has been sent is read within this time.
const LEAST_GRACE: Duration = Duration::from_millis(5);

/// After this time the grace is whole again.
const CALM: Duration = Duration::from_millis(250);

/// How long a connection that was asked to go has time for it, until another one is asked.
const GOING: Duration = Duration::from_millis(20);

/// The slots of a server's connections.
#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    grace: Duration,
    /// When somebody last waited for the end of the grace.
    crowded: Instant,
    /// Tells connections apart that began to wait at the same time.
    next: u64,
    /// The connections that wait for their clients, the longest waiting first, each with what asks
    /// it to go: first the idle ones, then the others.
    waiting: [BTreeMap<(Instant, u64), Arc<Notify>>; 2],
}

/// What came of asking a connection to make room.
enum Asked {
    One,
    /// The first that can be asked can be so after this time.
    NotYet(Duration),
    Nobody,
}

impl Slots {
    /// As many slots as there may be connections; at least one.
    pub(super) fn new(max_connections: usize) -> Self {
        let slots = max_connections.clamp(1, Semaphore::MAX_PERMITS);
        let table = Table {
            grace: GRACE,
            crowded: Instant::now(),
            next: 0,
            waiting: [BTreeMap::new(), BTreeMap::new()],
        };
        Self { free: Arc::new(Semaphore::new(slots)), table: Mutex::new(table) }
    }

    /// Waits for a slot. While none is free, asks one connection after another to go.
    pub(super) async fn take(&self) -> OwnedSemaphorePermit {
        if let Ok(slot) = Arc::clone(&self.free).try_acquire_owned() {
            return slot;
        }
        let mut free = pin!(Arc::clone(&self.free).acquire_owned());
        loop {
            let patience = match self.make_room() {
                Asked::NotYet(left) => left,
                Asked::One | Asked::Nobody => GOING,
            };
            if let Ok(slot) = tokio::time::timeout(patience, free.as_mut()).await {
                return slot.expect("never closed");
            }
            self.table().crowd(Instant::now());
        }
    }

    /// Asks a connection to go.
    fn make_room(&self) -> Asked {
        let now = Instant::now();
        let mut first = None;
        let mut table = self.table();
        let grace = table.grace(now);
        for queue in &mut table.waiting {
            let Some(longest) = queue.first_entry() else { continue };
            let left = grace.saturating_sub(now.duration_since(longest.key().0));
            if left.is_zero() {
                longest.remove().notify_one();
                return Asked::One;
            }
            first = Some(first.map_or(left, |first: Duration| first.min(left)));
        }
        first.map_or(Asked::Nobody, Asked::NotYet)
    }

    /// Asks a connection to go although there may be slots: something else is scarce.
    pub(super) fn ask_for_room(&self) {
        self.make_room();
    }

    /// The place of a connection among those that can be asked to go.
    pub(super) fn place(self: &Arc<Self>) -> Place {
        let mut table = self.table();
        table.next += 1;
        Place { slots: Arc::clone(self), number: table.next, asked: Arc::default(), at: None }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// How long a connection is spared now.
    fn grace(&mut self, now: Instant) -> Duration {
        if now.duration_since(self.crowded) > CALM {
            self.grace = GRACE;
        }
        self.grace
    }

    /// Somebody has waited in vain.
    fn crowd(&mut self, now: Instant) {
        self.grace = (self.grace / 2).max(LEAST_GRACE);
        self.crowded = now;
    }
}

/// What a connection waits for, and since when.
pub(super) type Waiting = (Stage, Instant);

/// The place of a connection among those that can be asked to go.
#[derive(Debug)]
pub(super) struct Place {
    slots: Arc<Slots>,
    number: u64,
    asked: Arc<Notify>,
    at: Option<Waiting>,
}

impl Place {
    /// Notified when the connection is asked to go.
    pub(super) fn asked(&self) -> Arc<Notify> {
        Arc::clone(&self.asked)
    }

    /// Moves to what the connection waits for now; nothing if it doesn't wait for its client.
    /// Returns whether that has changed.
    pub(super) fn update(&mut self, waiting: Option<Waiting>) -> bool {
        if self.at == waiting {
            return false;
        }
        let mut table = self.slots.table();
        if let Some((queue, key)) = self.key() {
            table.waiting[queue].remove(&key);
        }
        self.at = waiting;
        if let Some((queue, key)) = self.key() {
            table.waiting[queue].insert(key, Arc::clone(&self.asked));
        }
        drop(table);
        true
    }

    fn key(&self) -> Option<(usize, (Instant, u64))> {
        self.at.map(|(stage, since)| (usize::from(stage != Stage::Idle), (since, self.number)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.update(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    fn is_asked(place: &Place) -> bool {
        let asked = place.asked();
        let asked = pin!(asked.notified());
        asked.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    /// Time is tokio's, which stands still until somebody waits.
    #[tokio::test(start_paused = true)]
    async fn slowest_goes_first_and_idle_before_it() {
        let slots = Arc::new(Slots::new(1));
        let mut places: Vec<_> = (0..4).map(|_| slots.place()).collect();
        let begun = Instant::now();
        let after = |ms| begun + Duration::from_millis(ms);
        let stages = [(Stage::Body, 0), (Stage::Idle, 20), (Stage::Idle, 10), (Stage::Head, 5)];
        for (place, (stage, since)) in places.iter_mut().zip(stages) {
            assert!(place.update(Some((stage, after(since)))));
        }
        assert!(matches!(slots.make_room(), Asked::NotYet(left) if left == GRACE));
        tokio::time::advance(GRACE + Duration::from_millis(30)).await;
        for expected in [2, 1, 0, 3] {
            slots.ask_for_room();
            let asked: Vec<_> = places.iter().map(is_asked).collect();
            assert_eq!(asked.iter().position(|&asked| asked), Some(expected), "{asked:?}");
        }
        assert!(matches!(slots.make_room(), Asked::Nobody));
    }

    #[tokio::test(start_paused = true)]
    async fn connection_with_a_new_request_is_not_asked() {
        let slots = Arc::new(Slots::new(1));
        let mut place = slots.place();
        place.update(Some((Stage::Idle, Instant::now())));
        tokio::time::advance(GRACE).await;
        place.update(None);
        assert!(matches!(slots.make_room(), Asked::Nobody));
        place.update(Some((Stage::Idle, Instant::now())));
        assert!(matches!(slots.make_room(), Asked::NotYet(_)));
        drop(place);
        assert!(matches!(slots.make_room(), Asked::Nobody));
    }

    #[tokio::test(start_paused = true)]
    async fn grace_shrinks_while_many_wait_and_grows_again() {
        let slots = Slots::new(1);
        let now = Instant::now();
        assert_eq!(slots.table().grace(now), GRACE);
        slots.table().crowd(now);
        assert_eq!(slots.table().grace(now), GRACE / 2);
        for _ in 0..10 {
            slots.table().crowd(now);
        }
        assert_eq!(slots.table().grace(now + CALM), LEAST_GRACE);
        assert_eq!(slots.table().grace(now + 2 * CALM), GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_slot_of_who_was_asked() {
        let slots = Arc::new(Slots::new(1));
        let taken = slots.take().await;
        let mut place = slots.place();
        place.update(Some((Stage::Body, Instant::now())));
        let (asked, begun) = (place.asked(), Instant::now());
        let going = async {
            asked.notified().await;
            drop((place, taken));
        };
        let (_slot, ()) = tokio::join!(slots.take(), going);
        assert_eq!(begun.elapsed(), GRACE);
    }
}
