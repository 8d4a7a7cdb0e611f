//! The threads of the program: all that it needs, or none.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;

/// How long the runtime's threads may take to start.
const PATIENCE: Duration = Duration::from_secs(10);
/// Threads once started stay, so that later ones are never lacking.
const KEPT: Duration = Duration::from_secs(365 * 86_400);
const DOING: &str = "can't start threads";

/// Starts as many threads at the same time as the program needs at least, and ends them.
///
/// Without this check a lack of threads shows late: a runtime without its workers serves nothing, and
/// some libraries panic.
pub(crate) fn check(further: usize) -> Result<(), Failure> {
    let needed = workers() + 1 + further;
    let mut gates = Vec::with_capacity(needed);
    let mut threads = Vec::with_capacity(needed);
    let mut refused = None;
    for _ in 0..needed {
        let (gate, closed) = mpsc::channel::<()>();
        match thread::Builder::new().spawn(move || closed.recv()) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
        gates.push(gate);
    }
    drop(gates);
    for thread in threads {
        let _ended = thread.join();
    }
    refused.map_or(Ok(()), |error| Err(Failure::System { doing: DOING, error }))
}

/// The runtime, whose workers and one thread for blocking work have all started.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let refused = |error| Failure::System { doing: DOING, error };
    let (started, starts) = mpsc::channel();
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers())
        .thread_name("tickring-http")
        .thread_keep_alive(KEPT)
        .on_thread_start(move || {
            let _enough = started.send(());
        })
        .enable_all()
        .build()
        .map_err(refused)?;
    // With at least this one, blocking work never waits for a thread that can't be had.
    drop(runtime.spawn_blocking(|| ()));
    for _ in 0..=workers() {
        if starts.recv_timeout(PATIENCE).is_err() {
            runtime.shutdown_background();
            return Err(refused(io::ErrorKind::WouldBlock.into()));
        }
    }
    Ok(runtime)
}

fn workers() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
