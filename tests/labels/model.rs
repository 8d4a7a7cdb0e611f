//! What should have been counted: a map of exact counts.

use std::collections::{HashMap, HashSet};

use tickring::MeterHandle;

use crate::{CAP, IDLE, Labels, OTHER};

/// What a child has counted, by second.
#[derive(Default)]
pub(crate) struct Counted(Vec<(u64, u64)>);

impl Counted {
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|(_, n)| n).sum()
    }

    pub(crate) fn in_window(&self, now: u64) -> u64 {
        self.0.iter().filter(|(second, _)| second + 60 > now).map(|(_, n)| n).sum()
    }

    /// The time since the end of the last second that had an event.
    fn is_idle(&self, made: u64, now: u64) -> bool {
        match self.0.iter().map(|(second, _)| second + 1).max() {
            Some(end) => end + IDLE <= now,
            None => made + IDLE <= now,
        }
    }
}

/// What should have been counted.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) now: u64,
    /// With the second in which they were made.
    pub(crate) children: HashMap<Labels, (u64, Counted)>,
    pub(crate) retired: u64,
    pub(crate) total: u64,
    /// The sets that the facade has found.
    facade: HashSet<Labels>,
    /// Whether the facade has found no room.
    facade_is_full: bool,
}

impl Model {
    /// The labels under which a set counts that comes through the facade.
    pub(crate) fn through_facade(&mut self, labels: Labels) -> Labels {
        if self.facade.contains(&labels) {
            return labels;
        }
        if self.facade_is_full {
            return OTHER;
        }
        let under = self.counts_under(labels);
        self.look_up(labels);
        if under == OTHER {
            self.facade_is_full = self.is_full();
        } else {
            self.facade.insert(labels);
        }
        under
    }

    fn is_full(&self) -> bool {
        let taken = self.children.keys().filter(|&&labels| labels != ["", ""] && labels != OTHER);
        taken.count() >= CAP
    }

    /// The labels under which a set counts.
    pub(crate) fn counts_under(&self, labels: Labels) -> Labels {
        let known = self.children.contains_key(&labels) || labels == ["", ""] || labels == OTHER;
        if known || !self.is_full() { labels } else { OTHER }
    }

    pub(crate) fn look_up(&mut self, labels: Labels) -> &mut Counted {
        let under = self.counts_under(labels);
        let now = self.now;
        &mut self.children.entry(under).or_insert_with(|| (now, Counted::default())).1
    }

    pub(crate) fn record(&mut self, labels: Labels, n: u64) {
        let now = self.now;
        let counted = self.look_up(labels);
        if n > 0 {
            counted.0.push((now, n));
        }
        self.total += n;
    }

    /// Those that may retire, if nobody holds them.
    pub(crate) fn idle(&self, held: &[(Labels, MeterHandle)]) -> Vec<Labels> {
        let idle = self.children.iter().filter(|(labels, (made, counted))| {
            **labels != ["", ""]
                && **labels != OTHER
                && counted.is_idle(*made, self.now)
                && !self.facade.contains(*labels)
                && !held.iter().any(|(held, _)| held == *labels)
        });
        idle.map(|(labels, _)| *labels).collect()
    }
}
