//! The threads that receive datagrams, and how they are started and stopped.

use std::io::{self, PipeReader, PipeWriter};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::batch::Batch;
use super::drops::Drops;
use super::recorder::Recorder;
use super::socket::{UnixSocket, receive_buffer};
use crate::fleet::{AutoRegister, Registry, Rejections};

/// How often the kernel is asked what it dropped, while datagrams arrive.
const LOOK_FOR_DROPS: Duration = Duration::from_secs(1);
/// The pause after an error that isn't expected.
const REST: Duration = Duration::from_millis(100);

/// A builder of listeners: which services the events belong to, and what becomes of lines that
/// can't be used.
///
/// [`udp`](Self::udp) and [`unix`](Self::unix) start a [`Listener`] on a socket. A config can start
/// any number of them.
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
    rejections: Rejections,
    auto_register: Option<AutoRegister>,
}

impl Config {
    /// Listeners record on the services of `registry`. They notice within a batch of datagrams
    /// when it changes.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self { registry, rejections: Rejections::new(), auto_register: None }
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
        self.rejections = rejections;
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

    /// Starts a thread that receives on a UDP socket; see [`bind_udp`](super::bind_udp) and the
    /// example above.
    ///
    /// # Errors
    ///
    /// If the system gives no thread, or no pipe to wake it.
    pub fn udp(&self, socket: UdpSocket) -> io::Result<Listener> {
        let drops = Drops::of(&socket);
        self.listen(socket, drops)
    }

    /// Starts a thread that receives on a Unix datagram socket. The kernel drops nothing there: a
    /// client that sends faster than the listener receives has to wait.
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
        self.listen(socket, None)
    }

    fn listen<S>(&self, socket: S, drops: Option<Drops>) -> io::Result<Listener>
    where
        S: AsFd + Send + 'static,
    {
        let stopped = Arc::new(AtomicBool::new(false));
        let (wake_fd, wake) = io::pipe()?;
        let mut worker = Worker {
            recorder: Recorder::new(
                self.registry.clone(),
                self.auto_register,
                self.rejections.clone(),
            ),
            socket,
            drops,
            drops_unread_since: None,
            stopped: Arc::clone(&stopped),
            wake_fd,
        };
        let receive_buffer = receive_buffer(&worker.socket);
        let thread = thread::Builder::new().name("tickring-statsd".into());
        let thread = thread.spawn(move || worker.run())?;
        Ok(Listener { receive_buffer, stopped, wake: Some(wake), thread: Some(thread) })
    }
}

/// A thread that receives on one socket, until this is stopped or dropped; [`Config::udp`] and
/// [`Config::unix`] start one.
#[derive(Debug)]
pub struct Listener {
    receive_buffer: Option<usize>,
    stopped: Arc<AtomicBool>,
    /// Closing it wakes the thread.
    wake: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// The size of the socket's receive buffer in bytes, as the kernel counts them; `None` if the
    /// system doesn't say.
    #[must_use]
    pub fn receive_buffer(&self) -> Option<usize> {
        self.receive_buffer
    }

    /// Stops receiving, and waits until the thread has ended. What has arrived before is counted,
    /// up to 64 batches of datagrams. Dropping the listener does the same.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Relaxed: no other memory depends on it, and closing the pipe wakes the thread.
        self.stopped.store(true, Ordering::Relaxed);
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// The state of the thread.
struct Worker<S> {
    socket: S,
    recorder: Recorder,
    drops: Option<Drops>,
    /// When the first datagram arrived after the kernel was last asked for its drops.
    drops_unread_since: Option<Instant>,
    stopped: Arc<AtomicBool>,
    /// Readable once the listener has closed its end.
    wake_fd: PipeReader,
}

impl<S: AsFd> Worker<S> {
    /// Takes batch after batch, and sleeps when there is nothing to take.
    fn run(&mut self) {
        let mut batch = Batch::new();
        // The batches that are received after the stop: a flood must not keep the thread alive.
        let mut last_batches = 64;
        loop {
            self.recorder.look_for_changes();
            let recorder = &mut self.recorder;
            let received = batch.receive(&self.socket, |datagram, cut_off| {
                recorder.record(datagram, cut_off);
            });
            let stopped = self.stopped.load(Ordering::Relaxed);
            match received {
                Ok(()) => {
                    last_batches -= i32::from(stopped);
                    self.look_for_drops(Instant::now());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if stopped {
                        return;
                    }
                    self.sleep();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::error!(%error, "StatsD: can't receive");
                    last_batches -= i32::from(stopped);
                    thread::sleep(REST);
                }
            }
            if last_batches == 0 {
                return;
            }
        }
    }

    /// Waits for a datagram, for the stop, or for the time to look for drops: after the last drops
    /// of a flood no datagram may arrive.
    fn sleep(&mut self) {
        let timeout = self.drops_unread_since.map_or(PollTimeout::NONE, |since| {
            let left = LOOK_FOR_DROPS.saturating_sub(since.elapsed());
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        let mut readable = [
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.wake_fd.as_fd(), PollFlags::POLLIN),
        ];
        if poll(&mut readable, timeout) == Ok(0) {
            self.look_for_drops(Instant::now());
            // No datagram has arrived since.
            self.drops_unread_since = None;
        }
    }

    fn look_for_drops(&mut self, now: Instant) {
        let Some(drops) = &mut self.drops else { return };
        let since = *self.drops_unread_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= LOOK_FOR_DROPS {
            self.drops_unread_since = Some(now);
            match drops.since_last() {
                0 => {}
                datagrams => self.recorder.dropped(datagrams),
            }
        }
    }
}
