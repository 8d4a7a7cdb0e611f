//! What has to happen once in each process, and after each fork.
//!
//! A record asks one question more than the engine does: has this process something to attend to? It does
//! in three cases:
//!
//! | case | what is attended to |
//! |---|---|
//! | a service that forwards was made | the thread that sends is started, by the first record |
//! | the process was forked | the child starts threads of its own, by its first record |
//! | the interpreter has ended | each record of a destructor is sent at once, since no later moment is sure |
//!
//! # How a fork is noticed
//!
//! In three ways, each of which suffices: `pthread_atfork` (every fork through libc, whoever calls it),
//! Python's own hook, and the process id, which is compared each time the sender's lock is taken. The first
//! also holds that lock over the fork, so that a child finds it free and its state whole.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

use crate::forward;

/// Relaxed: what is attended to is under a lock.
static ATTENTION: AtomicBool = AtomicBool::new(false);

/// To be called after each record.
#[inline]
pub(crate) fn recorded() {
    if ATTENTION.load(Ordering::Relaxed) {
        attend();
    }
}

/// The next record attends to the process.
pub(crate) fn ask_for_attention() {
    ATTENTION.store(true, Ordering::Relaxed);
}

#[cold]
#[inline(never)]
fn attend() {
    ATTENTION.store(false, Ordering::Relaxed);
    // In a forked child nobody publishes the seconds. Without a thread to be had, readers do.
    tickring::start().ok();
    if !forward::attend() {
        ask_for_attention();
    }
}

/// For `os.register_at_fork`: where libc has told already, this does nothing.
#[pyfunction]
pub(crate) fn after_fork() {
    forward::look_at_process();
    ask_for_attention();
}

/// Sends what is left. Takes two seconds at most, and that only for a server that is slow to take
/// it or to be found. Returns what could not be sent, in words.
#[pyfunction]
pub(crate) fn at_exit(py: Python<'_>) -> Vec<String> {
    // Other threads may be sending, and they need no interpreter.
    py.detach(forward::end)
}

#[cfg(not(unix))]
pub(crate) fn watch_forks() {}

#[cfg(unix)]
pub(crate) use unix::watch_forks;

#[cfg(unix)]
mod unix {
    use std::cell::RefCell;
    use std::sync::Once;

    use super::{ask_for_attention, forward};

    thread_local! {
        /// The sender's lock, from before a fork until after it.
        static HELD: RefCell<Option<forward::Locked>> = const { RefCell::new(None) };
    }

    extern "C" fn before() {
        let locked = forward::lock_before_fork();
        let _ = HELD.try_with(|held| *held.borrow_mut() = Some(locked));
    }

    extern "C" fn in_parent() {
        let _ = HELD.try_with(|held| held.borrow_mut().take());
    }

    extern "C" fn in_child() {
        ask_for_attention();
        let locked = HELD.try_with(|held| held.borrow_mut().take());
        if let Ok(Some(mut locked)) = locked {
            locked.start_afresh();
        }
    }

    /// Notices all forks of this process from now on.
    pub(crate) fn watch_forks() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: the three functions are there as long as the process is, since Python never
            // unloads an extension. They don't unwind: they lock, read atomics and store.
            let _ = unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        });
    }
}
