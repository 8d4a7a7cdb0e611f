//! Law 7: a recycled shard starts at zero; a shard never has two owners. Law 8: as many shards
//! as threads at a time, and no more than the cap; an idle meter has no thread.

use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use tickring::{LocalMeter, Meter};

use crate::support::engine::{CAP, on_manual_clock, on_threads, take_all};

#[test]
fn a_recycled_shard_starts_at_zero() {
    for round in 0..200 {
        let (clock, meter) = on_manual_clock();
        clock.advance(Duration::from_secs(round));
        let locals: Vec<_> = (0..4).map(|_| meter.local()).collect();
        let snapshot = meter.snapshot();
        assert_eq!((snapshot.total(), snapshot.events_in_window()), (0, 0), "round {round}");
        assert_eq!(snapshot.last_event_age(), None);
        for mut local in locals {
            local.record_n(1000);
            clock.advance(Duration::from_secs(1));
            local.record_n(1000);
        }
        meter.record();
        assert_eq!(meter.snapshot().total(), 8001);
    }
}

/// A thread that outlives a meter gives nothing back that is somebody else's by now.
#[test]
fn a_shard_has_one_owner_after_its_meter_is_gone() {
    let (first_recorded, dropped) = (Barrier::new(2), Barrier::new(2));
    let (_, old) = on_manual_clock();
    let old = Mutex::new(Some(old));
    let (_, new) = on_manual_clock();
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            old.lock().unwrap().as_ref().unwrap().record();
            first_recorded.wait();
            dropped.wait();
            // Ends, with an entry of the dropped meter still in its map.
        });
        first_recorded.wait();
        drop(old.lock().unwrap().take());
        let mut locals: Vec<_> = (0..8).map(|_| new.local()).collect();
        dropped.wait();
        thread.join().unwrap();
        // Had the thread freed one of these, a newcomer would get it too.
        locals.extend((0..8).map(|_| new.local()));
        assert_eq!(new.shards(), 16);
        for local in &mut locals {
            local.record();
        }
    });
    assert_eq!(new.snapshot().total(), 16);
}

/// Two owners of one shard overwrite each other's counts.
#[test]
fn a_shard_never_has_two_owners() {
    let (_clock, meter) = on_manual_clock();
    on_threads(4, |_| {
        for _ in 0..3000 {
            let mut local = meter.local();
            (0..20).for_each(|_| local.record());
        }
    });
    assert_eq!(meter.snapshot().total(), 4 * 3000 * 20);
    assert!(meter.shards() <= 4, "{} shards for 4 at a time", meter.shards());
}

#[test]
fn shards_stop_at_the_cap_and_are_taken_up_again() {
    let (clock, meter) = on_manual_clock();
    let mut locals = take_all(&meter);
    let mut beyond: Vec<_> = (0..50).map(|_| meter.local()).collect();
    locals.iter_mut().chain(&mut beyond).for_each(LocalMeter::record);
    assert_eq!((meter.shards(), meter.snapshot().total()), (CAP, 306));
    // A thread without a shard gets one, once there is one and a second has passed.
    let gone = Mutex::new(locals);
    on_threads(1, |_| {
        meter.record();
        gone.lock().unwrap().pop();
        clock.advance(Duration::from_secs(1));
        meter.record();
        // It has the one that was given back: nobody else gets it.
        meter.local().record();
    });
    assert_eq!((meter.shards(), meter.snapshot().total()), (CAP, 309));
}

/// However many meters there are, one thread ticks for them all.
#[cfg(target_os = "linux")]
#[test]
fn idle_meters_have_one_ticker_among_them() {
    tickring::start().unwrap();
    let meters: Vec<Meter> = (0..100).map(|_| Meter::new()).collect();
    meters.iter().for_each(Meter::record);
    // A thread gives itself its name only once it runs.
    while tickers().is_empty() {
        thread::yield_now();
    }
    assert_eq!(tickers().len(), 1);
}

/// The state of each ticker, `S` while it sleeps.
#[cfg(target_os = "linux")]
fn tickers() -> Vec<char> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    // A task may end between its listing and this look at it.
    let stats =
        tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
    // "1234 (name) S …"
    stats.filter_map(|stat| stat.split_once("(tickring-ticker) ")?.1.chars().next()).collect()
}

/// An idle meter costs no processor time.
#[cfg(target_os = "linux")]
#[test]
fn the_ticker_sleeps_from_second_to_second() {
    let meter = Meter::new();
    meter.record();
    while tickers() != ['S'] {
        thread::yield_now();
    }
    let asleep = (0..100).filter(|_| tickers() == ['S']).count();
    assert!(asleep > 50, "asleep at {asleep} of 100 looks");
}
