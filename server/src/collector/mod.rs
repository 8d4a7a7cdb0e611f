//! Services elsewhere: their figures are asked for in the background, and kept for whoever wants them.
//!
//! | part | what it does |
//! |---|---|
//! | `address` | where a remote is |
//! | `answer` | what it answers, and what is wrong with it |
//! | `ask` | one question, within its timeout |
//! | `lookup` | the addresses of a host's name |
//! | `schedule` | when it is asked: interval, retries, breaker |
//! | `entry` | what the consolidated document shows of it |
//!
//! Each remote has a task, so a slow one holds up no other. Nobody waits for a task: a request takes the
//! last figures that there are, or the reason why there are none, and the end of the program aborts it.
//!
//! What a remote takes in memory is its task, one connection, one answer of bounded length and the last
//! [`State`]; nothing grows with the time or with the number of failures.

mod address;
mod answer;
mod ask;
mod entry;
mod lookup;
mod schedule;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tickring::RateBasis;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

pub use self::address::Address;
pub(crate) use self::answer::Figures;
pub(crate) use self::ask::{Trouble, TroubleKind};
use self::lookup::Lookup;
use self::schedule::Schedule;
pub(crate) use self::schedule::{Breaker, Pace};

/// A service whose figures are elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) port: Option<u16>,
    /// What its rate means.
    pub(crate) basis: RateBasis,
    pub(crate) address: Address,
}

/// What is known of a remote service now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    /// Its figures, or why there are none.
    pub(crate) figures: Result<Figures, Trouble>,
    pub(crate) breaker: Breaker,
    /// How long the last question took, answered or not; `None` before the first.
    pub(crate) response_time: Option<Duration>,
    /// When it last answered with figures.
    pub(crate) last_success: Option<SystemTime>,
    /// When it last had an event, as far as its answers tell.
    pub(crate) last_activity: Option<SystemTime>,
    /// How many questions failed, by kind, in the order of [`TroubleKind::ALL`].
    failures: [u64; TroubleKind::ALL.len()],
    /// The total of its last answer.
    total: Option<u64>,
}

/// Asks remote services. Clones are the same collector. When all are gone, nobody is asked any more.
#[derive(Clone, Debug)]
pub(crate) struct Collector(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pace: Pace,
    followed: Mutex<Vec<Followed>>,
}

/// A remote that is asked.
#[derive(Debug)]
struct Followed {
    remote: Arc<Remote>,
    state: Arc<Mutex<State>>,
    task: AbortHandle,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Collector {
    pub(crate) fn new(pace: Pace) -> Self {
        Self(Arc::new(Shared { pace, followed: Mutex::default() }))
    }

    /// Asks these remotes from now on, and no others. One that was asked before and is the same goes on.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn follow(&self, remotes: &[Remote]) {
        let mut followed = self.followed();
        let mut before = std::mem::take(&mut *followed);
        *followed = remotes
            .iter()
            .map(|remote| {
                let same = before.iter().position(|followed| *followed.remote == *remote);
                same.map_or_else(|| self.start(remote), |index| before.swap_remove(index))
            })
            .collect();
    }

    fn start(&self, remote: &Remote) -> Followed {
        let remote = Arc::new(remote.clone());
        let state = Arc::new(Mutex::new(State::unknown()));
        let task = tokio::spawn(poll(Arc::clone(&remote), Arc::clone(&state), self.0.pace));
        Followed { remote, state, task: task.abort_handle() }
    }

    /// All remotes and what is known of them, in the order of the configuration. Waits for nobody.
    pub(crate) fn states(&self) -> Vec<(Arc<Remote>, State)> {
        let state =
            |followed: &Followed| (Arc::clone(&followed.remote), lock(&followed.state).clone());
        self.followed().iter().map(state).collect()
    }

    fn followed(&self) -> MutexGuard<'_, Vec<Followed>> {
        lock(&self.0.followed)
    }
}

/// What is behind these locks is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn unknown() -> Self {
        Self {
            figures: Err(Trouble::new(TroubleKind::UnexpectedError, "it was not asked yet")),
            breaker: Breaker::Closed,
            response_time: None,
            last_success: None,
            last_activity: None,
            failures: [0; TroubleKind::ALL.len()],
            total: None,
        }
    }

    /// How many questions failed, by kind. One that was not asked did not fail.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (TroubleKind, u64)> {
        let failures = TroubleKind::ALL.into_iter().zip(self.failures);
        failures.filter(|(kind, _)| *kind != TroubleKind::CircuitOpen)
    }

    /// Takes over the outcome of a question.
    fn note(&mut self, outcome: Result<Figures, Trouble>, took: Duration, schedule: &Schedule) {
        self.response_time = Some(took);
        self.breaker = schedule.breaker();
        match outcome {
            Ok(figures) => {
                let now = SystemTime::now();
                self.last_success = Some(now);
                self.note_activity(&figures, now);
                self.total = Some(figures.total_events);
                self.figures = Ok(figures);
            }
            Err(trouble) => {
                self.failures[trouble.kind as usize] += 1;
                // Until a poll has failed with its retries, the last figures stand.
                let Some(last) = self.after(trouble, schedule) else { return };
                self.figures = Err(last);
            }
        }
    }

    /// What there is instead of figures; `None` as long as a retry may bring some.
    fn after(&mut self, trouble: Trouble, schedule: &Schedule) -> Option<Trouble> {
        if schedule.is_retrying() && self.figures.is_ok() {
            return None;
        }
        if schedule.breaker() == Breaker::Closed {
            return Some(trouble);
        }
        let (failures, why) = (schedule.failures(), trouble.message);
        let pause = schedule.pause().unwrap_or_default();
        let message = format!("not asked for {pause:?} after {failures} failures; the last: {why}");
        Some(Trouble::new(TroubleKind::CircuitOpen, message))
    }

    /// A service that doesn't tell the age of its last event had one if its total has grown.
    fn note_activity(&mut self, figures: &Figures, now: SystemTime) {
        let told = figures.last_event_age_seconds.map(Duration::from_secs_f64);
        if let Some(age) = told {
            self.last_activity = now.checked_sub(age).max(self.last_activity);
        } else if self.total.is_some_and(|total| total < figures.total_events)
            || self.total.is_none() && figures.events_per_second > 0.0
        {
            self.last_activity = Some(now);
        }
    }
}

/// Asks a remote for ever.
async fn poll(remote: Arc<Remote>, state: Arc<Mutex<State>>, pace: Pace) {
    let (start, mut schedule) = (Instant::now(), Schedule::new(pace));
    let (mut is_down, lookup) = (false, Arc::default());
    loop {
        sleep_until(start + schedule.due()).await;
        let asked = start.elapsed();
        let outcome = one_question(Arc::clone(&remote), Arc::clone(&lookup), pace.timeout).await;
        let now = start.elapsed();
        match &outcome {
            Ok(_) => schedule.succeeded(asked, now),
            Err(_) => schedule.failed(asked, now, fastrand::f64()),
        }
        report(&remote, &outcome, &schedule, &mut is_down);
        lock(&state).note(outcome, now.saturating_sub(asked), &schedule);
    }
}

/// Asks in a task of its own, which ends with this one: a panic there is a failure like others.
async fn one_question(
    remote: Arc<Remote>,
    lookup: Arc<tokio::sync::Mutex<Lookup>>,
    patience: Duration,
) -> Result<Figures, Trouble> {
    let mut task = JoinSet::new();
    task.spawn(async move { ask::ask(&remote.address, &remote.name, &lookup, patience).await });
    match task.join_next().await {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => Err(Trouble::new(TroubleKind::UnexpectedError, error.to_string())),
        None => Err(Trouble::new(TroubleKind::UnexpectedError, "it was not asked")),
    }
}

/// One line when a remote goes down, and one when it is back.
fn report(
    remote: &Remote,
    outcome: &Result<Figures, Trouble>,
    schedule: &Schedule,
    is_down: &mut bool,
) {
    let (service, address) = (&remote.name, &remote.address);
    match outcome {
        Err(trouble) if !*is_down && !schedule.is_retrying() => {
            *is_down = true;
            let (kind, why) = (trouble.kind.as_str(), &trouble.message);
            tracing::warn!(service, %address, kind, "the figures of a remote service can't be had: {why}");
        }
        Ok(_) if std::mem::take(is_down) => {
            tracing::info!(service, %address, "a remote service answers again");
        }
        _ => {}
    }
}
