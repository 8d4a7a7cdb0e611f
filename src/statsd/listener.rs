//! A thread that receives, seen from outside, and how it ends.

use std::io::{self, PipeReader, PipeWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// A thread that receives on one socket, until this is stopped or dropped; the methods of
/// [`Config`](super::Config) start one.
#[derive(Debug)]
pub struct Listener {
    receive_buffer: Option<usize>,
    shared: Arc<Shared>,
    /// Closing it wakes the thread.
    wake: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// What the listener and its thread tell each other. Relaxed throughout: each value stands for itself.
#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    /// Whether the last attempt to receive has failed. Only the thread writes it.
    failing: AtomicBool,
}

/// What the thread sees of its listener.
#[derive(Debug)]
pub(super) struct End {
    shared: Arc<Shared>,
    /// Readable once the listener has closed its end.
    pub(super) wake_fd: PipeReader,
}

impl End {
    pub(super) fn has_come(&self) -> bool {
        self.shared.stopped.load(Ordering::Relaxed)
    }

    /// Says whether the last attempt to receive has failed.
    pub(super) fn set_failing(&self, failing: bool) {
        // Most calls change nothing, and leave the cache line where it is.
        if self.shared.failing.load(Ordering::Relaxed) != failing {
            self.shared.failing.store(failing, Ordering::Relaxed);
        }
    }
}

impl Listener {
    /// Starts a thread that runs `receive` until the end has come.
    pub(super) fn start(
        receive_buffer: Option<usize>,
        receive: impl FnOnce(&End) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (wake_fd, wake) = io::pipe()?;
        let end = End { shared: Arc::clone(&shared), wake_fd };
        let thread = thread::Builder::new().name("tickring-statsd".into());
        let thread = thread.spawn(move || receive(&end))?;
        Ok(Self { receive_buffer, shared, wake: Some(wake), thread: Some(thread) })
    }

    /// The size of the socket's receive buffer in bytes, as the kernel counts them; `None` if the
    /// system doesn't say, or the socket is one for connections.
    #[must_use]
    pub fn receive_buffer(&self) -> Option<usize> {
        self.receive_buffer
    }

    /// Whether the thread receives: it does until the listener is stopped, unless it panics.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use tickring::{Registry, statsd};
    ///
    /// let socket = statsd::bind_udp(([127, 0, 0, 1], 0).into())?;
    /// let listener = statsd::Config::new(Registry::new()).udp(socket)?;
    /// assert!(listener.is_running());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Whether the last attempt to receive has failed, for example because there are no file
    /// descriptors left for a connection. The log has the error. The thread tries again after 100 ms.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use tickring::{Registry, statsd};
    ///
    /// let socket = statsd::bind_udp(([127, 0, 0, 1], 0).into())?;
    /// let listener = statsd::Config::new(Registry::new()).udp(socket)?;
    /// assert!(!listener.is_failing());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.shared.failing.load(Ordering::Relaxed)
    }

    /// Stops receiving, and waits until the thread has ended. What has arrived before is counted,
    /// up to 64 batches of datagrams, or up to 4 MiB of each connection. Dropping the listener does
    /// the same.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Closing the pipe wakes the thread.
        self.shared.stopped.store(true, Ordering::Relaxed);
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listener_whose_thread_has_panicked_is_not_running() {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let listener = Listener::start(None, move |_| {
            let _ = wait.recv();
            panic!("on purpose");
        });
        let listener = listener.unwrap();
        assert!(listener.is_running());
        drop(go);
        while listener.is_running() {
            thread::yield_now();
        }
    }
}
