//! Accepting connections.

use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::connection::Connection;
use crate::http::drain::{self, Phase};

/// The first pause after a failure to accept, doubled from failure to failure.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Accepts the connections of one listener, and owns them.
pub(super) struct Acceptor {
    pub(super) listener: TcpListener,
    pub(super) admission: Admission,
}

/// What is done with an accepted connection.
pub(super) struct Admission {
    /// What each is served with. When its slots are taken, one accepted connection waits here and the
    /// rest wait in the kernel's backlog.
    pub(super) connection: Connection,
    /// Held by each connection that is accepted before draining begins.
    pub(super) drain_guard: Option<drain::Guard>,
}

impl Acceptor {
    /// Runs until the last connection has ended after the phase became closing.
    pub(super) async fn run(mut self) {
        let mut drain = self.admission.connection.drain.clone();
        let mut connections = JoinSet::new();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let draining = self.admission.drain_guard.is_none();
            let next = if draining { Phase::Closing } else { Phase::Draining };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                // Takes the ended connection out of the set.
                Some(_) = connections.join_next() => continue,
                () = drain.reached(next) => {
                    self.admission.drain_guard = None;
                    if draining {
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
                // The client has given up already.
                Err(error) if concerns_one_connection(&error) => {}
                // Most likely the process has too many open files: a connection that ends helps.
                Err(error) => {
                    self.admission.connection.running.accept_failed(error);
                    self.admission.connection.slots.ask_for_room();
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        let Self { listener, admission } = self;
        // Clients that have connected by now still get a response.
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
        let connection = self.connection.clone();
        let slot = connection.slots.take().await;
        let (open, guard) = (connection.running.open(), self.drain_guard.clone());
        connections.spawn(async move {
            connection.serve(stream).await;
            drop((slot, open, guard));
        });
    }
}

/// Whether accepting one connection failed, rather than accepting as such.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
