//! Documents whose length grows with the number of services, and how much memory all of them take.
//!
//! # Cases
//!
//! 1. *Many ask at once.* One document is made at a time. All that asked for the same one before its
//!    making began share it; whoever asks later waits for the next, so that a client finds in its
//!    answer what it recorded before it asked. Making is a task by itself: it goes on when the client
//!    that began it goes away.
//! 2. *Clients read slowly, or not at all.* A document stays alive while somebody reads it. Before the
//!    next one is made, those alive must take no more than [`SMALL`] bytes, or than the longest of
//!    them does. So at most two long documents are there at a time: one that is read, and one that
//!    is made.
//! 3. *Somebody reads on and on while others wait.* Then the oldest document is withdrawn as soon as
//!    it is older than [`PATIENCE`], which those that wait for different documents share. Its readers
//!    keep the pieces that they are just sending, get no further one, and see that their answer is
//!    cut short. While nobody waits, everybody may read as slowly as the write timeout permits.
//!
//! A document of one piece needs no such care: it takes no more than what a connection buffers anyway.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Documents that take no more than this together need not be withdrawn.
const SMALL: usize = 8 * 1024 * 1024;

/// How long a document can be read while others wait for room.
const PATIENCE: Duration = Duration::from_millis(500);

/// A finished document of several pieces.
#[derive(Debug)]
pub(crate) struct Document {
    /// `None` once it is withdrawn.
    pieces: Mutex<Option<Vec<Bytes>>>,
    length: usize,
    made: Instant,
    freed: Arc<Notify>,
}

impl Document {
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// A piece; nothing past the last one.
    ///
    /// # Errors
    ///
    /// If the document has been withdrawn.
    pub(super) fn piece(&self, index: usize) -> Result<Option<Bytes>, Withdrawn> {
        let pieces = lock(&self.pieces);
        Ok(pieces.as_ref().ok_or(Withdrawn)?.get(index).cloned())
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        self.freed.notify_one();
    }
}

/// The document has made room for another one.
pub(super) struct Withdrawn;

/// The documents of a router and its clones. `K` says what is asked for, `A` is the answer with it.
#[derive(Debug)]
pub(crate) struct Documents<K, A> {
    /// Those that are asked for and not begun.
    asked: Mutex<HashMap<K, watch::Receiver<Option<A>>>>,
    /// Held by the one that makes a document.
    pen: tokio::sync::Mutex<()>,
    alive: Mutex<Vec<Weak<Document>>>,
    /// Notified when a document is gone.
    freed: Arc<Notify>,
    /// Relaxed throughout: a count that stands for itself.
    withdrawn: AtomicU64,
}

impl<K, A> Default for Documents<K, A> {
    fn default() -> Self {
        Self {
            asked: Mutex::default(),
            pen: tokio::sync::Mutex::default(),
            alive: Mutex::default(),
            freed: Arc::default(),
            withdrawn: AtomicU64::new(0),
        }
    }
}

impl<K, A> Documents<K, A> {
    /// A document of these pieces, which counts as alive until the last reader drops it.
    pub(super) fn keep(&self, pieces: Vec<Bytes>, length: usize) -> Arc<Document> {
        let document = Arc::new(Document {
            pieces: Mutex::new(Some(pieces)),
            length,
            made: Instant::now(),
            freed: Arc::clone(&self.freed),
        });
        let mut alive = lock(&self.alive);
        alive.retain(|document| document.strong_count() > 0);
        alive.push(Arc::downgrade(&document));
        document
    }

    /// How many documents have been withdrawn from their readers.
    pub(super) fn withdrawn(&self) -> u64 {
        self.withdrawn.load(Ordering::Relaxed)
    }

    /// Waits until there is room for one more document. `together` is how many
    /// different ones are waited for.
    async fn room(&self, together: impl Fn() -> usize) {
        loop {
            // Made before looking, so that no document is gone unnoticed in between.
            let freed = self.freed.notified();
            let Some(oldest) = self.in_the_way() else { return };
            let patience = PATIENCE / u32::try_from(together().max(1)).unwrap_or(u32::MAX);
            let left = patience.saturating_sub(oldest.made.elapsed());
            if left.is_zero() {
                // Without the lock: the pieces take a while to be freed.
                let pieces = lock(&oldest.pieces).take();
                if pieces.is_some() {
                    self.withdrawn.fetch_add(1, Ordering::Relaxed);
                }
                continue;
            }
            drop(oldest);
            let _ = tokio::time::timeout(left, freed).await;
        }
    }

    /// The oldest document, if those alive leave no room for another one.
    fn in_the_way(&self) -> Option<Arc<Document>> {
        let mut alive = lock(&self.alive);
        alive.retain(|document| document.strong_count() > 0);
        let whole: Vec<_> = alive.iter().filter_map(Weak::upgrade).collect();
        drop(alive);
        let mut whole: Vec<_> =
            whole.into_iter().filter(|document| lock(&document.pieces).is_some()).collect();
        let longest = whole.iter().map(|document| document.length).max().unwrap_or(0);
        let together: usize = whole.iter().map(|document| document.length).sum();
        (together > longest.max(SMALL)).then(|| whole.swap_remove(0))
    }
}

impl<K, A> Documents<K, A>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    A: Clone + Send + Sync + 'static,
{
    /// The answer that `make` makes, or one that is asked for already and not begun. `None` if the
    /// runtime shuts down. `long` says whether `make` would hold up other tasks.
    pub(super) async fn get(
        self: &Arc<Self>,
        wanted: K,
        long: bool,
        make: impl FnOnce() -> A + Send + 'static,
    ) -> Option<A> {
        let mut answer = {
            let mut asked = lock(&self.asked);
            match asked.get(&wanted) {
                // Closed if its runtime has ended before it was begun.
                Some(known) if known.has_changed().is_ok() => known.clone(),
                _ => {
                    let (sender, receiver) = watch::channel(None);
                    asked.insert(wanted.clone(), receiver.clone());
                    tokio::spawn(Arc::clone(self).make(wanted, long, make, sender));
                    receiver
                }
            }
        };
        let answer = answer.wait_for(Option::is_some).await.ok()?;
        answer.clone()
    }

    async fn make(
        self: Arc<Self>,
        wanted: K,
        long: bool,
        make: impl FnOnce() -> A + Send + 'static,
        sender: watch::Sender<Option<A>>,
    ) {
        let _pen = self.pen.lock().await;
        self.room(|| lock(&self.asked).len()).await;
        // From here on nobody joins.
        let shared = lock(&self.asked).remove(&wanted);
        drop(shared);
        // Nobody waits any more.
        if sender.is_closed() {
            return;
        }
        let answer = if long { tokio::task::spawn_blocking(make).await.ok() } else { Some(make()) };
        sender.send_replace(answer);
    }
}

/// Locks a mutex. What these guard is consistent at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Waker};

    fn block(length: usize) -> Vec<Bytes> {
        vec![Bytes::from_static(b"piece"), Bytes::from(vec![0; length - 5])]
    }

    #[tokio::test]
    async fn equal_requests_share_one_unbegun_document() {
        let documents: Arc<Documents<&str, u64>> = Arc::default();
        let made = Arc::new(AtomicU64::new(0));
        let get = |wanted| {
            let made = Arc::clone(&made);
            documents.get(wanted, false, move || made.fetch_add(1, Ordering::Relaxed))
        };
        let (one, other, different) = tokio::join!(get("a"), get("a"), get("b"));
        assert_eq!((one, other, different), (Some(0), Some(0), Some(1)));
        assert_eq!(get("a").await, Some(2), "it is begun already");
    }

    #[tokio::test]
    async fn answer_that_nobody_waits_for_is_not_made() {
        let documents: Arc<Documents<(), ()>> = Arc::default();
        let (sender, made) = tokio::sync::oneshot::channel();
        let mut asking = Box::pin(documents.get((), false, move || sender.send(()).unwrap()));
        assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(asking);
        assert!(made.await.is_err());
        assert!(lock(&documents.asked).is_empty());
        // Who asks next gets one.
        assert_eq!(documents.get((), false, || ()).await, Some(()));
    }

    /// Time is tokio's, which stands still until somebody waits.
    #[tokio::test(start_paused = true)]
    async fn oldest_document_is_withdrawn_from_slow_readers() {
        let documents: Arc<Documents<u8, ()>> = Arc::default();
        let oldest = documents.keep(block(SMALL), SMALL);
        let begun = Instant::now();
        documents.get(1, false, || ()).await.unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO, "there is room for a second one");

        let newest = documents.keep(block(SMALL), SMALL);
        documents.get(1, false, || ()).await.unwrap();
        assert_eq!(begun.elapsed(), PATIENCE);
        assert!(oldest.piece(0).is_err());
        assert_eq!(newest.piece(0).ok().flatten().unwrap(), "piece");
        assert_eq!(documents.withdrawn(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_read_a_document_keeps_nobody_waiting() {
        let documents: Arc<Documents<u8, ()>> = Arc::default();
        let two = [documents.keep(block(SMALL), SMALL), documents.keep(block(SMALL), SMALL)];
        let begun = Instant::now();
        let read = async {
            tokio::time::sleep(PATIENCE / 10).await;
            drop(two);
        };
        tokio::join!(documents.get(1, false, || ()), read).0.unwrap();
        assert_eq!((begun.elapsed(), documents.withdrawn()), (PATIENCE / 10, 0));
    }
}
