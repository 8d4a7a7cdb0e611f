//! Sources: their clock is not the history's.

use super::*;

/// The source takes a second to answer, so its window is a second ahead of the roll.
#[test]
fn slow_source_counts_each_event_once() {
    let clock = ManualClock::new();
    let registry = Registry::new();
    let meter = Arc::new(Meter::with_clock(clock.clone()));
    let (asked, slow) = (Arc::clone(&meter), clock.clone());
    let source = move || {
        slow.advance(Duration::from_secs(1));
        Ok(asked.snapshot())
    };
    let a = Service::builder("a").source("x", source).clock(clock.clone()).build().unwrap();
    registry.register(a).unwrap();
    let fixture = Fixture { clock, history: History::new(registry.clone()), registry, stepped: 0 };
    fixture.roll();
    meter.record_n(10);
    for _ in 0..5 {
        assert_eq!(sum(&fixture.counts().days), 10);
    }
}
