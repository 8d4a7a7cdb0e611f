//! Listening, accepting, and shutting down.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use socket2::SockRef;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::accept::{Acceptor, Admission};
use super::connection::Connection;
use super::report::report;
use super::requests::RequestCounter;
use super::slots::Slots;
use crate::export::discovery::Listening;
use crate::http::counters::Running;
use crate::http::{Router, drain};

/// How many connections the kernel may keep until they are accepted; its own limit may be lower.
/// The standard library asks for 128, past which clients try again only after whole seconds.
const BACKLOG: i32 = 4096;

/// Serves a [`Router`] over HTTP/1.1.
///
/// The server takes its limits from the router. It records nothing about the requests that it
/// serves, unless [`count_requests`](Self::count_requests) says where.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::net::TcpListener;
/// use tickring::http::{Router, Server};
/// use tickring::{Registry, Service};
///
/// let registry = Registry::new();
/// registry.register(Service::from_catalogue("admin-api")?)?;
/// let server = Server::new(Router::new(registry, "admin-api")?)
///     .listen(TcpListener::bind("127.0.0.1:8003")?, "admin-api")?;
/// let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
/// // Forever; `serve` shows how a server is stopped.
/// runtime.block_on(server.serve(std::future::pending()))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is served until `serve` is awaited"]
pub struct Server {
    router: Router,
    requests: Option<RequestCounter>,
    listeners: Vec<(TcpListener, Listening)>,
}

impl Server {
    /// A server for `router`, without a listener.
    ///
    /// Each server made from clones of one router has connections and an end that belong to it
    /// alone.
    ///
    /// ```
    /// use tickring::Registry;
    /// use tickring::http::{Limits, Router, Server};
    ///
    /// let mut limits = Limits::default();
    /// limits.max_connections = 100;
    /// let router = Router::new(Registry::from_catalogue(), "data-api").unwrap().limits(limits);
    /// let server = Server::new(router);
    /// # drop(server);
    /// ```
    pub fn new(router: Router) -> Self {
        Self { router, requests: None, listeners: Vec::new() }
    }

    /// Counts each request, on whichever listener it comes, with a meter, with a timer, or as the
    /// first event of a service. Without this no request is counted.
    ///
    /// A request counts before it is answered, so it shows in its own response. A timer gets the
    /// duration when the response is ready, or when the client no longer waits for it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::http::{RequestCounter, Router, Server};
    /// use tickring::{Meter, Registry, Service};
    ///
    /// static SCRAPES: Meter = Meter::new();
    ///
    /// let registry = Registry::new();
    /// let service = Service::builder("shop").event("order").timed_event("request").build()?;
    /// let shop = registry.register(service)?;
    /// let router = Router::new(registry, "shop")?;
    /// // With a static, …
    /// let server = Server::new(router.clone()).count_requests(&SCRAPES);
    /// # drop(server);
    /// // … with an event of a service, and its duration, …
    /// let server = Server::new(router.clone()).count_requests(shop.timer("request")?);
    /// # drop(server);
    /// // … or with the first event that a service has at the time of each request.
    /// let server = Server::new(router).count_requests(RequestCounter::first_event_of("shop"));
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn count_requests(mut self, counter: impl Into<RequestCounter>) -> Self {
        self.requests = Some(counter.into());
        self
    }

    /// Listens here too. `default_service` is the service that a request means if it names none;
    /// where that isn't the router's own default, the listener is dedicated to this service, and
    /// its `/metrics` shows this service alone. All listeners share the limits.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::net::TcpListener;
    /// use tickring::Registry;
    /// use tickring::http::{Router, Server};
    ///
    /// let server = Server::new(Router::new(Registry::from_catalogue(), "admin-api")?)
    ///     .listen(TcpListener::bind("127.0.0.1:0")?, "admin-api")?
    ///     .listen(TcpListener::bind("127.0.0.1:0")?, "data-api")?;
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If no service of this name is registered, or if the system refuses to switch the listener to
    /// non-blocking mode, to lengthen its backlog or to report its address.
    pub fn listen(
        mut self,
        listener: TcpListener,
        default_service: impl Into<String>,
    ) -> io::Result<Self> {
        let default_service = default_service.into();
        let known = self.router.registry().require(&default_service);
        known.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        listener.set_nonblocking(true)?;
        SockRef::from(&listener).listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let service = (default_service != self.router.service()).then_some(default_service);
        self.listeners.push((listener, Listening { address, service }));
        Ok(self)
    }

    /// Serves until the future `shutdown` completes. From then on `/health/ready` is 503. The server
    /// goes on for [`Limits::drain_delay`](crate::http::Limits::drain_delay), so that load balancers
    /// see it, and then drains: it lets the requests in flight finish, for at most [`Limits::drain`](crate::http::Limits::drain), and ends as
    /// soon as all connections have ended that were accepted before.
    ///
    /// While it drains, the server still accepts connections, for one request each.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::net::TcpListener;
    /// use std::thread;
    /// use tickring::Registry;
    /// use tickring::http::{Router, Server};
    ///
    /// let server = Server::new(Router::new(Registry::from_catalogue(), "data-api")?)
    ///     .listen(TcpListener::bind("127.0.0.1:0")?, "data-api")?;
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    /// let serving = thread::spawn(move || {
    ///     runtime.block_on(server.serve(async { drop(stopped.await) }))
    /// });
    /// // … until the application ends:
    /// drop(stop);
    /// serving.join().unwrap()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no listener, or the runtime can't watch one. Nothing has been served then.
    ///
    /// # Panics
    ///
    /// If it isn't polled on a tokio runtime, or the runtime's I/O or time driver isn't enabled.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        if self.listeners.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no listener"));
        }
        let (mut end, drain) = drain::channel();
        let limits = *self.router.current_limits();
        let listening = self.listeners.iter().map(|(_, described)| described.clone()).collect();
        let running = Arc::new(Running::new(listening, drain.clone()));
        let slots = Arc::new(Slots::new(limits.max_connections));
        let requests = self.requests.map(Arc::new);
        let mut acceptors = Vec::with_capacity(self.listeners.len());
        for (listener, described) in self.listeners {
            let connection = Connection {
                router: self.router.for_listener(&running, &described),
                requests: requests.clone(),
                running: Arc::clone(&running),
                limits,
                slots: Arc::clone(&slots),
                drain: drain.clone(),
            };
            let admission = Admission { connection, drain_guard: end.guard() };
            let listener = tokio::net::TcpListener::from_std(listener)?;
            acceptors.push(Acceptor { listener, admission });
        }
        // Ends with this future.
        let mut reporting = JoinSet::new();
        reporting.spawn(report(Arc::clone(&running)));
        let mut accepting: JoinSet<()> = acceptors.into_iter().map(Acceptor::run).collect();

        shutdown.await;
        end.leave();
        tokio::time::sleep(limits.drain_delay).await;
        let deadline = Instant::now() + limits.drain;
        let drained = tokio::time::timeout_at(deadline, async {
            end.drain().await;
            while accepting.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!(after = ?limits.drain, "closed connections whose requests did not end");
            accepting.shutdown().await;
        }
        Ok(())
    }
}
