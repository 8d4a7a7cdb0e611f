//! What a scrape allocates.
#![cfg(feature = "http")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use hyper::Request;
use hyper::body::Body;
use tickring::http::Router;
use tickring::{Registry, Service};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting each thread's allocations.
struct Counting;

// SAFETY: Every call goes on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: The caller's promises are those that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: As above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: As above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The allocations and the bytes of a scrape of ten services with so many events each.
fn scrape(events: usize) -> (u64, u64) {
    let registry = Registry::new();
    for service in 0..10 {
        let mut builder = Service::builder(format!("service-{service}"));
        for event in 0..events {
            builder = builder.event(format!("event-{event}"));
        }
        let service = registry.register(builder.build().unwrap()).unwrap();
        for event in service.events() {
            event.meter().unwrap().record();
        }
    }
    let router = Router::new(registry, "service-0");
    let request = Request::get("/metrics").body(Bytes::new()).unwrap();
    let before = ALLOCATIONS.get();
    let answer = router.answer(&request);
    let allocations = ALLOCATIONS.get() - before;
    (allocations, answer.body().size_hint().exact().unwrap())
}

#[test]
fn a_scrape_allocates_no_more_for_ten_thousand_series_than_for_a_hundred() {
    let (few, short) = scrape(10);
    let (many, long) = scrape(1000);
    assert!(long > 50 * short, "{short} and {long} bytes");
    assert!(many <= few + 8, "{few} allocations for a hundred events, {many} for ten thousand");
}
