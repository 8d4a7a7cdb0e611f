//! Recorders, threads that come and go, meters that come and go, readers and HTTP clients, all at
//! once, on the system's clock. They hold the meters to their laws all along; at the end each
//! total has to be the sum of what was recorded.
//!
//! `cargo run -p tickring --release --features http,statsd --example soak -- SECONDS` (300 unless told).

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tickring::http::{Router, Server};
use tickring::{Meter, MeterHandle, Registry, Service, catalogue, diagnostics};

/// The service whose meter gets most of it.
const SERVICE: &str = "websocket-ingestion";
/// Records between two looks at the time.
const BATCH: u64 = 100_000;
const CHURNERS: usize = 2;
const READERS: usize = 2;
const CLIENTS: usize = 2;

/// What all take part in.
#[derive(Debug)]
struct Stage {
    meter: MeterHandle,
    over: AtomicBool,
    /// Events that somebody has begun to record, and has recorded, on the meter.
    begun: AtomicU64,
    done: AtomicU64,
    /// Work done, by kind.
    threads: AtomicU64,
    meters: AtomicU64,
    reads: AtomicU64,
    requests: AtomicU64,
}

impl Stage {
    fn over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Records `n` events with `record`, in the open.
    fn record(&self, n: u64, record: impl FnOnce()) {
        self.begun.fetch_add(n, Ordering::AcqRel);
        record();
        self.done.fetch_add(n, Ordering::AcqRel);
    }

    /// Through the thread's own shard and a local recorder by turns.
    fn hammer(&self) {
        let mut local = self.meter.local();
        while !self.over() {
            self.record(BATCH, || (0..BATCH).for_each(|_| self.meter.record()));
            self.record(BATCH, || (0..BATCH).for_each(|_| local.record()));
        }
    }

    /// Threads that start, record and end.
    fn churn(&self) {
        while !self.over() {
            let body = || self.record(7, || self.meter.record_n(7));
            thread::scope(|scope| scope.spawn(body).join()).expect("a thread that records");
            self.threads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Meters that are made, recorded on and dropped: each starts at zero.
    fn recycle(&self) {
        while !self.over() {
            let meter = Meter::new();
            let mut local = meter.local();
            assert_eq!(meter.snapshot().total(), 0, "a new meter's total");
            local.record_n(5);
            meter.record();
            assert_eq!(meter.snapshot().total(), 6);
            self.meters.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Holds every snapshot to the laws.
    fn read(&self) {
        let mut last = 0;
        while !self.over() {
            let done = self.done.load(Ordering::Acquire);
            let snapshot = self.meter.snapshot();
            let begun = self.begun.load(Ordering::Acquire);
            let (window, total) = (snapshot.events_in_window(), snapshot.total());
            assert!(window <= total, "window {window}, total {total}");
            assert!(total >= last, "total {total} after {last}");
            assert!((done..=begun).contains(&total), "total {total}: {done} to {begun}");
            let rate = snapshot.events_per_second();
            assert!(rate.is_finite() && rate >= 0.0, "{rate}");
            assert!(snapshot.peak_per_second() <= window);
            // The same by all other ways, each no earlier than the one before.
            let (window, rate) = (self.meter.events_in_window(), self.meter.events_per_second());
            last = self.meter.total();
            assert!(
                total <= last && window <= last,
                "{window} in the window, {total}, then {last}"
            );
            assert!(rate.is_finite() && rate >= 0.0, "{rate}");
            self.reads.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Posts events and reads documents over one connection after another.
    fn ask(&self, server: SocketAddr) -> Result<(), Box<dyn Error>> {
        let mut last = 0;
        while !self.over() {
            let mut connection = TcpStream::connect(server)?;
            for _ in 0..100 {
                let path = format!("/api/v1/services/{SERVICE}");
                let mut answer = Value::Null;
                self.record(3, || {
                    let body = r#"{"event":"event","count":3}"#;
                    answer = request(&mut connection, "POST", &format!("{path}/events"), body)
                        .expect("an answer");
                });
                assert_eq!(answer["accepted"], 3, "{answer}");
                let answer = request(&mut connection, "GET", &format!("{path}/event-rate"), "")?;
                let total = answer["total_events"].as_u64().ok_or("no total")?;
                let window = answer["events_in_window"].as_u64().ok_or("no window")?;
                assert!(window <= total && total >= last, "{answer} after {last}");
                last = total;
                self.requests.fetch_add(2, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }
}

/// One request and its JSON, on a connection that stays open.
fn request(
    connection: &mut TcpStream,
    method: &str,
    path: &str,
    body: &str,
) -> Result<Value, Box<dyn Error>> {
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n");
    connection.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = connection.read(&mut part)?;
        if read == 0 {
            return Err("the server hung up".into());
        }
        answer.extend_from_slice(&part[..read]);
        let text = std::str::from_utf8(&answer)?;
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.ok_or("no length")?.parse()?;
            if body.len() >= length {
                return Ok(serde_json::from_str(body)?);
            }
        }
    }
}

/// Serves the fifteen services until the process ends.
fn serve(registry: Registry) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = Server::new(Router::new(registry, "admin-api")?.accept_events())
        .listen(listener, "admin-api")?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    thread::spawn(move || runtime.block_on(server.serve(std::future::pending())));
    Ok(address)
}

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(300), |argument| argument.parse())?;
    let registry = Registry::new();
    for spec in catalogue() {
        registry.register(Service::from_catalogue(&spec.name)?)?;
    }
    let meter = registry.get(SERVICE).ok_or("no such service")?.meter("event")?;
    let server = serve(registry.clone())?;
    let stage = Stage {
        meter,
        over: AtomicBool::new(false),
        begun: AtomicU64::new(0),
        done: AtomicU64::new(0),
        threads: AtomicU64::new(0),
        meters: AtomicU64::new(0),
        reads: AtomicU64::new(0),
        requests: AtomicU64::new(0),
    };
    let start = Instant::now();
    let recorders = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let stage = &stage;
        (0..recorders).for_each(|_| drop(scope.spawn(|| stage.hammer())));
        (0..CHURNERS).for_each(|_| drop(scope.spawn(|| stage.churn())));
        (0..READERS).for_each(|_| drop(scope.spawn(|| stage.read())));
        scope.spawn(|| stage.recycle());
        for _ in 0..CLIENTS {
            scope.spawn(move || stage.ask(server).expect("a server that answers"));
        }
        thread::sleep(Duration::from_secs(seconds));
        stage.over.store(true, Ordering::Relaxed);
    });
    let recorded = stage.done.load(Ordering::Acquire);
    let total = stage.meter.snapshot().total();
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!("{:.0} s, {recorders} recorders", start.elapsed().as_secs_f64());
    println!("{} threads came and went, {} meters", count(&stage.threads), count(&stage.meters));
    println!("{} snapshots, {} requests", count(&stage.reads), count(&stage.requests));
    println!("{} shards on the meter, {:?}", stage.meter.shards(), diagnostics());
    println!("recorded {recorded}, total {total}");
    assert_eq!(recorded, total, "the law of conservation");
    Ok(())
}
