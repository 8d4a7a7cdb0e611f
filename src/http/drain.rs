//! The end of a server, all of it: its phases, those that watch them, and what it waits for.
//!
//! A server that ends first *leaves*, if it was given time for that: it only says on `/health/ready`
//! that it goes away, and serves as ever. Then it *drains*. It still accepts connections, since a load balancer or a
//! probe must be able to learn from `/health/ready` that it goes away, but each of these gets one
//! response only. Draining is over as soon as every connection has ended that was accepted before
//! it began: each of those holds a [`Guard`]. Then the server *closes*: it accepts nothing more,
//! and ends with its last connection.

use std::convert::Infallible;
use std::future;

use tokio::sync::{mpsc, watch};

/// How far the end of a server has come. A phase never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Accepts connections and keeps them alive.
    Serving,
    /// The same, and says that it goes away.
    Leaving,
    /// One response for each new connection; requests in flight finish.
    Draining,
    /// Accepts nothing; requests in flight finish.
    Closing,
}

/// The server's side of the end.
#[derive(Debug)]
pub(crate) struct Signal {
    phase: watch::Sender<Phase>,
    /// Given up when draining begins.
    guard: Option<Guard>,
    guards_gone: mpsc::Receiver<Infallible>,
}

/// Sees how far the end has come.
#[derive(Clone, Debug)]
pub(crate) struct Watch(watch::Receiver<Phase>);

/// Keeps a server draining for as long as this guard or a clone of it lives. Nothing is ever sent:
/// the channel is closed when the last sender is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Guard(#[allow(dead_code)] mpsc::Sender<Infallible>);

/// Both sides of a server's end, which is in the phase [`Serving`](Phase::Serving).
pub(crate) fn channel() -> (Signal, Watch) {
    let (phase, watch) = watch::channel(Phase::Serving);
    let (guard, guards_gone) = mpsc::channel(1);
    (Signal { phase, guard: Some(Guard(guard)), guards_gone }, Watch(watch))
}

impl Signal {
    /// A guard for what draining waits for; `None` once draining has begun.
    pub(crate) fn guard(&self) -> Option<Guard> {
        self.guard.clone()
    }

    /// Begins to leave.
    pub(crate) fn leave(&self) {
        self.phase.send_replace(Phase::Leaving);
    }

    /// Begins to drain, waits until the last guard is dropped, and begins to close.
    pub(crate) async fn drain(&mut self) {
        self.phase.send_replace(Phase::Draining);
        self.guard = None;
        self.guards_gone.recv().await;
        self.phase.send_replace(Phase::Closing);
    }
}

impl Watch {
    /// The phase now.
    pub(crate) fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Whether the server goes away.
    pub(crate) fn is_leaving(&self) -> bool {
        self.phase() >= Phase::Leaving
    }

    /// Whether the server no longer keeps connections alive.
    pub(crate) fn is_draining(&self) -> bool {
        self.phase() >= Phase::Draining
    }

    /// Waits until this watch has reached `phase`. A server that is dropped ends everything that
    /// it runs, so this waits forever then.
    pub(crate) async fn reached(&mut self, phase: Phase) {
        if self.0.wait_for(|now| *now >= phase).await.is_err() {
            future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn draining_lasts_as_long_as_a_guard() {
        let (mut signal, watch) = channel();
        let (first, mut second) = (signal.guard(), watch.clone());
        let copy = first.clone();
        assert_eq!((watch.phase(), watch.is_draining()), (Phase::Serving, false));
        signal.leave();
        assert_eq!((watch.is_leaving(), watch.is_draining()), (true, false));
        let cx = &mut Context::from_waker(Waker::noop());
        {
            let mut closing = pin!(second.reached(Phase::Closing));
            assert!(closing.as_mut().poll(cx).is_pending());
            let mut drained = pin!(signal.drain());
            assert!(drained.as_mut().poll(cx).is_pending());
            drop(first);
            assert!(drained.as_mut().poll(cx).is_pending());
            assert!(closing.as_mut().poll(cx).is_pending());
            assert_eq!((watch.phase(), watch.is_draining()), (Phase::Draining, true));
            drop(copy);
            assert_eq!(drained.as_mut().poll(cx), Poll::Ready(()));
            assert_eq!(closing.as_mut().poll(cx), Poll::Ready(()));
        }
        assert_eq!((watch.phase(), watch.is_draining()), (Phase::Closing, true));
        assert!(signal.guard().is_none(), "a connection of the drain is not waited for");
    }
}
