//! What the engine allocates, counted by the allocator.
#![cfg(feature = "service")]

use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use tickring::{ManualClock, Meter, Registry, Service, diagnostics};

/// One test at a time: the pool of shards is the process's, so what one test takes from it another
/// would have to make.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Law 5, the part about memory.
#[test]
fn after_a_threads_first_record_nothing_is_allocated() {
    let _alone = alone();
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    let mut local = meter.local();
    meter.record();
    let allocated = measure(|| {
        for round in 0..1000 {
            meter.record();
            meter.record_n(1 << 30);
            local.record_n(round);
            clock.advance(Duration::from_millis(900));
        }
    });
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
    assert_eq!(measure(|| drop(meter.snapshot())).count_total, 0);
}

/// The same for a meter that is pushed out of the thread's cache at every turn.
#[test]
fn recording_on_many_meters_in_turn_allocates_nothing() {
    let _alone = alone();
    let meters: Vec<Meter> = (0..600).map(|_| Meter::with_clock(ManualClock::new())).collect();
    meters.iter().for_each(Meter::record);
    let allocated = measure(|| (0..10).for_each(|_| meters.iter().for_each(Meter::record)));
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

#[test]
fn a_meter_that_is_not_used_allocates_nothing() {
    static METER: Meter = Meter::new();
    let _alone = alone();
    let allocated = measure(|| {
        drop(Meter::new());
        assert_eq!(METER.shards(), 0);
    });
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

/// Services, meters, shards and what the threads keep to find them; the figure is printed.
#[test]
fn fifteen_services_with_four_threads_each_take_less_than_a_megabyte() {
    let _alone = alone();
    let registry = Registry::new();
    let services = measure(|| {
        for spec in tickring::catalogue() {
            let builder = Service::builder_from_catalogue(&spec.name).unwrap();
            registry.register(builder.clock(ManualClock::new()).build().unwrap()).unwrap();
        }
    });
    let services = services.bytes_current;
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (registry, barrier) = (registry.clone(), Arc::clone(&barrier));
            thread::spawn(move || {
                let allocated = measure(|| {
                    for service in &*registry.services() {
                        for event in service.events() {
                            event.meter().unwrap().record();
                        }
                    }
                });
                // All four are there at the same time, so no shard is passed on.
                barrier.wait();
                allocated.bytes_current
            })
        })
        .collect();
    let recording: i64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    println!("services {services} bytes, four recording threads {recording} bytes");
    let shards: usize = registry
        .services()
        .iter()
        .flat_map(|service| service.events())
        .map(|event| event.meter().unwrap().shards())
        .sum();
    assert_eq!(shards, 25 * 4);
    // Beside that, each thread has a cache of 4 KiB, which no allocator sees.
    let caches = 4 * 4096;
    assert!(services + recording + caches < 1 << 20);
    assert!(recording >= 25 * 4 * 512, "less than the shards alone");
}

/// Law 8: dropped meters' shards are used again, so churn takes no more memory.
#[test]
fn meters_that_come_and_go_take_no_more_memory() {
    let _alone = alone();
    let turn = || {
        let meter = Meter::with_clock(ManualClock::new());
        meter.record();
        drop(meter.local());
    };
    (0..2000).for_each(|_| turn());
    let shards = diagnostics().shards;
    let allocated = measure(|| (0..2000).for_each(|_| turn()));
    // Growth of a map now and then; no shard, of which each is 704 bytes.
    assert!(allocated.bytes_current < 64 * 1024, "{allocated:?}");
    assert_eq!(diagnostics().shards, shards);
}
