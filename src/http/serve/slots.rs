//! How many connections are served at a time, and which of them make room for others.
//!
//! A connection has a slot for as long as it is open. When no slot is left and one more connection
//! waits, the connection that has been idle for longest is closed. It has no request in flight, so
//! nothing is lost. Thus idle connections, however many, keep nobody out.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The slots of a server's connections.
#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    /// Notified when a slot is wanted. Idle connections wait for it, in the order in which they
    /// became idle.
    wanted: Notify,
}

impl Slots {
    /// As many slots as there may be connections; at least one.
    pub(super) fn new(max_connections: usize) -> Self {
        let slots = max_connections.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(slots)), wanted: Notify::new() }
    }

    /// Waits for a slot. If none is free, asks the connection that has been idle for longest to
    /// end.
    pub(super) async fn take(&self) -> OwnedSemaphorePermit {
        let free = Arc::clone(&self.free);
        if let Ok(slot) = Arc::clone(&free).try_acquire_owned() {
            return slot;
        }
        self.wanted.notify_one();
        free.acquire_owned().await.expect("never closed")
    }

    /// Drives a connection to its end, or until its slot is wanted while it is idle. Returns
    /// `None` in the second case.
    pub(super) async fn drive<F: Future>(
        &self,
        mut connection: Pin<&mut F>,
        in_flight: &InFlight,
    ) -> Option<F::Output> {
        let mut wanted = pin!(None::<Notified<'_>>);
        let mut idle_since = 0;
        poll_fn(|cx| {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(ended));
            }
            let begun = in_flight.begun();
            if in_flight.is_any() || begun != idle_since {
                // Leave the idle queue (busy) or requeue at its end (a request came and went).
                // Dropping a notified waiter passes the notification on.
                wanted.set(None);
            }
            if in_flight.is_any() {
                return Poll::Pending;
            }
            idle_since = begun;
            loop {
                if wanted.is_none() {
                    wanted.set(Some(self.wanted.notified()));
                }
                let Some(waiting) = wanted.as_mut().as_pin_mut() else { return Poll::Pending };
                match waiting.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) if self.free.available_permits() == 0 => {
                        return Poll::Ready(None);
                    }
                    // The waiting connection has got another slot meanwhile.
                    Poll::Ready(()) => wanted.set(None),
                }
            }
        })
        .await
    }
}

/// Whether requests of a connection are in flight. A request is in flight until its response is
/// sent in full.
///
/// Relaxed throughout: requests begin and end while the connection is polled, by the task that
/// also reads this.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl InFlight {
    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn is_any(&self) -> bool {
        self.begun() != self.0.ended.load(Ordering::Relaxed)
    }

    /// Begins a request, which is in flight for as long as the guard lives.
    pub(super) fn begin(&self) -> RequestGuard {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        RequestGuard(self.clone())
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct RequestGuard(InFlight);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}
