//! The cases of the module, one by one and on threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::keys::OTHER;
use super::*;
use crate::engine::ManualClock;
use crate::fleet::{Registry, Service, ServiceError};

const IDLE: Duration = Duration::from_secs(120);

struct Fixture {
    clock: ManualClock,
    shop: Service,
    requests: Family<2>,
}

fn fixture(cap: usize) -> Fixture {
    let clock = ManualClock::new();
    let shop = Service::builder("shop").event("request").labels(["route", "method"]);
    let shop = shop.label_sets(cap).retire_after(IDLE).clock(clock.clone()).build().unwrap();
    let requests = shop.family("request").unwrap();
    Fixture { clock, shop, requests }
}

impl Fixture {
    /// All ways to read the total, which agree.
    fn total(&self) -> u64 {
        let total = self.shop.snapshot().unwrap().total();
        assert_eq!(self.requests.snapshot().total(), total);
        assert_eq!(self.shop.events()[0].snapshot().unwrap().total(), total);
        total
    }

    /// The values of the children that have some.
    fn values(&self) -> Vec<String> {
        let series = self.requests.series();
        let joined = |series: &Series| {
            series.labels.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")
        };
        series[1..].iter().map(joined).collect()
    }
}

#[test]
fn child_is_found_again_and_the_event_is_the_sum() {
    let fixture = fixture(10);
    let items = fixture.requests.with(["/items", "GET"]);
    items.record_n(3);
    fixture.requests.record(["/items", "GET"]);
    fixture.requests.record(["/items", ""]);
    fixture.requests.record(["", "GET"]);
    fixture.requests.record(["", ""]);
    fixture.shop.meter("request").unwrap().record();
    assert_eq!(items.total(), 4);
    assert!(items.is(&fixture.requests.with(["/items", "GET"])));
    let own = fixture.shop.meter("request").unwrap();
    assert!(fixture.requests.with(["", ""]).is(&own));
    assert_eq!(fixture.total(), 8);
    assert_eq!(fixture.values(), ["/items GET", "/items ", " GET"]);
    assert_eq!(fixture.shop.snapshot().unwrap().events_in_window(), 8);
}

#[test]
fn past_the_cap_everything_counts_under_other() {
    let fixture = fixture(2);
    for (values, n) in [(["/a", "GET"], 1), (["/b", "GET"], 2), (["/c", "GET"], 4), (["/d", ""], 8)]
    {
        fixture.requests.record_n(values, n);
    }
    assert_eq!(fixture.values(), ["/a GET", "/b GET", "other other"]);
    assert_eq!(fixture.requests.with([OTHER, OTHER]).total(), 12);
    assert_eq!((fixture.total(), fixture.requests.overflowed()), (15, 2));
    // Who names it gets it, and it takes nobody's place.
    let fixture = self::fixture(1);
    fixture.requests.record([OTHER, OTHER]);
    fixture.requests.record(["/a", ""]);
    fixture.requests.record(["/b", &"x".repeat(2000)]);
    assert_eq!(fixture.values(), ["other other", "/a "]);
    assert_eq!((fixture.total(), fixture.requests.overflowed()), (3, 1));
    // A cap of none.
    let fixture = self::fixture(0);
    fixture.requests.record(["/a", ""]);
    assert_eq!(fixture.values(), ["other other"]);
}

#[test]
fn idle_child_retires_and_leaves_its_total() {
    let fixture = fixture(2);
    fixture.requests.record_n(["/a", "GET"], 5);
    fixture.requests.record_n(["/b", "GET"], 7);
    fixture.clock.advance(IDLE / 2);
    fixture.requests.record(["/b", "GET"]);
    let first = fixture.requests.series()[1].started_at;
    fixture.clock.advance(IDLE / 2);
    assert_eq!(fixture.requests.retire_idle(), 0, "one second too early");
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.requests.retire_idle(), 1);
    assert_eq!((fixture.values(), fixture.total()), (vec!["/b GET".to_owned()], 13));
    let age = fixture.shop.snapshot().unwrap().last_event_age().unwrap();
    assert_eq!(age, IDLE / 2);
    // There is room again; and what comes back starts anew.
    thread::sleep(Duration::from_millis(2)); // So that the wall clock differs.
    fixture.requests.record(["/a", "GET"]);
    let series = fixture.requests.series();
    assert_eq!((series[2].meter.total(), fixture.total()), (1, 14));
    assert!(series[2].started_at > first);
    assert_eq!(fixture.requests.overflowed(), 0);
}

/// Also when the last event of all is one of a retired child.
#[test]
fn retired_child_keeps_the_age_of_its_last_event() {
    let fixture = fixture(2);
    fixture.requests.record(["/a", ""]);
    fixture.clock.advance(2 * IDLE);
    let age = || fixture.shop.snapshot().unwrap().last_event_age().unwrap();
    let before = age();
    assert_eq!(fixture.requests.retire_idle(), 1);
    assert_eq!(age(), before);
    fixture.clock.advance(IDLE);
    assert_eq!(age(), before + IDLE);
}

/// Cases 2 and 4.
#[test]
fn held_child_never_retires() {
    let fixture = fixture(4);
    let held = fixture.requests.with(["/held", ""]);
    let weak = Arc::downgrade(fixture.requests.with(["/weak", ""]).counted_mut().unwrap());
    held.record();
    fixture.clock.advance(2 * IDLE);
    assert_eq!(fixture.requests.retire_idle(), 0);
    held.record();
    weak.upgrade().unwrap().record_n(10);
    drop((held, weak));
    assert_eq!(fixture.requests.retire_idle(), 0, "they are not idle");
    fixture.clock.advance(2 * IDLE);
    assert_eq!(fixture.requests.retire_idle(), 2);
    assert_eq!(fixture.total(), 12);
}

/// Case 3.
#[test]
fn nothing_retires_while_a_reader_holds_the_list() {
    let fixture = fixture(4);
    fixture.requests.record(["/a", ""]);
    fixture.clock.advance(2 * IDLE);
    let shown = fixture.requests.0.shown();
    assert_eq!(fixture.requests.retire_idle(), 0);
    assert_eq!(fixture.requests.with(["/a", ""]).total(), 1, "it is found as before");
    drop(shown);
    assert_eq!(fixture.requests.retire_idle(), 1);
}

#[test]
fn timed_child_retires_with_its_durations() {
    let clock = ManualClock::new();
    let shop = Service::builder("shop").timed_event("request").labels(["route"]);
    let shop = shop.retire_after(IDLE).clock(clock.clone()).build().unwrap();
    let requests = shop.timed_family("request").unwrap();
    let long = Duration::from_millis(8);
    requests.with(["/a"]).record_n(long, 2);
    shop.timer("request").unwrap().record(long);
    requests.family().record(["/b"]);
    let window = |shop: &Service| {
        let read = shop.events()[0].read(&clock.clone().into(), clock.now(), false).ok().unwrap();
        let timed = read.timed.unwrap();
        let ever = timed.since_start();
        assert_eq!(requests.snapshot().since_start(), ever);
        assert_eq!(requests.snapshot().events().total(), timed.events().total());
        assert_eq!(requests.snapshot().distribution().count(), timed.distribution().count());
        (timed.distribution().count(), ever.count(), ever.sum(), timed.events().total())
    };
    assert_eq!(window(&shop), (3, 3, 3 * long, 4));
    let held = requests.with(["/a"]);
    let meter = requests.family().with(["/b"]);
    clock.advance(2 * IDLE);
    assert_eq!(requests.family().retire_idle(), 0, "a timer is held, and a meter");
    drop((held, meter));
    assert_eq!(requests.family().retire_idle(), 2);
    assert_eq!(window(&shop), (0, 3, 3 * long, 4));
    requests.with(["/a"]).record(long);
    assert_eq!(window(&shop), (1, 4, 4 * long, 5));
}

#[test]
fn labels_that_change_lose_no_count() {
    let registry = Registry::new();
    let describe = |keys: &[&str]| {
        let shop = Service::builder("shop").event("order").labels(keys.iter().copied());
        registry.describe(shop.build().unwrap().spec().clone()).unwrap()
    };
    let total = || registry.get("shop").unwrap().snapshot().unwrap().total();
    let held = describe(&["route"]).family("order").unwrap().with(["/a"]);
    held.record();
    // The same keys, and more at the end: the same children.
    let again = describe(&["route"]).family("order").unwrap().with(["/a"]);
    assert!(held.is(&again));
    let both = describe(&["route", "method"]).family("order").unwrap();
    both.record(["/a", "GET"]);
    held.record();
    assert_eq!((total(), both.series().len()), (3, 3));
    assert!(held.is(&both.with(["/a", ""])));
    // Others: the children are in the total.
    let other = describe(&["country"]).family("order").unwrap();
    other.record(["fi"]);
    held.record();
    assert_eq!((total(), other.series().len()), (5, 2));
    // Without labels, and back.
    let plain = Service::builder("shop").event("order").build().unwrap().spec().clone();
    registry.describe(plain).unwrap().meter("order").unwrap().record();
    held.record();
    assert_eq!(total(), 7);
    let first = describe(&["route", "method"]).family("order").unwrap();
    assert_eq!((first.with(["/a", ""]).total(), total()), (4, 7));
}

#[test]
fn wrong_labels_are_refused_in_words() {
    let build = |keys: &[&str]| {
        Service::builder("s").event("e").labels(keys.iter().copied()).build().unwrap_err()
    };
    for (keys, words) in [
        (
            &["le"][..],
            "bad label \"le\" of event \"e\" of service \"s\": it is reserved: these are le,",
        ),
        (&["a", "service"], "it is reserved"),
        (&["__name__"], "names that begin with __ are reserved"),
        (&["1st"], "a label is named by A-Z a-z 0-9 _, and no digit is first"),
        (&["a-b"], "a label is named by"),
        (&[""], "a label is named by"),
        (&["a", "b", "a"], "it is named twice"),
        (&["a"; 17], "an event has at most 16 labels"),
    ] {
        let error = build(keys).to_string();
        assert!(error.contains(words), "{keys:?}: {error}");
    }
    let unknown = Service::builder("s").labels(["a"]).event("e").build().unwrap_err();
    assert!(matches!(unknown, ServiceError::UnknownEvent { .. }), "{unknown}");
    let source = Service::builder("s").source("e", || Err("none".into())).labels(["a"]);
    assert!(matches!(source.build().unwrap_err(), ServiceError::NotRecorded { .. }));
    let service =
        Service::builder("s").event("e").labels(["a", "b"]).event("plain").build().unwrap();
    let error = service.family::<1>("e").unwrap_err().to_string();
    assert_eq!(error, "event \"e\" of service \"s\" has 2 labels (a, b), and 1 were asked for");
    let error = service.family::<1>("plain").unwrap_err().to_string();
    assert_eq!(error, "event \"plain\" of service \"s\" has no labels, and 1 were asked for");
    assert!(service.timed_family::<2>("e").is_err());
}

/// Cases 1, 5 and 6 on threads: recorders that look up and drop, a clock that makes everything idle, a thread
/// that retires, and a reader for whom the total never goes down. Goes on until some have retired meanwhile.
#[test]
fn no_event_is_lost_between_look_up_and_retirement() {
    const ROUNDS: usize = if cfg!(miri) { 30 } else { 5_000 };
    const ENOUGH: usize = if cfg!(miri) { 0 } else { 20 };
    let fixture = fixture(3);
    let (done, retired) = (AtomicBool::new(false), AtomicUsize::new(0));
    let begun = Instant::now();
    let goes_on = || retired.load(Ordering::Relaxed) < ENOUGH && begun.elapsed().as_secs() < 60;
    let names = ["/a", "/b", "/c", "/d", "/e"];
    let record = |recorder: usize| {
        let mut rounds = 0;
        while rounds < ROUNDS || goes_on() {
            let name = names[rounds * (recorder + 2) % names.len()];
            match rounds % 3 {
                0 => fixture.requests.with([name, "GET"]).record(),
                _ => fixture.requests.record([name, "GET"]),
            }
            rounds += 1;
            thread::yield_now();
        }
        rounds
    };
    let record = &record;
    let recorded = thread::scope(|scope| {
        let recorders = [0, 1].map(|recorder| scope.spawn(move || record(recorder)));
        let retiring = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fixture.clock.advance(2 * IDLE);
                retired.fetch_add(fixture.requests.retire_idle(), Ordering::Relaxed);
                thread::yield_now();
            }
        });
        let reading = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let now = fixture.shop.snapshot().unwrap();
                assert!(last <= now.total() && now.events_in_window() <= now.total());
                last = now.total();
                (0..20).for_each(|_| thread::yield_now());
            }
        });
        let recorded = recorders.map(|recorder| recorder.join().unwrap());
        done.store(true, Ordering::Relaxed);
        reading.join().unwrap();
        retiring.join().unwrap();
        recorded
    });
    assert_eq!(fixture.total(), recorded.iter().sum::<usize>() as u64);
    assert!(retired.load(Ordering::Relaxed) >= ENOUGH);
}
