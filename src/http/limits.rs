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
    /// comes, the connection whose client is slowest
    /// [makes room](crate::http#who-makes-room). At least 1; the default is 1,024.
    pub max_connections: usize,
    /// How long the head of a request may take to arrive, from its first byte on. A slower one is
    /// answered with 408. The default is 10 s.
    pub header_timeout: Duration,
    /// How long a connection may be idle: before its first request, and between requests. Load
    /// balancers and collectors keep connections for a minute or more, and lose a request if the
    /// server closes one just then. The default is 90 s.
    pub idle_timeout: Duration,
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
    /// How long the server goes on to serve as ever when it shuts down, before it drains.
    /// `/health/ready` is 503 from the beginning, so that load balancers can see it in time. None
    /// by default.
    pub drain_delay: Duration,
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
            idle_timeout: Duration::from_secs(90),
            header_bytes: 16 * 1024,
            max_headers: 64,
            body_bytes: 64 * 1024,
            body_timeout: patience,
            write_timeout: patience,
            drain_delay: Duration::ZERO,
            drain: patience,
        }
    }
}
