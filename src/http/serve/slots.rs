//! How many connections are served at a time, and which of them make room for others.
//!
//! A connection has a slot for as long as it is open. When there is none left, the connection
//! that has been idle for longest (no request in flight, so nothing is lost) is closed for the
//! one that waits. Thus idle connections, however many, keep nobody out.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    /// Told when a slot is wanted; idle connections wait for it in the order in which they
    /// became idle.
    wanted: Notify,
}

impl Slots {
    pub(super) fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(most)), wanted: Notify::new() }
    }

    /// A slot, as soon as there is one.
    pub(super) async fn take(&self) -> OwnedSemaphorePermit {
        let free = Arc::clone(&self.free);
        if let Ok(slot) = Arc::clone(&free).try_acquire_owned() {
            return slot;
        }
        self.wanted.notify_one();
        free.acquire_owned().await.expect("never closed")
    }

    /// Drives a connection to its end, or until its slot is wanted while it is idle; `None` then.
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
                // Out of the queue, or to its end. If it was this one's turn, the next one's
                // comes.
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
                    // Who wanted it has got another meanwhile.
                    Poll::Ready(()) => wanted.set(None),
                }
            }
        })
        .await
    }
}

/// The requests of a connection, and those whose answers are not yet sent in full.
///
/// Relaxed throughout: requests begin and end while the connection is polled, by the task that
/// looks at this.
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

    /// One more, for as long as the guard is there.
    pub(super) fn begin(&self) -> Request {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Request(self.clone())
    }
}

#[derive(Debug)]
pub(super) struct Request(InFlight);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}
