//! Which minute of the wall clock a second of a clock belongs to.
//!
//! A second belongs to the minute of UTC in which it begins. That is settled when the second is first seen,
//! and stays: an event that is found late counts in the minute of its second, whatever the wall clock did
//! since. Minutes never go back either, so the sums of seconds stay the sums of minutes.
//!
//! | the wall clock | what happens |
//! |---|---|
//! | is slewed, or stepped forward | the next seconds belong to the minutes that it shows. Minutes without any second stay unknown. |
//! | is stepped back by up to an hour | the seconds go on to belong to the latest minute until the clock has come there again |
//! | is stepped back by more | the same for ten minutes, in which it may be set right: a machine without a battery for its clock starts in 1970. Then the clock is taken to be right, and all that was counted moves back, by the whole days that put it before now. |

use std::time::Duration;

use super::rings::MINUTES_PER_DAY;
use crate::engine::{Clock, Moment};

/// How many seconds are remembered: those of a meter's window.
pub(super) const SECONDS: usize = 60;
/// How many seconds the wall clock may be far behind before it is taken to be right.
const WAIT: u64 = 600;
/// How many minutes it may be behind for as long as that takes.
const FAR: u64 = 60;

/// The seconds of a clock and their minutes.
#[derive(Debug)]
pub(super) struct Calendar {
    clock: Clock,
    /// The current second, if one was seen.
    tick: Option<u64>,
    /// When the current second began, by the wall clock.
    began: Duration,
    /// The minutes of the last seconds. Second `t` is in slot `t % SECONDS`.
    minutes: [u64; SECONDS],
    /// The latest minute.
    latest: u64,
    /// Since which second the wall clock has been far behind.
    behind: Option<u64>,
}

impl Calendar {
    /// A calendar whose minutes are not before `earliest`.
    pub(super) fn new(clock: Clock, earliest: u64) -> Self {
        let minutes = [earliest; SECONDS];
        Self { clock, tick: None, began: Duration::ZERO, minutes, latest: earliest, behind: None }
    }

    pub(super) fn is_of(&self, clock: &Clock) -> bool {
        self.clock.is(clock)
    }

    /// Settles the minutes of all seconds up to `now`, which is `wall` by the wall clock, since 1970.
    /// Returns by how many days all that was counted has to move back, which is seldom not zero.
    pub(super) fn advance(&mut self, now: Moment, wall: Duration) -> u64 {
        let tick = now.tick().as_seconds();
        let passed = Duration::from_nanos(now.elapsed().subsec_nanos().into());
        if self.tick.is_some_and(|known| known >= tick) {
            return 0;
        }
        self.began = wall.saturating_sub(passed);
        let minute = self.minute_by_the_wall(tick, tick);
        let days = self.days_to_move(tick, minute);
        self.shift(days);
        let first = self.tick.map_or(0, |known| known + 1);
        for second in first.max((tick + 1).saturating_sub(SECONDS as u64))..=tick {
            let minute = self.minute_by_the_wall(second, tick);
            self.latest = self.latest.max(minute);
            self.minutes[slot(second)] = self.latest;
        }
        self.tick = Some(tick);
        days
    }

    /// Moves all minutes back.
    pub(super) fn shift(&mut self, days: u64) {
        if days == 0 {
            return;
        }
        for minute in self.minutes.iter_mut().chain([&mut self.latest]) {
            *minute = minute.saturating_sub(days * MINUTES_PER_DAY);
        }
        self.behind = None;
    }

    fn days_to_move(&mut self, tick: u64, minute: u64) -> u64 {
        let far = self.latest.saturating_sub(minute);
        if far <= FAR {
            self.behind = None;
            return 0;
        }
        let since = *self.behind.get_or_insert(tick);
        if tick - since < WAIT { 0 } else { far.div_ceil(MINUTES_PER_DAY) }
    }

    /// The minute in which a second began, by the wall clock as it is in the second `tick`.
    fn minute_by_the_wall(&self, second: u64, tick: u64) -> u64 {
        self.began.saturating_sub(Duration::from_secs(tick - second)).as_secs() / 60
    }

    /// The minute of a second that has been seen. Of one that is older than those that are remembered it is
    /// what the wall clock suggests, but no later than any that came after it.
    pub(super) fn minute_of(&self, second: u64) -> u64 {
        let Some(tick) = self.tick else { return self.latest };
        if tick.saturating_sub(second) < SECONDS as u64 {
            return self.minutes[slot(second.min(tick))];
        }
        let oldest = self.minutes[slot(tick + 1)];
        self.minute_by_the_wall(second, tick).min(oldest)
    }

    /// The latest minute: that of the current second.
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    /// The second of UTC, since 1970, in which the current second began.
    pub(super) fn began(&self) -> u64 {
        self.began.as_secs()
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;

    const NOON: u64 = 1_800_000_000;

    fn calendar() -> Calendar {
        Calendar::new(ManualClock::new().into(), 0)
    }

    fn at(second: u64, millis: u64) -> Moment {
        Moment::since_origin(Duration::from_secs(second) + Duration::from_millis(millis))
    }

    #[test]
    fn second_belongs_to_the_minute_in_which_it_begins() {
        let mut calendar = calendar();
        // At 7.4 s it is half past the last second of a minute.
        calendar.advance(at(7, 400), Duration::from_millis((NOON + 59) * 1000 + 500));
        calendar.advance(at(8, 400), Duration::from_millis((NOON + 60) * 1000 + 500));
        let minute = NOON / 60;
        assert_eq!([7, 8].map(|second| calendar.minute_of(second)), [minute, minute + 1]);
        assert_eq!(calendar.began(), NOON + 60);
    }

    #[test]
    fn minutes_stay_when_the_wall_clock_steps() {
        let mut calendar = calendar();
        let minute = NOON / 60;
        calendar.advance(at(10, 0), Duration::from_secs(NOON));
        // A step forward by an hour, and one back by half an hour.
        calendar.advance(at(20, 0), Duration::from_secs(NOON + 3600));
        assert_eq!(calendar.minute_of(10), minute);
        assert_eq!(calendar.minute_of(20), minute + 60);
        calendar.advance(at(30, 0), Duration::from_secs(NOON + 1800));
        assert_eq!(calendar.minute_of(30), minute + 60, "it does not go back");
        let later = 30 + 1800 + 60;
        calendar.advance(at(later, 0), Duration::from_secs(NOON + 1800 + later - 30));
        assert_eq!(calendar.latest(), minute + 61, "until the clock has come there again");
    }

    #[test]
    fn clock_that_stays_far_behind_is_right_in_the_end() {
        let mut calendar = Calendar::new(ManualClock::new().into(), NOON / 60);
        // It starts in 1970, and is set right after a minute.
        assert_eq!(calendar.advance(at(0, 0), Duration::from_secs(0)), 0);
        assert_eq!(calendar.latest(), NOON / 60);
        assert_eq!(calendar.advance(at(60, 0), Duration::from_secs(NOON + 60)), 0);
        assert_eq!(calendar.latest(), NOON / 60 + 1);
        // It was a year ahead.
        let year = 365 * 86_400;
        let mut moved = 0;
        for second in (70..800).step_by(10) {
            moved += calendar.advance(at(second, 0), Duration::from_secs(NOON + second - year));
            assert_eq!(moved, if second < 670 { 0 } else { 365 }, "at {second}");
        }
        assert!(calendar.latest().abs_diff((NOON + 800 - year) / 60) <= 1);
    }
}
