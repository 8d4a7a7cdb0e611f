//! What an event has counted, as of one moment: the sum of its children, and each of them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::family::children::Child;
use super::family::{Children, LabelSet};
use crate::engine::{Meter, Moment, Snapshot, Timer, TimerHandle, TimerSnapshot};

/// The figures of an event.
pub(super) struct Read {
    pub(super) events: Snapshot,
    /// The same with durations, if the event is timed.
    pub(super) timed: Option<TimerSnapshot>,
    /// Child by child, if that was wanted and the event has labels.
    pub(super) series: Option<ReadSeries>,
}

/// The figures of an event child by child. They and what has retired add up to those of the event.
#[derive(Default)]
pub(super) struct ReadSeries {
    pub(super) children: Vec<ReadChild>,
    pub(super) retired: u64,
}

/// The figures of a child.
pub(super) struct ReadChild {
    pub(super) labels: LabelSet,
    pub(super) started_at: SystemTime,
    pub(super) events: Snapshot,
    pub(super) timed: Option<TimerSnapshot>,
}

/// The sums are `None` if the clock has moved on too far meanwhile. In each of them the meter of the event
/// itself comes last: its pass finds out whether the reader was held up.
impl Read {
    pub(super) fn of(events: Snapshot) -> Self {
        Self { events, timed: None, series: None }
    }

    pub(super) fn of_timer(timed: TimerSnapshot) -> Self {
        Self { events: timed.events().clone(), timed: Some(timed), series: None }
    }

    pub(super) fn set_uptime(&mut self, uptime: Duration) {
        self.events.set_uptime(uptime);
        if let Some(timed) = &mut self.timed {
            timed.set_uptime(uptime);
        }
        for child in self.series.iter_mut().flat_map(|series| &mut series.children) {
            child.events.set_uptime(uptime);
        }
    }

    pub(super) fn sum(families: &[Arc<Children>], meter: &Meter, now: Moment) -> Option<Self> {
        let mut events = Snapshot::empty();
        let in_time = families.iter().all(|family| family.add_to(&mut events, now));
        (in_time && meter.read_into(&mut events, now)).then(|| Self::of(events))
    }

    pub(super) fn timed_sum(
        families: &[Arc<Children>],
        timer: &Timer,
        now: Moment,
    ) -> Option<Self> {
        let mut sum = TimerSnapshot::empty();
        if !families.iter().all(|family| family.add_timed_to(&mut sum, now)) {
            return None;
        }
        sum.add(&timer.snapshot_at(now)?);
        sum.complete(now, now);
        Some(Self::of_timer(sum))
    }

    /// With the children of `family`. `earlier` are those that are in the sum only.
    pub(super) fn series(
        family: &Children,
        earlier: &[Arc<Children>],
        timer: Option<&TimerHandle>,
        now: Moment,
    ) -> Option<Self> {
        let mut sum = TimerSnapshot::empty();
        if !earlier.iter().all(|family| family.add_timed_to(&mut sum, now)) {
            return None;
        }
        let (shown, keys) = (family.shown(), family.keys());
        shown.add_retired_to(&mut sum);
        let retired = sum.events().total();
        let mut children = Vec::with_capacity(shown.children().len() + 1);
        for child in shown.children().iter().chain([family.unlabelled()]) {
            let read = child.read(now)?;
            sum.add(&read);
            if child.is_shown(read.events().total()) {
                children.push(ReadChild::of(child.label_set(&keys), child, read, timer.is_some()));
            }
        }
        sum.complete(now, now);
        let series = Some(ReadSeries { children, retired });
        let events = sum.events().clone();
        Some(Self { events, timed: timer.map(|_| sum), series })
    }
}

impl ReadChild {
    fn of(labels: LabelSet, child: &Child, read: TimerSnapshot, timed: bool) -> Self {
        Self {
            labels,
            started_at: child.started_at(),
            events: read.events().clone(),
            timed: timed.then_some(read),
        }
    }
}
