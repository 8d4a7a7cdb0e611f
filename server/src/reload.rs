//! Reads the file again at each SIGHUP.

use std::sync::Arc;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use sd_notify::NotifyState;
use tokio::signal::unix::Signal;

use crate::collector::{Collector, Remote};
use crate::failure::{Failure, SettingsError};
use crate::figures::LastReload;
use crate::serve::notify_manager;
use crate::services::{Changes, Described};
use crate::settings::{Settings, Sources};

/// What a reload needs.
#[derive(Debug)]
pub(crate) struct Reloader {
    pub(crate) sources: Sources,
    pub(crate) settings: Settings,
    pub(crate) services: Described,
    pub(crate) last: Arc<LastReload>,
}

impl Reloader {
    /// Reads the file again at each signal. If it can't be used, the settings stay as they are.
    pub(crate) async fn run(mut self, mut hangup: Signal, collector: Collector) {
        while hangup.recv().await.is_some() {
            let begun = || sd_notify::notify(&[NotifyState::Reloading, reloading_since()]);
            notify_manager(begun).await;
            let read = self.reread();
            collector.follow(&self.settings.remotes);
            let status = match read {
                Ok(changes) => {
                    let services = self.services.registry().services().len();
                    tracing::info!(services, dropped = %changes, "configuration read again");
                    format!("configuration read again: {services} services, dropped {changes}")
                }
                Err(error) => {
                    tracing::error!("configuration not read again: {error}");
                    format!("configuration not read again: {error}")
                }
            };
            let ended =
                move || sd_notify::notify(&[NotifyState::Status(&status), NotifyState::Ready]);
            notify_manager(ended).await;
        }
    }

    fn reread(&mut self) -> Result<Changes, Failure> {
        let changes = self.changes();
        self.last.set(changes.is_ok());
        changes
    }

    fn changes(&mut self) -> Result<Changes, Failure> {
        let new = Settings::settle(&self.sources)?.with_own_service_of(&self.settings)?;
        self.reserve(&new)?;
        let changes = self.services.redescribe(&new.specs)?;
        let fixed = Settings {
            specs: new.specs.clone(),
            remotes: new.remotes.clone(),
            ..self.settings.clone()
        };
        if fixed != new {
            tracing::warn!("addresses, ports, caps and limits stay unchanged until the next start");
        }
        self.settings = fixed;
        Ok(changes)
    }
}

impl Reloader {
    /// Keeps the names of services elsewhere from being registered on first sight.
    fn reserve(&self, new: &Settings) -> Result<(), SettingsError> {
        let registry = self.services.registry();
        registry.reserve(names(&new.remotes));
        // A described one goes, if it is not described any more.
        let is_taken = |remote: &&Remote| {
            let name = &remote.name;
            let was_described = self.settings.specs.iter().any(|spec| spec.name == *name);
            !was_described && registry.get(name).is_some()
        };
        let Some(taken) = new.remotes.iter().find(is_taken) else { return Ok(()) };
        registry.reserve(names(&self.settings.remotes));
        Err(SettingsError::TakenOnFirstSight { name: taken.name.clone() })
    }
}

fn names(remotes: &[Remote]) -> impl Iterator<Item = &str> {
    remotes.iter().map(|remote| remote.name.as_str())
}

/// The time of the monotonic clock. `NotifyState::monotonic_usec_now` returns it too, but overflows
/// 36 minutes after the machine's start where C's `time_t` has 32 bits.
fn reloading_since() -> NotifyState<'static> {
    match clock_gettime(ClockId::CLOCK_MONOTONIC) {
        Ok(now) => NotifyState::MonotonicUsec(Duration::from(now).as_micros().cast_signed()),
        Err(_) => NotifyState::Status("reloading"),
    }
}
