//! The consolidated document: an entry for each service, and what the entries add up to.
//!
//! Plain values: nothing here reads a meter or a clock. Who has an entry, of a service in this process or
//! of one elsewhere, adds it with [`Consolidated::add`].

use std::time::Duration;

use serde::Serialize;

use super::Timestamp;
use super::values::ProcessingTime;

/// One service in the document.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) service: String,
    pub(crate) port: Option<u16>,
    pub(crate) category: String,
    pub(crate) outcome: Outcome,
    /// How long the service took to answer; `None` for one in this process.
    pub(crate) response_time: Option<Duration>,
    /// When its figures were last had, by the wall clock.
    pub(crate) last_success: Option<Timestamp>,
}

/// What asking a service came to.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Its figures. `is_active` says whether it had an event lately.
    Figures { is_active: bool, figures: EntryFigures },
    /// Its figures can't be had.
    Failed { error_type: ErrorType, error: String },
}

/// The figures of one service. The default is what a service without an event has.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryFigures {
    /// The rate on the service's basis.
    pub(crate) events_per_second: f64,
    pub(crate) total_events: u64,
    pub(crate) uptime: Duration,
    /// When the last event was, by the wall clock.
    pub(crate) last_activity: Option<Timestamp>,
    pub(crate) last_event_age: Option<Duration>,
    pub(crate) peak_per_second: u64,
    /// What is shown beside these with `series=1`.
    pub(crate) details: Option<EntryDetails>,
}

/// What an entry shows with `series=1`.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryDetails {
    /// The last 60 seconds, oldest first.
    pub(crate) per_second: Vec<u64>,
    /// The durations of the last minute, for each timed event.
    pub(crate) processing_time: Vec<(String, ProcessingTime)>,
}

/// Why the figures of a service can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorType {
    /// It did not answer in time.
    Timeout,
    /// It can't be reached, or its answer can't be used.
    ClientError,
    /// It failed so often that it isn't asked for a while.
    CircuitOpen,
    /// Its source failed or panicked.
    UnexpectedError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Active,
    Inactive,
    Error,
    Timeout,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Error => "error",
            Self::Timeout => "timeout",
        }
    }
}

impl Entry {
    pub(crate) fn status(&self) -> Status {
        match self.outcome {
            Outcome::Figures { is_active: true, .. } => Status::Active,
            Outcome::Figures { is_active: false, .. } => Status::Inactive,
            Outcome::Failed { error_type: ErrorType::Timeout, .. } => Status::Timeout,
            Outcome::Failed { .. } => Status::Error,
        }
    }

    /// The figures; `None` if they can't be had.
    pub(crate) fn figures(&self) -> Option<&EntryFigures> {
        match &self.outcome {
            Outcome::Figures { figures, .. } => Some(figures),
            Outcome::Failed { .. } => None,
        }
    }

    /// Why the figures can't be had.
    pub(crate) fn error(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Figures { .. } => None,
            Outcome::Failed { error, .. } => Some(error),
        }
    }
}

impl EntryFigures {
    pub(crate) fn events_per_hour(&self) -> f64 {
        self.events_per_second * 3600.0
    }
}

/// The document. `written` says how it is serialised.
#[derive(Clone, Debug)]
pub(crate) struct Consolidated {
    entries: Vec<Entry>,
    timestamp: Timestamp,
    collection_time: Duration,
}

/// What the entries add up to. The sums are those of the active ones, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) events_per_second: f64,
    pub(crate) events_per_hour: f64,
    pub(crate) active: usize,
    pub(crate) inactive: usize,
    /// Those whose figures can't be had, for whatever reason.
    pub(crate) failed: usize,
}

impl Consolidated {
    /// A document without entries, as of this time.
    pub(crate) fn new(timestamp: Timestamp) -> Self {
        Self { entries: Vec::new(), timestamp, collection_time: Duration::ZERO }
    }

    /// Adds a service.
    pub(crate) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Sets how long it took to have all entries.
    pub(crate) fn took(&mut self, collection_time: Duration) {
        self.collection_time = collection_time;
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn collection_time(&self) -> Duration {
        self.collection_time
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for entry in &self.entries {
            match &entry.outcome {
                Outcome::Figures { is_active: true, figures } => {
                    totals.active += 1;
                    totals.events_per_second += figures.events_per_second;
                    totals.events_per_hour += figures.events_per_hour();
                }
                Outcome::Figures { is_active: false, .. } => totals.inactive += 1,
                Outcome::Failed { .. } => totals.failed += 1,
            }
        }
        totals
    }

    pub(super) fn active(&self) -> impl Iterator<Item = &Entry> + Clone {
        self.entries.iter().filter(|entry| entry.status() == Status::Active)
    }
}
