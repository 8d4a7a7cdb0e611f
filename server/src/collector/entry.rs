//! What the consolidated document shows of a service elsewhere.

use std::time::Duration;

use tickring::{Elsewhere, ElsewhereFigures, ErrorType};

use super::ask::TroubleKind;
use super::{Collector, Remote, State};

impl Collector {
    /// All services elsewhere, and what is known of them now. Waits for nobody.
    pub(crate) fn elsewhere(&self) -> Vec<Elsewhere> {
        self.states().into_iter().map(|(remote, state)| elsewhere(&remote, state)).collect()
    }
}

fn elsewhere(remote: &Remote, state: State) -> Elsewhere {
    let last_activity = state.last_activity;
    let figures = state.figures.map(|known| {
        let mut figures = ElsewhereFigures::default();
        figures.events_per_second = known.events_per_second;
        figures.total_events = known.total_events;
        figures.uptime = Duration::try_from_secs_f64(known.uptime_seconds).unwrap_or_default();
        figures.last_activity = last_activity;
        figures.peak_per_second = known.peak_events_per_second.unwrap_or_default();
        figures.per_second = known.per_second.unwrap_or_default();
        figures
    });
    let is_known = figures.is_ok();
    let figures = figures.map_err(|trouble| (error_type(trouble.kind), trouble.message));
    let mut service = Elsewhere::new(&remote.name, figures);
    service.port = remote.port;
    service.category.clone_from(&remote.category);
    service.basis = remote.basis;
    // It is that of an answer.
    service.response_time = state.response_time.filter(|_| is_known);
    service.last_success = state.last_success;
    service
}

fn error_type(kind: TroubleKind) -> ErrorType {
    match kind {
        TroubleKind::Timeout => ErrorType::Timeout,
        TroubleKind::ClientError => ErrorType::ClientError,
        TroubleKind::CircuitOpen => ErrorType::CircuitOpen,
        TroubleKind::UnexpectedError => ErrorType::UnexpectedError,
    }
}
