//! A fork in the middle. Alone, because a lock that another test's thread holds at the fork stays
//! locked in the child.
//!
//! The child goes on counting, though the thread that publishes the seconds stays behind. And a
//! child shares its parent's pages until it writes to them, which shows that reading writes to none
//! of them (law 6).
#![cfg(target_os = "linux")] // Which can fork a process with threads and count its pages.

mod support;

use std::process::exit;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use fork::{Fork, fork, waitpid};
use support::PATIENCE;
use tickring::{LocalMeter, ManualClock, Meter, diagnostics};

/// One test at a time: a lock that another thread holds while it forks stays locked in the child.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs `body` in a child of this process, and fails with what it says.
fn in_a_child(body: impl FnOnce() -> Result<(), String>) {
    match fork().unwrap() {
        Fork::Child => match body() {
            Ok(()) => exit(0),
            Err(why) => {
                // Not through the test harness, whose locks may be anyone's.
                let _ = std::fs::write("/proc/self/fd/2", format!("in the child: {why}\n"));
                exit(1);
            }
        },
        Fork::Parent(child) => {
            let status = waitpid(child).unwrap();
            assert_eq!(status, 0, "the child's status");
        }
    }
}

/// Waits until the clock's lag is as wanted. Looking at the lag helps no clock.
fn wait_for_lag(what: &str, wanted: impl Fn(Duration) -> bool) -> Result<(), String> {
    let start = Instant::now();
    while !wanted(diagnostics().clock_lag) {
        if start.elapsed() > PATIENCE {
            return Err(format!("{what}: lag {:?}", diagnostics().clock_lag));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn expect(what: &str, found: u64, wanted: u64) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found}, not {wanted}")) }
}

#[test]
fn a_childs_rates_go_on() {
    static METER: Meter = Meter::new();
    let _alone = ALONE.lock();
    METER.record_n(100);
    in_a_child(|| {
        expect("total at first", METER.snapshot().total(), 100)?;
        METER.record_n(20);
        // Nobody ticks here: recorders go by the second of the fork.
        wait_for_lag("the ticker should be gone", |lag| lag > Duration::from_millis(1200))?;
        METER.record_n(3);
        // A reader puts that right, and starts a ticker.
        let snapshot = METER.snapshot();
        expect("total", snapshot.total(), 123)?;
        expect("window", snapshot.events_in_window(), 123)?;
        METER.record_n(7);
        // It may turn between the two.
        let recent = METER.snapshot().per_second()[58..].contains(&7);
        expect("in this second", u64::from(recent), 1)?;
        // The next second begins without a reader.
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(2500) {
            wait_for_lag("a new ticker should run", |lag| lag < Duration::from_millis(900))?;
            thread::sleep(Duration::from_millis(50));
        }
        METER.record();
        let snapshot = METER.snapshot();
        expect("total at last", snapshot.total(), 131)?;
        expect("window at last", snapshot.events_in_window(), 131)
    });
    // The parent has its own counts, and its ticker.
    METER.record();
    assert_eq!(METER.snapshot().total(), 101);
}

/// Page faults of this process that needed no disk: here, the first writes to shared pages.
fn faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    after_name.split_whitespace().nth(7).unwrap().parse().unwrap()
}

#[test]
fn reading_writes_to_no_page_of_a_recorder() {
    let _alone = ALONE.lock();
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    // 250 shards of 704 bytes are some 43 pages.
    let mut locals: Vec<LocalMeter<'_>> = (0..250).map(|_| meter.local()).collect();
    locals.iter_mut().for_each(LocalMeter::record);
    clock.advance(Duration::from_secs(1));
    locals.iter_mut().for_each(LocalMeter::record);
    let _ = meter.snapshot();
    in_a_child(|| {
        // The clock and the stack are written to before, and so are this meter's pages.
        let other = Meter::with_clock(clock.clone());
        other.record();
        let (_, total) = (faults(), other.snapshot().total());
        let before = faults();
        let seen = meter.snapshot();
        let by_reading = faults() - before;
        let before = faults();
        locals.iter_mut().for_each(LocalMeter::record);
        let by_recording = faults() - before;
        expect("totals", seen.total() + total, 501)?;
        if by_reading > 8 {
            return Err(format!("{by_reading} pages written to by reading"));
        }
        // That faults tell of writes at all:
        if by_recording < 20 {
            return Err(format!("{by_recording} pages written to by recording"));
        }
        Ok(())
    });
}
