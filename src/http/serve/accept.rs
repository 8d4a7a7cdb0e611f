//! Accepting connections.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::connection;
use super::server::Phase;
use super::slots::Slots;
use crate::http::{Limits, Router};

/// The first pause after a failure to accept, doubled from failure to failure.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts the connections of one listener, and owns them.
pub(super) struct Acceptor {
    pub(super) listener: TcpListener,
    pub(super) admission: Admission,
}

/// What an accepted connection is served with.
pub(super) struct Admission {
    pub(super) router: Router,
    /// The router of the host's own service.
    pub(super) host: Router,
    pub(super) limits: Limits,
    /// A connection that has been accepted waits here, and the others behind it in the system's
    /// queue.
    pub(super) slots: Arc<Slots>,
    pub(super) phase: watch::Receiver<Phase>,
    /// For connections that come before draining begins.
    pub(super) early: Option<mpsc::Sender<Infallible>>,
}

impl Acceptor {
    /// Runs until the last connection has ended after the phase became closing.
    pub(super) async fn run(mut self) {
        let mut connections = JoinSet::new();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                // Takes the ended connection out of the set.
                Some(_) = connections.join_next() => continue,
                _ = self.admission.phase.changed() => {
                    self.admission.early = None;
                    if *self.admission.phase.borrow() == Phase::Closing {
                        break;
                    }
                    continue;
                }
            };
            match accepted {
                Ok((stream, _)) => {
                    pause = SHORTEST_PAUSE;
                    self.admission.admit(stream, &mut connections).await;
                }
                // The client thought better of it.
                Err(error) if is_of_one_connection(&error) => {}
                // Most likely there are too many open files: connections that end will help.
                Err(error) => {
                    self.admission.host.state.accept_failed();
                    tracing::warn!(%error, ?pause, "can't accept connections");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        let Self { listener, admission } = self;
        // Who has connected by now is answered still.
        if let Ok(listener) = listener.into_std() {
            while let Ok((stream, _)) = listener.accept() {
                let stream =
                    stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                if let Ok(stream) = stream {
                    admission.admit(stream, &mut connections).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }
}

impl Admission {
    /// Serves a connection as soon as there is a slot for it.
    async fn admit(&self, stream: TcpStream, connections: &mut JoinSet<()>) {
        let slot = self.slots.take().await;
        let (router, host) = (self.router.clone(), self.host.clone());
        let (slots, phase) = (Arc::clone(&self.slots), self.phase.clone());
        let serve = connection::serve(stream, router, host, self.limits, slots, phase);
        let (early, open) = (self.early.clone(), self.host.state.open());
        connections.spawn(async move {
            serve.await;
            drop((slot, early, open));
        });
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
