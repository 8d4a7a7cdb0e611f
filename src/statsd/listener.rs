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
    stopped: Arc<AtomicBool>,
    /// Closing it wakes the thread.
    wake: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread sees of its end.
#[derive(Debug)]
pub(super) struct End {
    stopped: Arc<AtomicBool>,
    /// Readable once the listener has closed its end.
    pub(super) wake_fd: PipeReader,
}

impl End {
    pub(super) fn has_come(&self) -> bool {
        // Relaxed: no other memory depends on it.
        self.stopped.load(Ordering::Relaxed)
    }
}

impl Listener {
    /// Starts a thread that runs `receive` until the end has come.
    pub(super) fn start(
        receive_buffer: Option<usize>,
        receive: impl FnOnce(&End) + Send + 'static,
    ) -> io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let (wake_fd, wake) = io::pipe()?;
        let end = End { stopped: Arc::clone(&stopped), wake_fd };
        let thread = thread::Builder::new().name("tickring-statsd".into());
        let thread = thread.spawn(move || receive(&end))?;
        Ok(Self { receive_buffer, stopped, wake: Some(wake), thread: Some(thread) })
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

    /// Stops receiving, and waits until the thread has ended. What has arrived before is counted,
    /// up to 64 batches of datagrams, or up to 4 MiB of each connection. Dropping the listener does
    /// the same.
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
