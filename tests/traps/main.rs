//! The mistakes that other meters made, one test each. A test's name says what holds here; its
//! comment says what went wrong elsewhere.

mod engine;
#[cfg(feature = "http")]
mod http;
mod time;

use tickring::{LocalMeter, ManualClock, Meter};

fn on_manual_clock() -> (ManualClock, Meter) {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    (clock, meter)
}

/// All the shards of a meter: whoever records while these are held does so on the shared ring.
fn take_all(meter: &Meter) -> Vec<LocalMeter<'_>> {
    (0..256).map(|_| meter.local()).collect()
}
