//! What the models of the engine have in common.
//!
//! A model is a small concurrent program on the engine that returns what it has seen. Under
//! `--cfg loom` it is run once for each interleaving (and for each value that a load may return)
//! that the checker finds, on rings of four slots; otherwise some thousands of times on real
//! threads, on the rings that ship.
//!
//! A green run of a checker proves nothing if it didn't explore. So each model lists all outcomes
//! that are right, and under loom *each of them must have been seen*, in at least a given number
//! of executions; on real threads none but these may be seen.
//!
//! The checker backtracks from the last access to an atomic only. A thread that looks at an
//! atomic and then changes it hides, behind its own look, what another thread did there before.
//! The engine's owners look with a load that the checker doesn't schedule (`load_own`); apart
//! from that the thread whose accesses would hide others' goes first, which is the main thread.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
#[cfg(not(loom))]
use std::sync::PoisonError;
use std::sync::{Arc as Shared, Mutex};
use std::time::{Duration, Instant};

#[cfg(loom)]
pub use loom::{sync::Arc, sync::mpsc, thread, thread_local};
#[cfg(not(loom))]
pub use std::{sync::Arc, sync::mpsc, thread, thread_local};

use tickring::internals::Tick;
pub use tickring::internals::{CAP, REACH, SLOTS};
use tickring::{ManualClock, Meter};

/// The tick `seconds` after the origin.
#[must_use]
pub fn tick(seconds: u64) -> Tick {
    Tick::from_seconds(seconds)
}

/// A second.
pub const SECOND: Duration = Duration::from_secs(1);

/// A meter to share, and its clock at its origin.
#[must_use]
pub fn meter() -> (Arc<Meter>, ManualClock) {
    let clock = ManualClock::new();
    (Arc::new(Meter::with_clock(clock.clone())), clock)
}

/// On real threads: waits a little, a bit longer in each run up to some microseconds, so that
/// the threads of a model meet in different places. Nothing under loom, which sees to that itself.
pub fn stagger() {
    #[cfg(not(loom))]
    {
        use std::sync::atomic::{AtomicU32, Ordering};
        static RUN: AtomicU32 = AtomicU32::new(0);
        let spins = RUN.fetch_add(7, Ordering::Relaxed) % 4096;
        for _ in 0..spins {
            std::hint::spin_loop();
        }
    }
}

/// Lets the checker begin with either of the threads that call this: it doesn't, if the first
/// thing that both do is hidden by a look (see above). Orders nothing otherwise.
pub fn either_first() {
    #[cfg(loom)]
    {
        use loom::sync::atomic::{AtomicU64, Ordering};
        loom::lazy_static! {
            static ref BOTH_CHANGE: AtomicU64 = AtomicU64::new(0);
        }
        BOTH_CHANGE.fetch_add(1, Ordering::Relaxed);
    }
}

/// How far a model is explored.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // Some fields are for the checker only, one is for real threads.
pub struct Model {
    name: &'static str,
    preemptions: Option<usize>,
    executions: usize,
    runs: usize,
}

impl Model {
    /// A model that is explored in full, in no fewer than `executions` executions.
    #[must_use]
    pub fn new(name: &'static str, executions: usize) -> Self {
        Self { name, preemptions: None, executions, runs: 2000 }
    }

    /// Explores schedules of at most `bound` preemptions only.
    #[must_use]
    pub fn preemptions(self, bound: usize) -> Self {
        Self { preemptions: Some(bound), ..self }
    }

    /// How often the model runs on real threads.
    #[must_use]
    pub fn runs(self, runs: usize) -> Self {
        Self { runs, ..self }
    }

    /// Runs `body` over and over, and compares what it returned with `outcomes`.
    ///
    /// # Panics
    ///
    /// If an outcome isn't among `outcomes`, and under loom if one of them was never seen or
    /// there were too few executions.
    pub fn check<O>(
        self,
        outcomes: impl IntoIterator<Item = O>,
        body: impl Fn() -> O + Send + Sync + 'static,
    ) where
        O: Ord + Debug + Send + 'static,
    {
        #[cfg(not(loom))]
        let _others_wait = {
            // The pool of shards is the process's: a model is to find only what it put there.
            static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
            ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
        };
        let seen = Shared::new(Mutex::new(BTreeMap::<O, usize>::new()));
        let begun = Instant::now();
        let note = {
            let seen = Shared::clone(&seen);
            move || {
                let outcome = body();
                *seen.lock().unwrap().entry(outcome).or_default() += 1;
            }
        };
        #[cfg(loom)]
        {
            let mut checker = loom::model::Builder::new();
            // LOOM_MAX_PREEMPTIONS, if set, goes before the model's own bound.
            checker.preemption_bound = checker.preemption_bound.or(self.preemptions);
            checker.check(note);
        }
        #[cfg(not(loom))]
        for _ in 0..self.runs {
            note();
        }
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        let executions: usize = seen.values().sum();
        let seconds = begun.elapsed().as_secs_f64();
        println!("model {}: {executions} executions, {seconds:.2} s, {seen:?}", self.name);

        let right: BTreeSet<O> = outcomes.into_iter().collect();
        let wrong: Vec<_> = seen.keys().filter(|outcome| !right.contains(outcome)).collect();
        assert!(wrong.is_empty(), "{}: wrong outcomes {wrong:?}; right are {right:?}", self.name);
        if cfg!(loom) {
            let unseen: Vec<_> =
                right.iter().filter(|outcome| !seen.contains_key(outcome)).collect();
            assert!(unseen.is_empty(), "{}: never seen: {unseen:?}", self.name);
            let least = self.executions;
            assert!(executions >= least, "{}: {executions} executions, not {least}", self.name);
        }
    }
}
