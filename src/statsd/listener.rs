//! Threads that receive.

use std::io::{self, PipeReader, PipeWriter};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::admission::AutoRegister;
use super::batch::Batch;
use super::drops::Drops;
use super::recorder::Recorder;
use super::socket::{UnixSocket, receive_buffer};
use crate::fleet::Registry;
use crate::fleet::Rejections;

/// How often the kernel is asked what it dropped, while anything comes in.
const LOOK_FOR_DROPS: Duration = Duration::from_secs(1);
/// How long a listener rests after an error that it can't make sense of.
const REST: Duration = Duration::from_millis(100);

/// Receives `StatsD` for the services of a registry.
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
    /// Counts events of the services in `registry`, which may come and go meanwhile.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self { registry, rejections: Rejections::new(), auto_register: None }
    }

    /// Where to count what can't be used.
    #[must_use]
    pub fn rejections(mut self, rejections: Rejections) -> Self {
        self.rejections = rejections;
        self
    }

    /// Admits services and events that nobody has described.
    #[must_use]
    pub fn auto_register(mut self, caps: AutoRegister) -> Self {
        self.auto_register = Some(caps);
        self
    }

    /// Receives on a UDP socket, on a thread of its own; see [`bind_udp`](super::bind_udp).
    ///
    /// # Errors
    ///
    /// If the thread can't be started.
    pub fn udp(&self, socket: UdpSocket) -> io::Result<Listener> {
        let drops = Drops::of(&socket);
        self.listen(socket, drops)
    }

    /// Receives on a Unix datagram socket, on a thread of its own. Nothing is dropped there: who
    /// sends faster than this receives is told to wait.
    ///
    /// # Errors
    ///
    /// If the thread can't be started.
    pub fn unix(&self, socket: UnixSocket) -> io::Result<Listener> {
        self.listen(socket, None)
    }

    fn listen<S>(&self, socket: S, drops: Option<Drops>) -> io::Result<Listener>
    where
        S: AsFd + Send + 'static,
    {
        let stopped = Arc::new(AtomicBool::new(false));
        let (asleep, wake) = io::pipe()?;
        let mut receiving = Receiving {
            recorder: Recorder::new(
                self.registry.clone(),
                self.auto_register,
                self.rejections.clone(),
            ),
            socket,
            drops,
            drops_unseen_since: None,
            stopped: Arc::clone(&stopped),
            asleep,
        };
        let receive_buffer = receive_buffer(&receiving.socket);
        let thread = thread::Builder::new().name("tickring-statsd".into());
        let thread = thread.spawn(move || receiving.run())?;
        Ok(Listener { receive_buffer, stopped, wake: Some(wake), thread: Some(thread) })
    }
}

/// A thread that receives, until it is stopped or this is dropped.
#[derive(Debug)]
pub struct Listener {
    receive_buffer: Option<usize>,
    stopped: Arc<AtomicBool>,
    /// Closing it wakes the thread.
    wake: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// The size of the socket's receive buffer in bytes, as the kernel counts them.
    #[must_use]
    pub fn receive_buffer(&self) -> Option<usize> {
        self.receive_buffer
    }

    /// Stops receiving, and waits until the thread has ended. What had arrived by then is
    /// counted, unless there is no end to it.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Relaxed: it says nothing about any other memory.
        self.stopped.store(true, Ordering::Relaxed);
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// What the thread has.
struct Receiving<S> {
    socket: S,
    recorder: Recorder,
    drops: Option<Drops>,
    /// When the first datagram came in of those since the kernel was last asked.
    drops_unseen_since: Option<Instant>,
    stopped: Arc<AtomicBool>,
    asleep: PipeReader,
}

impl<S: AsFd> Receiving<S> {
    /// Takes batch after batch, and sleeps when there is nothing to take.
    fn run(&mut self) {
        let mut batch = Batch::new();
        // Batches that are still taken once stopped: a flood must not keep the thread alive.
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

    /// Waits for a datagram, the end, or the time to look for drops: the last ones of a flood
    /// are told by no datagram.
    fn sleep(&mut self) {
        let timeout = self.drops_unseen_since.map_or(PollTimeout::NONE, |since| {
            let left = LOOK_FOR_DROPS.saturating_sub(since.elapsed());
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        let mut readable = [
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.asleep.as_fd(), PollFlags::POLLIN),
        ];
        if poll(&mut readable, timeout) == Ok(0) {
            self.look_for_drops(Instant::now());
            // Nothing more came in.
            self.drops_unseen_since = None;
        }
    }

    fn look_for_drops(&mut self, now: Instant) {
        let Some(drops) = &mut self.drops else { return };
        let since = *self.drops_unseen_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= LOOK_FOR_DROPS {
            self.drops_unseen_since = Some(now);
            match drops.news() {
                0 => {}
                datagrams => self.recorder.dropped(datagrams),
            }
        }
    }
}
