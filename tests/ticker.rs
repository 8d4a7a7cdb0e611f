//! The ticker without any reader. Alone, because a reader in another test would help the clock.

use std::thread;
use std::time::{Duration, Instant};

use tickring::{Meter, diagnostics};

#[test]
fn a_record_starts_the_ticker_and_the_ticker_ticks() {
    static METER: Meter = Meter::new();
    assert_eq!(diagnostics().ticker_starts, 0);
    METER.record();
    assert_eq!(diagnostics().ticker_starts, 1);
    // Real seconds have to pass: the ticker's clock is the machine's.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2500) {
        METER.record();
        thread::sleep(Duration::from_millis(20));
    }
    let snapshot = METER.snapshot();
    let seconds = snapshot.per_second().iter().filter(|&&count| count > 0).count();
    assert!(seconds >= 3, "all events in {seconds} seconds");
}
