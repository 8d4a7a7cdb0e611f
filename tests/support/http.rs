//! A server on a port of its own, and a client that sends bytes as they are.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use tickring::Registry;
use tickring::http::{Limits, RequestCounter, Router, Server};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::PATIENCE;

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registry,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

/// The default limits with some changes.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// The services of the catalogue on a listener of admin-api, whose first event counts requests.
pub(crate) fn start(limits: Limits) -> Running {
    let mut runtime = Builder::new_multi_thread();
    let (server, address, registry) = server(limits);
    run(runtime.worker_threads(2), server, address, registry)
}

/// The same on one thread, where what is done is done before anything else is.
pub(crate) fn start_on_one_thread(limits: Limits) -> Running {
    let (server, address, registry) = server(limits);
    run(&mut Builder::new_current_thread(), server, address, registry)
}

fn server(limits: Limits) -> (Server, SocketAddr, Registry) {
    let registry = super::fleet::catalogue();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new(registry.clone(), "admin-api").unwrap().accept_events().limits(limits);
    let server = Server::new(router).count_requests(RequestCounter::first_event_of("admin-api"));
    (server.listen(listener, "admin-api").unwrap(), address, registry)
}

/// Runs a server on a thread of its own.
pub(crate) fn run(
    runtime: &mut Builder,
    server: Server,
    address: SocketAddr,
    registry: Registry,
) -> Running {
    let (shutdown, stopped) = oneshot::channel();
    let runtime = runtime.enable_all().build().unwrap();
    let thread = std::thread::spawn(move || {
        runtime.block_on(server.serve(async {
            let _ = stopped.await;
        }))
    });
    Running { address, registry, shutdown: Some(shutdown), thread: Some(thread) }
}

impl Running {
    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// Sends bytes and reads all that comes until the server hangs up.
    pub(crate) fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        // A server that has heard enough may hang up before it has all.
        let _ = stream.write_all(bytes.as_ref());
        read_to_end(&mut stream)
    }

    pub(crate) fn get(&self, path: &str) -> String {
        get(self.address, path)
    }

    /// How many requests the server has seen.
    pub(crate) fn requests(&self) -> u64 {
        self.registry.get("admin-api").unwrap().snapshot().unwrap().total()
    }

    pub(crate) fn wait_for_requests(&self, count: u64) {
        while self.requests() < count {
            std::thread::yield_now();
        }
    }

    /// Tells the server to end.
    pub(crate) fn shut_down(&mut self) {
        drop(self.shutdown.take());
    }

    /// Waits for the server to end.
    pub(crate) fn ended(&mut self) -> std::io::Result<()> {
        self.shut_down();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A connection that doesn't wait for ever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends the head of a request that is to be the connection's last.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str) -> TcpStream {
    let mut stream = connect(address);
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// The whole answer to a GET, head and body.
pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    read_to_end(&mut send(address, "GET", path))
}

pub(crate) fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        panic!("{error} after {:?}", String::from_utf8_lossy(&bytes));
    }
    String::from_utf8(bytes).unwrap()
}
