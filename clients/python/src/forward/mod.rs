//! Sends the sums of services to a server, once a second, over `StatsD`.
//!
//! One thread sends for all services of the process. It never runs Python code and never takes the
//! interpreter's lock, so nothing that the interpreter does can hold it up, and nothing that it does can
//! hold up the interpreter. Meters only grow; a route remembers how much of each it has sent. So
//! a record costs nothing more for being forwarded, and what could not be sent is sent with the next sum.
//!
//! # Cases
//!
//! | # | case | what happens |
//! |---|---|---|
//! | 1 | a fork | the child takes the totals that it was born with as sent: they are the parent's to send. Children of events are looked for before the fork, when memory may be taken. It has no thread until its first record |
//! | 2 | a fork while the thread sends | the fork waits for the lock: sending never blocks, so that is microseconds |
//! | 3 | the server is not there | on this machine a refusal is known at once: the sum is kept. From afar it is known a second later: that second is lost, and is said to be |
//! | 4 | a name that can't be resolved, or slowly | only the thread resolves, without the lock; sums are kept |
//! | 5 | the process ends | `end` sends what is left; later records are sent one by one |
//! | 6 | the service is dropped | its last sum is sent, and then its route is removed |

mod address;
mod durations;
mod route;

use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use self::address::Target;
pub(crate) use self::durations::Durations;
pub(crate) use self::route::{Held, Route};
use crate::process;

/// Between two sends. Less than a second, because some task queues give a worker a second to end, and
/// then no more.
const INTERVAL: Duration = Duration::from_millis(900);

/// How long the end of a process waits for a server that is slow.
const PATIENCE: Duration = Duration::from_secs(2);

static SENDER: Mutex<Sender> = Mutex::new(Sender::new());
static WAKE: Condvar = Condvar::new();

pub(crate) type Locked = MutexGuard<'static, Sender>;

/// What is sent for, by which process.
#[derive(Debug)]
pub(crate) struct Sender {
    /// 0 before the first use.
    process: u32,
    running: bool,
    ended: bool,
    routes: Vec<Route>,
}

/// The lock, in a process that is known.
pub(crate) fn lock() -> Locked {
    let mut sender = SENDER.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if sender.process == 0 {
        sender.process = process;
    } else if sender.process != process {
        sender.routes.iter_mut().for_each(Route::look_for_children);
        sender.start_afresh();
    }
    sender
}

/// The lock, before a fork. What was counted up to here is the parent's to send, on children of events too; so
/// all of these are known.
pub(crate) fn lock_before_fork() -> Locked {
    let mut sender = lock();
    sender.routes.iter_mut().for_each(Route::look_for_children);
    sender
}

/// Notices a fork that nothing else has noticed.
pub(crate) fn look_at_process() {
    drop(lock());
}

/// Sends the sums of a service from now on.
pub(crate) fn add(route: Route) {
    lock().routes.push(route);
    process::ask_for_attention();
}

/// Does something with a service's route, if it still has one.
pub(crate) fn with<T>(held: &Arc<Held>, act: impl FnOnce(&mut Route) -> T) -> Option<T> {
    lock().routes.iter_mut().find(|route| route.is_of(held)).map(act)
}

/// Stops to send the sums of a service.
pub(crate) fn remove(held: &Arc<Held>) {
    lock().routes.retain(|route| !route.is_of(held));
    WAKE.notify_all();
}

/// After a record. False if a later record has to ask again.
pub(crate) fn attend() -> bool {
    let mut sender = lock();
    if sender.ended {
        sender.flush();
        return sender.routes.is_empty();
    }
    sender.start()
}

/// Sends what is left, and tells what could not be sent.
pub(crate) fn end() -> Vec<String> {
    let begun = Instant::now();
    let mut sender = lock();
    sender.ended = true;
    process::ask_for_attention();
    loop {
        sender.flush();
        if !sender.routes.iter().any(Route::may_succeed_soon) || begun.elapsed() > PATIENCE {
            break;
        }
        // To resolve a name, if it is that.
        sender.start();
        WAKE.notify_all();
        sender = WAKE
            .wait_timeout(sender, Duration::from_millis(5))
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
    sender.routes.iter_mut().filter_map(Route::unsent).collect()
}

impl Sender {
    const fn new() -> Self {
        Self { process: 0, running: false, ended: false, routes: Vec::new() }
    }

    /// In a forked child. Allocates nothing and frees nothing.
    pub(crate) fn start_afresh(&mut self) {
        self.process = std::process::id();
        self.running = false;
        self.ended = false;
        self.routes.iter_mut().for_each(Route::start_afresh);
        process::ask_for_attention();
    }

    fn flush(&mut self) {
        self.routes.retain_mut(|route| {
            // Looked at before the counts: who lets a service go has recorded on it before. Acquire: the
            // count of an `Arc` that is looked at is Relaxed, and its last owner's release is the partner.
            let held = route.is_held();
            fence(Ordering::Acquire);
            route.flush();
            held || !route.is_over()
        });
    }

    /// Starts the thread if there is something to send. False if there is no thread to be had.
    fn start(&mut self) -> bool {
        if !self.running && !self.routes.is_empty() {
            let thread = std::thread::Builder::new().name("tickring-forward".into());
            self.running = thread.spawn(run).is_ok();
        }
        self.running || self.routes.is_empty()
    }
}

/// The thread. It ends when there is nobody left to send for.
fn run() {
    block_signals();
    loop {
        resolve();
        let mut sender = lock();
        sender.flush();
        if sender.routes.is_empty() {
            sender.running = false;
            process::ask_for_attention();
            return;
        }
        let waits_for_a_name = sender.routes.iter().any(|route| route.name_to_resolve().is_some());
        if !waits_for_a_name || sender.routes.iter().any(Route::has_failed_to_resolve) {
            drop(WAKE.wait_timeout(sender, INTERVAL));
        }
    }
}

/// Finds the addresses of names, without the lock.
fn resolve() {
    let names: Vec<_> = lock().routes.iter().filter_map(Route::name_to_resolve).collect();
    for (held, name) in names {
        let found = name.resolve();
        let mut sender = lock();
        if let Some(route) = sender.routes.iter_mut().find(|route| route.has(&held)) {
            route.resolved(found);
        }
    }
}

/// So that signals go to the threads that Python waits in.
fn block_signals() {
    #[cfg(unix)]
    // SAFETY: both calls write to a set of this function's own, and to this thread's mask.
    unsafe {
        let mut all = std::mem::MaybeUninit::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), std::ptr::null_mut());
    }
}
