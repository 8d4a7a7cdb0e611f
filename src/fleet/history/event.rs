//! How the events of one meter get into their minutes.
//!
//! A roll looks at the meter as of a second, and counts what it has not counted before. For this it keeps
//! what it has counted of each of the last 60 seconds. So an event counts in the minute of its own second,
//! also if it shows late there.
//!
//! # Events without a second
//!
//! The total may have more events than the seconds that were seen. All of them are counted in the end, so the
//! sums agree with the total.
//!
//! | case | what they are | where they count |
//! |---|---|---|
//! | 1 | The last roll was a minute ago or more. They came after it, in seconds that have left the window. | in the minute of that roll, at once |
//! | 2 | A recorder is already in the next second, which this roll doesn't look at. | in their own minute, at a later roll |
//! | 3 | More than a second can hold: the meter's seconds lack them. | as in case 1, but four seconds later, when case 2 is excluded |
//! | 4 | The first roll finds a meter that is older than a minute. They came before anything was known. | nowhere |
//!
//! In case 1 there may be a few events of case 2 among them, which would count twice. So what was guessed
//! is remembered, and is taken back as far as there are then more events counted than the total has.

use std::time::Duration;

use super::calendar::{Calendar, SECONDS};
use super::rings::Rings;
use crate::engine::{Moment, Snapshot, WeakMeter};

/// After so many seconds a recorder that was ahead is no longer.
const AHEAD: u64 = 4;

/// The history of one event.
#[derive(Debug)]
pub(super) struct EventHistory {
    pub(super) rings: Rings,
    /// What was read last.
    seen: Seen,
    /// The second of the last roll; `None` before the first one.
    tick: Option<u64>,
    /// The first second that is known.
    born: u64,
    /// What was counted of each of the 60 seconds up to `tick`.
    counted: [u64; SECONDS],
    /// How many events of this meter were counted.
    placed: u64,
    /// The minute of `tick`.
    minute: u64,
    /// Events without a second that may still get one, and the second in which they were noticed.
    unseen: Option<Without>,
    /// The last ones that were counted without.
    guessed: Option<Without>,
    /// Whether somebody described the event, so that it may come back with its count.
    pub(super) described: bool,
}

/// What a roll reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The meter of the event; none for a source.
    pub(super) meter: WeakMeter,
    /// Whether children count as well, so that the meter alone doesn't tell the event's count.
    pub(super) has_children: bool,
}

/// Events whose second isn't known.
#[derive(Clone, Copy, Debug)]
struct Without {
    count: u64,
    minute: u64,
    tick: u64,
}

// The names of an event and its service have at most 128 bytes each; the rest is for the map of events.
const _: () = assert!(size_of::<EventHistory>() + 2 * 128 + 256 <= 2048);

impl EventHistory {
    pub(super) fn new(rings: Rings, described: bool) -> Self {
        Self {
            rings,
            seen: Seen::default(),
            tick: None,
            born: 0,
            counted: [0; SECONDS],
            placed: 0,
            minute: 0,
            unseen: None,
            guessed: None,
            described,
        }
    }

    /// What was read last.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Whether it was read since the start, or is only remembered from before.
    pub(super) fn was_read(&self) -> bool {
        self.tick.is_some()
    }

    /// Counts what is new. `now` is the moment of the snapshot, and the calendar knows it. `seen` is where the
    /// snapshot comes from; another meter than before starts from zero.
    pub(super) fn roll(
        &mut self,
        snapshot: &Snapshot,
        now: Moment,
        seen: Seen,
        calendar: &Calendar,
    ) {
        let is_source = seen.meter.upgrade().is_none();
        if !self.seen.meter.is(&seen.meter) || (is_source && snapshot.total() < self.placed) {
            let known = std::mem::replace(self, Self::new(Rings::UNKNOWN, self.described));
            self.rings = known.rings;
        }
        self.seen = seen;
        let tick = now.tick().as_seconds();
        if self.tick.is_some_and(|last| last > tick) {
            return;
        }
        let window = (tick + 1).saturating_sub(SECONDS as u64);
        let is_first = self.tick.is_none();
        let first = match self.tick {
            Some(last) => last + 1,
            None => self.begin(now, snapshot.uptime()).max(window),
        };
        self.watch(first, window, tick, calendar);
        let most = if is_source { snapshot.total().saturating_sub(self.placed) } else { u64::MAX };
        self.count_seconds(snapshot, tick, calendar, most);
        // Events may have come in the very second of the last roll, after it.
        let is_gap = self.tick.is_some_and(|last| last < window);
        if is_first && self.born < window {
            self.placed = self.placed.max(snapshot.total());
        }
        self.count_the_rest(snapshot.total(), tick, is_gap);
        (self.tick, self.minute) = (Some(tick), calendar.minute_of(tick));
    }

    /// The second in which the meter came into use.
    fn begin(&mut self, now: Moment, uptime: Duration) -> u64 {
        self.born = now.elapsed().saturating_sub(uptime).as_secs();
        self.born
    }

    /// Notes that the seconds from `first` to `tick` were watched.
    fn watch(&mut self, first: u64, window: u64, tick: u64, calendar: &Calendar) {
        if first < window {
            let from = calendar.minute_of(first).max(self.rings.head());
            self.rings.watch(from, calendar.minute_of(window).max(from));
        }
        let mut watched = None;
        for second in first.max(window)..=tick {
            let minute = calendar.minute_of(second);
            if watched.replace(minute) != Some(minute) {
                self.rings.watch(minute, minute);
            }
        }
    }

    fn count_seconds(
        &mut self,
        snapshot: &Snapshot,
        tick: u64,
        calendar: &Calendar,
        mut most: u64,
    ) {
        let before = self.counted;
        let moved = usize::try_from(tick - self.tick.unwrap_or(tick)).unwrap_or(usize::MAX);
        for (index, &count) in snapshot.per_second().iter().enumerate() {
            let known = index.checked_add(moved).and_then(|index| before.get(index));
            let known = known.copied().unwrap_or(0);
            self.counted[index] = count.max(known);
            let new = count.saturating_sub(known).min(most);
            most -= new;
            let second = (tick + 1 + index as u64).checked_sub(SECONDS as u64);
            if let Some(second) = second.filter(|_| new > 0) {
                self.rings.add(calendar.minute_of(second), new);
                self.placed = self.placed.saturating_add(new);
            }
        }
    }

    /// Counts what the total has and no second; see the [module](self).
    fn count_the_rest(&mut self, total: u64, tick: u64, is_gap: bool) {
        if let Some(guess) = self.guessed.as_mut().filter(|_| self.placed > total) {
            let excess = guess.count.min(self.placed - total);
            self.rings.take_back(guess.minute, excess);
            self.placed -= excess;
            guess.count -= excess;
        }
        let count = total.saturating_sub(self.placed);
        if count == 0 {
            self.unseen = None;
            return;
        }
        let noticed = Without { count, minute: self.minute, tick };
        let certain = match self.unseen {
            _ if is_gap => noticed,
            Some(unseen) if tick >= unseen.tick + AHEAD => {
                Without { count: count.min(unseen.count), ..unseen }
            }
            Some(_) => return,
            None => {
                self.unseen = Some(noticed);
                return;
            }
        };
        self.rings.add(certain.minute, certain.count);
        self.placed += certain.count;
        (self.unseen, self.guessed) = (None, Some(certain));
    }

    /// The counts of the 60 seconds up to `tick`, oldest first; `None` for those before anything was known.
    pub(super) fn seconds(&self, tick: u64) -> [Option<u64>; SECONDS] {
        std::array::from_fn(|index| {
            let second = (tick + 1 + index as u64).checked_sub(SECONDS as u64)?;
            let last = self.tick.filter(|&last| self.born <= second && second <= last)?;
            let back = usize::try_from(last - second).ok()?;
            Some(self.counted[(SECONDS - 1).checked_sub(back)?])
        })
    }

    /// Moves all of it to an earlier time.
    pub(super) fn shift(&mut self, days: u64) {
        self.rings.shift(days);
        let minutes = days * super::rings::MINUTES_PER_DAY;
        self.minute = self.minute.saturating_sub(minutes);
        for without in [&mut self.unseen, &mut self.guessed].into_iter().flatten() {
            without.minute = without.minute.saturating_sub(minutes);
        }
    }
}
