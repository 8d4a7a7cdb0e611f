//! What the program adds to `/metrics` and to `/health`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tickring::http::Router;
use tickring::statsd::Listener;
use tokio::task::AbortHandle;

use crate::collector::{Breaker, Collector, State};
use crate::log::LostLines;
use crate::state::Saves;

/// A clock that is this late is not healthy. Readers make up for it, but events between two reads count
/// in a wrong second.
const LATE: Duration = Duration::from_secs(5);

/// The result and the time of the last reload. The start counts as one that succeeded.
#[derive(Debug)]
pub(crate) struct LastReload {
    /// Milliseconds since 1970 above the lowest bit, which is 1 after a success. In one word, so that a
    /// scrape never shows the time of one reload with the result of another.
    word: AtomicU64,
}

impl LastReload {
    pub(crate) fn now(succeeded: bool) -> Self {
        let reload = Self { word: AtomicU64::new(0) };
        reload.set(succeeded);
        reload
    }

    pub(crate) fn set(&self, succeeded: bool) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX >> 1);
        // Relaxed, here and below: the word stands for itself.
        self.word.store(millis << 1 | u64::from(succeeded), Ordering::Relaxed);
    }

    fn succeeded(&self) -> f64 {
        if self.word.load(Ordering::Relaxed) & 1 == 1 { 1.0 } else { 0.0 }
    }

    fn seconds(&self) -> f64 {
        Duration::from_millis(self.word.load(Ordering::Relaxed) >> 1).as_secs_f64()
    }
}

/// The router with the program's figures.
pub(crate) fn figures(router: Router, lost: LostLines, reload: &Arc<LastReload>) -> Router {
    let (result, time) = (Arc::clone(reload), Arc::clone(reload));
    let router = router
        .counter(
            "tickring_log_lines_lost",
            "Lines of the log that stderr didn't take.",
            move || lost.count(),
        )
        .gauge(
            "tickring_config_reload_successful",
            "Whether the last reading of the configuration succeeded: 1 or 0.",
            move || Some(result.succeeded()),
        )
        .gauge(
            "tickring_config_reload_timestamp_seconds",
            "When the configuration was last read, or could not be read, as a Unix time.",
            move || Some(time.seconds()),
        );
    let asleep = suspended();
    router.gauge(
        "tickring_suspended_seconds",
        "How long the machine was suspended since the start. Windows and ages don't include this time.",
        move || Some(suspended()?.saturating_sub(asleep?).as_secs_f64()),
    )
}

/// The router with how saving the history goes.
pub(crate) fn of_state(router: Router, saves: &Arc<Saves>) -> Router {
    let (failures, last, works) = (Arc::clone(saves), Arc::clone(saves), Arc::clone(saves));
    router
        .health_check("history", move || {
            let died = || "the thread that saves it has died: the log has more".to_owned();
            works.is_running().then_some(()).ok_or_else(died)
        })
        .counter(
            "tickring_state_write_failures",
            "How often the history could not be saved.",
            move || failures.failures(),
        )
        .gauge(
            "tickring_state_saved_timestamp_seconds",
            "When the history was last saved, as a Unix time.",
            move || last.last(),
        )
}

/// The router with whether and how well each service elsewhere could be asked. Its figures are not among
/// them: Prometheus asks for those itself.
pub(crate) fn of_remotes(router: Router, collector: &Collector) -> Router {
    let each = |read: fn(&State) -> Option<f64>| {
        let collector = collector.clone();
        move || {
            let states = collector.states();
            let values = states.into_iter().filter_map(|(remote, state)| {
                Some((vec![("service", remote.name.clone())], read(&state)?))
            });
            values.collect()
        }
    };
    let failed = collector.clone();
    router
        .gauges(
            "tickring_remote_up",
            "Whether a service elsewhere answered the last poll: 1 or 0.",
            each(|state| Some(if state.figures.is_ok() { 1.0 } else { 0.0 })),
        )
        .gauges(
            "tickring_remote_duration_seconds",
            "How long the last question to a service elsewhere took, answered or not.",
            each(|state| state.response_time.map(|time| time.as_secs_f64())),
        )
        .gauges(
            "tickring_remote_breaker_open",
            "Whether a service elsewhere is left alone for a while, since it failed too often: 1 or 0.",
            each(|state| Some(if state.breaker == Breaker::Open { 1.0 } else { 0.0 })),
        )
        .counters(
            "tickring_remote_failures",
            "Questions to a service elsewhere that failed, by type.",
            move || {
                let states = failed.states();
                let values = states.iter().flat_map(|(remote, state)| {
                    state.failures().map(|(kind, count)| {
                        let kind = ("type", kind.as_str().to_owned());
                        (vec![("service", remote.name.clone()), kind], count)
                    })
                });
                values.collect()
            },
        )
}

/// The router with the program's health: each part that must work. The tasks in `background` must not
/// end while requests are answered.
pub(crate) fn checks(
    router: Router,
    listeners: &[Arc<Listener>],
    background: &Arc<OnceLock<Vec<AbortHandle>>>,
) -> Router {
    let background = Arc::clone(background);
    let router = router
        .health_check("background", move || alive(background.get().map_or(&[], Vec::as_slice)));
    let router = router.health_check("clock", || {
        // Starts the thread again if it is dead, and fails if the system has none for it.
        tickring::start().map_err(|error| format!("its thread can't be started: {error}"))?;
        match tickring::diagnostics().clock_lag {
            lag if lag > LATE => Err(format!("{:.1} s late", lag.as_secs_f64())),
            _ => Ok(()),
        }
    });
    listeners.iter().fold(router, |router, listener| {
        // Weak, so that the end of the program can stop the listener while the router still answers.
        let listener = Arc::downgrade(listener);
        router.health_check("StatsD", move || match listener.upgrade() {
            Some(listener) if listener.is_failing() => {
                Err("a listener can't receive: the log has the error".into())
            }
            Some(listener) if listener.is_running() => Ok(()),
            _ => Err("a listener has stopped".into()),
        })
    })
}

/// Checks that no task has ended.
fn alive(tasks: &[AbortHandle]) -> Result<(), String> {
    if tasks.iter().any(AbortHandle::is_finished) {
        let which = "a task that reads the configuration again, forgets or retires what is idle, or keeps \
                     the history";
        return Err(format!("{which} has died: the log has more"));
    }
    Ok(())
}

/// How long the machine was suspended since it was started; `None` if the system doesn't say.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn suspended() -> Option<Duration> {
    use nix::time::{ClockId, clock_gettime};
    let monotonic = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).ok()?);
    let boottime = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
    // The two are read one after the other, which is no suspension.
    let millis = boottime.saturating_sub(monotonic).as_millis();
    u64::try_from(millis).ok().map(Duration::from_millis)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn suspended() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_that_has_died_is_noticed() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let lives = runtime.spawn(std::future::pending::<()>());
        let dies = runtime.spawn(async { panic!("on purpose") });
        let tasks = [lives.abort_handle(), dies.abort_handle()];
        assert_eq!(alive(&tasks), Ok(()));
        runtime.block_on(dies).unwrap_err();
        assert!(alive(&tasks).unwrap_err().contains("has died"));
    }
}
