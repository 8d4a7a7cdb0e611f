//! The counts of an event by minute, hour and day.

/// How many minutes, hours and days are kept, the current ones included.
pub(super) const MINUTES: usize = 60;
pub(super) const HOURS: usize = 24;
pub(super) const DAYS: usize = 30;

pub(super) const MINUTES_PER_HOUR: u64 = 60;
pub(super) const MINUTES_PER_DAY: u64 = 24 * MINUTES_PER_HOUR;

/// In place of a count: nothing is known. No count is that large.
const UNKNOWN: u64 = u64::MAX;

/// Three rings of counts. A minute is named by its number since 1970 in UTC. It belongs to one hour and to
/// one day, so what is counted in a minute is counted in these as well, and the sums agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rings {
    /// The current minute. It never goes back, but for [`shift`](Self::shift).
    head: u64,
    minutes: Ring<MINUTES>,
    hours: Ring<HOURS>,
    days: Ring<DAYS>,
}

/// The counts of the last `N` units of time. Unit `u` is in slot `u % N`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ring<const N: usize>([u64; N]);

impl Rings {
    /// Rings that know nothing, and whose current minute is 1970's first one.
    pub(super) const UNKNOWN: Self =
        Self { head: 0, minutes: Ring::UNKNOWN, hours: Ring::UNKNOWN, days: Ring::UNKNOWN };

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Makes `minute` the current one. What comes between is unknown. Of a minute that has passed nothing
    /// changes.
    pub(super) fn advance(&mut self, minute: u64) {
        self.minutes.clear(self.head, minute);
        self.hours.clear(self.head / MINUTES_PER_HOUR, minute / MINUTES_PER_HOUR);
        self.days.clear(self.head / MINUTES_PER_DAY, minute / MINUTES_PER_DAY);
        self.head = self.head.max(minute);
    }

    /// Notes that a second was watched in each minute from `first` to `last`: where nothing is known, there is
    /// now zero. `last` becomes the current minute if it is later than that.
    pub(super) fn watch(&mut self, first: u64, last: u64) {
        self.advance(last);
        let (head, hour, day) =
            (self.head, self.head / MINUTES_PER_HOUR, self.head / MINUTES_PER_DAY);
        self.minutes.watch(first, last, head);
        self.hours.watch(first / MINUTES_PER_HOUR, last / MINUTES_PER_HOUR, hour);
        self.days.watch(first / MINUTES_PER_DAY, last / MINUTES_PER_DAY, day);
    }

    /// Counts `n` events in a minute, which is known then. Units that are too old to be kept are left out.
    pub(super) fn add(&mut self, minute: u64, n: u64) {
        for count in self.counts_at(minute) {
            let known = if *count == UNKNOWN { 0 } else { *count };
            *count = known.saturating_add(n).min(UNKNOWN - 1);
        }
    }

    /// Takes `n` events back that were counted in a minute before.
    pub(super) fn take_back(&mut self, minute: u64, n: u64) {
        for count in self.counts_at(minute).filter(|count| **count != UNKNOWN) {
            *count = count.saturating_sub(n);
        }
    }

    /// The counts that a minute belongs to.
    fn counts_at(&mut self, minute: u64) -> impl Iterator<Item = &mut u64> {
        let head = self.head;
        let (hour, day) = (minute / MINUTES_PER_HOUR, minute / MINUTES_PER_DAY);
        let counts = [
            self.minutes.at(minute, head),
            self.hours.at(hour, head / MINUTES_PER_HOUR),
            self.days.at(day, head / MINUTES_PER_DAY),
        ];
        counts.into_iter().flatten()
    }

    /// Moves all of it to an earlier time, by whole days. So each minute stays in its hour, and each hour in
    /// its day.
    pub(super) fn shift(&mut self, days: u64) {
        let days = days.min(self.head / MINUTES_PER_DAY);
        self.head -= days * MINUTES_PER_DAY;
        // A day has whole rounds of the other two rings.
        let slots = usize::try_from(days % DAYS as u64).unwrap_or(0);
        self.days.0.rotate_left(slots);
    }

    /// The counts of the last minutes as of `now`, oldest first; `None` where nothing is known.
    pub(super) fn minutes(&self, now: u64) -> [Option<u64>; MINUTES] {
        self.minutes.as_of(now, self.head)
    }

    /// The same of hours.
    pub(super) fn hours(&self, now: u64) -> [Option<u64>; HOURS] {
        self.hours.as_of(now / MINUTES_PER_HOUR, self.head / MINUTES_PER_HOUR)
    }

    /// The same of days.
    pub(super) fn days(&self, now: u64) -> [Option<u64>; DAYS] {
        self.days.as_of(now / MINUTES_PER_DAY, self.head / MINUTES_PER_DAY)
    }

    /// The rings whose current minute is `head`, and which have these counts, oldest first.
    pub(super) fn from_counts(
        head: u64,
        minutes: &[Option<u64>; MINUTES],
        hours: &[Option<u64>; HOURS],
        days: &[Option<u64>; DAYS],
    ) -> Self {
        Self {
            head,
            minutes: Ring::from_counts(head, minutes),
            hours: Ring::from_counts(head / MINUTES_PER_HOUR, hours),
            days: Ring::from_counts(head / MINUTES_PER_DAY, days),
        }
    }

    /// Whether there is any event in what would be shown at `now`.
    pub(super) fn has_events(&self, now: u64) -> bool {
        self.days(now.max(self.head)).into_iter().flatten().any(|count| count > 0)
    }
}

impl<const N: usize> Ring<N> {
    const UNKNOWN: Self = Self([UNKNOWN; N]);

    fn slot(unit: u64) -> usize {
        usize::try_from(unit % N as u64).unwrap_or(0)
    }

    /// Forgets what was in the places of the units after `head`, up to `now`.
    fn clear(&mut self, head: u64, now: u64) {
        for unit in (head + 1).max((now + 1).saturating_sub(N as u64))..=now {
            self.0[Self::slot(unit)] = UNKNOWN;
        }
    }

    fn watch(&mut self, first: u64, last: u64, head: u64) {
        for unit in first.max((last + 1).saturating_sub(N as u64))..=last {
            if let Some(count) = self.at(unit, head).filter(|count| **count == UNKNOWN) {
                *count = 0;
            }
        }
    }

    /// The place of a unit, if the ring has one for it while `head` is the current unit.
    fn at(&mut self, unit: u64, head: u64) -> Option<&mut u64> {
        (unit <= head && head - unit < N as u64).then(|| &mut self.0[Self::slot(unit)])
    }

    fn as_of(&self, now: u64, head: u64) -> [Option<u64>; N] {
        std::array::from_fn(|index| {
            let unit = (now + 1 + index as u64).checked_sub(N as u64)?;
            let there = unit <= head && head - unit < N as u64;
            Some(self.0[Self::slot(unit)]).filter(|count| there && *count != UNKNOWN)
        })
    }

    fn from_counts(head: u64, counts: &[Option<u64>; N]) -> Self {
        let mut ring = Self::UNKNOWN;
        for (index, count) in counts.iter().enumerate() {
            let unit = (head + 1 + index as u64).checked_sub(N as u64);
            if let (Some(unit), Some(count)) = (unit, count) {
                ring.0[Self::slot(unit)] = (*count).min(UNKNOWN - 1);
            }
        }
        ring
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum<const N: usize>(counts: [Option<u64>; N]) -> u64 {
        counts.into_iter().flatten().sum()
    }

    #[test]
    fn minute_counts_in_its_hour_and_its_day() {
        let now = 20_000 * MINUTES_PER_DAY;
        let mut rings = Rings::UNKNOWN;
        rings.watch(now - 1, now);
        rings.add(now - 1, 3);
        rings.add(now, 4);
        assert_eq!(rings.minutes(now)[58..], [Some(3), Some(4)]);
        assert_eq!(rings.hours(now)[22..], [Some(3), Some(4)]);
        assert_eq!(rings.days(now)[28..], [Some(3), Some(4)]);
        assert_eq!(rings.minutes(now)[57], None);
    }

    #[test]
    fn what_is_too_old_is_left_out_ring_by_ring() {
        let start = 20_000 * MINUTES_PER_DAY;
        let mut rings = Rings::UNKNOWN;
        rings.watch(start, start);
        rings.add(start, 5);
        for (later, minutes, hours, days) in [
            (59, 5, 5, 5),
            (60, 0, 5, 5),
            (24 * 60 - 1, 0, 5, 5),
            (24 * 60, 0, 0, 5),
            (30 * MINUTES_PER_DAY - 1, 0, 0, 5),
            (30 * MINUTES_PER_DAY, 0, 0, 0),
            (u64::from(u32::MAX), 0, 0, 0),
        ] {
            let now = start + later;
            // Whether the time goes on in the rings, or only in the eyes of who reads them.
            let mut moved = rings.clone();
            moved.advance(now);
            for rings in [&moved, &rings] {
                let sums = [sum(rings.minutes(now)), sum(rings.hours(now)), sum(rings.days(now))];
                assert_eq!(sums, [minutes, hours, days], "{later} minutes later");
            }
            moved.add(start, 1);
            assert_eq!(sum(moved.days(now)), days + u64::from(days > 0));
        }
    }

    #[test]
    fn only_watched_minutes_are_known() {
        let start = 20_000 * MINUTES_PER_DAY + 600;
        let mut rings = Rings::UNKNOWN;
        rings.watch(start, start + 1);
        rings.watch(start + 5, start + 6);
        let known = rings.minutes(start + 7).map(|count| count.is_some());
        assert_eq!(known[52..], [true, true, false, false, false, true, true, false]);
        rings.add(start + 3, 1);
        assert_eq!(rings.minutes(start + 7)[55], Some(1), "an event makes its minute known");
    }

    #[test]
    fn shift_keeps_minutes_in_their_hours_and_days() {
        let mut rings = Rings::UNKNOWN;
        let start = 20_000 * MINUTES_PER_DAY + 777;
        for (index, minute) in [0, 1, 59, 60, 1440, 1441, 3000].into_iter().enumerate() {
            rings.watch(start + minute, start + minute);
            rings.add(start + minute, 1 << index);
        }
        let now = start + 3000;
        let before = (rings.minutes(now), rings.hours(now), rings.days(now));
        for days in [1, 29, 30, 31, 400] {
            let mut shifted = rings.clone();
            shifted.shift(days);
            let now = now - days * MINUTES_PER_DAY;
            assert_eq!((shifted.minutes(now), shifted.hours(now), shifted.days(now)), before);
            let copy = Rings::from_counts(now, &before.0, &before.1, &before.2);
            assert_eq!(copy, shifted);
        }
    }
}
