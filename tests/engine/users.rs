//! How code that uses this crate is tested: what `guide/testing.md` recommends, as it is used there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tickring::{Clock, CustomClock, ManualClock, Meter, MeterHandle, Timer};

/// The code under test. In production it counts on a static.
static FRAMES: Meter = Meter::new();

struct Decoder {
    frames: MeterHandle,
}

impl Decoder {
    fn new() -> Self {
        Self::counting_on(&FRAMES)
    }

    fn counting_on(frames: impl Into<MeterHandle>) -> Self {
        Self { frames: frames.into() }
    }

    fn decode(&self, frames: u64) {
        self.frames.record_n(frames);
    }
}

/// Recipe 1: each test gives the code a meter of its own. Many at the same time don't meet.
#[test]
fn each_test_has_a_meter_of_its_own() {
    let tests: Vec<_> = (0..8)
        .map(|test| {
            std::thread::spawn(move || {
                let frames = Arc::new(Meter::with_clock(ManualClock::new()));
                let decoder = Decoder::counting_on(frames.clone());
                (0..100).for_each(|_| decoder.decode(test));
                assert_eq!(frames.total(), test * 100);
            })
        })
        .collect();
    for test in tests {
        test.join().unwrap();
    }
}

/// Recipe 2: code that knows only the static. All tests that touch it hold a lock, and look at the
/// difference.
static USES_FRAMES: Mutex<()> = Mutex::new(());

fn frames_during(action: impl FnOnce()) -> u64 {
    // A test that failed while it held the lock spoils no other.
    let _alone = USES_FRAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let before = FRAMES.total();
    action();
    FRAMES.total() - before
}

#[test]
fn tests_of_a_static_meter_take_turns() {
    let tests: Vec<_> = (1..=8)
        .map(|test| {
            std::thread::spawn(move || {
                for _ in 0..50 {
                    assert_eq!(frames_during(|| Decoder::new().decode(test)), test);
                }
            })
        })
        .collect();
    for test in tests {
        test.join().unwrap();
    }
}

/// A clock of one's own: here one that a simulation moves, in milliseconds.
fn simulation() -> (Arc<AtomicU64>, CustomClock) {
    let now = Arc::new(AtomicU64::new(0));
    let time = Arc::clone(&now);
    (now, CustomClock::new(move || Duration::from_millis(time.load(Ordering::Relaxed))))
}

#[test]
fn a_clock_of_ones_own_dates_events_and_durations() {
    let (now, clock) = simulation();
    let timer = Timer::with_clock(clock.clone());
    let meter = Meter::with_clock(clock.clone());
    meter.record_n(120);
    timer.time(|| now.fetch_add(1_500, Ordering::Relaxed));
    assert_eq!(timer.snapshot().since_start().sum(), Duration::from_millis(1_500));
    assert_eq!(clock.elapsed(), Duration::from_millis(1_500));
    let compact = Meter::compact_with_clock(clock.clone());
    compact.record_n(120);
    assert_eq!((meter.events_per_second(), compact.events_per_second()), (2.0, 2.0));
    now.store(62_000, Ordering::Relaxed);
    assert_eq!((meter.events_in_window(), compact.events_in_window()), (0, 0));
    assert_eq!(meter.snapshot().total(), 120);
}

/// It is the reads that publish the second.
#[test]
fn a_clock_of_ones_own_publishes_when_it_is_told() {
    let (now, clock) = simulation();
    let meter = Meter::with_clock(clock.clone());
    meter.record();
    now.store(59_000, Ordering::Relaxed);
    meter.record(); // still in the first second
    clock.tick();
    meter.record(); // in second 59
    assert_eq!(meter.snapshot().per_second()[0], 2);
    now.store(60_000, Ordering::Relaxed);
    assert_eq!((meter.events_in_window(), meter.total()), (1, 3));
}

#[test]
fn a_clock_of_ones_own_never_goes_back() {
    let (now, clock) = simulation();
    now.store(5_000, Ordering::Relaxed);
    clock.tick();
    now.store(1_000, Ordering::Relaxed);
    assert_eq!(clock.elapsed(), Duration::from_secs(5));
    assert_eq!(format!("{clock:?}"), "CustomClock(5s)");
    let shown = format!("{:?}", Clock::from(clock));
    assert!(shown.contains("Source { latest: 5000000000, .. }"), "{shown}");
}

/// tokio's paused time: the clock asks it, so sleeps of the code under test have their full length.
fn tokio_clock() -> CustomClock {
    let start = tokio::time::Instant::now();
    CustomClock::new(move || start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn tokios_paused_time_is_the_timers_time() {
    let timer = Timer::with_clock(tokio_clock());
    let query = || tokio::time::sleep(Duration::from_millis(250));
    timer.time_async(query()).await;
    let timed_out = tokio::time::timeout(Duration::from_millis(100), timer.time_async(query()));
    assert!(timed_out.await.is_err());
    let since_start = timer.snapshot().since_start().clone();
    assert_eq!((since_start.count(), since_start.sum()), (1, Duration::from_millis(250)));
}

#[tokio::test(start_paused = true)]
async fn tokios_paused_time_is_the_meters_time() {
    let clock = tokio_clock();
    let meter = Meter::with_clock(clock.clone());
    let ticker = tokio::spawn(async move {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            clock.tick();
        }
    });
    for _ in 0..120 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        meter.record();
    }
    // A minute has passed, in no time.
    assert_eq!((meter.total(), meter.events_per_second().round()), (120, 2.0));
    tokio::time::sleep(Duration::from_secs(62)).await;
    assert_eq!(meter.events_in_window(), 0);
    ticker.abort();
}
