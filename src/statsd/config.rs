//! What listeners do, and how they are started.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;

use super::drops::Drops;
use super::frames::Framing;
use super::listener::Listener;
use super::recorder::Recorder;
use super::refusals::Refusals;
use super::renames::Renames;
use super::socket::receive_buffer;
use super::unix_socket::{UnixSocket, UnixStreamSocket};
use super::{datagrams, streams};
use crate::fleet::{AutoRegister, Registry, Rejections};

/// A builder of listeners: which services the events belong to, and what becomes of lines that
/// can't be used.
///
/// [`udp`](Self::udp), [`tcp`](Self::tcp), [`unix`](Self::unix) and
/// [`unix_stream`](Self::unix_stream) start a [`Listener`] on a socket. A config can start any number
/// of them.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::net::UdpSocket;
/// use tickring::{Registry, Service, statsd};
///
/// let registry = Registry::new();
/// let billing = registry.register(Service::builder("billing").event("invoice").build()?)?;
/// let socket = statsd::bind_udp("127.0.0.1:0".parse()?)?;
/// let address = socket.local_addr()?;
/// let listener = statsd::Config::new(registry).udp(socket)?;
///
/// UdpSocket::bind("127.0.0.1:0")?.send_to(b"billing.invoice:3|c", address)?;
/// while billing.snapshot()?.total() < 3 {
///     std::thread::yield_now();
/// }
/// listener.stop();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    registry: Registry,
    auto_register: Option<AutoRegister>,
    ignored: Arc<[String]>,
    renames: Arc<Renames>,
    /// Its log is that of all listeners that this config starts.
    refusals: Refusals,
}

impl Config {
    /// Listeners record on the services of `registry`. They notice within a batch of datagrams
    /// when it changes.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        let refusals = Refusals::new(Rejections::new());
        let (ignored, renames) = (Arc::new([]), Arc::default());
        Self { registry, auto_register: None, ignored, renames, refusals }
    }

    /// Where listeners count lines that they can't use, so that they can be shown elsewhere.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::unix::net::UnixDatagram;
    /// use tickring::{Registry, RejectionReason, Rejections, statsd};
    ///
    /// let rejections = Rejections::new();
    /// let config = statsd::Config::new(Registry::new()).rejections(rejections.clone());
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("statsd.sock");
    /// let listener = config.unix(statsd::UnixSocket::bind(&path)?)?;
    /// UnixDatagram::unbound()?.send_to(b"unheard-of.event:1|c", &path)?;
    /// listener.stop();
    /// assert_eq!(rejections.get(RejectionReason::UnknownService), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn rejections(mut self, rejections: Rejections) -> Self {
        self.refusals = Refusals::new(rejections);
        self
    }

    /// Registers unknown services and events when their first event arrives, as far as the caps
    /// allow. Without this, unknown names are counted as rejections.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::unix::net::UnixDatagram;
    /// use tickring::{Registry, statsd};
    ///
    /// let registry = Registry::new();
    /// let caps = statsd::AutoRegister::new().max_services(20).max_events(10);
    /// let config = statsd::Config::new(registry.clone()).auto_register(caps);
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("statsd.sock");
    /// let listener = config.unix(statsd::UnixSocket::bind(&path)?)?;
    /// UnixDatagram::unbound()?.send_to(b"shop.order:2|c", &path)?;
    /// listener.stop();
    /// let shop = registry.get("shop").ok_or("its first event arrived")?;
    /// assert_eq!(shop.snapshot()?.total(), 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn auto_register(mut self, caps: AutoRegister) -> Self {
        self.auto_register = Some(caps);
        self
    }

    /// Counts lines that begin with one of these prefixes, and can't be recorded, under
    /// [`RejectionReason::Ignored`](crate::RejectionReason::Ignored), without a log line. They are never
    /// registered on first sight. The default is to ignore nothing.
    ///
    /// Clients of Datadog report on themselves to the port that they send to, under `datadog.`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::unix::net::UnixDatagram;
    /// use tickring::{Registry, RejectionReason, Rejections, statsd};
    ///
    /// let rejections = Rejections::new();
    /// let config = statsd::Config::new(Registry::new()).rejections(rejections.clone());
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("statsd.sock");
    /// let socket = statsd::UnixSocket::bind(&path)?;
    /// let listener = config.ignore(["datadog."]).unix(socket)?;
    /// UnixDatagram::unbound()?.send_to(b"datadog.dogstatsd.client.bytes_sent:9|c", &path)?;
    /// listener.stop();
    /// assert_eq!(rejections.get(RejectionReason::Ignored), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn ignore<P: Into<String>>(mut self, prefixes: impl IntoIterator<Item = P>) -> Self {
        self.ignored = prefixes.into_iter().map(Into::into).collect();
        self
    }

    /// Replaces the beginning `prefix` of names by `replacement` before they are looked up, so that the
    /// service need not be what comes before the first dot. Of several prefixes that fit, the longest one
    /// counts.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::unix::net::UnixDatagram;
    /// use tickring::{Registry, Service, statsd};
    ///
    /// let registry = Registry::new();
    /// let edge = registry.register(Service::builder("edge").event("cluster.retry").build()?)?;
    /// let config = statsd::Config::new(registry).rename("envoy.", "edge.");
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("statsd.sock");
    /// let listener = config.unix(statsd::UnixSocket::bind(&path)?)?;
    /// UnixDatagram::unbound()?.send_to(b"envoy.cluster.retry:2|c", &path)?;
    /// listener.stop();
    /// assert_eq!(edge.snapshot()?.total(), 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn rename(mut self, prefix: impl Into<String>, replacement: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.renames).add(prefix.into(), replacement.into());
        self
    }

    /// Starts a thread that receives on a UDP socket; see [`bind_udp`](super::bind_udp) and the
    /// example above.
    ///
    /// # Errors
    ///
    /// If the system gives no thread, or no pipe to wake it.
    pub fn udp(&self, socket: UdpSocket) -> io::Result<Listener> {
        let drops = Drops::of(&socket);
        let (buffer, recorder) = (receive_buffer(&socket), self.recorder());
        Listener::start(buffer, |end| datagrams::run(socket, drops, recorder, end))
    }

    /// Starts a thread that receives on a Unix datagram socket. The kernel drops nothing there: a
    /// client that sends faster than the listener receives has to wait, or drops the datagram itself.
    ///
    /// The kernel's queue is short: Linux keeps `net.unix.max_dgram_qlen` datagrams, 10 by default, and
    /// the length is fixed when the socket is bound.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::unix::net::UnixDatagram;
    /// use tickring::{Registry, statsd};
    ///
    /// let registry = Registry::from_catalogue();
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("statsd.sock");
    /// let socket = statsd::UnixSocket::bind(&path)?;
    /// let listener = statsd::Config::new(registry.clone()).unix(socket)?;
    ///
    /// UnixDatagram::unbound()?.send_to(b"sports-data.api_call:3|c", &path)?;
    /// listener.stop(); // what has arrived is counted
    /// let sports = registry.get("sports-data").ok_or("it is in the catalogue")?;
    /// assert_eq!(sports.snapshot()?.total(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the system gives no thread, or no pipe to wake it.
    pub fn unix(&self, socket: UnixSocket) -> io::Result<Listener> {
        let (buffer, recorder) = (receive_buffer(&socket), self.recorder());
        Listener::start(buffer, |end| datagrams::run(socket, None, recorder, end))
    }

    /// Starts a thread that receives on TCP connections: lines, each with a line end.
    ///
    /// It takes 256 connections at a time. A further one takes the place of the one that has sent
    /// nothing for longest. A connection is closed if a line takes longer than ten seconds, or more than
    /// 65,536 bytes.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Write;
    /// use std::net::{TcpListener, TcpStream};
    /// use tickring::{Registry, statsd};
    ///
    /// let registry = Registry::from_catalogue();
    /// let socket = TcpListener::bind("127.0.0.1:0")?;
    /// let address = socket.local_addr()?;
    /// let listener = statsd::Config::new(registry.clone()).tcp(socket)?;
    ///
    /// TcpStream::connect(address)?.write_all(b"sports-data.api_call:3|c\n")?;
    /// listener.stop(); // what has arrived is counted
    /// let sports = registry.get("sports-data").ok_or("it is in the catalogue")?;
    /// assert_eq!(sports.snapshot()?.total(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the system gives no thread, or no pipe to wake it, or can't change the listener's mode.
    pub fn tcp(&self, listener: TcpListener) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        let recorder = self.recorder();
        Listener::start(None, |end| streams::run(listener, Framing::Lines, recorder, end))
    }

    /// Starts a thread that receives on the connections of a Unix stream socket: `DogStatsD`'s frames.
    /// A frame is a length, as four bytes with the lowest one first, and that many bytes of lines. The
    /// bounds are those of [`tcp`](Self::tcp).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    /// use tickring::{Registry, statsd};
    ///
    /// let registry = Registry::from_catalogue();
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("statsd.sock");
    /// let socket = statsd::UnixStreamSocket::bind(&path)?;
    /// let listener = statsd::Config::new(registry.clone()).unix_stream(socket)?;
    ///
    /// let line = b"sports-data.api_call:3|c";
    /// let mut client = UnixStream::connect(&path)?;
    /// client.write_all(&u32::try_from(line.len())?.to_le_bytes())?;
    /// client.write_all(line)?;
    /// listener.stop(); // what has arrived is counted
    /// let sports = registry.get("sports-data").ok_or("it is in the catalogue")?;
    /// assert_eq!(sports.snapshot()?.total(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the system gives no thread, or no pipe to wake it, or can't change the listener's mode.
    pub fn unix_stream(&self, socket: UnixStreamSocket) -> io::Result<Listener> {
        socket.set_nonblocking()?;
        let recorder = self.recorder();
        Listener::start(None, |end| streams::run(socket, Framing::Length, recorder, end))
    }

    fn recorder(&self) -> Recorder {
        let refusals = self.refusals.clone();
        Recorder::new(self.registry.clone(), self.auto_register, refusals)
            .with_names(Arc::clone(&self.ignored), Arc::clone(&self.renames))
    }
}
