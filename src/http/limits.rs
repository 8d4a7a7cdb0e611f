//! How much a server takes from its clients.

use std::time::Duration;

/// How much a [`Server`](super::Server) takes from its clients, and for how long.
///
/// ```
/// use tickring::http::Limits;
///
/// let limits = Limits { max_connections: 100, ..Limits::default() };
/// assert_eq!(limits.body_bytes, 64 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at a time, over all listeners together. When one more comes, that one
    /// is closed which has been idle for longest; while every one has a request in flight, new
    /// ones wait in the system's queue. At least 1. The default is 1,024.
    pub max_connections: usize,
    /// How long a connection may take to send a request's head, counted from when the server
    /// starts to wait for it. So this is also how long a connection may be idle between
    /// requests. The default is 10 s.
    pub header_timeout: Duration,
    /// The most bytes of a request's head, and what is buffered of a connection at a time; more
    /// is answered with 431. At least 8,192. The default is 16 KiB.
    pub header_bytes: usize,
    /// The most headers of a request; more are answered with 431. The default is 64.
    pub max_headers: usize,
    /// The most bytes of a request's body; more are answered with 413. The default is 64 KiB.
    pub body_bytes: usize,
    /// How long a request's body may take to arrive; longer is answered with 408. The default is
    /// 10 s.
    pub body_timeout: Duration,
    /// How long a client may read nothing of an answer that waits for it before the connection
    /// is closed. The default is 10 s.
    pub write_timeout: Duration,
    /// How long requests in flight may take to finish once the server shuts down. The default is
    /// 10 s.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let patience = Duration::from_secs(10);
        Self {
            max_connections: 1024,
            header_timeout: patience,
            header_bytes: 16 * 1024,
            max_headers: 64,
            body_bytes: 64 * 1024,
            body_timeout: patience,
            write_timeout: patience,
            drain: patience,
        }
    }
}
