//! What changes while requests are answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use portable_atomic::AtomicU64;
use tokio::sync::Semaphore;

use crate::export::HttpSample;
use crate::export::discovery::Listening;

/// How many answers may be made or on their way at a time of those that grow with the number of
/// services: with their length this bounds the memory of all of them.
const LONG_ANSWERS: usize = 16;

/// Shared by the routers of a server. Relaxed throughout: each value stands for itself.
#[derive(Debug)]
pub(crate) struct State {
    draining: AtomicBool,
    pub(crate) long_answers: Arc<Semaphore>,
    /// Set once, when a server starts.
    listening: OnceLock<Vec<Listening>>,
    open: AtomicU64,
    accepted: AtomicU64,
    accept_failures: AtomicU64,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            draining: AtomicBool::new(false),
            long_answers: Arc::new(Semaphore::new(LONG_ANSWERS)),
            listening: OnceLock::new(),
            open: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            accept_failures: AtomicU64::new(0),
        }
    }

    /// From now on the host is not ready any more.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn listen(&self, listening: Vec<Listening>) {
        // A router belongs to one server, and that starts once.
        let _ = self.listening.set(listening);
    }

    /// The listeners of the server; none if the router is served by somebody else.
    pub(crate) fn listening(&self) -> &[Listening] {
        self.listening.get().map_or(&[], Vec::as_slice)
    }

    /// Counts a connection as open for as long as the guard lives.
    pub(crate) fn open(self: &Arc<Self>) -> OpenConnection {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }

    pub(crate) fn accept_failed(&self) {
        self.accept_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sample(&self, most: usize) -> Option<HttpSample> {
        self.listening.get()?;
        Some(HttpSample {
            open: self.open.load(Ordering::Relaxed),
            most: most as u64,
            accepted: self.accepted.load(Ordering::Relaxed),
            accept_failures: self.accept_failures.load(Ordering::Relaxed),
        })
    }
}

pub(crate) struct OpenConnection(Arc<State>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
