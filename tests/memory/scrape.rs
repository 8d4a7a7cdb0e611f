//! What a scrape allocates.

use allocation_counter::measure;
use bytes::Bytes;
use hyper::Request;
use hyper::body::Body;
use tickring::http::Router;
use tickring::{Registry, Service};

use crate::alone;

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
    let router = Router::new(registry, "service-0").unwrap();
    let request = Request::get("/metrics").body(Bytes::new()).unwrap();
    let mut answer = None;
    let allocated = measure(|| answer = Some(router.answer(&request)));
    (allocated.count_total, answer.unwrap().body().size_hint().exact().unwrap())
}

#[test]
fn scrape_allocates_nothing_for_a_series() {
    let _alone = alone();
    let (few, short) = scrape(10);
    let (many, long) = scrape(1000);
    assert!(long > 50 * short, "{short} and {long} bytes");
    // Each piece is a block and what counts its readers.
    let pieces = 2 * long.div_ceil(16 * 1024);
    let most = few + 16 + pieces;
    assert!(many <= most, "{few} allocations for a hundred events, {many} for ten thousand");
}
