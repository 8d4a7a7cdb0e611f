//! A hundred clients that ask as fast as they can while a million events a second are recorded.
//! Alone, because it times answers and keeps all processors busy.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use support::http::start;
use tickring::Meter;
use tickring::http::Limits;

const CLIENTS: usize = 100;
const EVENTS_PER_SECOND: u64 = 1_000_000;
/// The most that 99 of a hundred answers may take, where the code is optimised.
const P99: Duration = Duration::from_millis(50);

/// Records one by one, as many as are due, until it is told to stop; tells how many.
fn record_steadily(meter: &Meter, stop: &AtomicBool) -> u64 {
    let begun = Instant::now();
    let mut recorded = 0;
    while !stop.load(Ordering::Relaxed) {
        let due =
            u64::try_from(begun.elapsed().as_micros()).unwrap() * EVENTS_PER_SECOND / 1_000_000;
        for _ in recorded..due {
            meter.record();
        }
        recorded = due.max(recorded);
        std::thread::sleep(Duration::from_millis(1));
    }
    recorded
}

/// Asks over one connection, again and again; tells how long each answer took.
fn ask(mut stream: TcpStream, until: Instant) -> Vec<Duration> {
    let request =
        b"GET /api/v1/event-rate?service=websocket-ingestion HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let (mut took, mut buffer) = (Vec::new(), [0; 4096]);
    while Instant::now() < until {
        let begun = Instant::now();
        stream.write_all(request).unwrap();
        let mut filled = 0;
        // The document ends with three objects.
        while !buffer[..filled].ends_with(b"}}}") {
            let count = stream.read(&mut buffer[filled..]).unwrap();
            assert_ne!(count, 0, "hung up on");
            filled += count;
        }
        took.push(begun.elapsed());
        assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
    took
}

#[test]
fn hundred_clients_beside_a_million_events_a_second() {
    let time = Duration::from_secs(if cfg!(debug_assertions) { 1 } else { 5 });
    let server = start(Limits::default());
    let meter = server.registry.get("websocket-ingestion").unwrap().meter("event").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let recording = {
        let (meter, stop) = (meter.clone(), Arc::clone(&stop));
        std::thread::spawn(move || record_steadily(&meter, &stop))
    };
    let ready = Arc::new(Barrier::new(CLIENTS));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (stream, ready) = (server.connect(), Arc::clone(&ready));
            std::thread::spawn(move || {
                ready.wait();
                ask(stream, Instant::now() + time)
            })
        })
        .collect();
    let mut took: Vec<_> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    stop.store(true, Ordering::Relaxed);
    let recorded = recording.join().unwrap();

    assert_eq!(meter.snapshot().total(), recorded);
    assert_eq!(server.requests(), took.len() as u64);
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    let (median, p99, most) = (at(50), at(99), at(100));
    println!(
        "{} answers to {CLIENTS} clients in {time:?} while {recorded} events were recorded: \
         p50 {median:?}, p99 {p99:?}, longest {most:?}",
        took.len()
    );
    if !cfg!(debug_assertions) {
        assert!(p99 < P99, "p99 {p99:?}");
    }
}
