//! Meters and timers of the program's own in a service.

use std::sync::Arc;
use std::time::Duration;

use serde_json::to_value;
use tickring::{
    AutoRegister, ManualClock, Meter, MeterHandle, Registry, Service, ServiceError, Timer,
};

#[test]
fn statics_and_services_are_one_world() {
    static FRAMES: Meter = Meter::new();
    static DECODED: Timer = Timer::new();
    let dropped = Arc::new(Meter::new());
    let camera = Service::builder("camera")
        .meter("frame", &FRAMES)
        .timer("decode", &DECODED)
        .meter("dropped", Arc::clone(&dropped))
        .event("reset");
    let camera = camera.build().unwrap();
    FRAMES.record_n(24);
    DECODED.record(Duration::from_millis(20));
    dropped.record();
    // From the side of the service, they are like those that it has made.
    camera.meter("frame").unwrap().record();
    camera.timer("decode").unwrap().record(Duration::from_millis(40));
    camera.meter("decode").unwrap().record();
    camera.meter("reset").unwrap().record();
    assert_eq!((FRAMES.total(), DECODED.snapshot().since_start().count()), (25, 2));
    assert_eq!(camera.snapshot().unwrap().total(), 25 + 3 + 1 + 1);
    let document = to_value(camera.event_rate()).unwrap();
    assert_eq!(document["events"]["frame"]["total"], 25);
    assert_eq!(document["events"]["decode"]["total"], 3);
    assert_eq!(document["events"]["decode"]["processing_time"]["count"], 2);
    assert_eq!(camera.spec().timed, ["decode"]);
}

#[test]
fn an_event_of_a_description_can_be_given_a_meter() {
    let (calls, fetches) = (Arc::new(Meter::new()), Arc::new(Timer::new()));
    let sports = Service::builder_from_catalogue("sports-data").unwrap();
    let sports = sports.meter("api_call", calls.clone()).timer("data_fetch", fetches.clone());
    let sports = sports.build().unwrap();
    assert_eq!(sports.spec().events, ["api_call", "data_fetch"]);
    calls.record_n(2);
    fetches.record(Duration::from_millis(5));
    assert_eq!(sports.snapshot().unwrap().total(), 3);
    assert_eq!(sports.timer("data_fetch").unwrap().snapshot().since_start().count(), 1);
}

/// Otherwise the total of the service, the sum of its events, would have each event twice.
#[test]
fn one_meter_is_not_two_events_of_a_service() {
    static FRAMES: Meter = Meter::new();
    static DECODED: Timer = Timer::new();
    let twice = Service::builder("camera").meter("frame", &FRAMES).meter("picture", &FRAMES);
    let error = twice.build().unwrap_err();
    let expected = "events \"frame\" and \"picture\" of service \"camera\" have the same meter, so \
                    each event would count twice: give each a meter of its own";
    assert_eq!(error.to_string(), expected);
    let beside = Service::builder("camera").timer("decode", &DECODED);
    let beside = beside.meter("frame", DECODED.meter()).build();
    assert!(matches!(beside, Err(ServiceError::SharedMeter { .. })));
    let names = Service::builder("camera").meter("frame", &FRAMES).timer("frame", &DECODED);
    assert!(matches!(names.build(), Err(ServiceError::DuplicateEvent { .. })));
}

#[test]
fn one_meter_in_two_services_counts_in_both() {
    static FRAMES: Meter = Meter::new();
    let [one, other] = ["camera", "studio"]
        .map(|name| Service::builder(name).meter("frame", &FRAMES).build().unwrap());
    one.meter("frame").unwrap().record();
    other.meter("frame").unwrap().record();
    let total = |service: &Service| service.snapshot().unwrap().total();
    assert_eq!((total(&one), total(&other), FRAMES.total()), (2, 2, 2));
}

/// A service that is younger than its counts would show a rate that never was.
#[test]
fn a_service_is_as_old_as_the_meter_that_it_is_given() {
    let clock = ManualClock::new();
    let calls = Arc::new(Meter::with_clock(clock.clone()));
    clock.advance(Duration::from_secs(7));
    calls.record_n(60);
    clock.advance(Duration::from_secs(30));
    let built = |builder: tickring::ServiceBuilder| {
        builder.meter("call", calls.clone()).event("hit").clock(clock.clone()).build().unwrap()
    };
    let service = built(Service::builder("a").basis(tickring::RateBasis::Lifetime));
    assert_eq!(service.uptime(), Duration::from_secs(30));
    let document = to_value(service.event_rate()).unwrap();
    assert_eq!(
        (&document["events_per_second"], &document["covered_seconds"]),
        (&2.0.into(), &30.0.into())
    );
    // One that goes on keeps its start; a meter on another clock has no say.
    clock.advance(Duration::from_secs(1));
    let service = Arc::new(service);
    let next = built(Service::builder("a").continuing(&service));
    assert_eq!(next.uptime(), Duration::from_secs(31));
    let other = Service::builder("b").meter("call", calls.clone()).clock(ManualClock::new());
    assert_eq!(other.build().unwrap().uptime(), Duration::ZERO);
}

#[test]
fn a_given_meter_stays_when_the_service_changes() {
    static FRAMES: Meter = Meter::new();
    let registry = Registry::new();
    let camera = Service::builder("camera").meter("frame", &FRAMES).build().unwrap();
    let camera = registry.register(camera).unwrap();
    FRAMES.record_n(3);
    registry.admit("camera", Some("reset"), AutoRegister::new()).unwrap();
    let same = |service: &Service| {
        let frame = service.meter("frame").unwrap();
        std::ptr::eq(&raw const *frame, &raw const FRAMES)
    };
    assert!(same(&registry.get("camera").unwrap()));
    // A static meter has no durations, and says so.
    let timed = Service::builder("camera").timed_event("frame").continuing(&camera);
    let error = timed.build().unwrap_err();
    assert!(error.to_string().contains("give the event a timer"), "{error}");
    // Another meter takes its place if one is given.
    let own = MeterHandle::from(Arc::new(Meter::new()));
    let next = Service::builder("camera").meter("frame", own.clone()).continuing(&camera);
    own.record();
    assert_eq!(next.build().unwrap().snapshot().unwrap().total(), 1);
}

/// One in an `Arc` can become timed; all threads then write the durations to the same words.
#[test]
fn a_counted_meter_can_become_timed() {
    let calls = Arc::new(Meter::new());
    calls.record();
    let service = Service::builder("a").meter("call", calls.clone()).build().unwrap();
    let timed = Service::builder("a").timed_event("call").continuing(&Arc::new(service));
    let timed = timed.build().unwrap();
    timed.timer("call").unwrap().record(Duration::from_millis(5));
    assert_eq!(calls.total(), 2);
    assert_eq!(timed.timer("call").unwrap().snapshot().since_start().count(), 1);
}

/// A service that is built again with the same meter of one's own keeps the children of its events.
#[test]
fn given_meter_keeps_its_label_sets() {
    let meter = Arc::new(Meter::new());
    let builder = || Service::builder("shop").meter("order", meter.clone()).labels(["country"]);
    let first = Arc::new(builder().build().unwrap());
    let held = first.family("order").unwrap().with(["fi"]);
    held.record_n(7);
    meter.record();
    let second = builder().continuing(&first).build().unwrap();
    held.record();
    assert_eq!(second.snapshot().unwrap().total(), 9);
}

/// It was described first, and another one after it.
#[test]
fn what_follows_a_meter_is_said_of_its_event() {
    let builder = Service::builder("s").event("first").event("second");
    let builder = builder.meter("first", Arc::new(Meter::new())).labels(["key"]);
    let service = builder.exported_as("own").build().unwrap();
    assert!(service.spec().labels.keys().eq(["first"]));
    assert!(service.spec().exported_as.keys().eq(["first"]));
    assert_eq!(service.spec().events, ["first", "second"]);
}
