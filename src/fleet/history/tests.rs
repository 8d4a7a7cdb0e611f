//! The laws of a history, on a manual clock and a wall clock that is an argument.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::engine::{ManualClock, Meter, MeterHandle};
use crate::fleet::{AutoRegister, Forgetting, ServiceSpec};

/// The wall clock at the origin of the manual one, in milliseconds. Seconds of the two begin at different times.
const ORIGIN: u64 = 1_800_000_123_400;
const HOUR: u64 = 3600;

struct Fixture {
    clock: ManualClock,
    registry: Registry,
    history: History,
    /// How far the wall clock was stepped, in seconds.
    stepped: i64,
}

fn spec(events: &[&str]) -> ServiceSpec {
    let builder = Service::builder("a");
    let builder = events.iter().fold(builder, |builder, event| builder.event(*event));
    builder.build().unwrap().spec().clone()
}

impl Fixture {
    /// A service `a` with an event `x`, which was rolled once.
    fn new() -> Self {
        let (clock, registry) = (ManualClock::new(), Registry::new());
        let a = Service::builder("a").event("x").clock(clock.clone()).build().unwrap();
        let spec = a.spec().clone();
        registry.register(a).unwrap();
        // As a server does, so that it may come back.
        registry.describe(spec).unwrap();
        let fixture = Self { clock, history: History::new(registry.clone()), registry, stepped: 0 };
        fixture.roll();
        fixture
    }

    fn meter(&self) -> MeterHandle {
        self.registry.get("a").unwrap().meter("x").unwrap()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn second(&self) -> u64 {
        self.clock.elapsed().as_secs()
    }

    fn wall(&self) -> Duration {
        let wall = ORIGIN / 1000 + self.second();
        let wall = wall.saturating_add_signed(self.stepped);
        let within = u64::from(self.clock.elapsed().subsec_millis()) + ORIGIN % 1000;
        Duration::from_secs(wall) + Duration::from_millis(within)
    }

    fn roll(&self) {
        self.history.roll_at(|| self.wall());
    }

    fn counts(&self) -> EventCounts {
        let mut service = self.history.of_at("a", || self.wall()).unwrap();
        service.events.swap_remove(0).1
    }
}

fn sum(counts: &[Option<u64>]) -> u64 {
    counts.iter().flatten().sum()
}

/// The sum of the last counts.
fn last(counts: &[Option<u64>], n: u64) -> u64 {
    sum(&counts[counts.len() - usize::try_from(n).unwrap()..])
}

/// Where the events of a naive list belong. It knows the rule for those that nobody rolled for a minute.
#[derive(Default)]
struct Model {
    recorded: Vec<(u64, u64)>,
    by_minute: BTreeMap<u64, u64>,
    minute_of_roll: u64,
}

impl Model {
    fn minute(second: u64) -> u64 {
        (ORIGIN / 1000 + second) / 60
    }

    fn roll(&mut self, now: u64) {
        for (second, n) in self.recorded.drain(..) {
            let is_in_window = second + 59 >= now;
            let minute = if is_in_window { Self::minute(second) } else { self.minute_of_roll };
            *self.by_minute.entry(minute).or_default() += n;
        }
        self.minute_of_roll = Self::minute(now);
    }

    /// The counts of the last units of so many minutes each.
    fn last(&self, units: u64, minutes: u64, now: u64) -> Vec<Option<u64>> {
        let (current, start) = (Self::minute(now) / minutes, Self::minute(0) / minutes);
        let of = |unit: u64| {
            let counts = self.by_minute.iter().filter(|(minute, _)| *minute / minutes == unit);
            (unit >= start).then(|| counts.map(|(_, count)| count).sum())
        };
        (current + 1 - units..=current).map(of).collect()
    }
}

/// What happens next: events, then time, then perhaps a roll.
fn steps() -> impl Strategy<Value = Vec<(u64, u64, bool)>> {
    let time = prop_oneof![
        8 => 0..3_u64,
        6 => 3..60_u64,
        2 => 60..64_u64,
        3 => 64..400_u64,
        1 => 400..20_000_u64,
        1 => 80_000..400_000_u64,
    ];
    prop::collection::vec((0..50_u64, time, prop::bool::weighted(0.7)), 1..60)
}

proptest! {
    /// Late rolls, gaps, and processes that sleep: nobody rolls, and then somebody does.
    #[test]
    fn history_agrees_with_a_naive_list(steps in steps()) {
        let fixture = Fixture::new();
        let (meter, mut model) = (fixture.meter(), Model::default());
        model.roll(0);
        for (events, time, rolls) in steps {
            meter.record_n(events);
            model.recorded.push((fixture.second(), events));
            fixture.pass(time);
            if rolls {
                fixture.roll();
                model.roll(fixture.second());
            }
        }
        let (counts, now) = (fixture.counts(), fixture.second());
        model.roll(now);
        prop_assert_eq!(&counts.minutes, &model.last(60, 1, now));
        prop_assert_eq!(&counts.hours, &model.last(24, 60, now));
        prop_assert_eq!(&counts.days, &model.last(30, 1440, now));
    }

    /// Law 1, with a wall clock that is stepped, and states that are restored.
    #[test]
    fn sums_agree_whatever_the_wall_clock_does(
        steps in steps(),
        jumps in prop::collection::vec((0..60_usize, -200_000..200_000_i64), 0..4),
    ) {
        let mut fixture = Fixture::new();
        let (mut total, meter) = (0, fixture.meter());
        for (index, (events, time, rolls)) in steps.into_iter().enumerate() {
            for &(_, seconds) in jumps.iter().filter(|(at, _)| *at == index) {
                fixture.stepped += seconds;
            }
            meter.record_n(events);
            total += events;
            fixture.pass(time.min(70_000));
            if rolls {
                fixture.roll();
            }
            let counts = fixture.counts();
            let minute = fixture.history.book().calendars[0].latest();
            prop_assert_eq!(last(&counts.minutes, minute % 60 + 1), counts.hours[23].unwrap());
            prop_assert_eq!(last(&counts.hours, minute / 60 % 24 + 1), counts.days[29].unwrap());
        }
        // No jump goes far enough to move anything out of the thirty days in so few steps.
        let counts = fixture.counts();
        if fixture.second() + 1_200_000 < 29 * 24 * HOUR {
            prop_assert_eq!(sum(&counts.days), total);
        }
        let restored = History::new(fixture.registry.clone());
        let state = fixture.history.state_at(|| fixture.wall());
        restored.restore(serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap());
        // The same meter is there, so its window counts again; what was saved is what is compared.
        prop_assert_eq!(restored.book().events["a"]["x"].rings.clone(),
                        fixture.history.book().events["a"]["x"].rings.clone());
    }

    /// A reader can find the seconds of the current minute by `as_of` alone.
    #[test]
    fn seconds_add_up_to_the_current_minute(
        steps in prop::collection::vec((0..50_u64, 0..9_000_u64), 1..100),
    ) {
        let fixture = Fixture::new();
        let meter = fixture.meter();
        for (events, millis) in steps {
            meter.record_n(events);
            fixture.clock.advance(Duration::from_millis(millis));
            let service = fixture.history.of_at("a", || fixture.wall()).unwrap();
            let as_of = service.as_of.to_string();
            let second: u64 = as_of[17..19].parse().unwrap();
            let counts = &service.events[0].1;
            prop_assert_eq!(Some(last(&counts.seconds, second + 1)), counts.minutes[59]);
        }
    }
}

#[test]
fn nothing_is_known_of_the_time_before() {
    let fixture = Fixture::new();
    fixture.pass(70);
    fixture.meter().record_n(4);
    let counts = fixture.counts();
    let known = |counts: &[Option<u64>]| counts.iter().flatten().count();
    assert_eq!(known(&counts.seconds), 60);
    assert_eq!((known(&counts.hours), known(&counts.days)), (1, 1));
    let minutes = Model::minute(70) - Model::minute(0) + 1;
    assert_eq!(known(&counts.minutes) as u64, minutes);
    assert_eq!((counts.seconds[59], counts.minutes[59]), (Some(4), Some(4)));
}

/// The monotonic clock stands still meanwhile.
#[test]
fn minutes_in_which_the_machine_slept_are_unknown() {
    let mut fixture = Fixture::new();
    fixture.meter().record_n(3);
    fixture.pass(60);
    fixture.roll();
    fixture.stepped += 1800;
    fixture.pass(1);
    let counts = fixture.counts();
    assert_eq!(counts.minutes[59], Some(0));
    assert!(counts.minutes[31..59].iter().all(Option::is_none), "{:?}", counts.minutes);
    assert_eq!((sum(&counts.minutes), sum(&counts.days)), (3, 3));
}

/// Case 4: a history that begins late has what the window has, and no more.
#[test]
fn meter_that_is_older_than_its_history() {
    let fixture = Fixture::new();
    fixture.meter().record_n(100);
    fixture.pass(200);
    fixture.meter().record_n(3);
    fixture.pass(30);
    let history = History::new(fixture.registry.clone());
    for _ in 0..3 {
        history.roll_at(|| fixture.wall());
        fixture.pass(5);
    }
    let counts = history.of_at("a", || fixture.wall()).unwrap().events.swap_remove(0).1;
    assert_eq!(sum(&counts.days), 3);
    assert_eq!(counts.seconds.iter().flatten().count(), 60);
}

/// Case 3: a second of a thread's ring holds less than 2^40 events.
#[test]
fn events_past_what_a_second_holds_count_as_well() {
    let fixture = Fixture::new();
    let many = 3 << 40;
    fixture.meter().record_n(many);
    fixture.pass(1);
    fixture.roll();
    fixture.pass(5);
    assert_eq!(sum(&fixture.counts().days), many);
    fixture.pass(100);
    fixture.meter().record();
    assert_eq!(sum(&fixture.counts().days), many + 1);
}

#[test]
fn described_event_that_comes_back_goes_on() {
    let fixture = Fixture::new();
    let meter = fixture.meter();
    meter.record_n(3);
    fixture.registry.describe(spec(&["y"])).unwrap();
    fixture.pass(10);
    fixture.roll();
    // A thread still has it.
    meter.record_n(4);
    fixture.pass(100);
    fixture.roll();
    fixture.registry.undescribe("a");
    fixture.roll();
    fixture.registry.describe(spec(&["x"])).unwrap();
    let counts = fixture.counts();
    assert_eq!((sum(&counts.minutes), sum(&counts.days)), (7, 7));
}

#[test]
fn forgotten_event_begins_anew() {
    let fixture = Fixture::new();
    let caps = AutoRegister::new();
    let record = |n| {
        let a = fixture.registry.admit("a", Some("visit"), caps).unwrap();
        a.meter("visit").unwrap().record_n(n);
    };
    let visits = || {
        let history = fixture.history.of_at("a", || fixture.wall()).unwrap();
        history.events.iter().find(|(name, _)| name == "visit").map(|(_, of)| sum(&of.days))
    };
    record(5);
    assert_eq!(visits(), Some(5));
    fixture.pass(HOUR + 1);
    Forgetting::new(fixture.registry.clone(), caps, Duration::from_secs(HOUR)).sweep();
    assert_eq!(visits(), None);
    fixture.roll();
    record(2);
    assert_eq!(visits(), Some(2));
}

#[test]
fn restored_history_goes_on_with_any_event_that_comes() {
    let before = Fixture::new();
    let caps = AutoRegister::new();
    before.meter().record_n(3);
    before.registry.admit("b", Some("y"), caps).unwrap().meter("y").unwrap().record_n(5);
    let state = before.history.state_at(|| before.wall());
    assert_eq!(state.len(), 2);

    let mut after = Fixture::new();
    after.history = History::new(after.registry.clone());
    after.history.restore(state);
    after.stepped += 180;
    after.roll();
    after.meter().record_n(10);
    let counts = after.counts();
    assert_eq!((sum(&counts.hours), sum(&counts.days)), (13, 13));
    // The server was down in between.
    assert_eq!(counts.minutes[57..], [None, None, Some(10)]);
    assert!(after.history.of_at("b", || after.wall()).is_none());
    after.registry.admit("b", Some("y"), caps).unwrap();
    let b = after.history.of_at("b", || after.wall()).unwrap();
    assert_eq!(sum(&b.events[0].1.days), 5);
}

#[test]
fn absent_events_are_kept_for_thirty_days_and_capped() {
    let before = Fixture::new();
    before.meter().record();
    let state = before.history.state_at(|| before.wall());
    let mut many = state.clone();
    many.events = (0..ABSENT + 10)
        .map(|index| {
            let mut saved = state.events[0].clone();
            saved.event = format!("e{index}");
            saved
        })
        .collect();
    let mut after = Fixture::new();
    after.history.restore(many);
    after.roll();
    assert_eq!(after.history.state_at(|| after.wall()).len(), ABSENT + 1);
    after.stepped += 31 * 24 * 3600;
    after.pass(1);
    after.roll();
    assert_eq!(after.history.state_at(|| after.wall()).len(), 1);
}

#[test]
fn wrong_states_are_refused() {
    let fixture = Fixture::new();
    let good = serde_json::to_value(fixture.history.state_at(|| fixture.wall())).unwrap();
    let read = |value: &serde_json::Value| serde_json::from_value::<HistoryState>(value.clone());
    assert!(read(&good).is_ok());
    for (key, value, expected) in [
        ("minutes", serde_json::json!([1]), "1 counts where 60 are right"),
        ("hours", serde_json::json!("x"), "invalid type"),
        ("days", serde_json::json!([-1]), "invalid value"),
        ("minute", serde_json::json!(u64::MAX), "after the year 9999"),
        ("other", serde_json::json!(1), "unknown field"),
    ] {
        let mut bad = good.clone();
        bad["events"][0][key] = value;
        let error = read(&bad).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn source_that_fails_leaves_its_history() {
    let clock = ManualClock::new();
    let registry = Registry::new();
    let meter = Arc::new(Meter::with_clock(clock.clone()));
    let fails = Arc::new(AtomicBool::new(false));
    let (asked, failing) = (Arc::clone(&meter), Arc::clone(&fails));
    let source = move || {
        if failing.load(Relaxed) {
            return Err("on purpose".into());
        }
        Ok(asked.snapshot())
    };
    let a = Service::builder("a").source("x", source).clock(clock.clone()).build().unwrap();
    registry.register(a).unwrap();
    let fixture = Fixture { clock, history: History::new(registry.clone()), registry, stepped: 0 };
    fixture.roll();
    meter.record_n(3);
    fixture.pass(1);
    assert_eq!(sum(&fixture.counts().days), 3);
    fails.store(true, Relaxed);
    meter.record_n(4);
    fixture.pass(1);
    let counts = fixture.counts();
    assert_eq!((sum(&counts.days), counts.seconds[59]), (3, None));
    fails.store(false, Relaxed);
    assert_eq!(sum(&fixture.counts().days), 7);
}

mod labelled;
mod sources;
