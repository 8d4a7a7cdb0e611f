//! The work of a thread that receives datagrams.

use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::batch::Batch;
use super::drops::Drops;
use super::listener::End;
use super::recorder::Recorder;

/// How often the kernel is asked what it dropped, while datagrams arrive.
const LOOK_FOR_DROPS: Duration = Duration::from_secs(1);
/// The pause after an error that isn't expected.
const REST: Duration = Duration::from_millis(100);

/// Receives on a socket until the end.
pub(super) fn run<S: AsFd>(socket: S, drops: Option<Drops>, recorder: Recorder, end: &End) {
    Worker { socket, recorder, drops, drops_unread_since: None, end }.run();
}

/// The state of the thread.
struct Worker<'a, S> {
    socket: S,
    recorder: Recorder,
    drops: Option<Drops>,
    /// When the first datagram arrived after the kernel was last asked for its drops.
    drops_unread_since: Option<Instant>,
    end: &'a End,
}

impl<S: AsFd> Worker<'_, S> {
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
            let stopped = self.end.has_come();
            let expected = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
            let failed = |error: &io::Error| !expected.contains(&error.kind());
            self.end.set_failing(received.as_ref().is_err_and(failed));
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
                    self.recorder.failed(&error);
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
            PollFd::new(self.end.wake_fd.as_fd(), PollFlags::POLLIN),
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
