//! How much a server takes from its clients.

use std::time::Duration;

/// How much a [`Server`](super::Server) takes from its clients, and for how long. A
/// [`Router`](super::Router) that another server serves keeps to `body_bytes` and `body_timeout`;
/// the other limits are that server's matter.
///
/// Limits begin as the default ones, and more may be added in any release:
///
/// ```
/// use std::time::Duration;
/// use tickring::http::Limits;
///
/// let mut limits = Limits::default();
/// limits.max_connections = 100;
/// limits.drain = Duration::from_secs(2);
/// assert_eq!(limits.body_bytes, 64 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most connections that are open at a time, over all listeners together. When one more
    /// comes, the connection that has been idle for longest is closed. While every connection has
    /// a request in flight, new ones wait in the kernel's backlog. At least 1; the default is
    /// 1,024.
    pub max_connections: usize,
    /// How long a connection may take to send the head of a request. The time begins when the
    /// server starts to wait for it, so a connection may also be idle between requests for this
    /// long. The default is 10 s.
    pub header_timeout: Duration,
    /// The most bytes of a request's head, and of what is buffered of a connection at a time. A
    /// longer head is answered with 431. At least 8,192; the default is 16 KiB.
    pub header_bytes: usize,
    /// The most headers of a request. More are answered with 431. The default is 64.
    pub max_headers: usize,
    /// The most bytes of a request's body. A longer one is answered with 413. The default is
    /// 64 KiB.
    pub body_bytes: usize,
    /// How long the body of a request may take to arrive. A slower one is answered with 408. The
    /// default is 10 s.
    pub body_timeout: Duration,
    /// How long a client may read nothing of a response that waits for it. Then the connection is
    /// closed. The default is 10 s.
    pub write_timeout: Duration,
    /// How long requests in flight may take to finish when the server shuts down. The default is
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
