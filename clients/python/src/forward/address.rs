//! Where sums are sent, and the socket for it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a socket, and what a name stands for, are used. A server may move, and what balances
/// load between servers goes by the port that one sends from.
const RENEW: Duration = Duration::from_secs(30);

/// What fits a datagram on any path without being taken apart; a Unix socket takes more.
const UDP_BYTES: usize = 1432;
const UNIX_BYTES: usize = 8192;

/// `HOST:PORT`, or the path of a Unix datagram socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Unix(PathBuf),
    Udp { host: String, port: u16 },
}

impl Target {
    /// The target that a text names.
    ///
    /// # Errors
    ///
    /// In words, if it is neither.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            return if cfg!(unix) {
                Ok(Self::Unix(text.into()))
            } else {
                Err(format!("forward={text:?}: Unix sockets are for Unix; use HOST:PORT"))
            };
        }
        let parsed = text.rsplit_once(':').and_then(|(host, port)| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let port = port.parse().ok().filter(|&port| port != 0)?;
            (!host.is_empty()).then(|| Self::Udp { host: host.into(), port })
        });
        parsed.ok_or_else(|| {
            format!(
                "forward={text:?} is neither HOST:PORT nor the path of a Unix socket (with a slash)"
            )
        })
    }

    /// The addresses of the target, of the right kind for one that needs none.
    pub(super) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::Unix(_) => Ok(Vec::new()),
            Self::Udp { host, port } => Ok((host.as_str(), *port).to_socket_addrs()?.collect()),
        }
    }

    fn is_name(&self) -> bool {
        matches!(self, Self::Udp { host, .. } if host.parse::<IpAddr>().is_err())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Udp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Udp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    #[cfg(unix)]
    Unix(UnixDatagram),
}

/// The way to a target.
#[derive(Debug)]
pub(super) struct Way {
    target: Target,
    addresses: Vec<SocketAddr>,
    resolved: Option<Instant>,
    /// Why the name could not be resolved the last time.
    failed_to_resolve: Option<String>,
    /// The address in use.
    at: usize,
    socket: Option<(Socket, Instant)>,
}

impl Way {
    pub(super) fn new(target: Target) -> Self {
        let addresses = match &target {
            Target::Udp { host, port } => {
                let literal = host.parse().map(|host: IpAddr| SocketAddr::new(host, *port));
                literal.into_iter().collect()
            }
            Target::Unix(_) => Vec::new(),
        };
        Self { target, addresses, resolved: None, failed_to_resolve: None, at: 0, socket: None }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn most_bytes(&self) -> usize {
        if matches!(self.target, Target::Unix(_)) { UNIX_BYTES } else { UDP_BYTES }
    }

    /// Whether it is time to look the name up.
    pub(super) fn wants_resolving(&self) -> bool {
        self.target.is_name() && self.resolved.is_none_or(|then| then.elapsed() >= RENEW)
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.target.is_name() && self.addresses.is_empty()
    }

    pub(super) fn has_failed_to_resolve(&self) -> bool {
        self.failed_to_resolve.is_some()
    }

    pub(super) fn set_addresses(&mut self, found: io::Result<Vec<SocketAddr>>) {
        let found = found.and_then(|found| {
            if found.is_empty() {
                Err(io::Error::other("the name has no address"))
            } else {
                Ok(found)
            }
        });
        self.failed_to_resolve = found.as_ref().err().map(ToString::to_string);
        let Ok(found) = found else { return };
        self.resolved = Some(Instant::now());
        let same = found.len() == self.addresses.len()
            && found.iter().all(|address| self.addresses.contains(address));
        if !same {
            self.addresses = found;
            self.at = 0;
            self.socket = None;
        }
    }

    /// Whether what was sent before has been refused since.
    pub(super) fn was_refused(&mut self) -> bool {
        let refused = match &self.socket {
            Some((Socket::Udp(socket), _)) => matches!(socket.take_error(), Ok(Some(_)) | Err(_)),
            _ => false,
        };
        if refused {
            self.next();
        }
        refused
    }

    /// Sends a datagram, to the first address that takes it. Never waits.
    pub(super) fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        if self.socket.as_ref().is_some_and(|(_, opened)| opened.elapsed() >= RENEW) {
            self.socket = None;
        }
        if self.is_unknown() {
            let why = self.failed_to_resolve.as_ref();
            let why = why.map(|why| format!("the name can't be resolved: {why}"));
            return Err(io::Error::other(why.unwrap_or("the name is not resolved yet".into())));
        }
        let mut result = Ok(());
        for _ in 0..self.addresses.len().max(1) {
            result = self.send_once(datagram);
            match &result {
                Ok(()) => break,
                // A queue that is full for the moment.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.next(),
            }
        }
        result
    }

    fn send_once(&mut self, datagram: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => (self.open()?, Instant::now()),
        };
        let (socket, _) = self.socket.insert(socket);
        match socket {
            Socket::Udp(socket) => {
                socket.send(datagram)?;
                // On this machine a refusal is here by now.
                socket.take_error()?.map_or(Ok(()), Err)
            }
            #[cfg(unix)]
            Socket::Unix(socket) => socket.send(datagram).map(drop),
        }
    }

    fn open(&self) -> io::Result<Socket> {
        match &self.target {
            #[cfg(unix)]
            Target::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket.connect(path)?;
                Ok(Socket::Unix(socket))
            }
            #[cfg(not(unix))]
            Target::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
            Target::Udp { .. } => {
                let to = self.addresses[self.at % self.addresses.len()];
                let any: IpAddr = match to {
                    SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                };
                let socket = UdpSocket::bind((any, 0))?;
                socket.set_nonblocking(true)?;
                socket.connect(to)?;
                Ok(Socket::Udp(socket))
            }
        }
    }

    /// Goes on to the next address.
    fn next(&mut self) {
        self.socket = None;
        self.at = (self.at + 1) % self.addresses.len().max(1);
    }

    /// In a forked child: the parent's socket is not for both.
    pub(super) fn close(&mut self) {
        self.socket = None;
    }
}
