//! A small hyper service with every request metered, against the same without.
//!
//! One server, one connection, and requests in batches; between batches the service is told to
//! meter or not. So the two share everything, down to the place of their code and buffers, and
//! what the machine does besides hits neighbouring batches alike. A round is eight batches, each
//! way in either order; the service against itself shows what is noise.
//!
//! `cargo bench -p tickring --features http --bench metered`, which takes ten seconds.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tickring::{Meter, Timer};
use tokio::runtime::Builder;

#[path = "support/measure.rs"]
mod measure;

use measure::{Spread, confidence, median, spread};

const ROUNDS: usize = 1500;
const BATCH: u32 = 40;
const REQUEST: &[u8] = b"GET /orders/17 HTTP/1.1\r\nHost: shop\r\n\r\n";

static METER: Meter = Meter::new();
static TIMER: Timer = Timer::new();

/// What the service does besides answering.
static DOES: AtomicU8 = AtomicU8::new(NOTHING);
const NOTHING: u8 = 0;
const AGAIN_NOTHING: u8 = 1;
const METERS: u8 = 2;
const TIMES: u8 = 3;

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let does = DOES.load(Ordering::Relaxed);
    let _timing = (does == TIMES).then(|| TIMER.start());
    if does == METERS {
        METER.record();
    }
    Ok(Response::new(Full::new(Bytes::from_static(b"{\"order\":17,\"state\":\"sent\"}"))))
}

/// Serves for as long as the process lives.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    let address = listener.local_addr().expect("it is bound");
    listener.set_nonblocking(true).expect("sockets can be non-blocking");
    thread::spawn(|| {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("it is non-blocking");
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("TCP has it");
            let service = service_fn(answer);
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            served.await.expect("a connection that is closed in order");
        });
    });
    address
}

struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("TCP has it");
        stream.write_all(REQUEST).expect("it takes a request");
        let mut answer = vec![0; 1024];
        let length = stream.read(&mut answer).expect("it answers");
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        // All answers are as long as the first.
        answer.truncate(length);
        Self { stream, answer }
    }

    /// Seconds for a batch of requests.
    fn batch(&mut self, does: u8) -> f64 {
        DOES.store(does, Ordering::Relaxed);
        let begun = Instant::now();
        for _ in 0..BATCH {
            self.stream.write_all(REQUEST).expect("it takes a request");
            self.stream.read_exact(&mut self.answer).expect("it answers");
        }
        begun.elapsed().as_secs_f64()
    }
}

fn main() {
    let mut client = Client::connect(serve());
    let candidates = [("metered", METERS), ("timed", TIMES), ("the same again", AGAIN_NOTHING)];
    let mut ratios = candidates.map(|_| Vec::with_capacity(ROUNDS));
    let mut nanos = Vec::new();
    for round in 0..ROUNDS + 20 {
        for ((_, does), ratios) in candidates.iter().zip(&mut ratios) {
            let (mut with, mut without) = (0.0, 0.0);
            for first in [true, false, false, true] {
                for way in [first, !first] {
                    let time = client.batch(if way { *does } else { NOTHING });
                    *(if way { &mut with } else { &mut without }) += time;
                }
            }
            // The first rounds warm up.
            if round >= 20 {
                ratios.push(with / without);
                nanos.push(without / f64::from(4 * BATCH) * 1e9);
            }
        }
    }
    assert!(METER.snapshot().total() > 0 && TIMER.snapshot().events().total() > 0);
    println!("| a request | median | 95 % confidence | 8 in 10 rounds between | promised |");
    println!("|---|---|---|---|---|");
    let microseconds = median(nanos) / 1000.0;
    println!("| plain | {microseconds:.1} µs | | | |");
    for ((name, does), ratios) in candidates.into_iter().zip(ratios) {
        let Spread { low, median, high } = spread(ratios.iter().copied());
        let (least, most) = confidence(ratios);
        println!(
            "| {name} / plain | {median:.4}× | {least:.4} – {most:.4} | {low:.3} – {high:.3} | {} |",
            if does == METERS { "≤ 1.01×" } else { "" },
        );
    }
}
