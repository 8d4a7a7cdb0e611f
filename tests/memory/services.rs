//! What services with meters allocate, and the threads that record on them.

use std::sync::{Arc, Barrier};
use std::thread;

use allocation_counter::measure;
use tickring::{ManualClock, Registry, Service};

use crate::alone;

/// Services, meters, shards and what the threads keep to find them; the figure is printed.
#[test]
fn fifteen_services_take_less_than_a_megabyte() {
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
