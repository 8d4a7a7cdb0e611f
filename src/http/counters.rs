//! What the routers of a running server share.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use portable_atomic::AtomicU64;

use super::drain;
use crate::export::HttpSample;
use crate::export::discovery::Listening;

/// A running server: where it listens, its connections, and how far its end has come.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) listening: Vec<Listening>,
    pub(crate) drain: drain::Watch,
    /// Relaxed throughout: each of these values stands for itself.
    open: AtomicU64,
    accepted: AtomicU64,
    accept_failures: AtomicU64,
}

impl Running {
    pub(crate) fn new(listening: Vec<Listening>, drain: drain::Watch) -> Self {
        Self {
            listening,
            drain,
            open: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            accept_failures: AtomicU64::new(0),
        }
    }

    /// Counts a connection as accepted, and as open for as long as the guard lives.
    pub(crate) fn open(self: &Arc<Self>) -> OpenConnection {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }

    /// Counts a failure to accept a connection.
    pub(crate) fn accept_failed(&self) {
        self.accept_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts now, beside the limit of open connections.
    pub(crate) fn sample(&self, max_connections: usize) -> HttpSample {
        HttpSample {
            open: self.open.load(Ordering::Relaxed),
            limit: max_connections as u64,
            accepted: self.accepted.load(Ordering::Relaxed),
            accept_failures: self.accept_failures.load(Ordering::Relaxed),
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<Running>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
