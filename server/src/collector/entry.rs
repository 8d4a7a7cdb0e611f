//! What the consolidated document shows of a service elsewhere, as plain values.

#![allow(dead_code)] // There is no such document yet.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::ask::{Trouble, TroubleKind};
use super::{Collector, Figures, Remote, State};

/// A service elsewhere, as of now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) remote: Arc<Remote>,
    pub(crate) status: Status,
    /// Zeros where there are none.
    pub(crate) figures: Figures,
    /// Why there are none.
    pub(crate) trouble: Option<Trouble>,
    pub(crate) response_time: Option<Duration>,
    pub(crate) last_success: Option<SystemTime>,
    pub(crate) last_activity: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Active,
    Inactive,
    Error,
    Timeout,
}

impl Collector {
    /// An entry for each service elsewhere. One is active that had an event within `active_within`. Waits for
    /// nobody.
    pub(crate) fn entries(&self, active_within: Duration) -> Vec<Entry> {
        let now = SystemTime::now();
        let states = self.states().into_iter();
        states.map(|(remote, state)| entry(remote, state, active_within, now)).collect()
    }
}

fn entry(remote: Arc<Remote>, state: State, active_within: Duration, now: SystemTime) -> Entry {
    let since = |then: SystemTime| now.duration_since(then).unwrap_or_default();
    let is_active = state.last_activity.is_some_and(|then| since(then) <= active_within);
    let (status, figures, trouble) = match state.figures {
        Ok(figures) if is_active => (Status::Active, figures, None),
        Ok(figures) => (Status::Inactive, figures, None),
        Err(trouble) if trouble.kind == TroubleKind::Timeout => {
            (Status::Timeout, Figures::default(), Some(trouble))
        }
        Err(trouble) => (Status::Error, Figures::default(), Some(trouble)),
    };
    let is_fallback = trouble.is_some();
    Entry {
        remote,
        status,
        figures,
        trouble,
        // They are those of an answer.
        response_time: state.response_time.filter(|_| !is_fallback),
        last_success: state.last_success,
        last_activity: state.last_activity.filter(|_| !is_fallback),
    }
}
