//! What the routers of a running server share.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
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
    last_failure: Mutex<Option<io::Error>>,
    evicted: [AtomicU64; Stage::ALL.len()],
    /// The requests that were answered, by path and status. Both come from small sets.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
}

/// What a connection waits for while its client is the one to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// A request.
    Idle,
    /// The rest of a request's head.
    Head,
    /// The rest of a request's body.
    Body,
    /// A client that reads the response.
    Response,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Idle, Self::Head, Self::Body, Self::Response];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Body => "body",
            Self::Response => "response",
        }
    }
}

impl Running {
    pub(crate) fn new(listening: Vec<Listening>, drain: drain::Watch) -> Self {
        Self {
            listening,
            drain,
            open: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            accept_failures: AtomicU64::new(0),
            last_failure: Mutex::default(),
            evicted: [const { AtomicU64::new(0) }; Stage::ALL.len()],
            requests: Mutex::default(),
        }
    }

    /// Counts a connection as accepted, and as open for as long as the guard lives.
    pub(crate) fn open(self: &Arc<Self>) -> OpenConnection {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }

    /// Counts a failure to accept a connection.
    pub(crate) fn accept_failed(&self, error: io::Error) {
        self.accept_failures.fetch_add(1, Ordering::Relaxed);
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The last failure to accept a connection, unless it has been taken before.
    pub(crate) fn take_last_failure(&self) -> Option<io::Error> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn accept_failures(&self) -> u64 {
        self.accept_failures.load(Ordering::Relaxed)
    }

    /// Counts a connection that was closed to make room.
    pub(crate) fn evicted(&self, stage: Stage) {
        self.evicted[stage as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections were closed to make room, each with what it waited for.
    pub(crate) fn evictions(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.evicted.iter().map(|count| count.load(Ordering::Relaxed));
        Stage::ALL.iter().map(|stage| stage.as_str()).zip(counts)
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, path: &'static str, status: StatusCode) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((path, status.as_u16())).or_default() += 1;
    }

    /// The counts now, beside the limit of open connections and the count of withdrawn documents.
    pub(crate) fn sample(&self, max_connections: usize, withdrawn: u64) -> HttpSample {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        HttpSample {
            open: self.open.load(Ordering::Relaxed),
            limit: max_connections as u64,
            accepted: self.accepted.load(Ordering::Relaxed),
            accept_failures: self.accept_failures(),
            evicted: self.evictions().collect(),
            withdrawn,
            requests: requests
                .iter()
                .map(|(&(path, status), &count)| (path, status, count))
                .collect(),
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
