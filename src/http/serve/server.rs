//! Listening, accepting, and shutting down.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use socket2::SockRef;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::accept::{Acceptor, Admission};
use super::slots::Slots;
use crate::export::discovery::Listening;
use crate::fleet::{Registry, Rejections};
use crate::http::{Limits, Router};

/// What a server is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Everything.
    Serving,
    /// Finish what is in flight; who comes new gets one answer.
    Draining,
    /// Nobody new comes in.
    Closing,
}

/// How many connections the system may keep for us to accept; it may have a lower limit of its
/// own. The standard library asks for 128, past which clients try again after whole seconds.
const QUEUE: i32 = 4096;

/// Serves the services of a registry over HTTP/1.1.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::net::TcpListener;
/// use tickring::{Registry, Service, http::Server};
///
/// let registry = Registry::new();
/// registry.register(Service::from_catalogue("admin-api")?)?;
/// Server::new(registry, "admin-api")
///     .listen(TcpListener::bind("127.0.0.1:8003")?, "admin-api")?
///     .serve(async { drop(tokio::signal::ctrl_c().await) })
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is served until `serve` is awaited"]
pub struct Server {
    registry: Registry,
    service: String,
    limits: Limits,
    rejections: Option<Rejections>,
    rates: bool,
    listeners: Vec<(TcpListener, Listening)>,
}

impl Server {
    /// A server for the services of `registry`. `service` is the host's own: each request that
    /// is served, on whichever listener, counts as the first of its events.
    pub fn new(registry: Registry, service: impl Into<String>) -> Self {
        Self {
            registry,
            service: service.into(),
            limits: Limits::default(),
            rejections: None,
            rates: true,
            listeners: Vec::new(),
        }
    }

    /// Other limits than the default ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Input that was turned away elsewhere, to be shown with the services.
    pub fn rejections(mut self, rejections: Rejections) -> Self {
        self.rejections = Some(rejections);
        self
    }

    /// Whether `/metrics` shows rates by itself; see [`Router::rates`].
    pub fn rates(mut self, rates: bool) -> Self {
        self.rates = rates;
        self
    }

    /// Listens here too, with `default_service` as the one that is meant where a request names
    /// none. Several listeners share the limits.
    ///
    /// # Errors
    ///
    /// If the system won't switch the listener to non-blocking, or lengthen its queue, or doesn't
    /// know its address.
    pub fn listen(
        mut self,
        listener: TcpListener,
        default_service: impl Into<String>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        SockRef::from(&listener).listen(QUEUE)?;
        let (address, service) = (listener.local_addr()?, default_service.into());
        let service = (service != self.service).then_some(service);
        self.listeners.push((listener, Listening { address, service }));
        Ok(self)
    }

    /// Serves until `shutdown` is done, then lets requests in flight finish, for at most
    /// [`Limits::drain`].
    ///
    /// While it drains the server still accepts connections, for one request each, so that
    /// `/health/ready` can say so; it ends as soon as the last of those is answered that came
    /// before.
    ///
    /// # Errors
    ///
    /// If there is no listener, or the system won't watch one. Nothing has been served then.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        if self.listeners.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no listener"));
        }
        let mut host = Router::new(self.registry, self.service);
        host = host.limits(self.limits).rates(self.rates);
        if let Some(rejections) = self.rejections {
            host = host.rejections(rejections);
        }
        let mut listeners = Vec::with_capacity(self.listeners.len());
        let mut listening = Vec::with_capacity(self.listeners.len());
        for (listener, described) in self.listeners {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            listeners.push((listener, host.listener(&described)));
            listening.push(described);
        }
        host.state.listen(listening);

        let (phase, phases) = watch::channel(Phase::Serving);
        // Held by every connection that came before draining began.
        let (early, mut all_early_gone) = mpsc::channel(1);
        let slots = Arc::new(Slots::new(self.limits.max_connections));
        let mut accepting = JoinSet::new();
        for (listener, router) in listeners {
            let admission = Admission {
                router,
                host: host.clone(),
                limits: self.limits,
                slots: Arc::clone(&slots),
                phase: phases.clone(),
                early: Some(early.clone()),
            };
            accepting.spawn(Acceptor { listener, admission }.run());
        }
        drop(early);

        shutdown.await;
        let deadline = Instant::now() + self.limits.drain;
        host.state.drain();
        phase.send_replace(Phase::Draining);
        let drained = tokio::time::timeout_at(deadline, async {
            all_early_gone.recv().await;
            phase.send_replace(Phase::Closing);
            while accepting.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!(after = ?self.limits.drain, "hung up on requests that did not finish");
            accepting.shutdown().await;
        }
        Ok(())
    }
}
